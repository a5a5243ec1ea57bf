"""Fetching the recorded people, and the registry that knows their checksums."""

import re

import pytest

from stimuli import fetch
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.fetch import fetch_humans
from tests.stimuli.fetching.site import left, register

PEOPLE = {
    f"humans/{d}/{d}_subject-0{i}_session_1.csv": f"{d}{i}".encode() * 99 for d in ("edge", "sketch") for i in range(6)
}


def test_people_are_fetched_once(site, place):
    register(place, PEOPLE)
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    site.faults = ["cut", "503"]
    calls = []
    assert fetch_humans(progress=lambda *call: calls.append(call), base_url=site.url) == place / "cache" / "humans"
    assert left(place) == sorted(PEOPLE)
    assert all((place / "cache" / name).read_bytes() == data for name, data in PEOPLE.items())
    assert calls[-1] == (sum(map(len, PEOPLE.values())), None)
    damaged, missing = list(PEOPLE)[2], list(PEOPLE)[7]
    (place / "cache" / damaged).write_bytes(b"damaged")
    (place / "cache" / missing).unlink()
    site.asked.clear()
    fetch_humans(base_url=site.url)
    assert sorted(path for path, *_ in site.asked) == [f"/v/{f.removeprefix('humans/')}" for f in (damaged, missing)]
    assert (place / "cache" / damaged).read_bytes() == PEOPLE[damaged]


def test_people_in_the_data_folder_are_not_fetched(site, place, capsys):
    register(place, PEOPLE)
    for name, data in PEOPLE.items():
        path = place / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert fetch_humans(base_url=site.url) == place / "data" / "humans"
    assert site.asked == []
    assert capsys.readouterr().err == "all 12 files of people are already there\n"
    path.write_bytes(b"other")
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    assert fetch_humans(base_url=site.url) == place / "cache" / "humans"


def test_a_person_that_is_not_as_published(site, place):
    register(place, PEOPLE)
    site.files = {name.removeprefix("humans/"): data for name, data in PEOPLE.items()}
    site.files["sketch/sketch_subject-03_session_1.csv"] = b"other"
    message = r"^http://.*sketch_subject-03_session_1.csv is not as published: expected sha256:\w{64}, found"
    with pytest.raises(StimulusError, match=message):
        fetch_humans(base_url=site.url)
    assert not [name for name in left(place) if "sketch_subject-03" in name]
    site.files["sketch/sketch_subject-03_session_1.csv"] = list(PEOPLE.values())[9]
    fetch_humans(base_url=site.url)
    assert left(place) == sorted(PEOPLE)


def test_without_people_nothing_is_left(site, place):
    register(place, PEOPLE)
    with pytest.raises(StimulusError, match="answered 404 Not Found"):
        fetch_humans(base_url=site.url)
    assert len({path for path, *_ in site.asked}) <= fetch.N_THREADS  # the files begun at once, and none after an error
    assert not any((place / "cache" / "humans").iterdir())


def test_the_registry_knows_the_published_files(monkeypatch):
    monkeypatch.undo()
    files = list(fetch.registry())
    assert files == sorted(files) and len(files) == 1690
    for name, table in DATASETS.items():
        assert sum(f.startswith(f"humans/{name}/") for f in files) == table.n_people
        n_images = sum(f.startswith(f"stimuli/{name}/") for f in files)
        assert n_images == (table.n_images if name in ("cue-conflict", "edge", "silhouette") else 0)
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", sha256) for sha256 in fetch.registry().values())
