"""The page of `observers serve` as a folder for other servers, and the import of its answers."""

import io
import json
import tarfile

import pytest
from typer.testing import CliRunner

from cli import app
from core.errors import LogError, ObserverError
from experiments.experiment import Experiment
from experiments.people import serving, web_server
from experiments.people.posted import import_answers
from experiments.seeds import session_seed
from observers.people import jspsych
from observers.people.site import make_session_info
from observers.people.web import WebParticipant
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.experiments.people.served_sessions import DEVICE, MEASURED, SCRIPTS, served


@pytest.fixture
def few(small):
    """An experiment of six trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:6]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, 2)


def make_answers(experiment, code="AB12", n=6, **fields):
    seed = session_seed(code, 1)
    info = make_session_info(experiment.name, code, 1, seed, 60.0, experiment.trials(seed))
    about = {name: getattr(info, name) for name in info.__slots__ if not name.startswith("__")}
    return [
        {"about": about, "trial": i, "choice": "cat", "rt": 0.5, "measured": MEASURED, "device": DEVICE} | fields
        for i in range(1, n + 1)
    ]


def write_lines(path, answers):
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return path


def test_imported_log_is_identical_to_the_log_of_a_server(few, tmp_path):
    session = serving.WebSession(few, "AB12", tmp_path / "served", SCRIPTS)
    with served([session]) as [client]:
        client.get("")
        for answer in make_answers(few):
            assert client.post(answer).status == 200
    # In another order, with repeated lines and two answers of another participant.
    answers = [*make_answers(few)[::-1], *make_answers(few)[:2], *make_answers(few, "CD34", 2)]
    imported = import_answers(few, [write_lines(tmp_path / "a.txt", answers)], tmp_path / "posted")
    assert imported[0].read_bytes() == session.log.read_bytes()
    assert len(rows(imported[1])) == 2
    assert sidecar(imported[0])["identity"] == sidecar(session.log)["identity"]
    assert sidecar(imported[0])["provenance"] == sidecar(session.log)["provenance"]


def test_import_refuses_answers_that_do_not_fit(few, small, tmp_path):
    file, out, notes = tmp_path / "a.txt", tmp_path / "logs", []
    valid = make_answers(few)
    for answers, message in (
        ([*valid, valid[0] | {"choice": "dog"}], "line 7: this answer to trial 1 of AB12 differs from an earlier one"),
        ([valid[0] | {"choice": "axolotl"}], "line 1: the choice is not one of the choices"),
        ([valid[0] | {"trial": 7}], "the answer is for trial 7, but few has 6 trials"),
        ([{}], "line 1: the answer must be an object with exactly"), ([], "the input contains no answers"),
        (valid[1:], "trial 1 has no answer"), (make_answers(small), "for another experiment than few"),
        ([valid[0] | {"about": valid[0]["about"] | {"distance_cm": 0}}], "distance_cm must be a number from 1 to 10000"),
    ):  # fmt: skip
        with pytest.raises(LogError, match=message):
            import_answers(few, [write_lines(file, answers)], out)
    (path,) = import_answers(few, [write_lines(file, [*valid[:2], valid[4]])], out, notes.append)
    assert len(rows(path)) == 2
    assert notes == ["AB12: trial 3 has no answer, so the log ends there; answers skipped: 1"]
    before = path.read_bytes()
    with pytest.raises(
        LogError, match="exists and has a different answer to trial 1: the answers are from another session"
    ):
        import_answers(few, [write_lines(file, [valid[0] | {"choice": "dog"}, *valid[1:]])], out)
    assert path.read_bytes() == before
    file.write_bytes(b"\xef\xbb\xbf" + write_lines(file, valid).read_bytes())
    assert len(rows(import_answers(few, [file], out)[0])) == len(valid)


def test_static_folder_is_complete(few, tmp_path):
    index = serving.write_static(few, "AB12", tmp_path / "page", SCRIPTS, save="https://example.org/save")
    text = index.read_text()
    assert "jatos.js" in text and "http" not in text
    for name in ("app/jspsych.js", "app/trial.js", "image/1.png", "mask/6.png", "icon/16.png"):
        assert (index.parent / name).is_file()
    assert json.loads((index.parent / "trials.json").read_text())["save"] == "https://example.org/save"
    with pytest.raises(ObserverError, match="exists and is not an empty folder"):
        serving.write_static(few, "AB12", tmp_path / "page", SCRIPTS)


def test_scripts_have_the_checksums_of_the_registry(scripts, tmp_path, monkeypatch):
    assert b"jsPsych" in scripts["jspsych.js"] and len(scripts) == 6
    folder = jspsych.cache_folder() / "jspsych"
    assert jspsych.load_scripts(folder) == scripts
    with tarfile.open(tmp_path / "jspsych-8.3.0.tgz", "w:gz") as tar:  # the right name with other content
        member = tarfile.TarInfo(jspsych.SCRIPT_PATH)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(
        ObserverError,
        match=r"not contain a copy of jspsych-8\.3\.0\.tgz whose checksum matches the npm registry: run `npm pack jspsych@8",
    ):
        jspsych.load_scripts(tmp_path)
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(jspsych, "REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(ObserverError, match=r"cannot be downloaded .* give the folder with these files with --assets"):
        jspsych.load_scripts()


def test_web_participant_needs_a_source_of_answers(few):
    with pytest.raises(ObserverError, match="observers serve"):
        next(WebParticipant("AB12").observe(few.trials(0)))
    with pytest.raises(ObserverError, match="is not a valid participant code"):
        WebParticipant("me@home")


@pytest.fixture
def serve_command(monkeypatch, tmp_path):
    monkeypatch.setattr(jspsych, "load_scripts", lambda folder: SCRIPTS)
    monkeypatch.setattr("sys.argv", ["observers", "serve", "drawn-cue-conflict"])
    return lambda *words: CliRunner().invoke(app, ["serve", "drawn-cue-conflict", "--out", str(tmp_path), *words])


def test_serve_command_prints_the_links_and_how_to_resume(serve_command, drawn, monkeypatch):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(web_server.Server, "handle_request", stop)
    result = serve_command("--participant", "AB12", "--participant", "CD34")
    assert result.exit_code == 3
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["AB12", "CD34"]
    assert "Stopped; every response is saved. To continue, run: observers serve drawn-cue-conflict" in result.stderr
    result = serve_command("--sessions", "2")
    codes = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert len(set(codes)) == 2
    assert "--sessions" not in result.stderr.rpartition("run: ")[2]
    assert (
        f"observers serve drawn-cue-conflict --participant {codes[0]} --participant {codes[1]} --port " in result.stderr
    )


@pytest.mark.slow
def test_serve_command_refuses_missing_and_invalid_participants(serve_command, drawn, tmp_path):
    for words, message in (
        ((), "the participants are not specified"),
        (("--participant", "AB12", "--sessions", "2"), "got both --participant and --sessions"),
        (("--participant", "19800131"), "reads like a date"), (("--participant", "AB12", "--participant", "ab12"), "twice"),
    ):  # fmt: skip
        result = serve_command(*words)
        assert result.exit_code == 1 and message in result.stderr
    result = serve_command("--participant", "AB12", "--static", str(tmp_path / "page"), "--save", "/save")
    assert result.exit_code == 0 and result.stdout == f"AB12  {tmp_path / 'page' / 'index.html'}\n"
