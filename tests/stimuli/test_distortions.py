"""Each distortion against another formulation of the published formulas, on real photographs of three sizes."""

import numpy as np
import pytest

from stimuli import distortions
from stimuli.distortions import MEAN_GRAY, gray
from stimuli.errors import StimulusError, UnknownName, UserError
from stimuli.levels import DISTORTIONS, PUBLISHED_12, make_distortion
from tests.conftest import real
from tests.stimuli.photos import SIZES, photo, photos

RNG = np.random.default_rng(0)
CASES = [image for size in SIZES for image in photos(*size)]


def slow_gray(image):
    return 0.2125 * image[..., 0] + 0.7154 * image[..., 1] + 0.0721 * image[..., 2]


def slow_low_pass(image, sigma):
    """Line by line, along columns and then along rows."""
    g = slow_gray(image)
    if sigma == 0:
        return g
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for _ in range(2):
        g = np.array([np.convolve(np.pad(line, reach, constant_values=0.4423), kernel, "valid") for line in g.T])
    return g


def slow_high_pass(image, sigma):
    if sigma == np.inf:
        return slow_gray(image)
    rest = slow_gray(image) - slow_low_pass(image, sigma)
    return np.minimum(np.maximum(rest - rest.mean() + 0.4423, 0), 1)


def slow_power(image, spectrum):
    g = slow_gray(image)
    angle = np.angle(np.fft.fftshift(np.fft.fft2(g)))
    whole = np.fft.ifft2(np.fft.ifftshift(spectrum * (np.cos(angle) + 1j * np.sin(angle))))
    return np.clip(whole.real, 0, 1)


def slow_false_colour(image):
    """sRGB by its standard, pixel by pixel of every seventh row."""
    rows = image[::7].reshape(-1, 3)
    out = []
    for pixel in rows:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in pixel]
        y = 0.25882843 * linear[0] + 0.60743592 * linear[1] + 0.13373565 * linear[2]
        turned = [min(max(2 * y - v, 0), 1) for v in linear]
        out.append([12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in turned])
    return np.array(out)


def levels(name):
    made = make_distortion(name)
    return [(condition, made.level_of(condition)) for condition in made.conditions]


@pytest.mark.parametrize("image", CASES)
def test_colour_contrast_and_rotation(image):
    g = slow_gray(image)
    assert distortions.colour(image, "cr", RNG) is image
    assert distortions.colour(image, "bw", RNG) == pytest.approx(g, abs=1e-12)
    for _, c in levels("contrast"):
        assert distortions.contrast(image, c, RNG) == pytest.approx(0.5 + c * (g - 0.5), abs=1e-12)
    turned = {0: g, 90: g.T[::-1], 180: g[::-1, ::-1], 270: g.T[:, ::-1]}
    for _, degrees in levels("rotation"):
        assert distortions.rotation(image, degrees, RNG) == pytest.approx(turned[degrees], abs=1e-12)


@pytest.mark.parametrize("image", CASES)
def test_low_pass_and_high_pass(image):
    for _, sigma in levels("low-pass"):
        assert distortions.low_pass(image, sigma, RNG) == pytest.approx(slow_low_pass(image, sigma), abs=1e-9)
    for _, sigma in levels("high-pass"):
        assert distortions.high_pass(image, sigma, RNG) == pytest.approx(slow_high_pass(image, sigma), abs=1e-9)


@pytest.mark.parametrize("image", CASES)
def test_power_equalisation(image):
    rng = np.random.default_rng(1)
    spectrum = np.fft.fftshift(np.abs(np.fft.fft2(rng.random(image.shape[:2]))))
    found = distortions.power_equalisation(image, "pow", RNG, spectrum=spectrum)
    assert found == pytest.approx(slow_power(image, spectrum), abs=1e-9)
    own = np.fft.fftshift(np.abs(np.fft.fft2(gray(image))))
    assert distortions.power_equalisation(image, "pow", RNG, spectrum=own) == pytest.approx(gray(image), abs=1e-9)
    assert distortions.power_equalisation(image, "0", RNG) == pytest.approx(gray(image))


@pytest.mark.parametrize("image", CASES)
def test_false_colour(image):
    found = distortions.false_colour(image, "false", RNG)
    assert found[::7].reshape(-1, 3) == pytest.approx(slow_false_colour(image), abs=1e-9)
    assert distortions.false_colour(image, "true", RNG) is image


