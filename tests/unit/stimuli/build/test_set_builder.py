"""Sets that are resumed: the plan on disk, which changes are allowed before that, and which are errors."""

import csv
import hashlib
from pathlib import Path

import filelock
import pytest

from core.errors import StimulusError
from stimuli.build.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.build.set_record import SOURCE_MISSING
from stimuli.folder import read_folder
from stimuli.images import save_image
from tests.unit.stimuli.build.set_building import build, cli, file_contents
from tests.unit.stimuli.photos import as_uint8, photo


def check_the_bytes_of_a_set(name, source, folder):
    """Check that the bytes of a set depend on the seed and not on the number of workers."""
    images = read_folder(source)
    results = {n: build(DistortionSettings(name), images, folder / str(n) / "set", n_workers=n) for n in (1, 3)}
    assert results[1].skipped == results[3].skipped == {}
    assert file_contents(folder / "1" / "set") == file_contents(folder / "3" / "set")
    other = build(DistortionSettings(name, seed=1), images, folder / "other" / "set")
    assert file_contents(folder / "1" / "set") != file_contents(folder / "other" / "set")
    assert len(other.stimuli) == 34


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uniform-noise", "power-equalisation"])
def test_the_bytes_of_a_set_depend_on_the_seed_and_not_on_the_number_of_workers(name, source, tmp_path):
    check_the_bytes_of_a_set(name, source, tmp_path)


def test_a_set_with_other_settings_is_not_built_in_the_same_folder(source, tmp_path):
    images, out = read_folder(source), tmp_path / "set"
    build(DistortionSettings("contrast"), images, out, ["c10"])
    before = file_contents(out)
    with pytest.raises(
        StimulusError, match=r'conditions was \["c10"\], now \["c20"\]; seed was 0, now 1\. Use another'
    ):
        build(DistortionSettings("contrast", seed=1), images, out, ["c20"])
    assert file_contents(out) == before
    build(DistortionSettings("contrast"), images, out, ["c10"])
    assert file_contents(out) == before
    (out / "made-of.json").write_text("{")
    with pytest.raises(StimulusError, match=r"made-of\.json cannot be read"):
        build(DistortionSettings("contrast"), images, out, ["c10"])


def test_settings_may_change_until_an_image_has_been_made(source, tmp_path):
    out = tmp_path / "set"
    (source / "cat" / "cat0.png").write_text("no image")
    damaged = read_folder(source, keep_unusable=True).where(lambda s: s.id == "cat0.png")
    with pytest.raises(StimulusError, match="0 of 1 images could be made"):
        build(DistortionSettings("contrast"), damaged, out, ["c10"])
    with pytest.raises(StimulusError, match=f"the stimulus set {out} is not finished"):
        read_folder(out)
    assert (
        len(
            build(
                DistortionSettings("contrast", seed=1), read_folder(source, keep_unusable=True), out, ["c10", "c20"]
            ).skipped
        )
        == 1
    )


def test_a_damaged_image_can_be_repaired_or_removed_and_the_other_files_stay(source, tmp_path):
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
    before = file_contents(out)
    (source / "boat" / "boat3.png").write_bytes(good)
    (source / "cat" / "cat5.png").unlink()
    done = cli(*words)
    assert (done.exit_code, done.output) == (0, f"uniform-noise: 33 images in {out}\n")
    after = file_contents(out)
    assert len(set(after) - set(before)) == 1
    assert all(after[name] == before[name] for name in before if name.endswith(".png"))
    table = list(csv.DictReader((out / "sources.csv").read_text().splitlines()))
    assert {row["source"]: row["left_out"] for row in table if row["left_out"]} == {"cat5.png": SOURCE_MISSING}
    assert all(
        row["source_sha256"]
        == hashlib.sha256((source / Path(row["path"]).parts[1] / row["source"]).read_bytes()).hexdigest()
        for row in table
        if not row["left_out"]
    )
    (source / "cat" / "cat5.png").write_bytes(good)
    assert cli(*words).output == f"uniform-noise: 34 images in {out}\n"


def test_source_images_of_a_finished_set_may_not_change_or_be_removed_or_added(source, tmp_path):
    out = tmp_path / "set"
    build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    path = source / "cat" / "cat1.png"
    save_image(as_uint8(photo(height=50, width=60)), path)
    with pytest.raises(StimulusError, match=r"cat1\.png has changed since .*cat1\.png was made from it"):
        build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (out / "cat" / "cat1.png").unlink()
    assert len(build(DistortionSettings("contrast"), read_folder(source), out, ["c10"]).stimuli) == 34
    path.rename(source / "cat" / "new.png")
    with pytest.raises(
        StimulusError, match=r"1 of the images in photos did not exist when .* the first of them new\.png"
    ):
        build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (source / "cat" / "new.png").unlink()
    with pytest.raises(StimulusError, match=r"cat1\.png was removed since"):
        build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cat/cat1.png", "../cat1.png", "expected every path to be that of a .png file in this folder"),
        ("cat/cat1.png", "made-of.json", "expected every path to be that of a .png file in this folder"),
        ("cat/cat1.png", "cat/cat77.png", r"sources\.csv was edited"),
        ("c10", "c50", r"sources\.csv was edited"),
        ("stimulus,", "image,", "expected the columns stimulus,path,condition,source,source_sha256,left_out"),
    ],
)
def test_an_edited_sources_csv_is_an_error(old, new, message, source, tmp_path):
    out = tmp_path / "set"
    build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    (out / "sources.csv").write_text((out / "sources.csv").read_text().replace(old, new))
    before = file_contents(out)
    with pytest.raises(StimulusError, match=message):
        build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])
    assert file_contents(out) == before
    (out / "sources.csv").unlink()
    with pytest.raises(StimulusError, match=r"sources\.csv cannot be read"):
        build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


def test_an_image_that_changes_while_the_set_is_built_is_skipped(source, tmp_path):
    def change(done, total):
        if done == 1:
            save_image(as_uint8(photo(height=50, width=60)), source / "oven" / "oven9.png")

    plan = plan_distorted_set(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    result = build_distorted_set(plan, progress=change)
    assert list(result.skipped) == ["oven/oven9.png"]
    assert "oven9.png changed while" in result.skipped["oven/oven9.png"]
    assert len(build_distorted_set(plan).stimuli) == 34


def test_levels_may_begin_with_a_decimal_point(source, tmp_path):
    for _ in range(2):
        assert (
            len(build(DistortionSettings("uniform-noise"), read_folder(source), tmp_path / "set", [".1", ".2"]).stimuli)
            == 34
        )


def test_only_one_process_may_build_a_set(source, tmp_path):
    out = tmp_path / "set"
    out.mkdir()
    with filelock.FileLock(out / ".lock"):
        (out / "made-of.json").touch()
        with pytest.raises(StimulusError, match="another process is writing images to"):
            build(DistortionSettings("contrast"), read_folder(source), out, ["c10"])


def test_an_incomplete_image_file_is_made_again(source, tmp_path):
    stimuli = build(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"]).stimuli
    before = file_contents(tmp_path / "set")
    for s, size in zip(stimuli, (0, 100), strict=False):
        s.path.write_bytes(s.path.read_bytes()[:size])
    build(DistortionSettings("contrast"), read_folder(source), tmp_path / "set", ["c10"])
    assert file_contents(tmp_path / "set") == before
