"""Tests of downloading the recorded responses of people, and of the registry of checksums."""

import re

import pytest

from core.errors import StimulusError
from stimuli.published import fetch
from stimuli.published.datasets import DATASETS
from stimuli.published.fetch import fetch_humans
from tests.unit.stimuli.fetching.site import cached_files, register

PEOPLE = {
    f"humans/{d}/{d}_subject-0{i}_session_1.csv": f"{d}{i}".encode() * 99 for d in ("edge", "sketch") for i in range(6)
}


def test_files_are_downloaded_once(site, root):
    register(root, PEOPLE)
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    site.faults = ["cut", "503"]
    calls = []
    assert fetch_humans(progress=lambda *call: calls.append(call), base_url=site.url) == root / "cache" / "humans"
    assert cached_files(root) == sorted(PEOPLE)
    assert all((root / "cache" / name).read_bytes() == data for name, data in PEOPLE.items())
    assert calls[-1] == (sum(map(len, PEOPLE.values())), None)
    damaged, missing = list(PEOPLE)[2], list(PEOPLE)[7]
    (root / "cache" / damaged).write_bytes(b"damaged")
    (root / "cache" / missing).unlink()
    site.requests.clear()
    fetch_humans(base_url=site.url)
    assert sorted(path for path, *_ in site.requests) == [f"/v/{f.removeprefix('humans/')}" for f in (damaged, missing)]
    assert (root / "cache" / damaged).read_bytes() == PEOPLE[damaged]


def test_files_in_the_data_folder_are_not_downloaded(site, root, capsys):
    register(root, PEOPLE)
    for name, data in PEOPLE.items():
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert fetch_humans(base_url=site.url) == root / "data" / "humans"
    assert site.requests == []
    assert capsys.readouterr().err == f"all 12 files of human responses are already in {root / 'data' / 'humans'}\n"
    path.write_bytes(b"other")
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    assert fetch_humans(base_url=site.url) == root / "cache" / "humans"


def test_a_file_that_differs_from_the_published_one_is_refused(site, root):
    register(root, PEOPLE)
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    site.files["sketch/sketch_subject-03_session_1.csv"] = b"other"
    message = r"^http://.*sketch_subject-03_session_1.csv differs from the published file: expected sha256:\w{64}, got"
    with pytest.raises(StimulusError, match=message):
        fetch_humans(base_url=site.url)
    assert not [name for name in cached_files(root) if "sketch_subject-03" in name]
    site.files["sketch/sketch_subject-03_session_1.csv"] = list(PEOPLE.values())[9]
    fetch_humans(base_url=site.url)
    assert cached_files(root) == sorted(PEOPLE)


def test_a_failed_download_leaves_no_files(site, root):
    register(root, PEOPLE)
    with pytest.raises(StimulusError, match="responded with 404 Not Found"):
        fetch_humans(base_url=site.url)
    assert len({path for path, *_ in site.requests}) <= fetch.N_THREADS  # no downloads begin after the first error
    assert not any((root / "cache" / "humans").iterdir())


def test_the_registry_has_the_published_files(monkeypatch):
    monkeypatch.undo()
    files = list(fetch.registry())
    assert files == sorted(files) and len(files) == 1690
    for name, table in DATASETS.items():
        assert sum(f.startswith(f"humans/{name}/") for f in files) == table.n_people
        n_images = sum(f.startswith(f"stimuli/{name}/") for f in files)
        assert n_images == (table.n_images if name in ("cue-conflict", "edge", "silhouette") else 0)
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", sha256) for sha256 in fetch.registry().values())
