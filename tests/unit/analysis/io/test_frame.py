"""Reading of trial logs: formats, notes, damaged files and the order of names."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from attrs import evolve

from analysis.io.frame import condition_order, dataset_order, read_trials, select_dataset
from core.errors import LogError, UnknownName, UserError
from core.trial_columns import FRAME_COLUMNS as COLUMNS
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from tests.conftest import real

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"


def write_model_vs_human(folder, name, text, head=HEAD):
    """Write a file in model-vs-human format with these rows."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + text)
    return path


def test_both_formats_give_one_frame(small, tmp_path):
    write_model_vs_human(tmp_path, "false-colour/false-colour_subject-01_session_1.csv",
          "subject-01,1,1,0.5,na,knife,True,0001_fc_s01_true_knife_35_n03041632_86251.png\n"
          "subject-01,1,2,NaN,car,car,false,0002_fc_s01_false_car_35_n03100240_16866.png\n",
          HEAD.replace("session", "Session"))  # fmt: skip
    run(small, Ideal(), tmp_path)
    frame = read_trials([tmp_path])
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    recorded = frame[frame["dataset"] == "false-colour"]
    assert list(recorded["condition"]) == ["true", "false"]  # text, in the spelling of the table of datasets
    assert list(recorded["response"]) == ["", "car"]
    assert list(recorded["correct"]) == [False, True]
    assert list(recorded["stimulus"]) == ["n03041632_86251.png", "n03100240_16866.png"]
    assert list(recorded["kind"]) == ["human", "human"]
    assert list(recorded["rt"].isna()) == [False, True]
    assert frame["correct"].dtype == bool
    assert set(recorded["shape"]) == {""}
    own = frame[frame["dataset"] == "small"]
    assert len(own) == 32
    assert own["correct"].all()
    assert frame.attrs["notes"] == ["simulated observers are included (their responses are not measurements): ideal"]
    assert len(select_dataset(frame, "small")) == 32
    with pytest.raises(UnknownName, match="no dataset in these logs is named 'smal': did you mean small"):
        select_dataset(frame, "smal")


def test_text_stays_text_in_own_logs(small, tmp_path):
    path = run(small, Ideal(), tmp_path, limit=3)
    lines = path.read_text().splitlines()
    for number, condition in enumerate(["1.0", "NaN", "true"], start=1):
        cells = lines[number].split(",")
        cells[7] = condition
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    assert list(read_trials([path])["condition"]) == ["1.0", "NaN", "true"]


def test_incomplete_logs_and_rows_are_noted(small, tmp_path):
    path = run(small, Biased(0.5), tmp_path, limit=5)
    path.write_bytes(path.read_bytes()[:-3])
    frame = read_trials([path])
    assert len(frame) == 4
    assert frame.attrs["notes"] == [
        f"the log {path.name} has an incomplete last row, which is ignored",
        f"incomplete: {path.name} has only 4 of 32 trials",
        "simulated observers are included (their responses are not measurements): biased-0.5",
    ]


def test_many_incomplete_logs_are_counted(small, tmp_path):
    for bias in (0.2, 0.5, 0.8):
        run(small, Biased(bias), tmp_path, limit=4)
    run(small, Ideal(), tmp_path, limit=6)
    assert read_trials([tmp_path]).attrs["notes"][:2] == [
        "incomplete: 3 logs of small have only 4 of 32 trials",
        "incomplete: small_ideal_session-1.csv has only 6 of 32 trials",
    ]


def test_other_csv_files_are_skipped_in_a_folder_but_not_if_named(small, tmp_path):
    run(small, Ideal(), tmp_path)
    other = tmp_path / "table.csv"
    other.write_text("a,b\n1,2\n")
    frame = read_trials([tmp_path, tmp_path / "small"])
    assert len(frame) == 32  # every file is read once
    assert frame.attrs["notes"][0] == "1 file was skipped, because the columns are not those of a trial log: table.csv"
    message = (
        r"table\.csv is not a trial log \(the columns .* log\): its first line is 'a,b', expected experiment,observer"
    )
    with pytest.raises(LogError, match=message):
        read_trials([other])


