"""Fetching the images of a dataset: once, verified, all or nothing."""

import numpy as np
import pytest

from stimuli.datasets import published_stimuli
from stimuli.errors import StimulusError, UnknownName
from stimuli.fetch import fetch_stimuli
from tests.stimuli.fetching.site import ARCHIVE, NOISE, SKETCH, images, left, register, sha256, tar_gz


def test_a_dataset_is_fetched_once(site, place, capsys):
    site.files["sketch.tar.gz"] = ARCHIVE
    calls = []
    folder = fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert folder == place / "cache" / "stimuli" / "sketch"
    shown = published_stimuli("sketch").stimuli
    assert [s.id for s in shown] == [f"sketch-{i}.png" for i in range(4)]
    assert np.array_equal(shown[3].pixels(), NOISE[3])
    assert calls[0] == (0, len(ARCHIVE)) and calls[-1] == (len(ARCHIVE), len(ARCHIVE)) and calls == sorted(calls)
    assert (place / "cache" / "stimuli" / "sketch.sha256").read_text() == f"{sha256(ARCHIVE)}  sketch.tar.gz\n"
    assert len(left(place)) == 5  # the images and the record
    assert fetch_stimuli("sketch", base_url=site.url) == folder
    assert capsys.readouterr().err == "all 4 images of sketch are already there\n"
    assert len(site.asked) == 1


@pytest.mark.parametrize("pattern", ["edge/cat/cat{}.png", "./edges/cat/cat{}.png", "cat/cat{}.png"])
def test_known_images_are_verified(site, place, pattern):
    register(place, images("stimuli/edge/cat/cat{}.png"))
    site.files["edge.tar.gz"] = tar_gz(images(pattern))
    fetch_stimuli("edge", base_url=site.url.rstrip("/"))
    assert {s.category for s in published_stimuli("edge").stimuli} == {"cat"}
    assert len(left(place)) == 4  # no record is needed


def test_without_the_top_folder(site, place):
    site.files["sketch.tar.gz"] = tar_gz({name.removeprefix("sketch/"): data for name, data in SKETCH.items()})
    fetch_stimuli("sketch", base_url=site.url)
    assert len(published_stimuli("sketch").stimuli) == 4


def test_an_image_that_is_not_as_published(site, place):
    register(place, images("stimuli/edge/cat/cat{}.png"))
    site.files["edge.tar.gz"] = tar_gz(images("edge/cat/cat{}.png") | {"edge/cat/cat2.png": b"other"})
    message = r"^cat/cat2.png in http.*edge.tar.gz is not as published: expected sha256:\w{64}, found sha256:(\w{64});"
    with pytest.raises(StimulusError, match=message) as error:
        fetch_stimuli("edge", base_url=site.url)
    assert sha256(b"other") in str(error.value)
    assert left(place) == []
    site.files["edge.tar.gz"] = tar_gz(images("edge/cat/cat{}.png", n=3))
    with pytest.raises(StimulusError, match=r"edge.tar.gz does not hold cat/cat3.png, which it did when published"):
        fetch_stimuli("edge", base_url=site.url)
    assert left(place) == []


def test_an_archive_with_other_images(site, place):
    site.files["sketch.tar.gz"] = tar_gz(images("sketch/dnn/session-1/000{0}_ske_dnn_0_cat_00_sketch-{0}.png", n=3))
    with pytest.raises(StimulusError, match=r"holds 3 images where 4 were expected: nothing was kept"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"] = tar_gz(images("sketch/dnn/session-1/000{0}_xyz_dnn_0_cat_00_{0}.png"))
    with pytest.raises(StimulusError, match=r"expected a file name like 0001_ske_dnn_<condition>_<category>_"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"] = tar_gz(SKETCH | {"sketch/../../x.png": b""})
    with pytest.raises(StimulusError, match=r"'sketch/../../x.png' leads out of the folder"):
        fetch_stimuli("sketch", base_url=site.url)
    assert left(place) == []


def test_an_archive_has_to_stay_the_same(site, place):
    site.files["sketch.tar.gz"] = ARCHIVE
    folder = fetch_stimuli("sketch", base_url=site.url)
    next(folder.rglob("*.png")).unlink()
    fetch_stimuli("sketch", base_url=site.url)  # replaces what is incomplete
    assert len(published_stimuli("sketch").stimuli) == 4
    next(folder.rglob("*.png")).unlink()
    site.files["sketch.tar.gz"] = tar_gz(SKETCH | {"README": b"new"})
    with pytest.raises(
        StimulusError, match=r"is not the file that it was: its sha256 is \w{64}, and .*sketch.sha256 has"
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert len(left(place)) == 4  # three images and the record: as it was
    folder.with_name("sketch.sha256").unlink()
    fetch_stimuli("sketch", base_url=site.url)
    assert len(published_stimuli("sketch").stimuli) == 4


def test_an_incomplete_copy_in_the_data_folder_is_said(site, place):
    (place / "data" / "stimuli" / "sketch").mkdir(parents=True)
    with pytest.raises(
        StimulusError, match="data/stimuli/sketch contains 0 images, but sketch has 4: remove the folder"
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert site.asked == []


def test_a_cache_that_cannot_be_written(site, place):
    (place / "cache").write_text("a file")
    with pytest.raises(StimulusError, match=r"cache cannot be written \(.*\): make room there, or set OBSERVERS_CACHE"):
        fetch_stimuli("sketch", base_url=site.url)


def test_unknown_dataset(place):
    with pytest.raises(UnknownName, match="did you mean sketch"):
        fetch_stimuli("sketches")
