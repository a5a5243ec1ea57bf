"""Each distortion gives the same result as an independent, slower implementation, on photographs of several sizes."""

import numpy as np
import pytest

from core.errors import StimulusError, UnknownName, UserError
from stimuli.distort import distortions
from stimuli.distort.catalog import DISTORTIONS, OTHER, PUBLISHED_12, DistortionEntry
from stimuli.distort.conditions import parse_number
from stimuli.distort.distortions import MEAN_GRAY, to_gray
from stimuli.distort.levels import make_distortion
from tests.conftest import real
from tests.unit.stimuli.photos import SIZES, photo, photos

RNG = np.random.default_rng(0)
CASES = [photo(), *(image for size in SIZES for image in photos(*size))]


def slow_gray(image):
    return 0.2125 * image[..., 0] + 0.7154 * image[..., 1] + 0.0721 * image[..., 2]


def slow_low_pass(image, sigma):
    """Convolve line by line, along columns and then along rows."""
    g = slow_gray(image)
    if sigma == 0:
        return g
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for _ in range(2):
        g = np.array([np.convolve(np.pad(line, radius, constant_values=0.4423), kernel, "valid") for line in g.T])
    return g


def slow_high_pass(image, sigma):
    if sigma == np.inf:
        return slow_gray(image)
    residual = slow_gray(image) - slow_low_pass(image, sigma)
    return np.minimum(np.maximum(residual - residual.mean() + 0.4423, 0), 1)


def slow_power(image, spectrum):
    g = slow_gray(image)
    angle = np.angle(np.fft.fftshift(np.fft.fft2(g)))
    equalized = np.fft.ifft2(np.fft.ifftshift(spectrum * (np.cos(angle) + 1j * np.sin(angle))))
    return np.clip(equalized.real, 0, 1)


def slow_false_colour(image):
    """Apply the formulas of the sRGB standard to every pixel of every seventh row."""
    rows = image[::7].reshape(-1, 3)
    out = []
    for pixel in rows:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in pixel]
        y = 0.25882843 * linear[0] + 0.60743592 * linear[1] + 0.13373565 * linear[2]
        opponent = [min(max(2 * y - v, 0), 1) for v in linear]
        out.append([12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in opponent])
    return np.array(out)


def levels(name):
    distortion = make_distortion(name)
    return [(condition, distortion.level_of(condition)) for condition in distortion.conditions]


