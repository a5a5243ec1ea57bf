"""Sets made from a folder: the same bytes whoever makes them, balanced, resumed, and what cannot be read left out."""

import csv
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from collections import Counter
from pathlib import Path

import filelock
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cli import app
from experiments.folder import from_folder
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.folder import read_folder
from stimuli.images import open_image, save_image
from stimuli.make import Plan, assign, make, order
from stimuli.making import GONE
from stimuli.names import code_of
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


def made_of(plan, images, out, levels=(), *, crossed=False, workers=1):
    return make(order(plan, images, out, levels, crossed=crossed), workers=workers)


def cli(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("name", ["uniform-noise", "eidolonIII", "power-equalisation"])
def test_same_seed_same_bytes_whatever_the_workers(name, source, tmp_path):
    images = read_folder(source)
    made = {n: made_of(Plan(name), images, tmp_path / str(n) / "set", workers=n) for n in (1, 3)}
    assert made[1].left_out == made[3].left_out == {}
    assert content(tmp_path / "1" / "set") == content(tmp_path / "3" / "set")
    other = made_of(Plan(name, seed=1), images, tmp_path / "other" / "set")
    assert content(tmp_path / "1" / "set") != content(tmp_path / "other" / "set")
    assert len(other.stimuli) == 34


def test_a_killed_run_resumes_to_the_same_bytes(source, tmp_path):
    plan, levels = Plan("eidolonI", seed=3), ("8-10-10", "64-10-10")
    whole = made_of(plan, read_folder(source), tmp_path / "whole" / "set", levels, crossed=True).stimuli
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
    tasks = assign(images, conditions, seed=[0], crossed=False)
    assert [s.id for s, _ in tasks] == [s.id for s in images]
    for category in ("boat", "cat", "oven"):
        counts = Counter(condition for s, condition in tasks if s.category == category)
        assert max(counts.values()) - min(counts[c] for c in conditions) <= 1
    over_all = Counter(condition for _, condition in tasks)
    assert max(over_all.values()) - min(over_all.values()) <= 1
    assert tasks != assign(images, conditions, seed=[1], crossed=False)
    assert len(assign(images, conditions, seed=[0], crossed=True)) == 4 * len(images)


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
    made = [
        made_of(Plan("contrast", truncate=cut), images, tmp_path / str(cut), ["c37"]).stimuli for cut in (False, True)
    ]
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
    # An image's level in one set says nothing about its level in another.
    ranks = [
        {
            s.id: [c.name for c in DATASETS[name].conditions].index(s.condition)
            for s in from_folder(tmp_path / "all" / f"photos-{name}").stimuli
        }
        for name in ("contrast", "uniform-noise", "high-pass")
    ]
    for one, other in itertools.combinations(ranks, 2):
        assert sum(one[image] == other[image] for image in one) < 15  # of 34, of which an eighth by chance
    assert cli("make-stimuli", "published-12", source, tmp_path / "x", "--levels", "1").exit_code == 2


def test_an_option_of_the_twelve_goes_to_those_that_have_it(source, tmp_path):
    shutil.rmtree(source / "cat")
    shutil.rmtree(source / "oven")
    words = "make-stimuli", "published-12", source, tmp_path / "all", "--workers", 1, "--quiet", "--size", 32
    done = cli(*words, "-o", "standardise=true")
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [source])
    double = cli("make-stimuli", "eidolonI", source, tmp_path / "x", "-o", "standardize=1", "-o", "standardize=0")
    assert (double.exit_code, "-o takes key=value, each key once, got 'standardize=0'" in double.output) == (2, True)
    assert "none of the twelve has the option 'standardise'; they have keep_contrast," in done.output
    done = cli(*words, "-o", "standardize=true")
    assert done.exit_code == 0
    for name, options in (("eidolonII", {"standardize": True}), ("contrast", {})):
        assert json.loads((tmp_path / "all" / f"photos-{name}" / "made-of.json").read_text())["options"] == options


