"""Consent, demographics, practice, completion codes and pilots of sessions in a browser, without a real browser."""

import json

import pytest
from attrs import evolve
from typer.testing import CliRunner

from analysis.io.bids import export_bids
from analysis.io.frame import read_trials
from cli import app
from core.errors import LogError, ObserverError
from experiments import log
from experiments.exclusion_rules import ExclusionRules
from experiments.people.collecting import practice_experiment
from experiments.people.forgetting import forget
from experiments.people.participation import FOLDER, Participation
from experiments.people.posted import import_answers
from experiments.people.refusals import read_refusals
from experiments.people.serving import write_static
from experiments.status.session_status import read_status
from observers.people import jspsych
from observers.people.completion import Completion
from observers.people.page_texts import PageOptions
from observers.people.records import NO_ANSWER
from observers.people.texts.reading import load_texts
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.experiments.people.served_sessions import DEVICE, MEASURED, SCRIPTS, file_contents, make_session, served

ANSWERS = {"age_group": "25-34", "gender": NO_ANSWER, "vision": "normal"}


def lab_options(**changes):
    return PageOptions(
        load_texts(), **({"consent": True, "demographics": True, "completion": Completion("random")} | changes)
    )


def consent(decision="accepted", version="1", language="en"):
    return "consent", {"decision": decision, "version": version, "language": language}


def post_record(client, kind, content, **fields):
    about = client.get("trials.json").json["about"]
    body = json.dumps({"about": about, "record": kind, "content": content} | fields).encode()
    return client.request("POST", f"/s/{client.token}/record", body, {"Content-Type": "application/json"})


def practice_answer(client, number, choice="cat"):
    about = client.get("trials.json").json["practice"]["about"]
    return {"about": about, "trial": number, "choice": choice, "rt": 0.5, "measured": MEASURED, "device": DEVICE}


@pytest.fixture
def lab_client(few, tmp_path):
    """Yield a client of a session with all questions and one practice trial."""
    with served([make_session(few, tmp_path, options=lab_options(), practice=practice_experiment(few, 1))]) as [client]:
        yield client


def test_a_lab_chooses_the_version_of_its_consent(few, tmp_path):
    version = "12/2026, geändert (Ethik §3)"
    texts = load_texts()
    texts = evolve(texts, texts={**texts.texts, "consent.version": version})
    options = lab_options(demographics=False)
    with served([make_session(few, tmp_path, options=evolve(options, texts=texts))]) as [client]:
        assert client.get("trials.json").json["consent"]["version"] == version
        for wrong in ("1", "", "a\ud800", "a\x07", "a" * 501):
            assert post_record(client, *consent(version=wrong)).status == 400
        assert post_record(client, *consent(version=version)).json == {"status": "saved"}
    records = tmp_path / FOLDER / "few_AB12_session-1_participation.json"
    assert json.loads(records.read_text("utf-8"))["consents"][0]["version"] == version


def test_exclusion_rules_are_declared_before_the_first_trial(few, tmp_path):
    rules = ExclusionRules(max_missed=0.05, sha256="a")
    with served([make_session(few, tmp_path, exclusions=rules)]) as [client]:
        assert client.post(client.answer(1)).status == 200
        path = next((tmp_path / "few").glob("*.csv"))
        assert sidecar(path)["exclusions"] == {"rules": {"max_missed": 0.05}, "sha256": "a"}
        (status,) = read_status([tmp_path])
        assert status.state == "running"
    (status,) = read_status([tmp_path])
    assert status.command.startswith("observers serve few --participant AB12 ")
    refused = CliRunner().invoke(
        app, ["serve", "drawn-cue-conflict", "--participant", "AB12", "--exclusions", "nowhere.toml"]
    )
    assert refused.exit_code == 1 and "the exclusion rules nowhere.toml cannot be read" in refused.output


