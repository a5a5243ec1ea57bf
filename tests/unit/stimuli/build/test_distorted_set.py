"""Distorted sets built from a folder: their design, their use as experiments, and errors."""

import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import StimulusError
from experiments.sets.folder import from_folder
from stimuli.build.distorted_set import DistortionSettings, assign
from stimuli.folder import read_folder
from stimuli.images import open_image, save_image
from stimuli.stimulus import Stimulus, StimulusSet
from tests.unit.stimuli.build.set_building import build, cli
from tests.unit.stimuli.photos import as_uint8, photo


def test_every_image_is_assigned_once_and_conditions_are_balanced(source):
    conditions = ("a", "b", "c", "d")
    images = read_folder(source)
    assigned = assign(images, conditions, seed=[0], crossed=False)
    assert [s.id for s, _ in assigned] == [s.id for s in images]
    for category in ("boat", "cat", "oven"):
        counts = Counter(condition for s, condition in assigned if s.category == category)
        assert max(counts.values()) - min(counts[c] for c in conditions) <= 1
    totals = Counter(condition for _, condition in assigned)
    assert max(totals.values()) - min(totals.values()) <= 1
    assert assigned != assign(images, conditions, seed=[1], crossed=False)
    assert len(assign(images, conditions, seed=[0], crossed=True)) == 4 * len(images)


def test_a_distorted_set_is_an_experiment(source, tmp_path):
    out = tmp_path / "pale"
    done = cli("make-stimuli", "contrast", source, out, "--levels", "c100,c10", "--size", 32, "--quiet", "--workers", 1)
    assert (done.exit_code, done.output) == (0, f"contrast: 34 images in {out}\n")
    experiment = from_folder(out)
    assert experiment.choices[0] == "airplane"
    assert {s.condition for s in experiment.stimuli} == {"c100", "c10"}
    for s in experiment.stimuli:
        original = Image.fromarray(open_image(source / s.category / s.id)).crop((5, 0, 55, 50)).resize((32, 32), 1)
        g = np.asarray(original) / 255 @ [0.2125, 0.7154, 0.0721]
        expected = np.rint(255 * (g if s.condition == "c100" else 0.45 + 0.1 * g))
        assert np.abs(s.pixels()[..., 0] - expected).max() <= 0.5 + 1e-9
        assert s.pixels().shape == (32, 32, 3)


def test_values_can_be_truncated_instead_of_rounded(source, tmp_path):
    images = read_folder(source).where(lambda s: s.id == "cat3.png")
    sets = [
        build(DistortionSettings("contrast", truncate=truncate), images, tmp_path / str(truncate), ["c37"]).stimuli
        for truncate in (False, True)
    ]
    rounded, truncated = (next(iter(stimuli)).pixels()[..., 0].astype(int) for stimuli in sets)
    values = 255 * (0.315 + 0.37 * (open_image(source / "cat" / "cat3.png") / 255 @ [0.2125, 0.7154, 0.0721]))
    assert (truncated == np.floor(values)).all()
    assert (rounded == np.rint(values)).all()


@pytest.mark.slow
def test_published_12_passes_an_option_to_the_distortions_that_have_it(source, tmp_path):
    shutil.rmtree(source / "cat")
    shutil.rmtree(source / "oven")
    for i in range(3, 12):
        (source / "boat" / f"boat{i}.png").unlink()
    words = "make-stimuli", "published-12", source, tmp_path / "all", "--workers", 1, "--quiet", "--size", 32
    done = cli(*words, "-o", "standardise=true")
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [source])
    repeated = cli("make-stimuli", "eidolonI", source, tmp_path / "x", "-o", "standardize=1", "-o", "standardize=0")
    assert repeated.exit_code == 2
    assert "-o gives the key standardize twice, as '1' and as '0': remove one" in repeated.output
    assert (
        "none of the twelve distortions has the option 'standardise': their options are keep_contrast," in done.output
    )
    done = cli(*words, "-o", "standardize=true")
    assert done.exit_code == 0
    for name, options in (("eidolonII", {"standardize": True}), ("contrast", {})):
        assert json.loads((tmp_path / "all" / f"photos-{name}" / "made-of.json").read_text())["options"] == options