LINE = "a,1,1,NaN,car,car,0,x1.png\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, r"found no trials in .*mine_a_b\.csv; pass trial logs"),
        (
            HEAD + LINE + LINE,
            r"trial 1 of a, session 1 of mine occurs twice, in .*a_b\.csv; remove one of the two rows",
        ),
        (HEAD + LINE.replace("NaN", "fast"), "line 2: rt is 'fast', expected a number"),
        (HEAD + LINE.replace(",1,1,", ",1,one,"), "line 2: trial is 'one', expected a number"),
        (HEAD + LINE + LINE.replace(",0,x1.png", ""), "line 3: found 6 cells, but the header has 8"),
        (HEAD + LINE.replace(",1,1,", ",1,1.5,"), r"line 2: trial is '1\.5', expected a whole number"),
        (HEAD + LINE + "\0\n", "has a NUL byte or a line of more than 1048576 bytes, so it is not a trial log"),
        (
            HEAD + LINE + "x" * 1_100_000 + "\n",
            "has a NUL byte or a line of more than 1048576 bytes, so it is not a trial log",
        ),
        (HEAD + LINE + "1,2,3,4,5,6,7,8,9\n", "line 3: found 9 cells, but the header has 8"),
        (HEAD + LINE + '"a,b\n', "cannot be read"),
        (HEAD.replace(",rt", ",time") + LINE, "has no column 'rt'"),
        ("observer,kind,stimulus,response\nx,human,s,c\n", "has no column 'experiment'"),
        (
            "experiment,observer,kind,session,block,trial,stimulus,response\nmine,x,human,1,1,1,s,c\n",
            "no column 'condition'",
        ),
        ("observer,kind,stimulus,response,response\nx,human,s,c,c\n", "has two columns of the same name"),
        (
            "observer,kind,stimulus,response,correct\nx,human,s,c,c\n",
            "or a column named dataset, source or correct, which are reserved",
        ),
        (HEAD + LINE.replace(",1,1,", f",1,{10**23},"), "expected a whole number"),
        ("observer,kind,stimulus,response\nx,robot,s,c\n", "unknown kind of observer robot; the kinds are human"),
        (HEAD + LINE.replace("car,car", "car,"), "line 2: category is missing: complete the cell"),
        (
            HEAD + LINE.replace("a,1,1", "a\x1b[31m,1,1"),
            r"line 2: observer is 'a\\x1b\[31m', expected text without line",
        ),
    ],
)
def test_damaged_files_are_rejected(tmp_path, text, message):
    path = tmp_path / "mine_a_b.csv"
    path.write_text(text)
    with pytest.raises(LogError, match=message):
        read_trials(p for p in [path])