def test_a_session_goes_through_all_phases(lab_client, tmp_path):
    client, participation = lab_client, Participation(tmp_path, "few", "AB12")
    assert client.get("trials.json").json["consent"] == {"version": "1", "decision": ""}
    assert client.post(client.answer(1)).status == client.post(practice_answer(client, 1)).status == 409  # no consent
    assert post_record(client, "demographics", ANSWERS).status == 409
    assert not list(tmp_path.rglob("*.csv")) and not participation.path.exists()
    assert post_record(client, *consent()).json == {"status": "saved"}
    assert post_record(client, *consent()).json == {"status": "already"}
    assert post_record(client, *consent("declined")).status == 409  # a decision cannot be changed
    assert post_record(client, "demographics", ANSWERS).status == 200
    assert client.post(client.answer(1)).status == 409  # the practice comes first
    assert client.post(practice_answer(client, 1)).json == {"status": "saved", "right": 0.0}
    for number in range(1, 6):
        reply = client.post(client.answer(number))
        assert reply.status == 200 and ("completion" in reply.json) == (number == 5)
    code = reply.json["completion"]["code"]
    assert code == participation.completion_code and len(code) == 10 and code in reply.json["completion"]["html"]
    settings = client.get("trials.json").json
    assert settings["completion"]["code"] == code and settings["demographics"] is None
    assert settings["consent"]["decision"] == "accepted" and settings["practice"]["next"] == 2
    path = log.log_path(tmp_path, "few", "AB12", 1)
    assert len(rows(path)) == 5 and len(rows(log.log_path(tmp_path, "few-practice", "AB12", 1))) == 1
    assert sidecar(path)["session_records"]["consent"] == [{"version": "1", "language": "en"}]
    assert json.loads(participation.demographics_path.read_text())["answers"] == ANSWERS


def test_the_server_remembers_the_consent_after_a_restart(few, tmp_path):
    for asked in (True, False):
        with served([make_session(few, tmp_path, options=lab_options(), practice=practice_experiment(few, 1))]) as [
            client
        ]:
            assert (client.get("trials.json").json["consent"]["decision"] == "") == asked
            assert (client.get("trials.json").json["demographics"] is not None) == asked
            if asked:
                post_record(client, *consent())
                post_record(client, "demographics", ANSWERS)
            client.post(practice_answer(client, 1)) if asked else client.post(client.answer(1))
    assert len(rows(log.log_path(tmp_path, "few", "AB12", 1))) == 1


def test_a_new_version_of_the_consent_is_asked_again(few, tmp_path):
    assert Participation(tmp_path, "few", "AB12").decision("1") == ""
    Participation(tmp_path, "few", "AB12").add_consent(consent(version="0")[1])
    with served([make_session(few, tmp_path, options=lab_options())]) as [client]:
        assert client.get("trials.json").json["consent"]["decision"] == ""
        assert post_record(client, *consent(version="0")).status == 400
        assert post_record(client, *consent(language="de")).status == 400
        assert post_record(client, *consent()).status == 200
    entries = json.loads(Participation(tmp_path, "few", "AB12").path.read_text())["consents"]
    assert [entry["version"] for entry in entries] == ["0", "1"]


def test_only_the_refusal_is_stored_of_a_participant_who_declines(few, tmp_path):
    session = make_session(few, tmp_path, options=lab_options())
    with served([session]) as [client]:
        assert post_record(client, *consent("declined")).status == 200
        assert post_record(client, *consent()).status == client.post(client.answer(1)).status == 409
        assert session.is_finished and session.status.stage == "declined"
    names = {path.relative_to(tmp_path).as_posix() for path in file_contents(tmp_path)}
    record = f"{FOLDER}/few_AB12_session-1_participation.json"
    assert names - {"consent-refusals.json.lock"} == {record, "consent-refusals.json"}
    assert json.loads((tmp_path / record).read_text())["consents"] == [consent("declined")[1]]
    assert read_refusals(tmp_path)[0]["n_refusals"] == 1
    assert make_session(few, tmp_path, options=lab_options()).is_finished  # the same participant is not asked again
    Participation(tmp_path, "few", "CD34-pilot").add_consent(consent("declined")[1])
    assert read_refusals(tmp_path)[0]["n_refusals"] == 1  # refusals in pilot sessions are not counted


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("consent", consent("perhaps")[1], "decision is not a valid value"),
        ("consent", consent(version="a\x07")[1], "version is not a valid value"),
        ("consent", {"decision": "accepted"}, "content must be an object with exactly the fields"),
        ("demographics", ANSWERS | {"gender": "Mary Smith"}, "gender is not a valid value"),
        ("demographics", ANSWERS | {"name": "x"}, "exactly the fields age_group, gender, vision"),
        ("demographics", ANSWERS | {"vision": 1}, "vision is not a valid value"),
        ("completion", {"code": "a b"}, "code is not a valid value"),
        ("evil", {}, "record must be one of consent, demographics, completion"),
        (["consent"], {}, "record must be one of"),
    ],
)
def test_invalid_records_are_refused_and_change_nothing(lab_client, tmp_path, kind, content, message):
    before = file_contents(tmp_path)
    reply = post_record(lab_client, kind, content)
    assert reply.status == 400 and message in reply.json["error"]
    assert post_record(lab_client, *consent(), evil=1).status == 400
    other = lab_client.get("trials.json").json["about"] | {"participant": "CD34"}
    assert "another session" in post_record(lab_client, *consent(), about=other).json["error"]
    assert post_record(lab_client, "completion", {"code": "ABC"}).status == 409  # only for pages of other servers
    assert file_contents(tmp_path) == before