def test_false_colour_by_a_monitor():
    """The nearest entry of its table, searched one by one."""
    monitor = np.linspace(0, 1, 256) ** 2.3
    image = photo()[::9, ::9]
    found = np.rint(255 * distortions.false_colour(image, "false", RNG, monitor=monitor)).astype(int)
    linear = monitor[np.rint(255 * image).astype(int)]
    turned = np.clip(2 * (linear @ [0.25882843, 0.60743592, 0.13373565])[..., None] - linear, 0, 1)
    for value, index in zip(turned.ravel(), found.ravel(), strict=True):
        assert abs(monitor[index] - value) == pytest.approx(np.abs(monitor - value).min(), abs=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keep_contrast", [False, True])
def test_phase_scrambling_frequency_by_frequency(size, keep_contrast):
    """With the draws of the same seed, each put where the published order says."""
    image = photos(*size)[0]
    for _, w in levels("phase-scrambling"):
        found = distortions.phase_scrambling(image, w, np.random.default_rng(3), keep_contrast=keep_contrast)
        spectrum = np.fft.fftshift(np.fft.fft2(slow_gray(image)))
        first = [0 if n % 2 else 1 for n in size]
        places = [(i, j) for i in range(first[0], size[0]) for j in range(first[1], size[1])]
        half = len(places) // 2
        assert places[half] == (size[0] // 2, size[1] // 2)  # the mean
        s = np.random.default_rng(3).uniform(-np.deg2rad(w), np.deg2rad(w), half)
        for k in range(half):
            spectrum[places[k]] *= np.exp(1j * s[k])
            opposite = len(places) - 1 - k if keep_contrast else half + 1 + k
            spectrum[places[opposite]] *= np.exp(-1j * s[k])
        back = np.fft.ifft2(np.fft.ifftshift(spectrum))
        assert found == pytest.approx(np.clip(back.real, 0, 1), abs=1e-9)
        if keep_contrast:
            assert np.abs(back.imag).max() < 1e-9


@pytest.mark.parametrize("w", [30, 90, 150, 180])
def test_phase_scrambling_takes_contrast_as_the_formula_says(w):
    """On a pale image of all frequencies, which needs no clipping; with keep_contrast it takes none."""
    image = 0.45 + 0.1 * np.random.default_rng(8).random((224, 224, 3))
    level = np.deg2rad(w)
    before = gray(image).std()
    for keep, factor in ((False, np.sqrt((1 + (np.sin(level) / level) ** 2) / 2)), (True, 1.0)):
        found = [
            distortions.phase_scrambling(image, w, np.random.default_rng(seed), keep_contrast=keep) for seed in range(4)
        ]
        power = np.mean([np.var(f) for f in found])
        assert np.sqrt(power) / before == pytest.approx(factor, rel=0.01)


def test_uniform_noise_fills_its_range_and_is_clipped():
    image = photo()
    base = 0.35 + 0.3 * slow_gray(image)
    for _, w in levels("uniform-noise"):
        found = distortions.uniform_noise(image, w, np.random.default_rng(4))
        noise = np.random.default_rng(4).uniform(-w, w, base.shape)
        assert found == pytest.approx(np.clip(base + noise, 0, 1), abs=1e-12)
        assert found.min() >= 0 and found.max() <= 1
        inside = (found > 0) & (found < 1)
        assert np.abs((found - base)[inside]).max(initial=0) <= w + 1e-12


def test_salt_and_pepper_has_its_share():
    image = photo()
    for _, p in levels("salt-and-pepper"):
        found = distortions.salt_and_pepper(image, p, np.random.default_rng(5))
        assert (found == 1).mean() == pytest.approx(p / 2, abs=0.01)
        assert (found == 0).mean() == pytest.approx(p / 2, abs=0.01)
        rest = (found > 0) & (found < 1)
        assert found[rest] == pytest.approx((0.35 + 0.3 * slow_gray(image))[rest], abs=1e-12)


@pytest.mark.parametrize("name", sorted({*DISTORTIONS} - {"silhouette", "edge"}))  # these want an object
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (64, 48)])
def test_any_size_gives_an_image(name, size):
    rng = np.random.default_rng(6)
    image = rng.random((*size, 3))
    made = make_distortion(name)
    for condition in made.conditions:
        if (name, condition) == ("power-equalisation", "pow"):
            continue
        found = made.apply(image, condition, np.random.default_rng(7))
        assert found.shape[:2] == (size[::-1] if name == "rotation" and condition in ("90", "270") else size)
        assert found.min() >= 0 and found.max() <= 1