def test_nothing_is_begun_where_one_of_the_twelve_cannot_be_made(source, tmp_path):
    save_image(as_uint8(photo(height=50, width=70)), source / "cat" / "wide.png")
    done = cli("make-stimuli", "published-12", source, tmp_path / "all", "--quiet")
    assert "a mean spectrum needs images of one size" in done.output
    assert not (tmp_path / "all").exists()


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
    assert "observers: not every image was made" in done.output
    assert len(from_folder(out).stimuli) == 34


def test_a_huge_image_is_refused_before_it_is_decoded(source, tmp_path, monkeypatch):
    monkeypatch.setattr("stimuli.images.MAX_PIXELS", 2000)
    images = read_folder(source)
    with pytest.raises(
        StimulusError, match=r"none of 34 images could be made; the first: .*boat0\.png has 60 × 50 pixels"
    ):
        made_of(Plan("contrast"), images, tmp_path / "set")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["contrst", "photos", "set"], "no distortion named 'contrst': did you mean contrast"),
        (["contrast", "nowhere", "set"], "there is no folder"),
        (["contrast", "photos", "set", "--levels", "c10,c10"], "a level is given twice"),
        (["contrast", "photos", "set", "--levels", "c10,pale"], "contrast has no condition 'pale'"),
        (["contrast", "photos", "set", "--size", "5000"], "8 to 4096 pixels, got 5000"),
        (["contrast", "photos", "set", "--size", "2"], "8 to 4096 pixels, got 2"),
        (["low-pass", "photos", "set", "--levels", "1_0"], "low-pass has no condition '1_0'"),
        (["contrast", "photos", "set", "--levels", "c10,,c20"], "contrast has no condition ''"),
        (["os:getcwd", "photos", "set"], r"os:getcwd is not what was expected: a function \(image, level, rng\)"),
        (["contrast", "photos", "contrast"], "contrast is named like a published dataset"),
        (["contrast", "photos", "."], "holds something else already"),
        (["contrast", "photos", "photos/set"], "photos/set lies in photos, of which it is to be made"),
        (["contrast", "photos", "set", "--levels", "c30,c130"], r"contrast: expected a level of 0 to 1, got 1\.3"),
        (["low-pass", "photos", "set", "--levels", "inf"], "low-pass: expected a level of 0 to 1000, got inf"),
        (["high-pass", "photos", "set", "--levels", "0"], "high-pass: expected a level above 0"),
        (["low-pass", "photos", "set", "--levels", "1, 1.0"], r"a level is given twice in 1,1\.0"),
        (["contrast", "photos", "set", "--levels", ""], "contrast has no condition ''"),
        (["rotation", "photos", "set", "--levels", "450"], "rotation: expected 0, 90, 180 or 270"),
        (["contrast", "photos", "set", "-o", "keep_contrast=true"], "no option of contrast"),
    ],
)
def test_what_cannot_be_made(words, said, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("make-stimuli", *words, "--quiet", "--workers", "1")
    assert done.exit_code == 1
    assert len(done.output.splitlines()) == 1
    assert re.search(said, done.output), done.output
    assert not Path("set").exists()


def test_another_set_is_not_made_into_the_same_folder(source, tmp_path):
    images, out = read_folder(source), tmp_path / "set"
    made_of(Plan("contrast"), images, out, ["c10"])
    before = content(out)
    with pytest.raises(
        StimulusError, match=r'conditions was \["c10"\], now \["c20"\]; seed was 0, now 1\. Name another'
    ):
        made_of(Plan("contrast", seed=1), images, out, ["c20"])
    assert content(out) == before
    made_of(Plan("contrast"), images, out, ["c10"])
    assert content(out) == before
    (out / "made-of.json").write_text("{")
    with pytest.raises(StimulusError, match=r"made-of\.json cannot be read"):
        made_of(Plan("contrast"), images, out, ["c10"])


def test_settings_may_change_until_an_image_is_made(source, tmp_path):
    out = tmp_path / "set"
    (source / "cat" / "cat0.png").write_text("no image")
    one = read_folder(source).where(lambda s: s.id == "cat0.png")
    with pytest.raises(StimulusError, match="none of 1 images could be made"):
        made_of(Plan("contrast"), one, out, ["c10"])
    with pytest.raises(StimulusError, match=f"{out} is a set that is not finished"):
        read_folder(out)
    assert len(made_of(Plan("contrast", seed=1), read_folder(source), out, ["c10", "c20"]).left_out) == 1


def test_a_damaged_image_is_mended_or_removed_and_the_rest_stays(source, tmp_path):
    good, out = (source / "boat" / "boat3.png").read_bytes(), tmp_path / "set"
    for name in ("boat3", "cat5"):
        (source / name[:-1] / f"{name}.png").write_bytes(good[:300])
    words = "make-stimuli", "uniform-noise", source, out, "--quiet", "--workers", 1
    done = cli(*words)
    assert (
        "observers: not every image was made: mend or remove what is named above and run the same command again"
        in done.output
    )
    table = list(csv.DictReader((out / "sources.csv").read_text().splitlines()))
    assert [row["source"] for row in table if row["left_out"]] == ["boat3.png", "cat5.png"]
    before = content(out)
    (source / "boat" / "boat3.png").write_bytes(good)
    (source / "cat" / "cat5.png").unlink()
    done = cli(*words)
    assert (done.exit_code, done.output) == (0, f"uniform-noise: 33 images in {out}\n")
    after = content(out)
    new = set(after) - set(before)
    assert len(new) == 1
    assert all(after[name] == before[name] for name in before if name.endswith(".png"))
    table = list(csv.DictReader((out / "sources.csv").read_text().splitlines()))
    assert {row["source"]: row["left_out"] for row in table if row["left_out"]} == {"cat5.png": GONE}
    assert all(
        row["source_sha256"]
        == hashlib.sha256((source / Path(row["path"]).parts[1] / row["source"]).read_bytes()).hexdigest()
        for row in table
        if not row["left_out"]
    )
    (source / "cat" / "cat5.png").write_bytes(good)
    assert cli(*words).output == f"uniform-noise: 34 images in {out}\n"


def test_an_image_that_changed_or_went_or_came(source, tmp_path):
    out = tmp_path / "set"
    made_of(Plan("contrast"), read_folder(source), out, ["c10"])
    path = source / "cat" / "cat1.png"
    save_image(as_uint8(photo(height=50, width=60)), path)
    with pytest.raises(StimulusError, match=r"cat1\.png has changed since .*cat1\.png was made of it"):
        made_of(Plan("contrast"), read_folder(source), out, ["c10"])
    (out / "cat" / "cat1.png").unlink()
    assert len(made_of(Plan("contrast"), read_folder(source), out, ["c10"]).stimuli) == 34
    path.rename(source / "cat" / "new.png")
    with pytest.raises(StimulusError, match=r"1 images of photos were not there when .* the first of them new\.png"):
        made_of(Plan("contrast"), read_folder(source), out, ["c10"])
    (source / "cat" / "new.png").unlink()
    with pytest.raises(StimulusError, match=r"cat1\.png is gone since"):
        made_of(Plan("contrast"), read_folder(source), out, ["c10"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cat/cat1.png", "../cat1.png", "a path leads elsewhere"),
        ("cat/cat1.png", "made-of.json", "a path leads elsewhere"),
        ("cat/cat1.png", "cat/cat77.png", r"sources\.csv was edited"),
        ("c10", "c50", r"sources\.csv was edited"),
        ("stimulus,", "image,", "expected the columns stimulus,path,condition,source,source_sha256,left_out"),
    ],
)
def test_a_table_of_sources_that_was_edited(old, new, said, source, tmp_path):
    out = tmp_path / "set"
    made_of(Plan("contrast"), read_folder(source), out, ["c10"])
    (out / "sources.csv").write_text((out / "sources.csv").read_text().replace(old, new))
    before = content(out)
    with pytest.raises(StimulusError, match=said):
        made_of(Plan("contrast"), read_folder(source), out, ["c10"])
    assert content(out) == before
    (out / "sources.csv").unlink()
    with pytest.raises(StimulusError, match=r"sources\.csv cannot be read"):
        made_of(Plan("contrast"), read_folder(source), out, ["c10"])


def test_an_image_that_changes_meanwhile_is_left_out(source, tmp_path):
    def change(done, total):
        if done == 34:  # of the last image, made and not yet written down
            return
        if done == 1:
            save_image(as_uint8(photo(height=50, width=60)), source / "oven" / "oven9.png")

    ordered = order(Plan("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    made = make(ordered, progress=change)
    assert list(made.left_out) == ["oven/oven9.png"]
    assert "oven9.png changed while" in made.left_out["oven/oven9.png"]
    assert len(make(ordered).stimuli) == 34


def test_levels_that_begin_with_a_sign_or_a_point(source, tmp_path):
    for _ in range(2):
        assert len(made_of(Plan("uniform-noise"), read_folder(source), tmp_path / "set", [".1", ".2"]).stimuli) == 34


def test_code_beside_ones_own_counts(source, tmp_path):
    (tmp_path / "inner_of_mine.py").write_text("def f(image, level, rng):\n    return image * level\n")
    (tmp_path / "outer.py").write_text("from inner_of_mine import f\n")
    codes = []
    for factor in (1, 0.5):
        (tmp_path / "inner_of_mine.py").write_text(f"def f(image, level, rng):\n    return image * level * {factor}\n")
        run = "import sys; from stimuli.names import code_of; print(code_of(sys.argv[1], 'distortions'))"
        done = subprocess.run(
            [sys.executable, "-c", run, f"{tmp_path}/outer.py:f"], capture_output=True, text=True, check=True
        )
        codes.append(done.stdout)
    assert codes[0].startswith("sha256:")
    assert codes[0] != codes[1]


def test_modules_with_odd_files_do_no_harm(tmp_path, monkeypatch):
    (tmp_path / "alone.py").write_text("def f(image, level, rng):\n    return image\n")
    monkeypatch.chdir(tmp_path)
    before = code_of("alone.py:f", "distortions")
    for name, file in (("odd_one", "_classes.py"), ("odd_two", None), ("odd_three", 3)):
        module = types.ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "odd_four", None)
    assert code_of("alone.py:f", "distortions") == before


def test_a_size_that_ones_own_needs_is_that_of_the_images(source, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef half(image, level, rng):\n    return image * np.full((32, 32, 1), level)\n"
    )
    plan = Plan(f"{tmp_path}/mine.py:half", size=32)
    assert len(made_of(plan, read_folder(source), tmp_path / "set", ["0.5"]).stimuli) == 34
    np.save(tmp_path / "s.npy", np.ones((40, 40)))
    plan = Plan("power-equalisation", {"spectrum": str(tmp_path / "s.npy")}, size=32)
    with pytest.raises(StimulusError, match="one of 40 × 40 pixels and the image has 32 × 32"):
        made_of(plan, read_folder(source), tmp_path / "other", ["pow"])
    assert not (tmp_path / "other").exists()


def test_one_run_at_a_time(source, tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    with filelock.FileLock(out / ".lock"):
        (out / "made-of.json").touch()
        with pytest.raises(StimulusError, match="another run makes images in"):
            made_of(Plan("contrast"), read_folder(source), out, ["c10"])


def test_every_image_has_noise_of_its_own(tmp_path):
    for name in ("a", "b"):
        save_image(np.full((20, 20, 3), 120, np.uint8), tmp_path / "flat" / "cat" / f"{name}.png")
    made = made_of(
        Plan("uniform-noise"), read_folder(tmp_path / "flat"), tmp_path / "set", ["0.1", "0.2"], crossed=True
    )
    assert len({s.pixels().tobytes() for s in made.stimuli}) == 4
    centered = [(s.pixels()[..., 0] / 255 - 0.3 * 120 / 255 - 0.35) / float(s.condition) for s in made.stimuli]
    for one, other in itertools.combinations(centered, 2):
        assert np.abs(one - other).max() > 0.5


def test_a_distortion_of_ones_own(source, tmp_path, monkeypatch):
    own = tmp_path / "mine.py"
    own.write_text("def noise(image, level, rng, *, monitor: str = 'lab'):\n    return rng.random(image.shape)\n")
    monkeypatch.chdir(tmp_path)
    one, two = (
        cli("make-stimuli", name, source, out, "--levels", "1", "--quiet", "--workers", workers, "-o", "monitor=x")
        for name, out, workers in (("mine.py:noise", "a/set", 1), (f"{own}:noise", "b/set", 2))
    )
    assert (one.exit_code, two.exit_code) == (0, 0), one.output + two.output
    assert content(tmp_path / "a/set") == content(tmp_path / "b/set")  # wherever the file lies
    assert str(tmp_path) not in (tmp_path / "a/set/made-of.json").read_text()
    own.write_text(own.read_text() + "\n")
    again = cli("make-stimuli", "mine.py:noise", source, "a/set", "--levels", "1", "--quiet", "-o", "monitor=x")
    assert "holds a set made otherwise: code was" in again.output


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("image * 255", "mine.py:f gave values from 0 to 255: expected floats in 0..1"),
        ("image[:5]", r"mine.py:f gave float64 of the shape \(5, 60, 3\)"),
        ("None", "mine.py:f gave NoneType"),
        ("(255 * image).astype('uint8')", "mine.py:f gave uint8"),
        ("1 / 0", r"mine\.py:f failed: ZeroDivisionError: division by zero \(mine\.py, line 3\)"),
        ("image * float('nan')", "mine.py:f gave values from nan to nan"),
    ],
)
def test_what_ones_own_distortion_gives_is_looked_at_first(body, said, source, tmp_path):
    (tmp_path / "mine.py").write_text(f"def f(image, level, rng):\n    image[0, 0] = 0\n    return {body}\n")
    with pytest.raises(StimulusError, match=said):
        made_of(Plan(f"{tmp_path}/mine.py:f"), read_folder(source), tmp_path / "set", ["1"])
    assert not (tmp_path / "set").exists()


def test_an_image_of_another_format_is_said(source, tmp_path):
    Image.new("RGB", (30, 30)).save(source / "cat" / "x.webp")
    done = cli("make-stimuli", "contrast", source, tmp_path / "set", "--quiet", "--workers", 1)
    assert done.exit_code == 1
    assert f"left out: {source / 'cat' / 'x.webp'} is no PNG or JPEG image" in done.output


def test_links_are_followed(source, tmp_path):
    (tmp_path / "linked" / "boat").mkdir(parents=True)
    (tmp_path / "linked" / "cat").symlink_to(source / "cat")
    (tmp_path / "linked" / "feline").symlink_to(source / "oven")
    (tmp_path / "linked" / "boat" / "b.png").symlink_to(source / "boat" / "boat0.png")
    (tmp_path / "linked" / "ring").symlink_to(tmp_path / "linked")
    assert len(read_folder(tmp_path / "linked")) == 23


def test_a_cut_off_image_is_made_anew(source, tmp_path):
    made = made_of(Plan("contrast"), read_folder(source), tmp_path / "set", ["c10"]).stimuli
    before = content(tmp_path / "set")
    for s, size in zip(made, (0, 100), strict=False):
        s.path.write_bytes(s.path.read_bytes()[:size])
    made_of(Plan("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    assert content(tmp_path / "set") == before


def test_a_level_without_an_image_is_said(source, tmp_path):
    shutil.rmtree(source / "cat")
    shutil.rmtree(source / "boat")
    done = cli("make-stimuli", "false-colour", source, tmp_path / "a", "--quiet", "--workers", 1)
    assert done.output.startswith(f"false-colour: 10 images in {tmp_path / 'a'}, by ")
    for path in list((source / "oven").iterdir())[1:]:
        path.unlink()
    done = cli("make-stimuli", "contrast", source, tmp_path / "b", "--levels", "c10,c20", "--quiet", "--workers", 1)
    assert done.exit_code == 0
    assert "note: no image was left for c20; --crossed shows every image at every level" in done.output


def test_a_manifest_is_a_source(source, tmp_path):
    StimulusSet("photos", tuple(read_folder(source))[:5]).write(source / "stimuli.csv")
    done = cli("make-stimuli", "contrast", source / "stimuli.csv", tmp_path / "set", "--quiet", "--workers", 1)
    assert done.output.startswith(f"contrast: 5 images in {tmp_path / 'set'}\n")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_stopped_it_says_how_to_go_on(number, source, tmp_path):
    words = [
        sys.executable,
        "-m",
        "cli",
        "make-stimuli",
        "eidolonI",
        source,
        tmp_path / "set",
        "--crossed",
        "--workers",
        2,
    ]
    process = subprocess.Popen(
        list(map(str, words)), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    while not list((tmp_path / "set").rglob("*.png")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert said.splitlines()[-1].startswith("Stopped; what is made is kept. To go on: observers make-stimuli eidolonI")
    assert "Traceback" not in said


def test_workers_end_with_their_parent(source, tmp_path):
    words = [
        sys.executable,
        "-m",
        "cli",
        "make-stimuli",
        "eidolonI",
        source,
        tmp_path / "set",
        "--crossed",
        "--workers",
        2,
    ]
    process = subprocess.Popen(list(map(str, words)), cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    while not list((tmp_path / "set").rglob("*.png")) and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("workers are still there 20 s after their parent was killed")


def test_names_that_lead_elsewhere(source, tmp_path):
    image = next(iter(read_folder(source)))
    with pytest.raises(StimulusError, match="in letters, digits"):
        made_of(
            Plan("contrast"), StimulusSet("s", (Stimulus("x.png", image.path, "../cat"),)), tmp_path / "set", ["c10"]
        )
    made = made_of(
        Plan("contrast"), StimulusSet("s", (Stimulus("../x.png", image.path, "cat"),)), tmp_path / "up", ["c10"]
    )
    assert [s.path for s in made.stimuli] == [tmp_path / "up" / "cat" / "x.png"]
    two = tuple(Stimulus(name, image.path, "cat") for name in ("x.png", "x.jpg"))
    with pytest.raises(StimulusError, match="two images would be named"):
        made_of(Plan("contrast"), StimulusSet("s", two), tmp_path / "set", ["c10"])
    with pytest.raises(StimulusError, match="has conditions already"):
        made_of(
            Plan("contrast"), StimulusSet("s", (Stimulus("x.png", image.path, "cat", "c1"),)), tmp_path / "s", ["c10"]
        )


def test_power_equalisation_by_the_images_themselves(source, tmp_path):
    out = tmp_path / "set"
    stimuli = made_of(Plan("power-equalisation"), read_folder(source), out, ["pow"]).stimuli
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
    done = cli("show-stimuli", "power-equalisation", source / "cat" / "cat1.png", "--out", out)
    assert (done.exit_code, "give -o spectrum=FILE.npy" in done.output) == (1, True)
    for bad in ("x.jpg", tmp_path, tmp_path / "temple.png"):
        assert cli("show-stimuli", "contrast", tmp_path / "temple.png", "--out", bad).exit_code == 2


def test_a_listing_of_distortions():
    done = cli("list", "distortions")
    assert "contrast             c100 c50 c30 c15 c10 c05 c03 c01\n" in done.output