def test_consent_is_refused_if_the_page_does_not_ask_for_it(few, tmp_path):
    options = lab_options(consent=False, demographics=False)
    with served([make_session(few, tmp_path, options=options)]) as [client]:
        assert client.get("trials.json").json["consent"] is None
        assert post_record(client, *consent()).status == post_record(client, "demographics", ANSWERS).status == 409
        assert client.post(client.answer(1)).status == 200


def test_texts_of_the_lab_are_escaped_in_the_page(few, tmp_path):
    hostile = tmp_path / "en.toml"
    hostile.write_text(
        'language = "en"\n[welcome]\ntext = "<img src=x onerror=hurt()> **{code}** [x](https://e.org/?a=\'b)"\n'
        '[browser]\ntitle = "</title><script>hurt()</script>{LANGUAGE}"\n'.replace("{LANGUAGE}", "{{LANGUAGE}}")
        .replace("?a='b", "?a=b")
    )  # fmt: skip
    options = PageOptions(load_texts("en", hostile))
    with served([make_session(few, tmp_path / "logs", options=options)]) as [client]:
        page, settings = client.get("").body.decode(), client.get("trials.json").json
    assert "<script>hurt" not in page and "&lt;script&gt;hurt()&lt;/script&gt;{LANGUAGE}</title>" in page
    assert settings["texts"]["welcome.text_html"].startswith(
        '<p dir="auto">&lt;img src=x onerror=hurt()&gt; <strong>AB12'
    )


def test_a_pilot_is_excluded_and_a_limit_ends_the_session(few, tmp_path):
    options = lab_options(
        consent=False, pilot=True, completion=Completion("DONE", "https://e.org/x?c={code}&p={participant}")
    )
    session = make_session(few, tmp_path, options=options, limit=2)
    with served([session]) as [client]:
        settings = client.get("trials.json").json
        assert len(settings["trials"]) == 2 and "PILOT" in settings["banner"]
        assert client.post(client.answer(1)).status == 200
        completion = client.post(client.answer(2)).json["completion"]
        assert client.post(client.answer(3)).status == 409
    assert completion["url"] == "https://e.org/x?c=DONE&p=AB12"
    assert session.log.name == "few_AB12-pilot_session-1.csv" and sidecar(session.log)["status"] == "partial"
    with pytest.raises(LogError, match="pilot"):
        read_trials(tmp_path)


@pytest.mark.parametrize(
    ("code", "url", "message"),
    [
        ("two words", "", "is not a valid completion code"),
        ("", "http://example.org", "begins with https://"), ("", "https://", "begins with https://"),
        ("", "javascript:alert(1)", "begins with https://"), ("", "https://[x", "begins with https://"),
        ("", "https://example.org/a b", "characters that an address must not have"),
        ("A", "https://example.org/?a={name}", "characters that an address must not have"),
        ("", "https://example.org/?a=ä", "characters that an address must not have"),
        ("", "https://me:secret@example.org/", "contains a user name"),
        ("A", "https://{code}.example.org/", "must follow the question mark"),
        ("A", "https://example.org/{code}?x=1", "must follow the question mark"),
        ("", "https://example.org/?cc={code}", "add --completion-code random"),
        ("", "https://example.org/?" + "a" * 2000, "expected at most 2000"),
    ],
)  # fmt: skip
def test_invalid_completions_are_refused(code, url, message):
    with pytest.raises(ObserverError, match=message):
        Completion(code, url)


def test_completion_codes():
    assert Completion("ABC").make_code() == "ABC" and Completion().make_code() == ""
    assert len({Completion("random").make_code() for _ in range(20)}) == 20
    url = "https://example.org/done?cc={code}"
    assert Completion("random", url).url("A-1", "AB12") == "https://example.org/done?cc=A-1"


