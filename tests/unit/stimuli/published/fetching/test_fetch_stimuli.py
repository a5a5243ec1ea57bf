"""Tests of downloading the images of a dataset: verification, and installation of complete sets only."""

import numpy as np
import pytest

from core.errors import StimulusError, UnknownName
from stimuli.published.datasets import published_stimuli
from stimuli.published.fetch import fetch_stimuli
from tests.unit.stimuli.published.fetching.site import (
    ARCHIVE,
    NOISE,
    SKETCH,
    cached_files,
    images,
    register,
    sha256,
    tar_gz,
)


def test_a_dataset_is_downloaded_once(site, root, capsys):
    site.files["sketch.tar.gz"] = ARCHIVE
    calls = []
    folder = fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert folder == root / "cache" / "stimuli" / "sketch"
    stimuli = published_stimuli("sketch").stimuli
    assert [s.id for s in stimuli] == [f"sketch-{i}.png" for i in range(4)]
    assert np.array_equal(stimuli[3].pixels(), NOISE[3])
    assert calls[0] == (0, len(ARCHIVE)) and calls[-1] == (len(ARCHIVE), len(ARCHIVE)) and calls == sorted(calls)
    assert (root / "cache" / "stimuli" / "sketch.sha256").read_text() == f"{sha256(ARCHIVE)}  sketch.tar.gz\n"
    assert len(cached_files(root)) == 5  # the images and the checksum
    assert fetch_stimuli("sketch", base_url=site.url) == folder
    assert capsys.readouterr().err == f"all 4 images of sketch are already in {folder}\n"
    assert len(site.requests) == 1


@pytest.mark.parametrize("pattern", ["edge/cat/cat{}.png", "./edges/cat/cat{}.png", "cat/cat{}.png"])
def test_images_in_the_registry_are_verified(site, root, pattern):
    register(root, images("stimuli/edge/cat/cat{}.png"))
    site.files["edge.tar.gz"] = tar_gz(images(pattern))
    fetch_stimuli("edge", base_url=site.url.rstrip("/"))
    assert {s.category for s in published_stimuli("edge").stimuli} == {"cat"}
    assert len(cached_files(root)) == 4  # the registry has the checksums


def test_archives_without_a_top_folder_are_accepted(site, root):
    site.files["sketch.tar.gz"] = tar_gz({name.removeprefix("sketch/"): data for name, data in SKETCH.items()})
    fetch_stimuli("sketch", base_url=site.url)
    assert len(published_stimuli("sketch").stimuli) == 4


def test_an_image_that_differs_from_the_published_one_is_refused(site, root):
    register(root, images("stimuli/edge/cat/cat{}.png"))
    site.files["edge.tar.gz"] = tar_gz(images("edge/cat/cat{}.png") | {"edge/cat/cat2.png": b"other"})
    message = (
        r"^cat/cat2.png in http.*edge.tar.gz differs from the published file: "
        r"expected sha256:\w{64}, got sha256:(\w{64});"
    )
    with pytest.raises(StimulusError, match=message) as error:
        fetch_stimuli("edge", base_url=site.url)
    assert sha256(b"other") in str(error.value)
    assert cached_files(root) == []
    site.files["edge.tar.gz"] = tar_gz(images("edge/cat/cat{}.png", n=3))
    with pytest.raises(StimulusError, match=r"edge.tar.gz lacks the published file cat/cat3.png"):
        fetch_stimuli("edge", base_url=site.url)
    assert cached_files(root) == []


def test_archives_with_other_images_are_refused(site, root):
    site.files["sketch.tar.gz"] = tar_gz(images("sketch/dnn/session-1/000{0}_ske_dnn_0_cat_00_sketch-{0}.png", n=3))
    with pytest.raises(StimulusError, match=r"contains 3 images, expected 4; nothing was installed"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"] = tar_gz(images("sketch/dnn/session-1/000{0}_xyz_dnn_0_cat_00_{0}.png"))
    with pytest.raises(StimulusError, match=r"expected a file name like 0001_ske_dnn_<condition>_<category>_"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"] = tar_gz(SKETCH | {"sketch/../../x.png": b""})
    with pytest.raises(StimulusError, match=r"'sketch/../../x.png' leads out of the folder"):
        fetch_stimuli("sketch", base_url=site.url)
    assert cached_files(root) == []


def test_a_changed_archive_is_refused(site, root):
    site.files["sketch.tar.gz"] = ARCHIVE
    folder = fetch_stimuli("sketch", base_url=site.url)
    next(folder.rglob("*.png")).unlink()
    fetch_stimuli("sketch", base_url=site.url)  # replaces the incomplete copy
    assert len(published_stimuli("sketch").stimuli) == 4
    next(folder.rglob("*.png")).unlink()
    site.files["sketch.tar.gz"] = tar_gz(SKETCH | {"README": b"new"})
    with pytest.raises(
        StimulusError, match=r"has changed since the first download: its SHA-256 is \w{64}, but .*sketch.sha256 has"
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert len(cached_files(root)) == 4  # three images and the checksum, as before
    folder.with_name("sketch.sha256").unlink()
    fetch_stimuli("sketch", base_url=site.url)
    assert len(published_stimuli("sketch").stimuli) == 4


def test_an_incomplete_copy_in_the_data_folder_is_an_error(site, root):
    (root / "data" / "stimuli" / "sketch").mkdir(parents=True)
    with pytest.raises(
        StimulusError, match="data/stimuli/sketch contains 0 images, but sketch has 4: remove the folder"
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert site.requests == []


def test_a_cache_that_cannot_be_written_is_an_error(site, root):
    (root / "cache").write_text("a file")
    with pytest.raises(
        StimulusError,
        match=r"cache cannot be written \(.*\): free some space or check its permissions, or set OBSERVERS_CACHE",
    ):
        fetch_stimuli("sketch", base_url=site.url)


def test_an_unknown_dataset_is_an_error(root):
    with pytest.raises(UnknownName, match="did you mean sketch"):
        fetch_stimuli("sketches")
