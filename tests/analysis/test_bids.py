import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from analysis.bids import _FOLDERS, export_bids
from analysis.frame import COLUMNS, KINDS, read_trials
from experiments.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from stimuli.errors import LogError
from tests.conftest import real
from tests.experiments.logs import sidecar

LETTERS = [*"abcXYZ019 .,;:_-'\"\\/n/aéß漢|{}", '""', "n/", "NaN", "nan", "None", "na", "NA"]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Everything but where it was read, in whatever order."""
    key = ["dataset", "observer", "session", "trial"]
    assert set(one.columns) == set(other.columns)
    one, other = (f.drop(columns="source")[sorted(set(f.columns) - {"source"})] for f in (one, other))
    one, other = (f.sort_values(key).reset_index(drop=True) for f in (one, other))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def text(rng: np.random.Generator, *more: str, empty: bool = False) -> str:
    while True:
        found = "".join(rng.choice([*LETTERS, *more], size=rng.integers(0 if empty else 1, 9)))
        if found != "n/a" and (empty or found):
            return found


def random_frame(rng: np.random.Generator) -> pd.DataFrame:
    """What no experiment would make: any text, numbers at their limits, sessions without a number, cues with tabs."""
    parts = []
    names = list(dict.fromkeys(text(rng) for _ in range(3)))
    for dataset in dict.fromkeys(text(rng) for _ in range(3)):
        extra = [f"evidence_{text(rng)}" for _ in range(2)] + [f"measured_{text(rng)}" for _ in range(2)]
        cues = [f"cue {text(rng)}" for _ in range(2)]
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
                    "stimulus": [text(rng) for _ in range(n)],
                    "condition": [text(rng, empty=True) for _ in range(n)],
                    "category": [text(rng) for _ in range(n)],
                    "response": [text(rng, empty=True) for _ in range(n)],
                    "rt": rng.choice([np.nan, 0.0, *rng.lognormal(size=4)], size=n),
                    "n_evaluations": pd.array(rng.choice([0, 2**53, pd.NA], size=n), dtype="Int64"),
                    "source": "nowhere.csv",
                }
                rows |= {cue: [text(rng, "\t", '"', empty=True) for _ in range(n)] for cue in cues}
                numbers = [np.nan, np.inf, -np.inf, 5e-324, 1.7976931348623157e308, -0.1, *rng.normal(size=9)]
                rows |= {name: rng.choice(numbers, size=n) for name in extra}
                parts.append(pd.DataFrame(rows))
    frame = pd.concat(parts, ignore_index=True)
    for name in [c for c in frame.columns if c.startswith("cue ")]:
        frame[name] = frame[name].fillna("")
    frame["correct"] = ((frame["response"] == frame["category"]) & (frame["response"] != "")).to_numpy(bool)
    rest = [c for c in frame.columns if c not in COLUMNS]
    return frame[[*COLUMNS, *rest]].astype({c: "str" for c in frame.columns if frame[c].dtype == object})


@pytest.mark.parametrize("seed", range(8))
def test_any_frame_reads_back(seed, tmp_path):
    frame = random_frame(np.random.default_rng(seed))
    paths = export_bids(frame, tmp_path / "bids")
    assert len({str(path).casefold() for path in paths}) == frame.groupby(list(COLUMNS[:4]), dropna=False).ngroups
    same(read_trials([tmp_path / "bids"]), frame)
    same(read_trials(paths), frame)
    export_bids(read_trials(paths), tmp_path / "again")
    same(read_trials([tmp_path / "again"]), frame)


@pytest.fixture
def logs(small, tmp_path):
    """A person's session and a model's, an unfinished one, and a pilot."""
    folder = tmp_path / "logs"
    run(small, Participant(code="K7Q2ZP", simulate="biased"), folder)
    run(small, Biased(0.6), folder)
    run(small, Ideal(), folder, session=2, limit=5)
    run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), folder, limit=2)
    return folder


def test_logs_read_back_with_what_is_to_know_of_them(logs, small, tmp_path):
    frame = read_trials([logs])
    paths = export_bids(frame, tmp_path / "bids")
    assert {str(path.relative_to(tmp_path / "bids")) for path in paths} == {
        "sub-K7Q2ZP/ses-1/beh/sub-K7Q2ZP_ses-1_task-small_beh.tsv",
        "sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv",
        "sub-ideal/ses-2/beh/sub-ideal_ses-2_task-small_beh.tsv",
    }
    back = read_trials([tmp_path / "bids"])
    same(back, frame)
    assert frame.attrs["notes"] == [
        "partial: small_ideal_session-2.csv holds 5 of 32 trials",
        "pilot, left out: K7Q2ZP-pilot in small",
        "simulated, not measured: K7Q2ZP, biased-0.6, ideal",
    ]
    assert back.attrs["notes"] == [
        "partial: sub-ideal_ses-2_task-small_beh.tsv holds 5 of 32 trials",
        "simulated, not measured: K7Q2ZP, biased-0.6, ideal",
    ]
    log = logs / "small" / "small_biased-0.6_session-1.csv"
    said = sidecar(tmp_path / "bids/sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv")
    assert said["Logs"] == [sidecar(log)]
    assert [said[name] for name in ("TaskName", "Observer", "Kind", "Session")] == [
        "small",
        "biased-0.6",
        "simulated",
        1,
    ]


def test_every_column_is_described(logs, tmp_path):
    for path in export_bids(read_trials([logs]), tmp_path / "bids"):
        rows, said = table(path), sidecar(path)
        assert set(rows[0]) == set(said) - {"TaskName", "Observer", "Kind", "Session", "Logs"}
        assert all(said[column]["Description"] for column in rows[0])
        assert said["response_time"]["Units"] == said["measured_onset"]["Units"] == "s"
        assert set(said["category"]["Levels"]) == {row["category"] for row in rows} | set(said["category"]["Levels"])
        assert all(cell != "" for row in rows for cell in row.values())
    assert [row["response_time"] for row in rows] == ["n/a"] * len(rows)


def test_what_stands_at_the_top(logs, tmp_path):
    out = tmp_path / "bids"
    export_bids(read_trials([logs]), out)
    assert table(out / "participants.tsv") == [
        {"participant_id": "sub-K7Q2ZP", "observer": "K7Q2ZP", "kind": "simulated", "species": "n/a"},
        {"participant_id": "sub-biased06", "observer": "biased-0.6", "kind": "simulated", "species": "n/a"},
        {"participant_id": "sub-ideal", "observer": "ideal", "kind": "simulated", "species": "n/a"},
    ]
    said = json.loads((out / "dataset_description.json").read_text())
    assert (said["BIDSVersion"], said["DatasetType"], said["GeneratedBy"][0]["Name"]) == ("1.10.1", "raw", "observers")
    assert json.loads((out / "participants.json").read_text())["kind"]["Levels"] == {"simulated": "simulated observer"}
    assert "observers export --format bids" in (out / "README.md").read_text()


def test_labels_that_collide(small, tmp_path):
    names = ["a b", "a-b", "A-B", "ab漢", "漢", "x" * 300]
    for name in names:
        run(small, Biased(name=name), tmp_path / "logs", limit=1, session=1 + names.index(name))
    frame = read_trials([tmp_path / "logs"])
    paths = export_bids(frame, tmp_path / "bids")
    rows = table(tmp_path / "bids" / "participants.tsv")
    labels = [row["participant_id"].removeprefix("sub-") for row in rows]
    assert len({label.casefold() for label in labels}) == len(names)
    assert all(label.isascii() and label.isalnum() and len(label) <= 72 for label in labels)
    assert {row["observer"] for row in rows} == set(names)
    assert max(len(path.name) for path in paths) < 255
    same(read_trials([tmp_path / "bids"]), frame)


@pytest.mark.parametrize("dataset", ["cue-conflict", "sketch"])
def test_real_people_and_networks_read_back(dataset, tmp_path):
    frame = read_trials([real("humans", dataset), real("networks", dataset)])
    paths = export_bids(frame, tmp_path)
    same(read_trials([tmp_path]), frame)
    label = dataset.replace("-", "")
    assert f"sub-{label}subject01" in {path.name.split("_")[0] for path in paths}  # another one in every task


def test_for_the_public(logs, tmp_path):
    log = logs / "small" / "small_biased-0.6_session-1.json"
    said = json.loads(log.read_text())
    said["provenance"] = {
        "repository": "openai/clip-vit",
        "weights": "/home/anna b/models/x.safetensors",
        "seen": "at 2026-01-31T14:05:09+00:00",
    }
    log.write_text(json.dumps(said))
    frame = read_trials([logs])
    export_bids(frame, tmp_path / "public", public=True)
    same(read_trials([tmp_path / "public"]), frame)
    facts = sidecar(tmp_path / "public/sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv")["Logs"][0]
    assert facts == {
        **{name: part for name, part in said.items() if name not in ("started", "finished")},
        "provenance": {"repository": "openai/clip-vit", "weights": "x.safetensors", "seen": "at "},
    }
    everything = "".join(path.read_text("utf-8") for path in (tmp_path / "public").rglob("*.*") if path.is_file())
    assert said["started"][:10] not in everything
    assert str(tmp_path) not in everything
    assert "anna" not in everything
    assert "left out" in (tmp_path / "public" / "README.md").read_text()
    onset = [row["measured_onset"] for row in table(next((tmp_path / "public").rglob("sub-K7Q2ZP*.tsv")))]
    assert "n/a" not in onset  # by the clock of the session, which tells nobody when that was


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/home/anna/x.bin", "x.bin"),
        ("~anna/x", "x"),
        (r"C:\Users\anna\x", "x"),
        ("../data/anna/x", "x"),
        ("from '/a/b c/d', then", "from 'd', then"),
        ("owner/name", "owner/name"),
        ("https://a.org/b/c", "https://a.org/b/c"),
        ("16 / 9 and 1/f", "16 / 9 and 1/f"),
        ("experiments.demo:make", "experiments.demo:make"),
    ],
)
def test_folders(path, kept):
    assert _FOLDERS.sub("", path) == kept


@pytest.mark.parametrize("column", ["category", "response", "condition", "shape"])
@pytest.mark.parametrize("cell", ["n/a", "two\nlines", "a\r"])
def test_what_a_table_cannot_say(small, tmp_path, column, cell):
    frame = read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)])
    frame.loc[0, column] = cell
    with pytest.raises(LogError, match=f"the {column} '.*' cannot be exported: in BIDS n/a means that there is none"):
        export_bids(frame, tmp_path / "bids")
    assert not (tmp_path / "bids").exists()


def test_names_that_mean_something_else_in_bids(small, tmp_path):
    frame = read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)]).rename(columns={"shape": "TaskName"})
    with pytest.raises(LogError, match="a column named TaskName cannot be exported: in BIDS the name means something"):
        export_bids(frame, tmp_path / "bids")


def test_an_export_is_all_that_is_in_its_folder(logs, tmp_path):
    frame, out = read_trials([logs]), tmp_path / "bids"
    with pytest.raises(LogError, match="logs is not empty, and no BIDS export of observers: give another --out"):
        export_bids(frame, logs)
    paths = export_bids(frame, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert export_bids(frame, out) == paths
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    with pytest.raises(LogError, match=r"ideal_.*_beh\.tsv is there of an export of other trials: give another --out"):
        export_bids(frame[frame["observer"] != "ideal"], out)
    with pytest.raises(LogError, match=r"_beh\.tsv is what is exported, and would be overwritten: give another --out"):
        export_bids(read_trials([out]), out, public=True)
    (out / "dataset_description.json").write_text('{"GeneratedBy": []}')
    with pytest.raises(LogError, match="is not empty, and no BIDS export"):
        export_bids(frame, out)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (None, "needs its JSON, which says whose trials it holds"),
        ("{", "needs its JSON, which says whose trials it holds"),
        ("[]", r"was not written by `observers export`: it needs TaskName, Observer, Kind, Session, Logs"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human"}', "was not written by `observers export`"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human", "Session": 1, "Logs": [{}]}', "was not written by"),
        ('{"TaskName": "a", "Observer": "b", "Kind": "human", "Session": "1", "Logs": []}', "was not written by"),
        (
            '{"TaskName": "a", "Observer": "b", "Kind": "robot", "Session": 1, "Logs": []}',
            "robot is no kind of observer",
        ),
    ],
)
def test_a_table_without_its_json(small, tmp_path, damage, message):
    (path,) = export_bids(read_trials([run(small, Ideal(), tmp_path / "logs", limit=2)]), tmp_path / "bids")
    if damage is None:
        path.with_suffix(".json").unlink()
    else:
        path.with_suffix(".json").write_text(damage)
    with pytest.raises(LogError, match=message):
        read_trials([path])


def test_tables_of_others_are_passed_over_and_torn_lines_left_out(small, tmp_path):
    (path,) = export_bids(read_trials([run(small, Ideal(), tmp_path / "logs", limit=3)]), tmp_path / "bids")
    other = path.with_name("sub-01_task-stroop_beh.tsv")
    other.write_text("trial\tresponse\tresponse_time\ncongruent\tred\t1.4\n")
    assert len(read_trials([tmp_path / "bids"])) == 3
    with pytest.raises(LogError, match="is no trial log: it begins with"):
        read_trials([other])
    path.write_bytes(path.read_bytes()[:-4])
    frame = read_trials([tmp_path / "bids"])
    assert len(frame) == 2
    assert f"{path.name}: its last line is torn and was left out" in frame.attrs["notes"]


def test_a_session_in_two_logs(small, tmp_path):
    log = run(small, Ideal(), tmp_path / "logs", limit=4)
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:3]))
    second = log.with_name("second.csv")
    second.write_text("".join([lines[0], *lines[3:]]))
    shutil.copy(log.with_suffix(".json"), second.with_suffix(".json"))
    frame = read_trials([tmp_path / "logs"])
    (path,) = export_bids(frame, tmp_path / "bids")
    assert len(sidecar(path)["Logs"]) == 2
    same(read_trials([path]), frame)
