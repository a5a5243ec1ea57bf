"""The recordings that come with the installation: their content, and what is checked before they are used."""

import gzip
import json
import shutil
from collections import Counter
from itertools import product

import pytest

from analysis import read_trials
from analysis.report.provenance import provenance
from benchmarks.pack_recordings import choose_n_trials, main, microcosm_experiments, pack_experiment
from core.errors import LogError, ObserverError, UserError
from experiments import make_experiment, run
from experiments.sets.catalog import EXPERIMENTS, cached_images
from observers import make_observer
from observers.catalog.microcosm import MICROCOSM
from stimuli.published import included
from stimuli.published.included import FOLDERS, find_included, included_experiments, sidecar_of
from tests.hand_computation import read_csv

NAMES = [row.name for row in MICROCOSM]
RECORDED = included_experiments("microcosm")
CONFLICT = "microcosm-cue-conflict"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a copy of the recordings of one experiment, which is used in place of the installed ones."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for path in FOLDERS["microcosm"].glob("microcosm-edge.*"):
        shutil.copy(path, folder)
    monkeypatch.setattr(included, "FOLDERS", {"microcosm": folder})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_is_complete_and_belongs_to_this_version(name):
    path = find_included("microcosm", name)
    sidecar, rows = sidecar_of(path), read_csv(path)
    observers, recording = sidecar["observers"], sidecar["recording"]
    assert set(observers) <= set(NAMES) and len(rows) == recording["n_trials"] * len(observers)
    assert {row["observer"] for row in rows} == set(observers)
    assert recording["images"] == EXPERIMENTS[name].cached, "the drawing code has changed: pack new recordings"
    assert recording["n_all_trials"] == EXPERIMENTS[name].n_stimuli
    assert included.check_included(path) == []
    trials = [row["stimulus"] for row in rows if row["observer"] == next(iter(observers))]
    assert len(set(trials)) == recording["n_trials"]


@pytest.mark.parametrize("name", ["microcosm", CONFLICT, "microcosm-low-pass"])
def test_the_recordings_of_the_study_have_every_trial_of_every_model(name):
    path = find_included("microcosm-study", name)
    sidecar, rows = sidecar_of(path), read_csv(path)
    assert included.check_included(path) == []
    n = {CONFLICT: 512}.get(name, 160)
    counts = Counter(row["observer"] for row in rows)
    assert set(counts) == set(sidecar["observers"]) and set(counts.values()) == {n} == {
        sidecar["recording"]["n_trials"]
    }
    factors = product(("network", "noise", "latent", "ar"), ("1", "0.75", "0.5"), (1, 2))
    assert set(counts) == {f"study-{family}-{agreement}-{seed}" for family, agreement, seed in factors}
    assert not any(column.startswith("evidence_") for column in rows[0])


def test_the_recordings_are_small_and_belong_to_the_installation():
    assert sum(path.stat().st_size for path in FOLDERS["microcosm"].iterdir()) < 3_000_000
    assert CONFLICT in RECORDED and set(RECORDED) <= set(microcosm_experiments())


@pytest.mark.slow
def test_a_live_response_equals_the_recorded_one(tmp_path):
    run(make_experiment(CONFLICT), make_observer("microcosm-cnn"), tmp_path, limit=4)
    live, recorded = read_trials(tmp_path), read_trials(f"microcosm/{CONFLICT}")
    recorded = recorded[recorded["observer"] == "microcosm-cnn"].set_index("trial")
    for row in live.itertuples():
        assert (row.stimulus, row.response) == tuple(recorded.loc[row.trial, ["stimulus", "response"]])
        assert row.evidence_cat == pytest.approx(recorded.loc[row.trial, "evidence_cat"], rel=1e-3)


@pytest.mark.slow
def test_names_stand_for_the_recordings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(read_trials("microcosm")["dataset"]) == set(RECORDED)
    assert set(read_trials(f"microcosm/{CONFLICT}")["dataset"]) == {CONFLICT}
    for unknown in ("microcosm/edge", "microcosm/../weights", "microcosm/a/b"):
        with pytest.raises(LogError, match="there is no trial log or folder"):
            read_trials(unknown)
    assert find_included() is None and find_included("humans") is None and find_included("microcosm", "..") is None
    table = provenance(read_trials(f"microcosm/{CONFLICT}")).table
    assert table["model"].str.contains("sha256").all() and (table["options"] != "").all()
    assert set(table["status"]) == {"complete"}