@pytest.mark.slow
@pytest.mark.parametrize("image", CASES)
def test_colour_contrast_and_rotation(image):
    g = slow_gray(image)
    assert distortions.colour(image, "cr", RNG) is image
    assert distortions.colour(image, "bw", RNG) == pytest.approx(g, abs=1e-12)
    for _, c in levels("contrast"):
        assert distortions.contrast(image, c, RNG) == pytest.approx(0.5 + c * (g - 0.5), abs=1e-12)
    rotated = {0: g, 90: g.T[::-1], 180: g[::-1, ::-1], 270: g.T[:, ::-1]}
    for _, degrees in levels("rotation"):
        assert distortions.rotation(image, degrees, RNG) == pytest.approx(rotated[degrees], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("image", CASES)
def test_low_pass_and_high_pass(image):
    for _, sigma in levels("low-pass"):
        assert distortions.low_pass(image, sigma, RNG) == pytest.approx(slow_low_pass(image, sigma), abs=1e-9)
    for _, sigma in levels("high-pass"):
        assert distortions.high_pass(image, sigma, RNG) == pytest.approx(slow_high_pass(image, sigma), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("image", CASES)
def test_power_equalisation(image):
    rng = np.random.default_rng(1)
    spectrum = np.fft.fftshift(np.abs(np.fft.fft2(rng.random(image.shape[:2]))))
    equalized = distortions.power_equalisation(image, "pow", RNG, spectrum=spectrum)
    assert equalized == pytest.approx(slow_power(image, spectrum), abs=1e-9)
    own_spectrum = np.fft.fftshift(np.abs(np.fft.fft2(to_gray(image))))
    unchanged = distortions.power_equalisation(image, "pow", RNG, spectrum=own_spectrum)
    assert unchanged == pytest.approx(to_gray(image), abs=1e-9)
    assert distortions.power_equalisation(image, "0", RNG) == pytest.approx(to_gray(image))


@pytest.mark.parametrize("image", CASES)
def test_false_colour(image):
    opponent = distortions.false_colour(image, "false", RNG)
    assert opponent[::7].reshape(-1, 3) == pytest.approx(slow_false_colour(image), abs=1e-9)
    assert distortions.false_colour(image, "true", RNG) is image


def test_false_colour_of_a_monitor_uses_the_nearest_entry_of_its_table():
    monitor = np.linspace(0, 1, 256) ** 2.3
    image = photo()[::9, ::9]
    indices = np.rint(255 * distortions.false_colour(image, "false", RNG, monitor=monitor)).astype(int)
    linear = monitor[np.rint(255 * image).astype(int)]
    opponent = np.clip(2 * (linear @ [0.25882843, 0.60743592, 0.13373565])[..., None] - linear, 0, 1)
    for value, index in zip(opponent.ravel(), indices.ravel(), strict=True):
        assert abs(monitor[index] - value) == pytest.approx(np.abs(monitor - value).min(), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keep_contrast", [False, True])
def test_phase_scrambling_shifts_every_frequency_by_its_draw(size, keep_contrast):
    """The draws of the same seed are assigned to frequencies one by one, in the published order."""
    image = photos(*size)[0]
    for _, w in levels("phase-scrambling"):
        scrambled = distortions.phase_scrambling(image, w, np.random.default_rng(3), keep_contrast=keep_contrast)
        spectrum = np.fft.fftshift(np.fft.fft2(slow_gray(image)))
        first = [0 if n % 2 else 1 for n in size]
        frequencies = [(i, j) for i in range(first[0], size[0]) for j in range(first[1], size[1])]
        half = len(frequencies) // 2
        assert frequencies[half] == (size[0] // 2, size[1] // 2)  # zero frequency
        s = np.random.default_rng(3).uniform(-np.deg2rad(w), np.deg2rad(w), half)
        for k in range(half):
            spectrum[frequencies[k]] *= np.exp(1j * s[k])
            opposite = len(frequencies) - 1 - k if keep_contrast else half + 1 + k
            spectrum[frequencies[opposite]] *= np.exp(-1j * s[k])
        expected = np.fft.ifft2(np.fft.ifftshift(spectrum))
        assert scrambled == pytest.approx(np.clip(expected.real, 0, 1), abs=1e-9)
        if keep_contrast:
            assert np.abs(expected.imag).max() < 1e-9


@pytest.mark.parametrize("w", [30, 90, 150, 180])
def test_phase_scrambling_reduces_contrast_as_the_formula_says(w):
    """The image contains all frequencies and does not need clipping; keep_contrast preserves its contrast."""
    image = 0.45 + 0.1 * np.random.default_rng(8).random((224, 224, 3))
    level = np.deg2rad(w)
    before = to_gray(image).std()
    for keep, factor in ((False, np.sqrt((1 + (np.sin(level) / level) ** 2) / 2)), (True, 1.0)):
        scrambled = [
            distortions.phase_scrambling(image, w, np.random.default_rng(seed), keep_contrast=keep) for seed in range(4)
        ]
        power = np.mean([np.var(plane) for plane in scrambled])
        assert np.sqrt(power) / before == pytest.approx(factor, rel=0.01)


@pytest.mark.slow
def test_uniform_noise_fills_its_range_and_is_clipped():
    image = photo()
    base = 0.35 + 0.3 * slow_gray(image)
    for _, w in levels("uniform-noise"):
        noisy = distortions.uniform_noise(image, w, np.random.default_rng(4))
        noise = np.random.default_rng(4).uniform(-w, w, base.shape)
        assert noisy == pytest.approx(np.clip(base + noise, 0, 1), abs=1e-12)
        assert noisy.min() >= 0 and noisy.max() <= 1
        inside = (noisy > 0) & (noisy < 1)
        assert np.abs((noisy - base)[inside]).max(initial=0) <= w + 1e-12


@pytest.mark.slow
def test_salt_and_pepper_changes_the_expected_fraction_of_pixels():
    image = photo()
    for _, p in levels("salt-and-pepper"):
        noisy = distortions.salt_and_pepper(image, p, np.random.default_rng(5))
        assert (noisy == 1).mean() == pytest.approx(p / 2, abs=0.01)
        assert (noisy == 0).mean() == pytest.approx(p / 2, abs=0.01)
        unchanged = (noisy > 0) & (noisy < 1)
        assert noisy[unchanged] == pytest.approx((0.35 + 0.3 * slow_gray(image))[unchanged], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*DISTORTIONS} - {"silhouette", "edge"}))  # these need an object
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (64, 48)])
def test_images_of_any_size_can_be_distorted(name, size):
    rng = np.random.default_rng(6)
    image = rng.random((*size, 3))
    distortion = make_distortion(name)
    step = (
        5 if name.startswith("eidolon") else 1
    )  # eidolons take more time, and their levels differ only in three numbers
    for condition in distortion.conditions[::step]:
        if (name, condition) == ("power-equalisation", "pow"):
            continue
        distorted = distortion.apply(image, condition, np.random.default_rng(7))
        assert distorted.shape[:2] == (size[::-1] if name == "rotation" and condition in ("90", "270") else size)
        assert distorted.min() >= 0 and distorted.max() <= 1


