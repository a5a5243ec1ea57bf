import json

import pandas as pd
import pytest
from attrs import evolve

from analysis.frame import COLUMNS, condition_order, dataset_order, of_dataset, read_trials
from experiments.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from stimuli.errors import LogError, UnknownName
from tests.conftest import real

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"


def field(folder, name, text, head=HEAD):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + text)
    return path


def test_both_dialects_give_one_frame(small, tmp_path):
    field(tmp_path, "false-colour/false-colour_subject-01_session_1.csv",
          "subject-01,1,1,0.5,na,knife,True,0001_fc_s01_true_knife_35_n03041632_86251.png\n"
          "subject-01,1,2,NaN,car,car,false,0002_fc_s01_false_car_35_n03100240_16866.png\n",
          HEAD.replace("session", "Session"))  # fmt: skip
    run(small, Ideal(), tmp_path)
    frame = read_trials([tmp_path])
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    recorded = frame[frame["dataset"] == "false-colour"]
    assert list(recorded["condition"]) == ["true", "false"]  # text, and one spelling
    assert list(recorded["response"]) == ["", "car"]
    assert list(recorded["correct"]) == [False, True]
    assert list(recorded["stimulus"]) == ["n03041632_86251.png", "n03100240_16866.png"]
    assert list(recorded["kind"]) == ["human", "human"]
    assert list(recorded["rt"].isna()) == [False, True]
    assert frame["correct"].dtype == bool
    assert set(recorded["shape"]) == {""}
    ours = frame[frame["dataset"] == "small"]
    assert len(ours) == 32
    assert ours["correct"].all()
    assert frame.attrs["notes"] == ["simulated, not measured: ideal"]
    assert len(of_dataset(frame, "small")) == 32
    with pytest.raises(UnknownName, match="no dataset in these logs named 'smal': did you mean small"):
        of_dataset(frame, "smal")


def test_text_stays_text_in_our_own_logs(small, tmp_path):
    path = run(small, Ideal(), tmp_path, limit=3)
    lines = path.read_text().splitlines()
    for number, condition in enumerate(["1.0", "NaN", "true"], start=1):
        cells = lines[number].split(",")
        cells[7] = condition
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    assert list(read_trials([path])["condition"]) == ["1.0", "NaN", "true"]


def test_partial_and_torn_logs_are_marked(small, tmp_path):
    path = run(small, Biased(0.5), tmp_path, limit=5)
    path.write_bytes(path.read_bytes()[:-3])
    frame = read_trials([path])
    assert len(frame) == 4
    assert frame.attrs["notes"] == [
        f"{path.name}: its last line is torn and was left out",
        f"partial: {path.name} holds 4 of 32 trials",
        "simulated, not measured: biased-0.5",
    ]


def test_many_partial_logs_are_counted(small, tmp_path):
    for bias in (0.2, 0.5, 0.8):
        run(small, Biased(bias), tmp_path, limit=4)
    run(small, Ideal(), tmp_path, limit=6)
    assert read_trials([tmp_path]).attrs["notes"][:2] == [
        "partial: 3 logs of small hold 4 of 32 trials each",
        "partial: small_ideal_session-1.csv holds 6 of 32 trials",
    ]


def test_other_csvs_in_a_folder_are_passed_over_but_not_if_named(small, tmp_path):
    run(small, Ideal(), tmp_path)
    other = tmp_path / "table.csv"
    other.write_text("a,b\n1,2\n")
    assert len(read_trials([tmp_path, tmp_path / "small"])) == 32  # and no file twice
    with pytest.raises(
        LogError, match=r"table\.csv is no trial log: it begins with 'a,b', expected experiment,observer"
    ):
        read_trials([other])


LINE = "a,1,1,NaN,car,car,0,x1.png\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, r"no trials in .*mine_a_b\.csv: expected trial logs"),
        (HEAD + LINE + LINE, r"trial 1 of a, session 1 of mine is there twice, in .*a_b\.csv: leave one out"),
        (HEAD + LINE.replace("NaN", "fast"), "line 2: rt is 'fast', expected a number"),
        (HEAD + LINE.replace(",1,1,", ",1,one,"), "line 2: trial is 'one', expected a number"),
        (HEAD + LINE + LINE.replace(",0,x1.png", ""), "line 3: 6 cells where the header has 8"),
        (HEAD + LINE.replace(",1,1,", ",1,1.5,"), r"line 2: trial is '1\.5', expected a whole number"),
        (HEAD + LINE + "\0\n", "holds a NUL byte or a line over"),
        (HEAD + LINE + "x" * 1_100_000 + "\n", "holds a NUL byte or a line over"),
        (HEAD + LINE + "1,2,3,4,5,6,7,8,9\n", "line 3: 9 cells where the header has 8"),
        (HEAD + LINE + '"a,b\n', "cannot be read"),
        (HEAD.replace(",rt", ",time") + LINE, "has no column 'rt'"),
        ("observer,kind,stimulus,response,response\nx,human,s,c,c\n", "has a column twice"),
        ("observer,kind,stimulus,response,correct\nx,human,s,c,c\n", "or one named dataset, source or correct"),
        (HEAD + LINE.replace(",1,1,", f",1,{10**23},"), "expected a whole number"),
        ("observer,kind,stimulus,response\nx,robot,s,c\n", "robot is no kind of observer; kinds are human"),
        (HEAD + LINE.replace("car,car", "car,"), "line 2: category is '', expected text"),
        (
            HEAD + LINE.replace("a,1,1", "a\x1b[31m,1,1"),
            r"line 2: observer is 'a\\x1b\[31m', expected text without line",
        ),
    ],
)
def test_what_is_damaged_is_refused_in_words(tmp_path, text, message):
    path = tmp_path / "mine_a_b.csv"
    path.write_text(text)
    with pytest.raises(LogError, match=message):
        read_trials(p for p in [path])