def test_an_observer_is_replayed_from_a_recording(tmp_path):
    observer = make_observer(f"recorded:microcosm/{CONFLICT}", observer="microcosm-cnn")
    path = run(make_experiment(CONFLICT), observer, tmp_path, limit=3)
    rows = read_csv(path)
    recorded = read_csv(find_included("microcosm", CONFLICT))
    expected = [row for row in recorded if row["observer"] == "microcosm-cnn"][:3]
    assert [row["response"] for row in rows] == [row["response"] for row in expected]
    with pytest.raises(ObserverError, match="has several observers"):
        _ = make_observer(f"recorded:microcosm/{CONFLICT}").name


def test_a_changed_recording_is_refused(copied):
    path = copied / "microcosm-edge.csv.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"cat", b"dog")))
    with pytest.raises(LogError, match="was changed after it was recorded"):
        read_trials("microcosm")


@pytest.mark.parametrize("change", [{"recording": {}}, {"recording": 3}, {"identity": None}])
def test_a_damaged_sidecar_is_refused(copied, change):
    path = copied / "microcosm-edge.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(LogError, match=r"cannot be read .*: install the project again"):
        read_trials("microcosm")


@pytest.mark.slow
def test_other_weights_and_images_are_noted(copied, monkeypatch, tmp_path):
    weights = tmp_path / "weights" / "microcosm-cnn" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"other")
    monkeypatch.setattr(included, "WEIGHTS", tmp_path / "weights")
    notes = read_trials("microcosm").attrs["notes"]
    assert any("were made with other weights of" in note and "microcosm-cnn" in note for note in notes)
    make_experiment("microcosm-edge")  # draws the images
    manifest = cached_images("microcosm-edge") / "stimuli.csv"
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    changed = cached_images("microcosm-edge") / "stimuli.csv"
    shutil.copytree(manifest.parent, changed.parent)
    assert not any("images" in note for note in read_trials("microcosm").attrs["notes"])
    changed.write_text(changed.read_text().replace("cat1.png,cat/cat1.png,cat", "cat1.png,cat/cat1.png,dog"))
    assert any("made with other images than" in note for note in read_trials("microcosm").attrs["notes"])
    changed.write_text("damaged")
    assert any("cannot be compared" in note for note in read_trials("microcosm").attrs["notes"])


@pytest.mark.slow
def test_packing_is_reproducible_and_gives_all_observers_the_same_trials(tmp_path, monkeypatch, capsys):
    experiment = make_experiment("microcosm-edge")
    for name, n in (("microcosm-cnn", 6), ("microcosm-cnn-noise-train", 5), ("microcosm-cnn-noise-eval", 1)):
        run(experiment, make_observer(name), tmp_path / "logs", limit=n)
    for out in ("a", "b"):
        monkeypatch.setattr("sys.argv", ["pack", str(tmp_path / "logs"), "--partial", "--out", str(tmp_path / out)])
        main()
    assert "skipped, because only 3 of 7 observers" in pack_experiment(
        tmp_path / "logs", "microcosm-edge", tmp_path / "c"
    )
    assert not (tmp_path / "c").exists()
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["microcosm-edge.csv.gz", "microcosm-edge.json"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    monkeypatch.setattr(included, "FOLDERS", {"microcosm": tmp_path / "a"})
    frame = read_trials("microcosm")
    assert frame["observer"].value_counts().to_dict() == {"microcosm-cnn": 5, "microcosm-cnn-noise-train": 5}
    assert "have only the first 5 of 160 trials of microcosm-edge" in " ".join(frame.attrs["notes"])
    assert "without microcosm-latent" in capsys.readouterr().out
    assert choose_n_trials([6, 5, 1]) == 5 and choose_n_trials([4]) == 4
    other = tmp_path / "logs" / "microcosm-edge" / "microcosm-edge_microcosm-cnn_session-1.json"
    sidecar = json.loads(other.read_text())
    sidecar["identity"]["stimuli"] = "0" * 64
    other.write_text(json.dumps(sidecar))
    with pytest.raises(UserError, match="ran another version of microcosm-edge"):
        main()
    for path in other.parent.glob("*noise-*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"identity": sidecar["identity"]}))
    with pytest.raises(UserError, match="made with other images than this version draws"):
        main()
