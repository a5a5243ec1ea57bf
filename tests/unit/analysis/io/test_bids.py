"""BIDS export: exact reading back, labels, descriptions, privacy, and rejected input."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from analysis.io import bids
from analysis.io.bids import export_bids
from analysis.io.columns import as_text
from analysis.io.frame import KINDS, read_trials
from core.errors import LogError
from core.trial_columns import FRAME_COLUMNS as COLUMNS
from core.trial_columns import FRAME_NAMES, TRIAL_COLUMNS
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from tests.conftest import real
from tests.unit.experiments.logs import sidecar

LETTERS = [*"abcXYZ019 .,;:_-'\"\\/n/aéß漢|{}", '""', "n/", "NaN", "nan", "None", "na", "NA"]


def assert_same_trials(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Compare all columns except the source, in any order of rows and columns."""
    key = ["dataset", "observer", "session", "trial"]
    assert set(first.columns) == set(second.columns)
    first, second = (f[sorted(set(f.columns) - {"source"})] for f in (first, second))
    first, second = (f.sort_values(key).reset_index(drop=True) for f in (first, second))
    pd.testing.assert_frame_equal(as_text(first), as_text(second), check_exact=True)


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def random_text(rng: np.random.Generator, *more: str, empty: bool = False) -> str:
    while True:
        text = "".join(rng.choice([*LETTERS, *more], size=rng.integers(0 if empty else 1, 9)))
        if text != "n/a" and (empty or text):
            return text


def random_frame(rng: np.random.Generator) -> pd.DataFrame:
    """Return extreme trials: any text, numbers at their limits, sessions without a number, cues with tabs."""
    parts = []
    names = list(dict.fromkeys(random_text(rng) for _ in range(2)))
    for dataset in dict.fromkeys(random_text(rng) for _ in range(2)):
        extra = [f"evidence_{random_text(rng)}" for _ in range(2)] + [f"measured_{random_text(rng)}" for _ in range(2)]
        cues = [f"cue {random_text(rng)}" for _ in range(2)]
        for observer in names:
            kind = rng.choice(KINDS)
            for session in rng.choice([1, 2, 10, 999, None], size=2, replace=False):
                n = int(rng.integers(1, 6))
                rows = {
                    "dataset": dataset,
                    "observer": observer,
                    "kind": kind,
                    "session": pd.array([pd.NA if session is None else int(session)] * n, dtype="Int64"),
                    "block": pd.array(rng.choice([1, 2, pd.NA], size=n), dtype="Int64"),
                    "trial": pd.array(np.arange(n) + 1, dtype="Int64"),
                    "stimulus": [random_text(rng) for _ in range(n)],
                    "condition": [random_text(rng, empty=True) for _ in range(n)],
                    "category": [random_text(rng) for _ in range(n)],
                    "response": [random_text(rng, empty=True) for _ in range(n)],
                    "rt": rng.choice([np.nan, 0.0, *rng.lognormal(size=4)], size=n),
                    "n_evaluations": pd.array(rng.choice([0, 2**53, pd.NA], size=n), dtype="Int64"),
                    "source": "nowhere.csv",
                }
                rows |= {cue: [random_text(rng, "\t", '"', empty=True) for _ in range(n)] for cue in cues}
                numbers = [np.nan, np.inf, -np.inf, 5e-324, 1.7976931348623157e308, -0.1, *rng.normal(size=9)]
                rows |= {name: rng.choice(numbers, size=n) for name in extra}
                parts.append(pd.DataFrame(rows))
    frame = pd.concat(parts, ignore_index=True)
    for name in [c for c in frame.columns if c.startswith("cue ")]:
        frame[name] = frame[name].fillna("")
    for column in TRIAL_COLUMNS:
        if FRAME_NAMES.get(column.name, column.name) not in frame:
            frame[column.name] = "a" if column.type == "text" else pd.array([1] * len(frame), dtype="Int64")
    frame["correct"] = ((frame["response"] == frame["category"]) & (frame["response"] != "")).to_numpy(bool)
    other_columns = [c for c in frame.columns if c not in COLUMNS]
    return frame[[*COLUMNS, *other_columns]].astype({c: "str" for c in frame.columns if frame[c].dtype == object})