def test_damaged_records_are_not_overwritten(tmp_path):
    participation = Participation(tmp_path, "few", "AB12")
    participation.path.parent.mkdir()
    for content in ("{", '{"format": 1}', '{"format": 1, "record": "x", "participant": "y", "consents": [1]}'):
        participation.path.write_text(content)
        with pytest.raises(LogError, match=r"participation\.json cannot be read .* restore the original"):
            participation.add_consent(consent()[1])
        assert participation.path.read_text() == content


def test_exports_ignore_the_records(lab_client, few, tmp_path):
    client = lab_client
    post_record(client, *consent())
    post_record(client, "demographics", ANSWERS)
    client.post(practice_answer(client, 1))
    other = Participation(tmp_path, "few", "AB123")
    other.set_demographics(ANSWERS)
    export_bids(read_trials(tmp_path), tmp_path.parent / f"{tmp_path.name}-bids")
    exported = b"".join(file_contents(tmp_path.parent / f"{tmp_path.name}-bids").values())
    assert b"25-34" not in exported and b"consents" not in exported


def test_forget_removes_records_without_a_log(tmp_path):
    records = [Participation(tmp_path, "few", name) for name in ("AB12", "AB12-pilot", "AB123")]
    for record in records:
        record.add_consent(consent()[1], "0" * 64)
        record.set_demographics(ANSWERS)
    deleted = forget("AB12", [tmp_path])
    assert set(deleted) == {path for record in records[:2] for path in (record.path, record.demographics_path)}
    assert records[2].has_demographics and records[2].decision("1") == "accepted"
    with pytest.raises(LogError, match="were deleted"):
        records[0].set_demographics(ANSWERS)


def test_import_reads_records_and_practice(few, tmp_path):
    options = lab_options()
    index = write_static(
        few,
        "AB12",
        tmp_path / "page",
        SCRIPTS,
        options=options,
        practice=practice_experiment(few, 2),
        completion_code="XYZ",
    )
    settings = json.loads((index.parent / "trials.json").read_text())
    assert settings["completion"]["code"] == "XYZ" and settings["save_record"] == ""
    about, practice = settings["about"], settings["practice"]["about"]
    answer = {"choice": "cat", "rt": 0.5, "measured": MEASURED, "device": DEVICE}
    records = [("demographics", ANSWERS), consent(), ("completion", {"code": "XYZ"})]
    lines = [{"about": practice, "trial": n} | answer for n in (1, 2)] + [{"about": about, "trial": 1} | answer]
    lines += [{"about": about, "record": kind, "content": content} for kind, content in records]
    declined = about | {"participant": "CD34"}
    lines += [{"about": declined, "record": kind, "content": content} for kind, content in (consent("declined"),)]
    file, notes = tmp_path / "saved.jsonl", []
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for _ in range(2):  # the same file twice
        paths = import_answers(few, [file], tmp_path / "logs", notes.append)
        assert [path.parent.name for path in paths] == ["few-practice", "few"]
    participation = Participation(tmp_path / "logs", "few", "AB12")
    assert (participation.decision("1"), participation.completion_code) == ("accepted", "XYZ")
    assert sidecar(paths[1])["session_records"] == {"consent": [{"version": "1", "language": "en"}]}
    assert participation.has_demographics and not Participation(tmp_path / "logs", "few", "CD34").has_demographics
    assert [entry["n_refusals"] for entry in read_refusals(tmp_path / "logs")] == [1]
    assert notes.count("CD34, session 1: declined to take part; only the refusal is stored") == 2
    file.write_text(json.dumps({"about": practice | {"order": "0"}, "trial": 1} | answer))
    with pytest.raises(LogError, match="for another experiment than few"):
        import_answers(few, [file], tmp_path / "logs")


def test_preview_saves_nothing(monkeypatch, tmp_path):
    from experiments.people import web_server

    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(jspsych, "load_scripts", lambda folder: SCRIPTS)
    monkeypatch.setattr(web_server.Server, "handle_request", stop)
    monkeypatch.setattr("sys.argv", ["observers", "serve", "drawn-cue-conflict", "--preview"])
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["serve", "drawn-cue-conflict", "--preview", "--practice", "2"])
    assert result.exit_code == 3 and "Preview: nothing is saved" in result.stderr
    assert "nothing was saved, so the preview starts again" in result.stderr and list(tmp_path.iterdir()) == []