def test_published_12_writes_nothing_if_one_set_cannot_be_built(source, tmp_path):
    save_image(as_uint8(photo(height=50, width=70)), source / "cat" / "wide.png")
    done = cli("make-stimuli", "published-12", source, tmp_path / "all", "--quiet")
    assert "a mean spectrum needs images of the same size" in done.output
    assert not (tmp_path / "all").exists()


@pytest.mark.slow
def test_unreadable_images_are_skipped_and_reported(source, tmp_path):
    folder = source / "boat"
    (folder / "incomplete.png").write_bytes((folder / "boat0.png").read_bytes()[:400])
    (folder / "gif.png").write_text("GIF89a")
    Image.new("RGBA", (9, 9)).save(folder / "transparent.png")
    Image.new("CMYK", (9, 9)).save(folder / "cmyk.jpg")
    Image.new("L", (1, 1), 77).save(folder / "tiny.png")
    out = tmp_path / "set"
    done = cli("make-stimuli", "contrast", source, out, "--quiet", "--workers", 2)
    assert done.exit_code == 1
    skipped = [line for line in done.output.splitlines() if line.startswith("skipped: ")]
    assert len(skipped) == 5
    for name in ("incomplete.png", "gif.png", "transparent.png", "cmyk.jpg", "tiny.png"):
        assert sum(str(folder / name) in line for line in skipped) == 1
    assert "observers: not every image was made" in done.output
    assert len(from_folder(out).stimuli) == 34


