"""Export to model-vs-human format, and the export command."""

import pandas as pd
import pytest

from analysis.io.columns import as_text
from analysis.io.export import describe_losses, export
from analysis.io.frame import read_trials
from core.errors import LogError
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased
from tests.commands import observers
from tests.conftest import real
from tests.unit.observers.people.scripted_screen import ScriptedScreen

COLUMNS = ["dataset", "observer", "session", "trial", "stimulus", "condition", "category", "response", "rt", "correct"]


def assert_same_trials(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Compare the columns that the format can hold, in any order of the rows."""
    key = ["dataset", "observer", "trial"]
    first, second = (f[COLUMNS].sort_values(key).reset_index(drop=True) for f in (first, second))
    pd.testing.assert_frame_equal(as_text(first), as_text(second), check_exact=True)


def test_exported_log_reads_back(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs")])
    (path,) = export(frame, tmp_path / "out")
    assert path == tmp_path / "out" / "small" / "small_biased-0.6_session-1.csv"
    assert_same_trials(read_trials([path]), frame)


@pytest.mark.slow
def test_exported_person_reads_back_as_a_person(small, tmp_path):
    participant = Participant(code="K7Q2", pilot=True, screen=ScriptedScreen(lambda n: []))
    log = run(small, participant, tmp_path / "logs", limit=4)
    text = log.read_text("utf-8").replace("K7Q2-pilot", "K7Q2")  # the name in a session that counts
    (tmp_path / "K7Q2.csv").write_text(text, "utf-8")
    frame = read_trials([tmp_path / "K7Q2.csv"])
    (path,) = export(frame, tmp_path / "out")
    back = read_trials([path])
    assert_same_trials(back, frame)
    assert set(back["kind"]) == {"human"} and describe_losses(frame) == ["the cues of small are not exported"]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cue-conflict", "eidolonI", "false-colour", "uniform-noise", "sketch"])
def test_real_people_and_networks_read_back(dataset, tmp_path):
    frame = read_trials([real("humans", dataset), real("networks", dataset)])
    export(frame, tmp_path)
    back = read_trials([tmp_path])
    assert_same_trials(back, frame)
    assert set(back["kind"]) == {"human", "discriminative"}
    if dataset == "cue-conflict":
        shapes, expected = (f.sort_values(["observer", "trial"])["shape"].to_numpy() for f in (back, frame))
        assert (shapes == expected).all()


def test_export_does_not_overwrite_a_log(small, tmp_path):
    log = run(small, Biased(0.6), tmp_path)
    before = log.read_bytes()
    copy = tmp_path / "copy" / log.name
    copy.parent.mkdir()
    copy.write_bytes(before)
    for source in (log, copy):
        message = "is a trial log and would be overwritten; choose another folder with --out"
        with pytest.raises(LogError, match=message):
            export(read_trials([source]), tmp_path)
    assert log.read_bytes() == before
    (exported,) = export(read_trials([log]), tmp_path / "out")
    export(read_trials([exported]), tmp_path / "out2")
    with pytest.raises(LogError, match="would be overwritten"):
        export(read_trials([exported]), tmp_path / "out")
    assert export(read_trials([log]), tmp_path / "out") == [exported]  # an earlier export may be overwritten


def test_observers_with_the_same_file_name_are_rejected(small, tmp_path):
    logs = [run(small, Biased(name=name), tmp_path / name, limit=2) for name in ("a b", "a-b")]
    message = r"a-b of small and another observer would both be exported to .*small_a-b_session-1\.csv"
    with pytest.raises(LogError, match=message):
        export(read_trials(logs), tmp_path / "out")


def test_further_texts_are_a_loss(small, tmp_path):
    frame = read_trials(run(small, Biased(0.6), tmp_path))
    described = describe_losses(frame.assign(info_reply="B.", info_age=""))
    assert described[-1] == "further texts are not exported: info_reply"


def test_losses_are_described(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs")])
    assert describe_losses(frame) == [
        "biased-0.6 (simulated) will be read back as discriminative",
        "the cues of small are not exported",
    ]
    people = frame.assign(dataset="my_set", observer="subject-anna", kind="human", shape="")
    assert describe_losses(people) == ["my_set will be read back as my-set"]


@pytest.mark.parametrize(("column", "text"), [("category", "na"), ("category", "NA"), ("condition", "nan")])
def test_texts_that_mean_a_missing_value_are_rejected(small, tmp_path, column, text):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=1)]).assign(**{column: text})
    message = f"the {column} '{text}' cannot be exported: in model-vs-human format this text means a missing value"
    with pytest.raises(LogError, match=message):
        export(frame, tmp_path / "out")


def test_trials_without_numbers_are_numbered(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=3)])
    export(frame.assign(trial=pd.array([pd.NA] * 3, dtype="Int64")), tmp_path / "out")
    assert list(read_trials([tmp_path / "out"])["trial"]) == [1, 2, 3]


def test_underscores_in_stimulus_names_become_hyphens(small, tmp_path):
    frame = read_trials([run(small, Biased(0.6), tmp_path / "logs", limit=1)]).assign(stimulus="my_own_image.png")
    export(frame, tmp_path / "out")
    assert read_trials([tmp_path / "out"])["stimulus"].item() == "my-own-image.png"


def test_pilot_sessions_are_not_exported(small, tmp_path):
    run(small, Participant(code="K7Q2ZP", simulate="biased"), tmp_path / "logs", limit=2)
    run(small, Participant(code="K7Q2ZP", simulate="biased", pilot=True), tmp_path / "logs", limit=2)
    for form in ("field", "bids"):
        for public in ([], ["--public"]):
            out = tmp_path / form / str(len(public))
            result = observers("export", tmp_path / "logs", "--out", out, "--format", form, *public)
            assert "note: pilot sessions are excluded: K7Q2ZP-pilot in small" in result.stderr
            assert not [path for path in out.rglob("*") if "pilot" in path.name.lower()]
            assert set(read_trials([out])["observer"]) == {"K7Q2ZP"}
    pilot = tmp_path / "logs" / "small" / "small_K7Q2ZP-pilot_session-1.csv"
    observers("export", pilot, "--out", tmp_path / "o", code=1)


def test_command_exports_both_formats(small, tmp_path):
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
    assert_same_trials(read_trials([public.with_suffix(".tsv")]), read_trials([log]))
    other_files = observers("export", log, "--out", tmp_path / "field", "--format", "bids", code=1)
    message = "is not empty and is not a BIDS export of observers; choose another folder with --out"
    assert message in other_files.stderr
    overwriting = observers("analyze", "accuracy", tmp_path / "bids", "--csv", table, code=1)
    assert "is a trial log, which --csv would overwrite" in overwriting.stderr