def test_the_published_spectrum_and_monitor_can_be_used():
    folder = real("monitor-and-spectrum")
    spectrum = str(folder / "mean_power_spectrum_grey.npy")
    equalized = make_distortion("power-equalisation", {"spectrum": spectrum}).apply(photo(), "pow", RNG)
    assert equalized == pytest.approx(slow_power(photo(), np.load(spectrum)), abs=1e-9)
    assert np.load(spectrum)[112, 112] / 224**2 == pytest.approx(MEAN_GRAY, abs=0.02)  # computed from other images
    false_colour = make_distortion("false-colour", {"monitor": str(folder / "x_gamma_function.npy")})
    assert false_colour.apply(photo(), "false", RNG).shape == (224, 224, 3)


def test_published_12_are_the_published_distortions_with_their_conditions():
    assert len(PUBLISHED_12) == 12
    assert make_distortion("contrast").conditions == ("c100", "c50", "c30", "c15", "c10", "c05", "c03", "c01")
    assert make_distortion("eidolonII").level_of("8-3-10") == (8, 0.3, 10)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_distortion_has_a_complete_row(name):
    row, distortion = DISTORTIONS[name], make_distortion(name)
    assert row.description.endswith(".") and row.formula and row.level_format and row.source
    assert row.conditions and distortion.conditions == row.conditions
    assert len({distortion.level_of(condition) for condition in row.conditions}) == len(row.conditions)


def test_one_row_adds_a_distortion(tmp_path, monkeypatch):
    """A function and a row are sufficient, and the new distortion does not become one of the twelve published ones."""
    (tmp_path / "negative.py").write_text("def negative(image, level, rng):\n    return level - image\n")
    row = DistortionEntry(name="negative", reference=f"{tmp_path}/negative.py:negative", description="Inverts an image.",
                          group=OTHER, formula="level − image", parse_level=parse_number, level_format="a number",
                          conditions=("1",))  # fmt: skip
    monkeypatch.setitem(DISTORTIONS, "negative", row)
    distortion = make_distortion("negative")
    assert distortion.apply(photo(), "1", RNG) == pytest.approx(1 - photo())
    assert (distortion.name, distortion.conditions, distortion.code_version) == ("negative", ("1",), None)
    assert "negative" not in PUBLISHED_12


@pytest.mark.parametrize(
    ("name", "condition", "message"),
    [
        ("contrast", "50", "contrast does not have the condition '50': expected a contrast in percent, such as c30"),
        ("colour", "blue", "expected cr or bw"),
        ("low-pass", "wide", "a standard deviation in pixels"),
        ("eidolonI", "8-10", "reach-coherence-grain"),
        ("uniform-noise", "../0.1", "does not have the condition"),
        ("low-pass", "nan", "low-pass does not have the condition 'nan'"),
        ("low-pass", "1_0", "does not have the condition"),
        ("contrast", "c５０", "does not have the condition"),
    ],
)
def test_an_invalid_condition_is_an_error(name, condition, message):
    with pytest.raises(StimulusError, match=message):
        make_distortion(name).level_of(condition)


