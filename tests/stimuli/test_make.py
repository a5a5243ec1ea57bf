"""Sets made from a folder: the same bytes whoever makes them, balanced, resumed, and what cannot be read left out."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli import app
from experiments.folder import from_folder
from stimuli.errors import StimulusError
from stimuli.folder import read_folder
from stimuli.images import open_image, save_image
from stimuli.make import Plan, assign, make
from stimuli.stimulus import Stimulus, StimulusSet
from tests.stimuli.photos import as_uint8, photo

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path):
    """A folder of 3 categories with 12, 12 and 10 photographs of 60 × 50."""
    rng = np.random.default_rng(0)
    for category, n in (("boat", 12), ("cat", 12), ("oven", 10)):
        for i in range(n):
            top, left = rng.integers(0, 300), rng.integers(0, 500)
            name = "flower.jpg" if category == "cat" else "china.jpg"
            save_image(as_uint8(photo(name, 50, 60, top, left)), tmp_path / "photos" / category / f"{category}{i}.png")
    return tmp_path / "photos"


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def cli(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("name", ["uniform-noise", "eidolonIII", "power-equalisation"])
def test_same_seed_same_bytes_whatever_the_workers(name, source, tmp_path):
    images = read_folder(source)
    made = {n: make(Plan(name), images, tmp_path / str(n) / "set", workers=n) for n in (1, 3)}
    assert made[1].skipped == made[3].skipped == ()
    assert content(tmp_path / "1" / "set") == content(tmp_path / "3" / "set")
    other = make(Plan(name, seed=1), images, tmp_path / "other" / "set")
    assert content(tmp_path / "1" / "set") != content(tmp_path / "other" / "set")
    assert len(other.stimuli) == 34


def test_a_killed_run_resumes_to_the_same_bytes(source, tmp_path):
    plan, levels = Plan("eidolonI", seed=3), ("8-10-10", "64-10-10")
    whole = make(plan, read_folder(source), tmp_path / "whole" / "set", levels, crossed=True).stimuli
    out = tmp_path / "cut" / "set"
    words = ["make-stimuli", "eidolonI", source, out, "--seed", 3, "--crossed", "--levels", ",".join(levels)]
    started = [sys.executable, "-m", "cli", *words, "--workers", 2]
    process = subprocess.Popen(list(map(str, started)), cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    while len(list(out.rglob("*.png"))) < 20 and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    n_there = len(list(out.rglob("*.png")))
    assert 20 <= n_there < len(whole)
    assert not (out / "stimuli.csv").exists()
    done = cli(*words, "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    assert content(out) == content(tmp_path / "whole" / "set")


def test_every_image_once_and_balanced(source):
    conditions = ("a", "b", "c", "d")
    images = read_folder(source)
    tasks = assign(images, conditions, seed=0, crossed=False)
    assert [s.id for s, _ in tasks] == [s.id for s in images]
    for category in ("boat", "cat", "oven"):
        counts = Counter(condition for s, condition in tasks if s.category == category)
        assert max(counts.values()) - min(counts[c] for c in conditions) <= 1
    over_all = Counter(condition for _, condition in tasks)
    assert max(over_all.values()) - min(over_all.values()) <= 1
    assert tasks != assign(images, conditions, seed=1, crossed=False)
    assert len(assign(images, conditions, seed=0, crossed=True)) == 4 * len(images)


def test_what_is_written_is_an_experiment(source, tmp_path):
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


def test_truncation_is_offered(source, tmp_path):
    images = read_folder(source).where(lambda s: s.id == "cat3.png")
    made = [make(Plan("contrast", truncate=cut), images, tmp_path / str(cut), ["c37"]).stimuli for cut in (False, True)]
    rounded, cut = (next(iter(stimuli)).pixels()[..., 0].astype(int) for stimuli in made)
    values = 255 * (0.315 + 0.37 * (open_image(source / "cat" / "cat3.png") / 255 @ [0.2125, 0.7154, 0.0721]))
    assert (cut == np.floor(values)).all()
    assert (rounded == np.rint(values)).all()


def test_the_twelve_sets_at_once(source, tmp_path):
    done = cli("make-stimuli", "published-12", source, tmp_path / "all", "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    folders = sorted((tmp_path / "all").iterdir())
    assert len(folders) == 12
    assert folders[0].name == "photos-colour"
    assert all(len(from_folder(folder).stimuli) == 34 for folder in folders)
    assert cli("make-stimuli", "published-12", source, tmp_path / "x", "--levels", "1").exit_code == 2


def test_bad_images_are_left_out_and_said(source, tmp_path):
    folder = source / "boat"
    (folder / "torn.png").write_bytes((folder / "boat0.png").read_bytes()[:400])
    (folder / "lie.png").write_text("GIF89a")
    Image.new("RGBA", (9, 9)).save(folder / "clear.png")
    Image.new("CMYK", (9, 9)).save(folder / "press.jpg")
    Image.new("L", (1, 1), 77).save(folder / "dot.png")
    out = tmp_path / "set"
    done = cli("make-stimuli", "contrast", source, out, "--quiet", "--workers", 2)
    assert done.exit_code == 1
    left_out = [line for line in done.output.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 5
    for name in ("torn.png", "lie.png", "clear.png", "press.jpg", "dot.png"):
        assert sum(str(folder / name) in line for line in left_out) == 1
    assert "observers: 5 images were left out; mend or remove them" in done.output
    assert len(from_folder(out).stimuli) == 34


def test_a_huge_image_is_refused_before_it_is_decoded(source, tmp_path, monkeypatch):
    monkeypatch.setattr("stimuli.images.MAX_PIXELS", 2000)
    images = read_folder(source)
    with pytest.raises(
        StimulusError, match=r"none of 34 images could be made; the first: .*boat0\.png has 60 × 50 pixels"
    ):
        make(Plan("contrast"), images, tmp_path / "set")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["contrst", "photos", "set"], "no distortion named 'contrst': did you mean contrast"),
        (["contrast", "nowhere", "set"], "there is no folder"),
        (["contrast", "photos", "set", "--levels", "c10,c10"], "a level is given twice"),
        (["contrast", "photos", "set", "--levels", "c10,pale"], "contrast has no condition 'pale'"),
        (["contrast", "photos", "set", "--size", "5000"], "1 to 4096 pixels, got 5000"),
        (["contrast", "photos", "contrast"], "contrast is named like a published dataset"),
        (["contrast", "photos", "photos"], "holds something else already"),
        (["contrast", "photos", "set", "-o", "keep_contrast=true"], "no option of contrast"),
    ],
)
def test_what_cannot_be_made(words, said, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("make-stimuli", *words, "--quiet", "--workers", "1")
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert re.search(said, done.output), done.output


def test_another_set_is_not_made_into_the_same_folder(source, tmp_path):
    images, out = read_folder(source), tmp_path / "set"
    make(Plan("contrast"), images, out, ["c10"])
    before = content(out)
    with pytest.raises(StimulusError, match=r"set made otherwise \(another conditions, seed\)"):
        make(Plan("contrast", seed=1), images, out, ["c20"])
    with pytest.raises(StimulusError, match=r"another source_sha256"):
        make(Plan("contrast"), images.where(lambda s: s.category == "cat"), out, ["c10"])
    assert content(out) == before
    make(Plan("contrast"), images, out, ["c10"])
    assert content(out) == before
    (out / "made-of.json").write_text("{")
    with pytest.raises(StimulusError, match=r"made-of\.json cannot be read"):
        make(Plan("contrast"), images, out, ["c10"])


def test_names_that_lead_elsewhere(source, tmp_path):
    image = next(iter(read_folder(source)))
    with pytest.raises(StimulusError, match="in letters, digits"):
        make(Plan("contrast"), StimulusSet("s", (Stimulus("x.png", image.path, "../cat"),)), tmp_path / "set", ["c10"])
    made = make(
        Plan("contrast"), StimulusSet("s", (Stimulus("../x.png", image.path, "cat"),)), tmp_path / "up", ["c10"]
    )
    assert [s.path for s in made.stimuli] == [tmp_path / "up" / "cat" / "x.png"]
    two = tuple(Stimulus(name, image.path, "cat") for name in ("x.png", "x.jpg"))
    with pytest.raises(StimulusError, match="two images would be named"):
        make(Plan("contrast"), StimulusSet("s", two), tmp_path / "set", ["c10"])
    with pytest.raises(StimulusError, match="has conditions already"):
        make(Plan("contrast"), StimulusSet("s", (Stimulus("x.png", image.path, "cat", "c1"),)), tmp_path / "s", ["c10"])


def test_power_equalisation_by_the_images_themselves(source, tmp_path):
    out = tmp_path / "set"
    stimuli = make(Plan("power-equalisation"), read_folder(source), out, ["pow"]).stimuli
    spectrum = np.load(out / "spectrum.npy")
    grays = [open_image(path) / 255 @ [0.2125, 0.7154, 0.0721] for path in sorted(source.rglob("*.png"))]
    assert spectrum == pytest.approx(
        np.fft.fftshift(np.mean([np.abs(np.fft.fft2(g)) for g in grays], axis=0)), abs=1e-9
    )
    means = [s.pixels().mean() / 255 for s in stimuli]
    assert np.std(means) < 0.02  # as all have one mean, but for clipping


def test_levels_side_by_side(source, tmp_path):
    out = tmp_path / "levels.png"
    save_image(as_uint8(photo(height=50, width=60)), tmp_path / "temple.png")
    done = cli("show-stimuli", "contrast", tmp_path / "temple.png", "--out", out)
    assert (done.exit_code, done.output) == (0, f"{out}\n")
    picture = np.asarray(Image.open(out).convert("L"), float)
    tiles = [picture[8:58, 8 + 68 * i : 68 + 68 * i] for i in range(8)]
    contrasts = [tile.std() / tiles[0].std() for tile in tiles]
    assert contrasts == pytest.approx([1, 0.5, 0.3, 0.15, 0.1, 0.05, 0.03, 0.01], abs=0.02)
    assert picture[58:].min() < 50  # their names
    assert cli("show-stimuli", "power-equalisation", source / "cat" / "cat1.png", "--out", out).exit_code == 1


def test_a_listing_of_distortions():
    done = cli("list", "distortions")
    assert "contrast             c100 c50 c30 c15 c10 c05 c03 c01\n" in done.output
