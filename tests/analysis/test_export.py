import pandas as pd
import pytest

from analysis.export import export, losses
from analysis.frame import read_trials
from experiments.session import run
from observers.people.participant import Participant
from observers.simulated import Biased
from stimuli.errors import LogError
from tests.commands import observers
from tests.conftest import real
from tests.observers.people.scripted_screen import ScriptedScreen

KEPT = ["dataset", "observer", "session", "trial", "stimulus", "condition", "category", "response", "rt", "correct"]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    key = ["dataset", "observer", "trial"]
    one, other = (f[KEPT].sort_values(key).reset_index(drop=True) for f in (one, other))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_our_log_reads_back(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs")])
    (path,) = export(frame, tmp_path / "out")
    assert path == tmp_path / "out" / "small" / "small_biased-0.6_session-1.csv"
    same(read_trials([path]), frame)


def test_a_new_person_reads_back_as_a_person(small, tmp_path):
    who = Participant(code="K7Q2", pilot=True, screen=ScriptedScreen(lambda n: []))
    log = run(small, who, tmp_path / "logs", limit=4)
    text = log.read_text("utf-8").replace("K7Q2-pilot", "K7Q2")  # as a session that counts has it
    (tmp_path / "K7Q2.csv").write_text(text, "utf-8")
    frame = read_trials([tmp_path / "K7Q2.csv"])
    (path,) = export(frame, tmp_path / "out")
    back = read_trials([path])
    same(back, frame)
    assert set(back["kind"]) == {"human"} and losses(frame) == ["the cues of small are left out"]


@pytest.mark.parametrize("dataset", ["cue-conflict", "eidolonI", "false-colour", "uniform-noise", "sketch"])
def test_real_people_and_networks_read_back(dataset, tmp_path):
    frame = read_trials([real("humans", dataset), real("networks", dataset)])
    export(frame, tmp_path)
    back = read_trials([tmp_path])
    same(back, frame)
    assert set(back["kind"]) == {"human", "discriminative"}
    if dataset == "cue-conflict":
        assert (
            back.sort_values(["observer", "trial"])["shape"].to_numpy()
            == frame.sort_values(["observer", "trial"])["shape"]
        ).all()


def test_a_log_is_not_overwritten_by_its_export(small, tmp_path):
    log = run(small, Biased(0.6), tmp_path)
    before = log.read_bytes()
    copy = tmp_path / "copy" / log.name
    copy.parent.mkdir()
    copy.write_bytes(before)
    for source in (log, copy):
        with pytest.raises(LogError, match="is a trial log and would be overwritten: give another --out"):
            export(read_trials([source]), tmp_path)
    assert log.read_bytes() == before
    (exported,) = export(read_trials([log]), tmp_path / "out")
    export(read_trials([exported]), tmp_path / "out2")
    with pytest.raises(LogError, match="would be overwritten"):
        export(read_trials([exported]), tmp_path / "out")
    assert export(read_trials([log]), tmp_path / "out") == [exported]  # which holds nothing that the log has not


def test_two_names_that_make_one_file_name(small, tmp_path):
    logs = [run(small, Biased(name=name), tmp_path / name, limit=2) for name in ("a b", "a-b")]
    with pytest.raises(
        LogError, match=r"a-b of small and another one would both be exported to .*small_a-b_session-1\.csv"
    ):
        export(read_trials(logs), tmp_path / "out")


def test_what_the_files_will_not_say(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs")])
    assert losses(frame) == [
        "biased-0.6 (simulated) will be read back as discriminative",
        "the cues of small are left out",
    ]
    people = frame.assign(dataset="my_set", observer="subject-anna", kind="human", shape="")
    assert losses(people) == ["my_set will be read back as my-set"]


@pytest.mark.parametrize(("column", "text"), [("category", "na"), ("category", "NA"), ("condition", "nan")])
def test_what_the_dialect_takes_for_none(small, tmp_path, column, text):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=1)]).assign(**{column: text})
    with pytest.raises(LogError, match=f"the {column} '{text}' cannot be exported: .* means that there is none"):
        export(frame, tmp_path / "out")


def test_trials_without_numbers_get_some(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=3)])
    export(frame.assign(trial=pd.array([pd.NA] * 3, dtype="Int64")), tmp_path / "out")
    assert list(read_trials([tmp_path / "out"])["trial"]) == [1, 2, 3]


def test_a_name_that_the_dialect_cannot_hold(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=1)]).assign(stimulus="my_own_image.png")
    export(frame, tmp_path / "out")
    assert read_trials([tmp_path / "out"])["stimulus"].item() == "my-own-image.png"


def test_a_pilot_is_in_no_export(small, tmp_path):
    run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path / "logs", limit=2)
    run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), tmp_path / "logs", limit=2)
    for form in ("field", "bids"):
        for public in ([], ["--public"]):
            out = tmp_path / form / str(len(public))
            said = observers("export", tmp_path / "logs", "--out", out, "--format", form, *public)
            assert "note: pilot, left out: K7Q2ZP-pilot in small" in said.stderr
            assert not [path for path in out.rglob("*") if "pilot" in path.name.lower()]
            assert set(read_trials([out])["observer"]) == {"K7Q2ZP"}
    observers(
        "export", tmp_path / "logs" / "small" / "small_K7Q2ZP-pilot_session-1.csv", "--out", tmp_path / "o", code=1
    )


def test_both_formats_by_the_command(small, tmp_path):
    log = run(small, Biased(0.6), tmp_path / "logs", limit=3)
    field = observers("export", log, "--out", tmp_path / "field")
    assert field.stdout == f"{tmp_path}/field/small/small_biased-0.6_session-1.csv\n"
    assert "note: biased-0.6 (simulated) will be read back as discriminative" in field.stderr
    table = tmp_path / "bids/sub-biased06/ses-1/beh/sub-biased06_ses-1_task-small_beh.tsv"
    bids = observers("export", log, "--out", tmp_path / "bids", "--format", "bids")
    assert bids.stdout == f"{table}\n"
    assert "read back" not in bids.stderr
    assert '"started"' in table.with_suffix(".json").read_text()
    observers("export", log, "--out", tmp_path / "public", "--format", "bids", "--public")
    (public,) = (tmp_path / "public").rglob("*_beh.json")
    assert '"started"' not in public.read_text()
    same(read_trials([public.with_suffix(".tsv")]), read_trials([log]))
    again = observers("export", log, "--out", tmp_path / "field", "--format", "bids", code=1)
    assert "is not empty, and no BIDS export of observers: give another --out" in again.stderr
    measured = observers("analyze", "accuracy", tmp_path / "bids", "--csv", table, code=1)
    assert "is a trial log, which --csv would overwrite" in measured.stderr
