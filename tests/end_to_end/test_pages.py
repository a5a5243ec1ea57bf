"""README and documentation are a specification: their Python and commands run word for word."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from analysis.io.export import export
from benchmarks.recovery import LEVELS, make_trials, simulate_responses
from cli import app
from commands.analyze import analyze
from observers.catalog import OBSERVERS
from observers.simulated import Biased, Psychometric
from stimuli.images import save_image
from tests.conftest import real

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
PAGES = [
    "README.md",
    *(
        f"docs/{page}.md"
        for page in ("scientist", "ml-researcher", "lab-assistant", "teacher", "stimuli", "generative")
    ),
]
# Commands that a test cannot run, and why.
NOT_RUN = {
    r"^observers fetch": "it downloads",
    r"^observers (doctor|calibrate-monitor|serve)": "it needs a screen or a browser",
    r"^observers collect (?!.*--simulate)": "it needs a screen",
    r"(hf|clip|vlm):": "it downloads weights",
    r"class-conditional:./|./imagenet-100": "it needs a folder with weights or images",
    r"^observers (export logs --format bids --out bids|forget|report .*--out session-report)": "it needs a session",
    r"^(make|source|\.venv)": "it sets up the environment",
}
NEED_DATA = ["README.md", "docs/scientist.md"]


def blocks(page):
    """Language and text of every code block of a page."""
    return BLOCK.findall((ROOT / page).read_text("utf-8"))


@pytest.fixture
def reader(tmp_path, monkeypatch, drawn):
    """The folder of a user who follows a page: some photographs, and no network."""
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        save_image(drawn.stimuli.stimuli[i].pixels(), tmp_path / "photos" / ("cat" if i < 3 else "dog") / f"cat{i}.png")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_code_of_a_page_word_for_word(page, reader, small_data):
    run_page(page, reader)


@pytest.mark.parametrize("page", NEED_DATA)
def test_commands_of_a_page_on_the_published_data(page, reader):
    real("stimuli", "cue-conflict")
    real("humans", "cue-conflict")
    real("vlm", "vqa")
    run_page(page, reader)


def run_page(page, reader):
    """Run the Python code and the commands of a page in the folder `reader`."""
    ran = []
    for language, text in blocks(page):
        if language == "python":
            match = re.match(r"# (\w+\.py)\n", text)
            if match:
                (reader / match[1]).write_text(text)
            elif "def observe(self" in text:  # a part of a class
                compile(text, page, "exec")
            else:
                exec(compile(text, page, "exec"), {})
                ran.append(text)
        for line in text.splitlines() if language == "sh" else []:
            if any(re.search(pattern, line) for pattern in NOT_RUN):
                continue
            program, *words = shlex.split(line)
            assert program == "observers"
            if ">" in words:  # the output goes to a file
                words = words[: words.index(">")]
            if words[:2] == ["run-experiment", "cue-conflict"] and "--dry-run" not in words:
                words += ["--limit", "40"]  # tests/end_to_end/test_real.py runs all 1,280
            done = CliRunner().invoke(app, words)
            if any(row.size and row.name in words for row in OBSERVERS.values()):  # weights that no test downloads
                assert (
                    done.exit_code == 1
                    and "give a local folder that contains them with -o weights=FOLDER" in done.output
                )
                continue
            assert done.exit_code == 0, f"{line}: {done.output}{done.exception!r}"
            ran.append(line)
    assert len(ran) >= 2
    if page in NEED_DATA:
        assert "observers run-experiment cue-conflict --observer efficientnet-lite0" in ran
        reports = [line for line in ran if re.match("observers report humans/cue-conflict .*logs/cue-conflict", line)]
        text = (reader / shlex.split(reports[0])[-1] / "index.html").read_text("utf-8")
        assert "subject-01" in text and "efficientnet-lite0" in text
    if page == "README.md":
        assert "observers check-observer mine.py:Brightness" in ran
        assert (reader / "report" / "index.html").is_file()
        assert any("error_consistency" in text for text in ran)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Logs of two people and two networks on three published datasets, all simulated, in model-vs-human format."""
    folder, parts = tmp_path_factory.mktemp("made-up"), []
    for seed, name in enumerate(("subject-01", "subject-02", "net-1", "net-2")):
        noise = Psychometric(0.1 + 0.05 * seed, -0.4, dataset="uniform-noise", seed=seed % 3, name=name)
        blur = Psychometric(4 + seed, -1.0, dataset="low-pass", seed=seed, name=name)
        bias = Biased((0.9, 0.9, 0.7, 0.2)[seed], 0.8, seed=seed, name=name)
        parts += [
            simulate_responses("uniform-noise", make_trials(48, LEVELS), noise),
            simulate_responses("low-pass", make_trials(32, ("0", "1", "3", "5", "10")), blur),
            simulate_responses("cue-conflict", make_trials(160, cues=True), bias),
        ]
    frame = pd.concat(parts, ignore_index=True)
    cues = frame["dataset"] == "cue-conflict"
    number = frame.groupby(["dataset", "observer"]).cumcount() + 1
    frame["stimulus"] = (
        frame["stimulus"]
        .str.lstrip("-")
        .where(~cues, frame["shape"] + number.astype(str) + "-" + frame["texture"] + "1.png")
    )
    frame["kind"] = frame["observer"].str.startswith("subject").map({True: "human", False: "discriminative"})
    export(frame.assign(session=1, trial=number, rt=0.5, source="made up"), folder / "logs")
    return folder


def test_code_of_the_analysis_page_runs(made_up, monkeypatch, capsys):
    monkeypatch.chdir(made_up)
    text = (ROOT / "docs" / "analysis.md").read_text("utf-8")
    blocks, names = re.findall(r"```python\n(.*?)```", text, re.DOTALL), {}
    for block in blocks:  # one after the other, as in a notebook
        exec(compile(block, "docs/analysis.md", "exec"), names)
    assert len(blocks) >= 7 and set(names["frame"]["kind"]) == {"human", "discriminative"}
    assert names["table"]["kappa"].notna().any()
    assert "rule model-vs-human" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", sorted({c.name for c in analyze.registered_commands} - {"illusions", "levels", "reconstructions", "retest"})
)
def test_every_analyze_command_writes_a_table(name, made_up, monkeypatch):
    monkeypatch.chdir(made_up)
    one_dataset = ["--dataset", "uniform-noise"] if name in ("clusters", "map") else []
    few = ["--resamples", "20"] if name in ("ranks", "entropy", "ceiling", "contrasts", "clusters", "errors") else []
    done = CliRunner().invoke(app, ["analyze", name, "logs", *one_dataset, *few, "--csv", f"{name}.csv"])
    assert done.exit_code == 0, f"{done.output}{done.exception!r}"
    assert len((made_up / f"{name}.csv").read_text("utf-8").splitlines()) > 1


def test_the_observer_in_readme_has_at_most_ten_lines():
    (own,) = [text for language, text in blocks("README.md") if language == "python" and text.startswith("# mine.py")]
    body = own.split("@frozen")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 10