def test_one_observer_of_two_kinds(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    path.write_text(path.read_text().replace(",simulated,", ",human,", 3))
    with pytest.raises(LogError, match="ideal of small is of several kinds"):
        read_trials([path])


def test_a_condition_that_the_dataset_has_not(tmp_path):
    path = field(tmp_path, "contrast/contrast_a_session-1.csv", LINE.replace(",0,", ",c77,"))
    with pytest.raises(LogError, match="contrast has no condition 'c77'"):
        read_trials([path])


def test_missing_paths(tmp_path):
    with pytest.raises(LogError, match=r"there is no trial log or folder .*nowhere"):
        read_trials([tmp_path / "nowhere"])
    with pytest.raises(LogError, match=r"folder humans/nothing: get the recorded people with `observers fetch humans`"):
        read_trials(["humans/nothing"])
    with pytest.raises(LogError, match="no trials in"):
        read_trials([""])


def test_a_log_torn_in_its_header_does_not_hide_the_others(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    (tmp_path / "torn.csv").write_bytes(path.read_bytes()[:200])
    frame = read_trials([tmp_path])
    assert len(frame) == 32
    assert "torn.csv: its last line is torn and was left out" in frame.attrs["notes"]


def test_logs_on_other_images_of_one_name(small, tmp_path):
    run(small, Ideal(), tmp_path / "a")
    others = evolve(small, stimuli=small.stimuli.where(lambda s: s.category != "cat"))
    run(others, Biased(0.5), tmp_path / "b")
    with pytest.raises(
        LogError, match=r"biased.* and .*ideal.* were made on different images, all named small: give the"
    ):
        read_trials([tmp_path])
    assert len(read_trials([tmp_path / "b"])) == len(others.stimuli)


def test_a_broken_sidecar_is_said(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    path.with_suffix(".json").write_text(json.dumps({"format": 99}))
    with pytest.raises(LogError, match="has format 99"):
        read_trials([path])


def test_orders():
    assert condition_order("contrast", ["c05", "c100", "c30"]) == ["c100", "c30", "c05"]
    assert condition_order("mine", ["10", "9", "0.5"]) == ["0.5", "9", "10"]
    assert condition_order("mine", ["b", "a", "b"]) == ["b", "a"]
    assert condition_order("mine", ["c100", "c05", "c30"]) == ["c05", "c30", "c100"]
    assert condition_order("mine", ["128-3-10", "8-3-10", "16-3-10"]) == ["8-3-10", "16-3-10", "128-3-10"]
    assert condition_order("mine", ["inf", "3", "0.45"]) == ["0.45", "3", "inf"]
    assert dataset_order(["zebra", "edge", "contrast", "ape"]) == ["contrast", "edge", "ape", "zebra"]


def test_all_people():
    frame = read_trials([real("humans")])
    assert len(frame) == 85_120
    assert frame.groupby(["dataset", "observer"]).ngroups == 90
    assert (frame["response"] == "").sum() == 597
    assert frame["rt"].between(0.2645, 1.5005).sum() == 85_120 - frame["rt"].isna().sum()
    assert isinstance(frame["trial"].dtype, pd.Int64Dtype)


def test_pilots_are_left_out(small, tmp_path):
    run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path, limit=3)
    pilot = run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), tmp_path, limit=2)
    other = evolve(small, stimuli=small.stimuli.where(lambda s: s.category != "cat"))
    run(other, Participant(code="AB", simulate="biased", pilot=True), tmp_path / "b", limit=1)  # on other images
    frame = read_trials([tmp_path])
    assert list(frame["observer"]) == ["K7Q2ZP"] * 3
    assert frame.attrs["notes"] == [
        "partial: small_K7Q2ZP_session-1.csv holds 3 of 32 trials",
        "pilot, left out: AB-pilot in small, K7Q2ZP-pilot in small",
        "simulated, not measured: K7Q2ZP",
    ]
    with pytest.raises(LogError, match=r"only pilot sessions in .*, which do not count: K7Q2ZP-pilot in small"):
        read_trials([pilot])


def test_a_pilot_by_its_name_where_no_sidecar_says_so(small, tmp_path):
    pilot = run(small, Ideal(name="K7Q2ZP-pilot"), tmp_path, limit=2)
    assert len(read_trials([pilot])) == 2  # a machine may be called so
    pilot.write_text(pilot.read_text().replace(",simulated,", ",human,"))
    for rest in (True, False):
        with pytest.raises(LogError, match="only pilot sessions"):
            read_trials([pilot])
        if rest:
            pilot.with_suffix(".json").unlink()
    both = "".join(LINE.replace("a,1", f"{name},1") for name in ("subject-1", "subject-1-pilot"))
    mixed = field(tmp_path, "mine/mine_both.csv", both)
    frame = read_trials([mixed])
    assert list(frame["observer"]) == ["subject-1"]
    assert frame.attrs["notes"] == ["pilot, left out: subject-1-pilot in mine"]


@pytest.mark.parametrize(
    "damage", [{"observer": "x"}, {"observer": {"options": []}}, {"observer": {"options": {"pilot": 1}}}]
)
def test_a_sidecar_that_does_not_say_pilot(small, tmp_path, damage):
    path = run(small, Ideal(), tmp_path, limit=2)
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["identity"] |= damage
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    assert len(read_trials([path])) == 2


def test_practice_is_a_dataset_like_others(small, tmp_path):
    run(small, Ideal(), tmp_path)
    run(evolve(small, name="small-practice"), Ideal(), tmp_path, limit=4)
    frame = read_trials([tmp_path])
    assert dict(frame["dataset"].value_counts()) == {"small": 32, "small-practice": 4}
