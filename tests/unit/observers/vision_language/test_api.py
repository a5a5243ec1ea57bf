"""Vision-language models behind a real server on this machine: requests, evidence, failures, keys and logs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ObserverError, UserError
from experiments.experiment import Experiment
from experiments.running.estimate import estimate
from experiments.running.session import run
from observers.check import check_observer
from observers.registry import make_observer
from observers.vision_language.api import ApiModel
from observers.vision_language.questions import make_question
from tests.commands import observers
from tests.unit.observers.vision_language.chat_server import (
    Recognizer,
    Reply,
    Request,
    answers,
    completion,
    digest,
    pixels_of,
    rows,
    serving,
)

ROOT = Path(__file__).parents[4]


def test_a_model_that_is_always_right(small: Experiment, tmp_path: Path) -> None:
    """The permutation of the letters is undone, each trial has one request, and the log has evidence, tokens and replies."""
    with serving(Recognizer.of(small.stimuli.stimuli)) as server:
        observer = make_observer("api:test/model", base_url=server.url)
        path = run(small, observer, tmp_path)
    logged = rows(path)
    assert [row["response"] for row in logged] == [row["category"] for row in logged]
    assert [row["stimulus"] for row in logged] == [trial.stimulus.id for trial in small.trials(0)]
    assert server.n_images == 32 and len(server.requests) == 33  # one short question tests the log-probabilities
    assert len({row["info_reply"] for row in logged}) > 5
    evidence = np.array([[float(row[f"evidence_{choice}"]) for choice in small.choices] for row in logged])
    assert [small.choices[i] for i in evidence.argmax(axis=1)] == [row["category"] for row in logged]
    assert evidence.max() == -0.1 and evidence.min() == -17
    first = logged[0]
    assert (first["measured_prompt_tokens"], first["measured_reply_tokens"]) == ("300.0", "2.0")
    assert first["measured_missing_letters"] == "0.0"
    assert float(first["measured_letter_probability"]) == pytest.approx(
        np.exp(-0.1) + np.exp(-3.0 - np.arange(15)).sum()
    )
    assert (first["info_model"], first["info_system_fingerprint"]) == ("model-2026-01-01", "fp_1")
    assert first["info_finish_reason"] == "stop" and first["observer"] == "model"
    sidecar = json.loads(path.with_suffix(".json").read_text())
    address = server.url.removeprefix("http://")
    assert sidecar["provenance"] == {"service": address, "pinned": "false", "logprobs": "true"}
    assert sidecar["devices"] == [f"service at {address}"]


def test_the_request(few: Experiment) -> None:
    """A message has the image, encoded again, and the question; nothing names the file."""
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, few, concurrency=1, seed=7, detail="low")
    trial = few.trials(0)[0]
    request = server.requests[1]
    assert request.text == make_question(trial).text
    assert digest(pixels_of(request)) == digest(trial.stimulus.pixels())
    assert request.body["messages"][0]["content"][0]["image_url"]["detail"] == "low"
    fields = {name: value for name, value in request.body.items() if name != "messages"}
    assert fields == {
        "model": "test/model", "max_tokens": 16, "temperature": 0.0, "seed": 7, "logprobs": True, "top_logprobs": 20,
    }  # fmt: skip
    assert request.key is None
    assert trial.stimulus.id not in json.dumps(request.body) and trial.stimulus.path.name not in json.dumps(
        request.body
    )


def test_options_that_are_not_sent(few: Experiment) -> None:
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, few, temperature=None, max_tokens=0, logprobs="false")
    assert {frozenset(request.body) for request in server.requests} == {frozenset({"model", "messages"})}


def test_the_name_of_the_limit_at_openai() -> None:
    observer = ApiModel("gpt")
    sent: list[Any] = []
    object.__setattr__(
        observer, "_client", type("Client", (), {"complete": lambda self, *args: sent.append(args[1])})()
    )
    observer._complete(None, "text", logprobs=False)  # type: ignore[arg-type]
    assert sent[0]["max_completion_tokens"] == 16 and "max_tokens" not in sent[0]


def test_the_instruction_is_part_of_the_question(few: Experiment) -> None:
    shape = Experiment(
        "few", few.stimuli, few.choices, n_blocks=2, instruction="Identify the primary shape in the image."
    )
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        answers(server, shape)
    assert all(r.text.startswith("Identify the primary shape in the image.\nA. ") for r in server.requests if r.png)


def scripted(
    text: str | None, tokens: list[tuple[str, float]] | None = None, reason: str = "stop", **fields: Any
) -> Any:
    """Return a script that gives this reply to every question with an image, and a letter to the question without one."""

    def script(request: Request) -> Reply:
        if not request.png:
            return Reply(completion("A", [("A", 0.0)]))
        return Reply(completion(text, tokens, reason, **fields))

    return script


def test_missing_letters_have_an_upper_bound(few: Experiment) -> None:
    tokens = [("B", -1.0), (" B", -1.0), ("The", -1.5), ("C", -2.0), ("a", -3.0), ("D", -6.0), ("Z", -9.0)]
    with serving(scripted("B", tokens)) as server:
        responses = answers(server, few, permute=False)
    evidence = responses[0].evidence
    assert evidence is not None
    np.testing.assert_allclose(evidence[:4], [-9, -1 + np.log(2), -2, -6])
    assert (evidence[4:] == -9).all() and responses[0].choice == few.choices[1]
    measured = responses[0].measured or {}
    assert measured["missing_letters"] == 13
    assert measured["letter_probability"] == pytest.approx(2 * np.exp(-1) + np.exp(-2) + np.exp(-6))


def test_a_sampled_token_beyond_the_requested_number_is_no_bound(few: Experiment) -> None:
    tokens = [("B", -1.0), ("C", -2.0), ("D", -50.0)]
    with serving(scripted("D", tokens)) as server:
        responses = answers(server, few, permute=False, top_logprobs=2, temperature=1.0)
    assert responses[0].evidence is not None
    assert responses[0].choice == few.choices[1] and responses[0].evidence[0] == -2


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I'm sorry, I can't help with that.", [("I", -0.01), ("B", -5.0)]),
        ("A bear is in the image.", [("A", -0.1), ("B", -3.0)]),
        ("The image shows a bear.", [("The", -0.1), (" The", -3.0)]),
        ("The image shows a bear.", [("The", -0.1), ("A", -3.0), ("B", -4.0)]),
        ("Z", [("Z", -0.1), ("B", -3.0)]),
    ],
)
def test_words_are_not_letters(few: Experiment, text: str, tokens: list[tuple[str, float]]) -> None:
    with serving(scripted(text, tokens)) as server:
        responses = answers(server, few)
    assert {(response.choice, response.evidence is None) for response in responses} == {(None, True)}
    assert (responses[0].texts or {})["reply"] == text


def test_a_reply_in_another_form_counts_without_evidence(few: Experiment) -> None:
    with serving(scripted("**C. " + few.choices[2] + "**", [("**", -0.1), ("D", -3.0)])) as server:
        responses = answers(server, few, permute=False)
    assert {(response.choice, response.evidence is None) for response in responses} == {(few.choices[2], True)}


def test_log_probabilities_of_minus_infinity(few: Experiment) -> None:
    with serving(scripted("B", [("B", 0.0), ("A", float("-inf")), ("C", -9999.0)])) as server:
        responses = answers(server, few, permute=False)
    assert list(responses[0].evidence)[:3] == [-9999.0, 0.0, -9999.0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "reason", "reply"),
    [
        (scripted(None, None, "content_filter"), "content_filter", ""),
        (scripted(None, None, "stop", refusal="I will not."), "refusal", "I will not."),
        (scripted("", [("B", -0.1)], "length"), "length", ""),
        (scripted(None), "stop", ""),
        (scripted("no idea", [("no", -0.1)]), "stop", "no idea"),
        (
            lambda request: (
                Reply({"error": {"message": "filtered", "code": "content_filter"}}, 400)
                if request.png
                else Reply(completion("A", [("A", 0.0)]))
            ),
            "content_filter",
            "filtered",
        ),
    ],
)
def test_refusals_are_logged_and_do_not_stop_the_run(
    few: Experiment, tmp_path: Path, script: Any, reason: str, reply: str
) -> None:
    with serving(script) as server:
        path = run(few, ApiModel("m", base_url=server.url), tmp_path)
    logged = rows(path)
    assert [row["response"] for row in logged] == [""] * 5
    assert {(row["info_finish_reason"], row["info_reply"]) for row in logged} == {(reason, reply)}


def test_without_log_probabilities(few: Experiment, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that omits them is asked once; the replies are parsed, and the sidecar says so."""
    with serving(Recognizer.of(few.stimuli.stimuli, logprobs=False)) as server:
        path = run(few, ApiModel("m", base_url=server.url), tmp_path)
    assert [row["response"] for row in rows(path)] == [row["category"] for row in rows(path)]
    assert {row["evidence_bear"] for row in rows(path)} == {""}
    assert [request.body.get("logprobs") for request in server.requests] == [True] + [None] * 5
    assert json.loads(path.with_suffix(".json").read_text())["provenance"]["logprobs"] == "false"
    assert caplog.messages == [
        "m: the log will not contain evidence, because log-probabilities are not available (the server does not return them)"
    ]