def check_random_frame(seed, folder):
    """Check that a random frame is read back as it was exported."""
    frame = random_frame(np.random.default_rng(seed))
    paths = export_bids(frame, folder / "bids")
    assert len({str(path).casefold() for path in paths}) == frame.groupby(list(COLUMNS[:4]), dropna=False).ngroups
    assert_same_trials(read_trials([folder / "bids"]), frame)
    assert_same_trials(read_trials(paths), frame)
    export_bids(read_trials(paths), folder / "again")
    assert_same_trials(read_trials([folder / "again"]), frame)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_frames_read_back(seed, tmp_path):
    check_random_frame(seed, tmp_path)


@pytest.fixture
def logs(small, tmp_path):
    """Return a folder with a session of a person, one of a model, an incomplete one, and a pilot session."""
    folder = tmp_path / "logs"
    run(small, Participant(code="K7Q2ZP", simulate="biased"), folder)
    run(small, Biased(0.6), folder)
    run(small, Ideal(), folder, session=2, limit=5)
    run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), folder, limit=2)
    return folder


def test_logs_read_back_with_notes_and_sidecars(logs, small, tmp_path):
    frame = read_trials([logs])
    paths = export_bids(frame, tmp_path / "bids")
    assert {str(path.relative_to(tmp_path / "bids")) for path in paths} == {
        "sub-K7Q2ZP/ses-1/beh/sub-K7Q2ZP_ses-1_task-small_beh.tsv",
        "sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv",
        "sub-ideal/ses-2/beh/sub-ideal_ses-2_task-small_beh.tsv",
    }
    back = read_trials([tmp_path / "bids"])
    assert_same_trials(back, frame)
    assert frame.attrs["notes"] == [
        "incomplete: small_ideal_session-2.csv has only 5 of 32 trials",
        "pilot sessions are excluded: K7Q2ZP-pilot in small",
        "simulated observers are included (their responses are not measurements): K7Q2ZP, biased-0.6, ideal",
    ]
    assert back.attrs["notes"] == [
        "incomplete: sub-ideal_ses-2_task-small_beh.tsv has only 5 of 32 trials",
        "simulated observers are included (their responses are not measurements): K7Q2ZP, biased-0.6, ideal",
    ]
    log = logs / "small" / "small_biased-0.6_session-1.csv"
    metadata = sidecar(tmp_path / "bids/sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv")
    assert metadata["Logs"] == [sidecar(log)]
    assert [metadata[name] for name in ("TaskName", "Observer", "Kind", "Session")] == [
        "small",
        "biased-0.6",
        "simulated",
        1,
    ]


def test_every_column_is_described(logs, tmp_path):
    for path in export_bids(read_trials([logs]), tmp_path / "bids"):
        rows, descriptions = read_table(path), sidecar(path)
        assert set(rows[0]) == set(descriptions) - {"TaskName", "Observer", "Kind", "Session", "Logs"}
        assert all(descriptions[column]["Description"] for column in rows[0])
        assert descriptions["response_time"]["Units"] == descriptions["measured_onset"]["Units"] == "s"
        assert {row["category"] for row in rows} <= set(descriptions["category"]["Levels"])
        assert all(cell != "" for row in rows for cell in row.values())
    assert [row["response_time"] for row in rows] == ["n/a"] * len(rows)


def test_top_level_files(logs, tmp_path):
    out = tmp_path / "bids"
    export_bids(read_trials([logs]), out)
    assert read_table(out / "participants.tsv") == [
        {"participant_id": "sub-K7Q2ZP", "observer": "K7Q2ZP", "kind": "simulated", "species": "n/a"},
        {"participant_id": "sub-biased06", "observer": "biased-0.6", "kind": "simulated", "species": "n/a"},
        {"participant_id": "sub-ideal", "observer": "ideal", "kind": "simulated", "species": "n/a"},
    ]
    description = json.loads((out / "dataset_description.json").read_text())
    generator = description["GeneratedBy"][0]["Name"]
    assert (description["BIDSVersion"], description["DatasetType"], generator) == ("1.10.1", "raw", "observers")
    assert json.loads((out / "participants.json").read_text())["kind"]["Levels"] == {"simulated": "simulated observer"}
    assert "observers export --format bids" in (out / "README.md").read_text()