def test_a_huge_image_is_an_error_before_it_is_decoded(source, tmp_path, monkeypatch):
    monkeypatch.setattr("stimuli.images.MAX_PIXELS", 2000)
    images = read_folder(source)
    with pytest.raises(
        StimulusError,
        match=r"0 of 34 images could be made; reason for the first one: .*boat0\.png has 60 × 50 pixels",
    ):
        build(DistortionSettings("contrast"), images, tmp_path / "set")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["contrst", "photos", "set"], "no distortion is named 'contrst': did you mean contrast"),
        (["contrast", "nowhere", "set"], "there is no folder"),
        (["contrast", "photos", "set", "--levels", "c10,c10"], "the same level is given twice"),
        (["contrast", "photos", "set", "--levels", "c10,pale"], "contrast does not have the condition 'pale'"),
        (["contrast", "photos", "set", "--size", "5000"], "8 to 4096 pixels, got 5000"),
        (["contrast", "photos", "set", "--size", "2"], "8 to 4096 pixels, got 2"),
        (["low-pass", "photos", "set", "--levels", "1_0"], "low-pass does not have the condition '1_0'"),
        (["contrast", "photos", "set", "--levels", "c10,,c20"], "contrast does not have the condition ''"),
        (["os:getcwd", "photos", "set"], r"os:getcwd has the wrong form: expected a function \(image, level, rng\)"),
        (["contrast", "photos", "contrast"], "contrast is named like a published dataset"),
        (["contrast", "photos", "."], "already contains other files"),
        (["contrast", "photos", "photos/set"], "photos/set is inside photos, which contains the source images"),
        (["contrast", "photos", "set", "--levels", "c30,c130"], r"contrast: expected a level from 0 to 1, got 1\.3"),
        (["low-pass", "photos", "set", "--levels", "inf"], "low-pass: expected a level from 0 to 1000, got inf"),
        (["high-pass", "photos", "set", "--levels", "0"], "high-pass: expected a level above 0"),
        (["low-pass", "photos", "set", "--levels", "1, 1.0"], r"the same level is given twice in 1,1\.0"),
        (["contrast", "photos", "set", "--levels", ""], "contrast does not have the condition ''"),
        (["rotation", "photos", "set", "--levels", "450"], "rotation: expected 0, 90, 180 or 270"),
        (["contrast", "photos", "set", "-o", "keep_contrast=true"], "no option of contrast"),
    ],
)
def test_invalid_arguments_are_errors(words, message, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("make-stimuli", *words, "--quiet", "--workers", "1")
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert re.search(message, done.output), done.output
    assert not Path("set").exists()


def test_every_image_has_different_noise(tmp_path):
    for name in ("a", "b"):
        save_image(np.full((20, 20, 3), 120, np.uint8), tmp_path / "flat" / "cat" / f"{name}.png")
    result = build(
        DistortionSettings("uniform-noise"),
        read_folder(tmp_path / "flat"),
        tmp_path / "set",
        ["0.1", "0.2"],
        crossed=True,
    )
    assert len({s.pixels().tobytes() for s in result.stimuli}) == 4
    noise = [(s.pixels()[..., 0] / 255 - 0.3 * 120 / 255 - 0.35) / float(s.condition) for s in result.stimuli]
    for first, second in itertools.combinations(noise, 2):
        assert np.abs(first - second).max() > 0.5


def test_an_image_in_another_format_is_reported(source, tmp_path):
    Image.new("RGB", (30, 30)).save(source / "cat" / "x.webp")
    done = cli("make-stimuli", "contrast", source, tmp_path / "set", "--quiet", "--workers", 1)
    assert done.exit_code == 1
    assert f"skipped: {source / 'cat' / 'x.webp'} is not a PNG or JPEG image" in done.output


def test_symbolic_links_are_followed_but_not_in_circles(source, tmp_path):
    (tmp_path / "linked" / "boat").mkdir(parents=True)
    (tmp_path / "linked" / "cat").symlink_to(source / "cat")
    (tmp_path / "linked" / "feline").symlink_to(source / "oven")
    (tmp_path / "linked" / "boat" / "b.png").symlink_to(source / "boat" / "boat0.png")
    (tmp_path / "linked" / "ring").symlink_to(tmp_path / "linked")
    assert len(read_folder(tmp_path / "linked")) == 23


def test_a_level_without_images_is_reported(source, tmp_path):
    shutil.rmtree(source / "cat")
    shutil.rmtree(source / "boat")
    done = cli("make-stimuli", "false-colour", source, tmp_path / "a", "--quiet", "--workers", 1)
    assert done.output.startswith(f"false-colour: 10 images in {tmp_path / 'a'}, by ")
    for path in list((source / "oven").iterdir())[1:]:
        path.unlink()
    done = cli("make-stimuli", "contrast", source, tmp_path / "b", "--levels", "c10,c20", "--quiet", "--workers", 1)
    assert done.exit_code == 0
    assert (
        "note: there are too few images to show any in condition c20; --crossed shows every image at every level"
        in done.output
    )


def test_the_source_can_be_a_manifest(source, tmp_path):
    StimulusSet("photos", tuple(read_folder(source))[:5]).write(source / "stimuli.csv")
    done = cli("make-stimuli", "contrast", source / "stimuli.csv", tmp_path / "set", "--quiet", "--workers", 1)
    assert done.output.startswith(f"contrast: 5 images in {tmp_path / 'set'}\n")


def test_names_cannot_lead_to_another_folder_or_to_the_same_file(source, tmp_path):
    image = next(iter(read_folder(source)))
    with pytest.raises(StimulusError, match=r"the name .*cat. contains /, which some operating systems do not allow"):
        build(
            DistortionSettings("contrast"),
            StimulusSet("s", (Stimulus("x.png", image.path, "../cat"),)),
            tmp_path / "set",
            ["c10"],
        )
    result = build(
        DistortionSettings("contrast"),
        StimulusSet("s", (Stimulus("../x.png", image.path, "cat"),)),
        tmp_path / "up",
        ["c10"],
    )
    assert [s.path for s in result.stimuli] == [tmp_path / "up" / "cat" / "x.png"]
    two = tuple(Stimulus(name, image.path, "cat") for name in ("x.png", "x.jpg"))
    with pytest.raises(StimulusError, match="two images would be saved as"):
        build(DistortionSettings("contrast"), StimulusSet("s", two), tmp_path / "set", ["c10"])
    with pytest.raises(StimulusError, match="already has conditions"):
        build(
            DistortionSettings("contrast"),
            StimulusSet("s", (Stimulus("x.png", image.path, "cat", "c1"),)),
            tmp_path / "s",
            ["c10"],
        )


def test_power_equalisation_uses_the_mean_spectrum_of_the_images_by_default(source, tmp_path):
    out = tmp_path / "set"
    stimuli = build(DistortionSettings("power-equalisation"), read_folder(source), out, ["pow"]).stimuli
    spectrum = np.load(out / "spectrum.npy")
    grays = [open_image(path) / 255 @ [0.2125, 0.7154, 0.0721] for path in sorted(source.rglob("*.png"))]
    assert spectrum == pytest.approx(
        np.fft.fftshift(np.mean([np.abs(np.fft.fft2(g)) for g in grays], axis=0)), abs=1e-9
    )
    means = [s.pixels().mean() / 255 for s in stimuli]
    assert np.std(means) < 0.02  # the same mean for all images, except for clipping


@pytest.mark.slow
def test_a_contact_sheet_shows_all_levels(source, tmp_path):
    out = tmp_path / "levels.png"
    save_image(as_uint8(photo(height=50, width=60)), tmp_path / "temple.png")
    done = cli("show-stimuli", "contrast", tmp_path / "temple.png", "--out", out)
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    sheet = np.asarray(Image.open(out).convert("L"), float)
    tiles = [sheet[8:58, 8 + 68 * i : 68 + 68 * i] for i in range(8)]
    contrasts = [tile.std() / tiles[0].std() for tile in tiles]
    assert contrasts == pytest.approx([1, 0.5, 0.3, 0.15, 0.1, 0.05, 0.03, 0.01], abs=0.02)
    assert sheet[58:].min() < 50  # the labels
    done = cli("show-stimuli", "power-equalisation", source / "cat" / "cat1.png", "--out", out)
    assert (done.exit_code, "give -o spectrum=FILE.npy" in done.output) == (1, True)
    for bad in ("x.jpg", tmp_path, tmp_path / "temple.png"):
        assert cli("show-stimuli", "contrast", tmp_path / "temple.png", "--out", bad).exit_code == 2


def test_distortions_are_shown_with_their_conditions():
    assert "\n  contrast " in cli("list", "distortions").output
    (distortion,) = re.findall(r"contrast \(distortion\)\n.*", cli("show", "contrast").output, re.DOTALL)
    assert "8: c100, c50, c30, c15, c10, c05, c03, c01\n" in distortion


@pytest.mark.slow
def test_a_set_of_an_older_version_of_the_distortion_cannot_be_continued(source, tmp_path):
    """Eidolons of version 1 repeated the pixels of the border; their records do not have a version."""
    out = tmp_path / "set"
    build(DistortionSettings("eidolonI", size=32), read_folder(source), out, ["4-10-10"])
    record = json.loads((out / "made-of.json").read_text())
    assert record["version"] == 2
    del record["version"]
    (out / "made-of.json").write_text(json.dumps(record))
    with pytest.raises(StimulusError, match="started with version 1 of eidolonI; this installation has version 2"):
        build(DistortionSettings("eidolonI", size=32), read_folder(source), out, ["4-10-10"])
    with pytest.raises(StimulusError, match='distortion was "eidolonI", now "eidolonII"'):
        build(DistortionSettings("eidolonII", size=32), read_folder(source), out, ["4-3-10"])


def test_a_set_whose_distortion_has_one_version_can_be_continued(source, tmp_path):
    out = tmp_path / "set"
    first = build(DistortionSettings("contrast"), read_folder(source), out, ["c10"]).stimuli
    assert "version" not in json.loads((out / "made-of.json").read_text())
    assert build(DistortionSettings("contrast"), read_folder(source), out, ["c10"]).stimuli.digest() == first.digest()