def test_log_probabilities_that_the_server_rejects(few: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    right = Recognizer.of(few.stimuli.stimuli)

    def script(request: Request) -> Reply:
        if "logprobs" in request.body:
            return Reply({"error": {"message": "top_logprobs must be at most 5"}}, 400)
        return right(request)

    with serving(script) as server:
        responses = answers(server, few)
        assert [r.choice for r in responses] == [t.stimulus.category for t in few.trials(0)]
        assert "(the server rejects the request: top_logprobs must be at most 5)" in caplog.messages[0]
        with pytest.raises(ObserverError, match="HTTP 400: top_logprobs must be at most 5"):
            answers(server, few, logprobs="true")


def test_log_probabilities_that_are_required(few: Experiment) -> None:
    with (
        serving(Recognizer.of(few.stimuli.stimuli, logprobs=False)) as server,
        pytest.raises(ObserverError, match=r"trial 1 \(.*does not return log-probabilities: use -o logprobs=auto or"),
    ):
        answers(server, few, logprobs="true")


def test_a_session_is_not_resumed_without_its_log_probabilities(few: Experiment, tmp_path: Path) -> None:
    right = Recognizer.of(few.stimuli.stimuli)
    with serving(right) as server:
        observer = ApiModel("m", base_url=server.url)
        run(few, observer, tmp_path, limit=2)
        run(few, ApiModel("m", base_url=server.url, concurrency=2, timeout=9.0), tmp_path, limit=3)
        right.logprobs = False
        with pytest.raises(UserError, match=r"was started with a different logprobs \(was true, is now false\)"):
            run(few, ApiModel("m", base_url=server.url), tmp_path)


def test_replies_in_words_and_captions(few: Experiment) -> None:
    trials = few.trials(0)
    with serving(lambda request: Reply(completion(f"{sorted(request.options)[3]}."))) as server:
        responses = answers(server, few, answer="generate")
    assert [r.choice for r in responses] == [few.choices[3]] * 5 and responses[0].evidence is None
    assert all("logprobs" not in request.body for request in server.requests)
    with serving(lambda request: Reply(completion("Two bears in a boat-like shape of a cat."))) as server:
        assert {r.choice for r in answers(server, few, answer="caption")} == {None}
    with serving(lambda request: Reply(completion([{"type": "text", "text": "A photo of two bears."}]))) as server:
        assert {r.choice for r in answers(server, few, answer="caption")} == {"bear"}
        assert server.requests[0].body["max_tokens"] == 64
        assert server.requests[0].text == make_question(trials[0], "caption").text


def test_the_contract(small: Experiment) -> None:
    with serving(Recognizer.of(small.stimuli.stimuli)) as server:
        results = check_observer(ApiModel("m", base_url=server.url), small.trials(0)[:12])
    assert [result for result in results if not result.passed] == [] and len(results) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"base_url": "http://me:hunter2@localhost/v1"},
            "base_url contains a user name, a password or a query: expected",
        ),
        ({"base_url": "http://localhost/v1?key=hunter2"}, "base_url contains a user name, a password or a query"),
        (
            {"base_url": "localhost:8000/v1"},
            "base_url is not an HTTP address: expected the address of a server, such as",
        ),
        ({"base_url": "http://localhost:x/v1"}, "base_url is not an HTTP address"),
        ({"base_url": "http://local host/v1"}, "base_url is not an HTTP address"),
        ({"base_url": "ftp://localhost/v1"}, "base_url is not an HTTP address"),
        ({"api_key_env": "sk-hunter2"}, "api_key_env is not the name of an environment variable in capital letters"),
        (
            {"answer": "text"},
            "answer=text compares the probabilities of the texts of all choices, which servers do not",
        ),
        ({"temperature": 3.0}, "temperature must be 0 to 2 or none, got 3.0"),
        ({"timeout": 0.0}, "timeout must be above 0 and up to 86400 seconds, got 0.0"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"max_tokens": -1}, "max_tokens must be 0 to"),
        ({"concurrency": 0}, "concurrency must be 1 to 1000, got 0"),
        ({"top_logprobs": 0}, "top_logprobs must be 1 to 1000, got 0"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ObserverError, match=message) as caught:
        make_observer("api:m", **options)
    assert "hunter2" not in str(caught.value)