def test_labels_are_unique_letters_and_digits(small, tmp_path):
    names = ["a b", "a-b", "A-B", "ab漢", "漢", "x" * 300]
    for name in names:
        run(small, Biased(name=name), tmp_path / "logs", limit=1, session=1 + names.index(name))
    frame = read_trials([tmp_path / "logs"])
    paths = export_bids(frame, tmp_path / "bids")
    rows = read_table(tmp_path / "bids" / "participants.tsv")
    labels = [row["participant_id"].removeprefix("sub-") for row in rows]
    assert len({label.casefold() for label in labels}) == len(names)
    assert all(label.isascii() and label.isalnum() and len(label) <= 72 for label in labels)
    assert {row["observer"] for row in rows} == set(names)
    assert max(len(path.name) for path in paths) < 255
    assert_same_trials(read_trials([tmp_path / "bids"]), frame)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cue-conflict", "sketch"])
def test_real_people_and_networks_read_back(dataset, tmp_path):
    frame = read_trials([real("humans", dataset), real("networks", dataset)])
    paths = export_bids(frame, tmp_path)
    assert_same_trials(read_trials([tmp_path]), frame)
    first_person = f"sub-{dataset.replace('-', '')}subject01"  # a different person in every task
    assert first_person in {path.name.split("_")[0] for path in paths}


def test_public_export_removes_times_and_folders(logs, tmp_path):
    log = logs / "small" / "small_biased-0.6_session-1.json"
    original = json.loads(log.read_text())
    original["provenance"] = {
        "repository": "openai/clip-vit",
        "weights": "/home/anna b/models/x.safetensors",
        "seen": "at 2026-01-31T14:05:09+00:00",
    }
    log.write_text(json.dumps(original))
    frame = read_trials([logs])
    export_bids(frame, tmp_path / "public", public=True)
    assert_same_trials(read_trials([tmp_path / "public"]), frame)
    public = sidecar(tmp_path / "public/sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv")["Logs"][0]
    assert public == {
        **{name: part for name, part in original.items() if name not in ("started", "finished", "runs")},
        "provenance": {"repository": "openai/clip-vit", "weights": "x.safetensors", "seen": "at "},
    }
    all_text = "".join(path.read_text("utf-8") for path in (tmp_path / "public").rglob("*.*") if path.is_file())
    assert original["started"][:10] not in all_text
    assert str(tmp_path) not in all_text
    assert "anna" not in all_text
    assert "folder names of files were removed" in (tmp_path / "public" / "README.md").read_text()
    onset = [row["measured_onset"] for row in read_table(next((tmp_path / "public").rglob("sub-K7Q2ZP*.tsv")))]
    assert "n/a" not in onset  # by the clock of the session, which does not reveal the date


@pytest.mark.slow
@pytest.mark.parametrize("column", ["category", "response", "condition", "shape"])
@pytest.mark.parametrize("cell", ["n/a", "two\nlines", "a\r"])
def test_texts_that_bids_cannot_represent_are_rejected(small, tmp_path, column, cell):
    frame = as_text(read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)]))
    frame.loc[0, column] = cell
    message = f"the {column} '.*' cannot be exported: in BIDS, n/a means a missing value and a line break ends a row"
    with pytest.raises(LogError, match=message):
        export_bids(frame, tmp_path / "bids")
    assert not (tmp_path / "bids").exists()


def test_column_names_that_bids_reserves_are_rejected(small, tmp_path):
    frame = read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)]).rename(columns={"shape": "TaskName"})
    with pytest.raises(LogError, match="a column named TaskName cannot be exported, because BIDS reserves this name"):
        export_bids(frame, tmp_path / "bids")


