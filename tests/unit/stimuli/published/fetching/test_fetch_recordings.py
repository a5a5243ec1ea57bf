"""Tests of downloading the recorded responses of people and networks, and of the registry of checksums."""

import re

import pytest

from core.errors import StimulusError
from stimuli.published import fetch
from stimuli.published.datasets import DATASETS
from stimuli.published.download import file_checksum
from stimuli.published.fetch import fetch_humans, fetch_networks, fetch_recordings
from stimuli.published.recordings import (
    RAW,
    SOURCES,
    published_recordings,
    recorded_name,
    registry,
    url_of_recording,
)
from tests.commands import observers
from tests.conftest import real
from tests.unit.stimuli.published.fetching.site import cached_files, register

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
    files = list(registry())
    assert files == sorted(files) and len(files) == 1843
    for name, table in DATASETS.items():
        assert sum(f.startswith(f"humans/{name}/") for f in files) == table.n_people
        n_images = sum(f.startswith(f"stimuli/{name}/") for f in files)
        assert n_images == (table.n_images if name in ("cue-conflict", "edge", "silhouette") else 0)
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", sha256) for sha256 in registry().values())
    assert (len(published_recordings("vlm")), len(published_recordings("children"))) == (49, 30)
    assert len(published_recordings("networks")) == 74 and len(published_recordings("networks", "cue-conflict")) == 26


NETWORKS = {
    "networks/cue-conflict/cue-conflict_resnet50_session-1.csv": b"a" * 99,
    "networks/cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv": b"b" * 99,
    "networks/edge/edge_simclr-resnet50x1_session-1.csv": b"c" * 99,
}


def test_networks_are_downloaded_like_people(site, root, capsys):
    register(root, PEOPLE | NETWORKS)
    site.files = {name.removeprefix("networks/"): data for name, data in NETWORKS.items()}
    assert fetch_networks(base_url=site.url) == root / "cache" / "networks"
    assert cached_files(root) == sorted(NETWORKS)
    assert fetch_networks(base_url=site.url) == root / "cache" / "networks"
    assert "all 3 files of network responses are already in" in capsys.readouterr().err
    assert len(site.requests) == 3


def test_recordings_have_an_address_in_the_repository_that_publishes_them():
    resnet, vgg = (url_of_recording(file) for file in list(NETWORKS)[:2])
    assert "/bethgelab/model-vs-human/93ee6766" in resnet and resnet.endswith(
        "/raw-data/cue-conflict/cue-conflict_resnet50_session-1.csv"
    )
    assert "/wichmann-lab/error-consistency/eb53bdb5" in vgg
    assert vgg.endswith("/raw-data/texture-shape_cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv")
    assert "/bethgelab/model-vs-human/79ed7cd1" in url_of_recording(next(iter(PEOPLE)))
    assert [recorded_name(file, file.split("/")[1]) for file in NETWORKS] == ["resnet50", "vgg16", "simclr-resnet50x1"]
    assert recorded_name(next(iter(PEOPLE)), "edge") == "subject-00"


OTHERS = {
    "vlm/clip/ViT_L_14_openai_CLS.csv": b"a" * 99,
    "vlm/vqa/20240205_205018_llava_1_5_7b.csv": b"b" * 99,
    "children/cue_conflict/4_6.csv": b"c" * 99,
    "children/cue_conflict/models/vgg19.csv": b"d" * 99,
}


@pytest.mark.parametrize("part", ["vlm", "children"])
def test_recordings_of_other_projects_are_downloaded(site, root, capsys, part):
    register(root, PEOPLE | OTHERS)
    expected = {name: data for name, data in OTHERS.items() if name.startswith(part)}
    site.files = {name.removeprefix(f"{part}/"): data for name, data in expected.items()}
    assert fetch_recordings(part, base_url=site.url) == root / "cache" / part
    assert cached_files(root) == sorted(expected)
    assert fetch_recordings(part, base_url=site.url) == root / "cache" / part
    assert f"all 2 files of {SOURCES[part].description} are already in" in capsys.readouterr().err
    assert len(site.requests) == 2


def test_recordings_of_other_projects_have_an_address():
    clip, vqa, person, network = map(url_of_recording, OTHERS)
    vlm = f"{RAW}paulgavrikov/vlm_shapebias/459198f81c7d64584ed57bf3fd27c392d425478a/raw-data/"
    assert (clip, vqa) == (f"{vlm}clip/ViT_L_14_openai_CLS.csv", f"{vlm}vlm/vqa/20240205_205018_llava_1_5_7b.csv")
    data = f"{RAW}wichmann-lab/robustness-development/88224d4199ec10e3405955b735dcd8d81430b661/data/cue_conflict/"
    assert (person, network) == (f"{data}humans/4_6.csv", f"{data}models/vgg19.csv")


@pytest.mark.parametrize("part", ["vlm", "children"])
def test_the_checksums_are_those_of_the_published_files(part, monkeypatch):
    monkeypatch.undo()
    folder = real(part).parent
    files = {file: sha256 for file, sha256 in published_recordings(part).items() if (folder / file).exists()}
    assert len(files) >= 7
    for file, sha256 in files.items():
        assert file_checksum(folder / file) == sha256, file


def test_the_command_names_the_source_and_the_license(root):
    register(root, OTHERS)
    for name, data in OTHERS.items():
        (root / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / name).write_bytes(data)
    done = observers("fetch", "vlm", "children")
    assert f"vlm: {root / 'data' / 'vlm'}\nchildren: {root / 'data' / 'children'}\n" == done.stdout
    assert "vlm is from Gavrikov et al. (2025), ICLR. The license is CC BY-SA 4.0: name the authors" in done.stderr
    assert "Huber et al. (2023), Journal of Vision 23(7):4. The repository does not state a license: ask" in done.stderr