def test_a_dry_run_sends_nothing(few: Experiment, tmp_path: Path) -> None:
    with serving(Recognizer.of(few.stimuli.stimuli)) as server:
        observer = ApiModel("m", base_url=server.url)
        first = list(estimate(few, observer, tmp_path).sentences())
        assert server.requests == [] and not list(tmp_path.iterdir())
        run(few, observer, tmp_path, limit=2)
        n = len(server.requests)
        second = list(estimate(few, observer, tmp_path).sentences())
        run(few, observer, tmp_path)
        third = list(estimate(few, observer, tmp_path).sentences())
    assert n == 3 and len(server.requests) == 6
    assert first[0] == "5 trials" and "no request was sent" in first[1]
    assert first[2].startswith("the first trial has an image of 224 × 224 pixels and a text of ")
    assert first[2].endswith(" characters, and its reply has at most 16 tokens") and "--limit 10" in first[3]
    assert second[0] == "3 trials" and second[3:] == [
        "prompt tokens: 2 logged trials took 600 (300.0 per trial), the remaining trials about 900",
        "reply tokens: 2 logged trials took 4 (2.0 per trial), the remaining trials about 6",
    ]
    assert third == [
        "all trials are already answered",
        "prompt tokens: 5 logged trials took 1,500 (300.0 per trial)",
        "reply tokens: 5 logged trials took 10 (2.0 per trial)",
    ]


def test_the_description(few: Experiment) -> None:
    shown = observers("show", "api:gpt-4o").output
    assert "OPENAI_API_KEY" in shown and "Options that do not change the responses" in shown
    assert "--observer api:qwen2.5vl:7b -o base_url=http://localhost:11434/v1" in observers("show", "api:MODEL").output
    assert make_observer("api:qwen2.5vl:7b", base_url="http://localhost:11434/v1/").name == "qwen2.5vl:7b"


@pytest.mark.slow
def test_torch_is_not_loaded() -> None:
    code = (
        "import sys; from observers import make_observer\n"
        "make_observer('api:m'); print({'torch', 'transformers', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"