def test_same_trials_in_two_files_are_rejected(tmp_path):
    paths = [tmp_path / folder / "mine_a_b.csv" for folder in ("first", "second")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(HEAD + LINE)
    message = r"occurs twice, in .*first.mine_a_b\.csv and in .*second.mine_a_b\.csv; pass only one of them"
    with pytest.raises(LogError, match=message):
        read_trials(paths)


def test_observer_with_two_kinds_is_rejected(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    path.write_text(path.read_text().replace(",simulated,", ",human,", 3))
    with pytest.raises(
        LogError, match="two observers of small with the same name, ideal, but of different kinds; pass only"
    ):
        read_trials([path])


def test_unknown_condition_of_a_published_dataset_is_rejected(tmp_path):
    path = write_model_vs_human(tmp_path, "contrast/contrast_a_session-1.csv", LINE.replace(",0,", ",c77,"))
    with pytest.raises(LogError, match="contrast does not have the condition 'c77'"):
        read_trials([path])


def test_missing_paths_are_rejected(tmp_path):
    with pytest.raises(LogError, match=r"there is no trial log or folder .*nowhere"):
        read_trials([tmp_path / "nowhere"])
    with pytest.raises(
        LogError,
        match=r"folder humans.nothing in .+ or .+ or .+; run `observers fetch humans` to get its files",
    ):
        read_trials(["humans/nothing"])
    for logs in ((), ([],), ([""],)):
        with pytest.raises(LogError, match="found no trials in an empty list; pass trial logs"):
            read_trials(*logs)
    for log in (None, 3, b"logs", pd.DataFrame({"observer": ["a"]}), [None]):
        with pytest.raises(LogError, match="expected the path of a trial log or of a folder, or a list of paths, got"):
            read_trials(log)


def test_logs_are_given_in_any_form_and_looked_for_in_the_data_folders(small, tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    first, second = (run(small, Biased(bias), "logs") for bias in (0.2, 0.8))
    recorded = write_model_vs_human(tmp_path / "data", "humans/mine/mine_subject-01_session_1.csv", LINE)
    for logs in [("logs", "humans"), (["logs", Path("humans/mine")],), (first, [second, recorded]), (iter([second]),)]:
        observers = read_trials(*logs)["observer"].unique()
        assert len(observers) == (3 if len(logs) == 2 or isinstance(logs[0], list) else 1), logs
    write_model_vs_human(tmp_path, "humans/mine/mine_subject-02_session_1.csv", LINE.replace("a,1", "subject-02,1"))
    assert list(read_trials("humans/mine")["observer"]) == ["subject-02"]  # the current folder comes first


def test_log_with_an_incomplete_header_does_not_affect_other_logs(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    (tmp_path / "damaged.csv").write_bytes(path.read_bytes()[:200])
    frame = read_trials([tmp_path])
    assert len(frame) == 32
    assert "the log damaged.csv has an incomplete last row, which is ignored" in frame.attrs["notes"]


def test_logs_with_different_images_of_one_dataset_are_rejected(small, tmp_path):
    run(small, Ideal(), tmp_path / "a")
    others = evolve(small, stimuli=small.stimuli.where(lambda s: s.category != "cat"))
    run(others, Biased(0.5), tmp_path / "b")
    message = r"biased.* and .*ideal.* used different images with the same dataset name small; analyze them separately"
    with pytest.raises(LogError, match=message):
        read_trials([tmp_path])
    assert len(read_trials([tmp_path / "b"])) == len(others.stimuli)


def test_sidecar_of_an_unknown_format_is_rejected(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    path.with_suffix(".json").write_text(json.dumps({"format": 99}))
    with pytest.raises(LogError, match="has format 99"):
        read_trials([path])


def test_order_of_conditions_and_datasets():
    assert condition_order("contrast", ["c05", "c100", "c30"]) == ["c100", "c30", "c05"]
    assert condition_order("mine", ["10", "9", "0.5"]) == ["0.5", "9", "10"]
    assert condition_order("mine", ["b", "a", "b"]) == ["b", "a"]
    assert condition_order("mine", ["c100", "c05", "c30"]) == ["c05", "c30", "c100"]
    assert condition_order("mine", ["128-3-10", "8-3-10", "16-3-10"]) == ["8-3-10", "16-3-10", "128-3-10"]
    assert condition_order("mine", ["inf", "3", "0.45"]) == ["0.45", "3", "inf"]
    assert dataset_order(["zebra", "edge", "contrast", "ape"]) == ["contrast", "edge", "ape", "zebra"]


@pytest.mark.slow
def test_totals_of_the_recorded_people():
    frame = read_trials([real("humans")])
    assert len(frame) == 85_120
    assert frame.groupby(["dataset", "observer"]).ngroups == 90
    assert (frame["response"] == "").sum() == 597
    assert frame["rt"].between(0.2645, 1.5005).sum() == 85_120 - frame["rt"].isna().sum()
    assert isinstance(frame["trial"].dtype, pd.Int64Dtype)


def test_pilot_sessions_are_excluded(small, tmp_path):
    run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path, limit=3)
    pilot = run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), tmp_path, limit=2)
    other = evolve(small, stimuli=small.stimuli.where(lambda s: s.category != "cat"))
    run(other, Participant(code="AB", simulate="biased", pilot=True), tmp_path / "b", limit=1)  # on other images
    frame = read_trials([tmp_path])
    assert list(frame["observer"]) == ["K7Q2ZP"] * 3
    assert frame.attrs["notes"] == [
        "incomplete: small_K7Q2ZP_session-1.csv has only 3 of 32 trials",
        "pilot sessions are excluded: AB-pilot in small, K7Q2ZP-pilot in small",
        "simulated observers are included (their responses are not measurements): K7Q2ZP",
    ]
    with pytest.raises(LogError, match=r"contains only pilot sessions, which are excluded .*: K7Q2ZP-pilot in small"):
        read_trials([pilot])


def test_pilot_session_is_recognized_by_the_name_of_a_person(small, tmp_path):
    pilot = run(small, Ideal(name="K7Q2ZP-pilot"), tmp_path, limit=2)
    assert len(read_trials([pilot])) == 2  # only the names of people count
    pilot.write_text(pilot.read_text().replace(",simulated,", ",human,"))
    for has_sidecar in (True, False):
        with pytest.raises(LogError, match="only pilot sessions"):
            read_trials([pilot])
        if has_sidecar:
            pilot.with_suffix(".json").unlink()
    both = "".join(LINE.replace("a,1", f"{name},1") for name in ("subject-1", "subject-1-pilot"))
    mixed = write_model_vs_human(tmp_path, "mine/mine_both.csv", both)
    frame = read_trials([mixed])
    assert list(frame["observer"]) == ["subject-1"]
    assert frame.attrs["notes"][0] == "pilot sessions are excluded: subject-1-pilot in mine"
    assert [note[:29] for note in frame.attrs["notes"][1:]] == ["the number of choices of mine"]


@pytest.mark.parametrize(
    "damage", [{"observer": "x"}, {"observer": {"options": []}}, {"observer": {"options": {"pilot": 1}}}]
)
def test_sidecars_without_a_pilot_option(small, tmp_path, damage):
    path = run(small, Ideal(), tmp_path, limit=2)
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["identity"] |= damage
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert len(read_trials([path])) == 2


def test_practice_trials_are_a_dataset_of_their_own(small, tmp_path):
    run(small, Ideal(), tmp_path)
    run(evolve(small, name="small-practice"), Ideal(), tmp_path, limit=4)
    frame = read_trials([tmp_path])
    assert dict(frame["dataset"].value_counts()) == {"small": 32, "small-practice": 4}


def test_names_of_files_that_are_not_in_utf_8(small, tmp_path):
    """A log with such a name is refused; another file is named in a note that can be written into a page."""
    path = run(small, Ideal(), tmp_path / "logs", limit=2)
    (tmp_path / "logs" / os.fsdecode(b"\xf6.csv")).write_text("a,b\n")
    assert "?.csv" in " ".join(read_trials(tmp_path / "logs").attrs["notes"]).encode().decode()
    odd = tmp_path / os.fsdecode(b"l\xf6gs")
    path.parent.rename(odd)
    with pytest.raises(UserError, match=r"l\?gs/small_ideal_session-1.csv: .* not in the encoding UTF-8: rename it"):
        read_trials(odd)


@pytest.mark.parametrize("column", ["subj", "category", "imagename"])
@pytest.mark.parametrize("missing", ["NA", "None", "null"])
def test_names_that_are_missing_values_are_refused(tmp_path, column, missing):
    cells = {"subj": "s1", "session": "1", "trial": "1", "rt": "1", "object_response": "a", "category": "a",
             "condition": "1", "imagename": "1.png"}  # fmt: skip
    text = ",".join(cells) + "\n" + ",".join((cells | {column: missing}).values()) + "\n"
    (tmp_path / "mine_s1_session_1.csv").write_text(text)
    with pytest.raises(LogError, match=r"line 2: \w+ is missing: complete the cell, or remove the row"):
        read_trials(tmp_path)