@pytest.mark.slow
def test_folder_with_other_files_is_rejected(logs, tmp_path):
    frame, out = read_trials([logs]), tmp_path / "bids"
    with pytest.raises(
        LogError, match="logs is not empty and is not a BIDS export of observers; choose another folder with --out"
    ):
        export_bids(frame, logs)
    paths = export_bids(frame, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert export_bids(frame, out) == paths
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    with pytest.raises(
        LogError, match=r"ideal_.*_beh\.tsv belongs to an export of other trials; choose another folder"
    ):
        export_bids(frame[frame["observer"] != "ideal"], out)
    with pytest.raises(LogError, match=r"_beh\.tsv is one of the logs to export and would be overwritten; choose"):
        export_bids(read_trials([out]), out, public=True)
    (out / "dataset_description.json").write_text('{"GeneratedBy": []}')
    with pytest.raises(LogError, match="is not empty and is not a BIDS export"):
        export_bids(frame, out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (None, "needs a JSON file of the same name that identifies the observer, but it cannot be read"),
        ("{", "needs a JSON file of the same name that identifies the observer, but it cannot be read"),
        ("[]", r"was not written by `observers export`: expected the fields TaskName, Observer, Kind, Session, Logs"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human"}', "was not written by `observers export`"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human", "Session": 1, "Logs": [{}]}', "was not written by"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human", "Session": "1", "Logs": []}', "was not written by"),
        (
            '{"TaskName": "a", "Observer": "b", "Kind": "robot", "Session": 1, "Logs": []}',
            "unknown kind of observer robot",
        ),
    ],
)
def test_table_with_a_missing_or_damaged_json_file_is_rejected(small, tmp_path, damage, message):
    (path,) = export_bids(read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)]), tmp_path / "bids")
    if damage is None:
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_text(damage)
    with pytest.raises(LogError, match=message):
        read_trials([path])


def test_other_tables_are_skipped_and_incomplete_rows_ignored(small, tmp_path):
    (path,) = export_bids(read_trials([run(small, Ideal(), tmp_path / "logs", limit=3)]), tmp_path / "bids")
    other = path.with_name("sub-01_task-stroop_beh.tsv")
    other.write_text("trial\tresponse\tresponse_time\ncongruent\tred\t1.4\n")
    assert len(read_trials([tmp_path / "bids"])) == 3
    with pytest.raises(LogError, match=r"is not a trial log .*: its first line is"):
        read_trials([other])
    path.write_bytes(path.read_bytes()[:-4])
    frame = read_trials([tmp_path / "bids"])
    assert len(frame) == 2
    assert f"the log {path.name} has an incomplete last row, which is ignored" in frame.attrs["notes"]


def test_an_export_that_was_interrupted_is_repeated(logs, tmp_path):
    """An earlier version, or a computer without power, left empty files under their final names."""
    frame, out = read_trials([logs]), tmp_path / "bids"
    export_bids(frame, out)
    complete = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for emptied in (out / "dataset_description.json", *list(complete)[::3]):
        emptied.write_bytes(b"")
    export_bids(frame, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == complete
    (out / "dataset_description.json").write_bytes(b"")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(LogError, match="is not empty and is not a BIDS export"):
        export_bids(frame, out)


def test_a_failed_export_changes_nothing_and_readers_ignore_unfinished_files(logs, tmp_path, monkeypatch):
    frame, out = read_trials([logs]), tmp_path / "bids"
    export_bids(frame, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write = bids._write_table

    def stop_after_two(path, *arguments, written=[]):  # noqa: B006
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        write(path, *arguments)

    monkeypatch.setattr(bids, "_write_table", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        export_bids(frame, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    shutil.copytree(out, tmp_path / "copy")
    shutil.move(tmp_path / "copy", out / ".writing")
    assert_same_trials(read_trials([out]), frame)


def test_session_in_two_logs(small, tmp_path):
    log = run(small, Ideal(), tmp_path / "logs", limit=4)
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:3]))
    second = log.with_name("second.csv")
    second.write_text("".join([lines[0], *lines[3:]]))
    shutil.copy(log.with_suffix(".json"), second.with_suffix(".json"))
    frame = read_trials([tmp_path / "logs"])
    (path,) = export_bids(frame, tmp_path / "bids")
    assert len(sidecar(path)["Logs"]) == 2
    assert_same_trials(read_trials([path]), frame)