def test_the_published_spectrum_and_monitor():
    folder = real("monitor-and-spectrum")
    spectrum = str(folder / "mean_power_spectrum_grey.npy")
    made = make_distortion("power-equalisation", {"spectrum": spectrum})
    found = made.apply(photo(), "pow", RNG)
    assert found == pytest.approx(slow_power(photo(), np.load(spectrum)), abs=1e-9)
    assert np.load(spectrum)[112, 112] / 224**2 == pytest.approx(MEAN_GRAY, abs=0.02)  # of other images
    monitor = make_distortion("false-colour", {"monitor": str(folder / "x_gamma_function.npy")})
    assert monitor.apply(photo(), "false", RNG).shape == (224, 224, 3)


def test_the_twelve_are_the_published_ones():
    assert len(PUBLISHED_12) == 12
    assert make_distortion("contrast").conditions == ("c100", "c50", "c30", "c15", "c10", "c05", "c03", "c01")
    assert make_distortion("eidolonII").level_of("8-3-10") == (8, 0.3, 10)


@pytest.mark.parametrize(
    ("name", "condition", "said"),
    [
        ("contrast", "50", "contrast has no condition '50': expected a contrast in percent such as c30"),
        ("colour", "blue", "expected cr or bw"),
        ("low-pass", "wide", "a standard deviation in pixels"),
        ("eidolonI", "8-10", "reach-coherence-grain"),
        ("uniform-noise", "../0.1", "no condition"),
        ("low-pass", "nan", "low-pass has no condition 'nan'"),
        ("low-pass", "1_0", "no condition"),
        ("contrast", "c５０", "no condition"),
    ],
)
def test_conditions_that_are_none(name, condition, said):
    with pytest.raises(StimulusError, match=said):
        make_distortion(name).level_of(condition)


@pytest.mark.parametrize(
    ("name", "condition", "said"),
    [
        ("contrast", "c130", "contrast: expected a level of 0 to 1, got 1.3"),
        ("uniform-noise", "-1", "uniform noise: expected"),
        ("salt-and-pepper", "2", "salt and pepper: expected"),
        ("low-pass", "-3", "low-pass: expected"),
        ("high-pass", "0", "high-pass: expected a level above 0"),
        ("phase-scrambling", "181", "phase scrambling: expected"),
        ("rotation", "45", "rotation: expected 0, 90, 180 or 270 degrees, got 45"),
        ("rotation", "inf", "rotation: expected 0, 90, 180 or 270"),
        ("eidolonI", "8-11-10", "a coherence of 0 to 1"),
        ("eidolonI", "20000-1-10", "a reach of 0 to"),
        ("power-equalisation", "pow", "needs the mean amplitude spectrum"),
    ],
)
def test_levels_out_of_range(name, condition, said):
    made = make_distortion(name)
    with pytest.raises(StimulusError, match=said):
        made.apply(photo(), condition, RNG)


def test_no_number_is_no_level():
    for distort in (distortions.contrast, distortions.low_pass, distortions.high_pass, distortions.rotation):
        with pytest.raises(StimulusError, match=r"expected .*, got nan"):
            distort(photo(), np.nan, RNG)


def test_a_spectrum_of_another_size():
    with pytest.raises(StimulusError, match="one of 4 × 3 pixels and the image has 224 × 224"):
        distortions.power_equalisation(photo(), "pow", RNG, spectrum=np.ones((3, 4)))


def test_names_and_options(tmp_path):
    with pytest.raises(
        UnknownName, match=r"there is no distortion named 'contrst': did you mean contrast\? .*FILE\.py:NAME"
    ):
        make_distortion("contrst")
    with pytest.raises(UnknownName, match="no option of contrast named 'keep_contrast'"):
        make_distortion("contrast", {"keep_contrast": "true"})
    with pytest.raises(UserError, match="expected true or false, got 'maybe'"):
        make_distortion("phase-scrambling", {"keep_contrast": "maybe"})
    own = tmp_path / "mine.py"
    own.write_text(
        "import numpy as np\n"
        "def darker(image, level, rng, *, floor: float = 0.0):\n    return np.maximum(image * level, floor)\n"
        "def wild(image, level, rng):\n    return image * 3\n"
        "def flat(image, level, rng):\n    return image[0]\n"
        "number = 3\n"
    )
    made = make_distortion(f"{own}:darker", {"floor": "0.2"})
    assert made.apply(photo(), "0.5", RNG) == pytest.approx(np.maximum(photo() * 0.5, 0.2))
    assert made.conditions == ()
    with pytest.raises(StimulusError, match="gave values from 0 to 3: expected floats"):
        make_distortion(f"{own}:wild").apply(np.eye(3)[None], "1", RNG)
    with pytest.raises(StimulusError, match="gave float64 of the shape"):
        make_distortion(f"{own}:flat").apply(photo()[:, :7], "1", RNG)
    with pytest.raises(UserError, match="number is not what was expected: a function"):
        make_distortion(f"{own}:number")
