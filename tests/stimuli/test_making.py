"""A set in the making: its plan on disk, what may change before it is taken up, and what is refused."""

import csv
import hashlib
from pathlib import Path

import filelock
import pytest

from stimuli.distorted_set import DistortionSettings, make, order
from stimuli.errors import StimulusError
from stimuli.folder import read_folder
from stimuli.images import save_image
from stimuli.set_builder import GONE
from tests.stimuli.made import cli, content, made_of
from tests.stimuli.photos import as_uint8, photo


@pytest.mark.parametrize(
    "name", ["uniform-noise", pytest.param("eidolonIII", marks=pytest.mark.slow), "power-equalisation"]
)
def test_same_seed_same_bytes_whatever_the_workers(name, source, tmp_path):
    images = read_folder(source)
    made = {n: made_of(DistortionSettings(name), images, tmp_path / str(n) / "set", workers=n) for n in (1, 3)}
    assert made[1].left_out == made[3].left_out == {}
    assert content(tmp_path / "1" / "set") == content(tmp_path / "3" / "set")
    other = made_of(DistortionSettings(name, seed=1), images, tmp_path / "other" / "set")
    assert content(tmp_path / "1" / "set") != content(tmp_path / "other" / "set")
    assert len(other.stimuli) == 34


def test_another_set_is_not_made_into_the_same_folder(source, tmp_path):
    images, out = read_folder(source), tmp_path / "set"
    made_of(DistortionSettings("contrast"), images, out, ["c10"])
    before = content(out)
    with pytest.raises(
        StimulusError, match=r'conditions was \["c10"\], now \["c20"\]; seed was 0, now 1\. Name another'
    ):
        made_of(DistortionSettings("contrast", seed=1), images, out, ["c20"])
    assert content(out) == before
    made_of(DistortionSettings("contrast"), images, out, ["c10"])
    assert content(out) == before
    (out / "made-of.json").write_text("{")
    with pytest.raises(StimulusError, match=r"made-of\.json cannot be read"):
        made_of(DistortionSettings("contrast"), images, out, ["c10"])


def test_settings_may_change_until_an_image_is_made(source, tmp_path):
    out = tmp_path / "set"
    (source / "cat" / "cat0.png").write_text("no image")
    one = read_folder(source).where(lambda s: s.id == "cat0.png")
    with pytest.raises(StimulusError, match="none of 1 images could be made"):
        made_of(DistortionSettings("contrast"), one, out, ["c10"])
    with pytest.raises(StimulusError, match=f"{out} is a set that is not finished"):
        read_folder(out)
    assert len(made_of(DistortionSettings("contrast", seed=1), read_folder(source), out, ["c10", "c20"]).left_out) == 1


def test_a_damaged_image_is_mended_or_removed_and_the_rest_stays(source, tmp_path):
    good, out = (source / "boat" / "boat3.png").read_bytes(), tmp_path / "set"
    for name in ("boat3", "cat5"):
        (source / name[:-1] / f"{name}.png").write_bytes(good[:300])
    words = "make-stimuli", "uniform-noise", source, out, "--quiet", "--workers", 1
    done = cli(*words)
    assert (
        "observers: not every image was made: repair or remove the files named above and run the same command again"
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
    made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    path = source / "cat" / "cat1.png"
    save_image(as_uint8(photo(height=50, width=60)), path)
    with pytest.raises(StimulusError, match=r"cat1\.png has changed since .*cat1\.png was made of it"):
        made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (out / "cat" / "cat1.png").unlink()
    assert len(made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"]).stimuli) == 34
    path.rename(source / "cat" / "new.png")
    with pytest.raises(StimulusError, match=r"1 images of photos were not there when .* the first of them new\.png"):
        made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (source / "cat" / "new.png").unlink()
    with pytest.raises(StimulusError, match=r"cat1\.png is gone since"):
        made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


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
    made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (out / "sources.csv").write_text((out / "sources.csv").read_text().replace(old, new))
    before = content(out)
    with pytest.raises(StimulusError, match=said):
        made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    assert content(out) == before
    (out / "sources.csv").unlink()
    with pytest.raises(StimulusError, match=r"sources\.csv cannot be read"):
        made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


def test_an_image_that_changes_meanwhile_is_left_out(source, tmp_path):
    def change(done, total):
        if done == 34:  # of the last image, made and not yet written down
            return
        if done == 1:
            save_image(as_uint8(photo(height=50, width=60)), source / "oven" / "oven9.png")

    ordered = order(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    made = make(ordered, progress=change)
    assert list(made.left_out) == ["oven/oven9.png"]
    assert "oven9.png changed while" in made.left_out["oven/oven9.png"]
    assert len(make(ordered).stimuli) == 34


def test_levels_that_begin_with_a_sign_or_a_point(source, tmp_path):
    for _ in range(2):
        assert (
            len(
                made_of(
                    DistortionSettings("uniform-noise"), read_folder(source), tmp_path / "set", [".1", ".2"]
                ).stimuli
            )
            == 34
        )


def test_one_run_at_a_time(source, tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    with filelock.FileLock(out / ".lock"):
        (out / "made-of.json").touch()
        with pytest.raises(StimulusError, match="another run makes images in"):
            made_of(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


def test_a_cut_off_image_is_made_anew(source, tmp_path):
    made = made_of(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"]).stimuli
    before = content(tmp_path / "set")
    for s, size in zip(made, (0, 100), strict=False):
        s.path.write_bytes(s.path.read_bytes()[:size])
    made_of(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    assert content(tmp_path / "set") == before