@pytest.mark.parametrize(
    ("name", "condition", "message"),
    [
        ("contrast", "c130", "contrast: expected a level from 0 to 1, got 1.3"),
        ("uniform-noise", "-1", "uniform noise: expected"),
        ("salt-and-pepper", "2", "salt and pepper: expected"),
        ("low-pass", "-3", "low-pass: expected"),
        ("high-pass", "0", "high-pass: expected a level above 0"),
        ("phase-scrambling", "181", "phase scrambling: expected"),
        ("rotation", "45", "rotation: expected 0, 90, 180 or 270 degrees, got 45"),
        ("rotation", "inf", "rotation: expected 0, 90, 180 or 270"),
        ("eidolonI", "8-11-10", "a coherence from 0 to 1"),
        ("eidolonI", "20000-1-10", "a reach from 0 to"),
        ("power-equalisation", "pow", "needs the mean amplitude spectrum"),
    ],
)
def test_a_level_out_of_range_is_an_error(name, condition, message):
    distortion = make_distortion(name)
    with pytest.raises(StimulusError, match=message):
        distortion.apply(photo(), condition, RNG)


def test_nan_is_not_a_level():
    for distort in (distortions.contrast, distortions.low_pass, distortions.high_pass, distortions.rotation):
        with pytest.raises(StimulusError, match=r"expected .*, got nan"):
            distort(photo(), np.nan, RNG)


def test_a_spectrum_must_have_the_size_of_the_image():
    with pytest.raises(StimulusError, match="the mean spectrum has 4 × 3 pixels and the image has 224 × 224"):
        distortions.power_equalisation(photo(), "pow", RNG, spectrum=np.ones((3, 4)))


def test_unknown_names_and_options_are_errors():
    with pytest.raises(UnknownName, match=r"no distortion is named 'contrst': did you mean contrast\? .*FILE\.py:NAME"):
        make_distortion("contrst")
    with pytest.raises(UnknownName, match="no option of contrast is named 'keep_contrast'"):
        make_distortion("contrast", {"keep_contrast": "true"})
    with pytest.raises(UserError, match="expected true or false, got 'maybe'"):
        make_distortion("phase-scrambling", {"keep_contrast": "maybe"})
    with pytest.raises(UserError, match='the name of a distortion is text, such as "contrast"; got None'):
        make_distortion(None)
    with pytest.raises(UserError, match="options of contrast are a mapping, such as"):
        make_distortion("contrast", "level=3")


def test_options_as_python_values(tmp_path):
    assert make_distortion("phase-scrambling", keep_contrast=True) == make_distortion(
        "phase-scrambling", {"keep_contrast": "true"}
    )
    table = np.ones((224, 224))
    np.save(tmp_path / "table.npy", table)
    expected = make_distortion("power-equalisation", {"spectrum": str(tmp_path / "table.npy")}).options["spectrum"]
    for value in (table, tmp_path / "table.npy", str(tmp_path / "table.npy")):
        assert np.array_equal(make_distortion("power-equalisation", spectrum=value).options["spectrum"], expected)
    with pytest.raises(UnknownName, match="no option of contrast is named 'keep_contrast'"):
        make_distortion("contrast", keep_contrast=True)
    with pytest.raises(UserError, match="option keep_contrast"):
        make_distortion("phase-scrambling", keep_contrast=3)


@pytest.mark.slow
def test_a_function_from_a_file_is_a_distortion(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "def darker(image, level, rng, *, floor: float = 0.0):\n    return np.maximum(image * level, floor)\n"
        "def wild(image, level, rng):\n    return image * 3\n"
        "def flat(image, level, rng):\n    return image[0]\n"
        "number = 3\n"
    )
    distortion = make_distortion(f"{path}:darker", {"floor": "0.2"})
    assert distortion.apply(photo(), "0.5", RNG) == pytest.approx(np.maximum(photo() * 0.5, 0.2))
    assert distortion.conditions == ()
    with pytest.raises(StimulusError, match="gave values from 0 to 3: expected floats"):
        make_distortion(f"{path}:wild").apply(np.eye(3)[None], "1", RNG)
    with pytest.raises(StimulusError, match="gave float64 of the shape"):
        make_distortion(f"{path}:flat").apply(photo()[:, :7], "1", RNG)
    with pytest.raises(UserError, match="number has the wrong form: expected a function"):
        make_distortion(f"{path}:number")
