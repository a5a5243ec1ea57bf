"""The options that choose, name, split and group observers, with every command that reads logs."""

import json
import re

import pandas as pd
import pytest
from attrs import evolve
from click.testing import CliRunner

from analysis.io.export import export
from commands.analyze import analyze
from commands.selection import OPTIONS
from experiments import run
from observers.simulated import Biased
from tests.commands import COMMAND, observers
from tests.unit.analysis.selection.selected_trials import small_frame

READING = [("figures",), ("report",)]
READING += [("analyze", c.name) for c in analyze.registered_commands if c.name != "reconstructions"]
LABELS = (
    "observer,label,color,group,order\n"
    "net-1,First net,teal,nets,1\nnet-2,,#102030,nets,2\nsubject-01,Anna,,adults,3\nsubject-02,,,adults,4\n"
)


@pytest.fixture
def logs(tmp_path):
    frame = small_frame()
    cues = frame.assign(shape=frame["category"], texture="dog")
    export(cues.drop(columns=["info_age"]).assign(trial=cues.groupby(["dataset", "observer", "session"]).cumcount() + 1),
           tmp_path / "logs")  # fmt: skip
    (tmp_path / "labels.csv").write_text(LABELS)
    return str(tmp_path / "logs")


def table(*words):
    done = observers("analyze", *words, "--json")
    return pd.DataFrame(json.loads(done.stdout)), done.stderr


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_command_that_reads_logs_has_the_options(words):
    command = COMMAND.commands[words[0]]
    command = command.commands[words[1]] if len(words) > 1 else command
    names = {option for parameter in command.params for option in parameter.opts}
    assert {f"--{name.replace('_', '-')}" for name in OPTIONS} <= names


def test_accuracy_of_selected_observers(logs, tmp_path):
    words = ["accuracy", logs, "--observer", "edge:*", "--exclude", "subject-02", "--labels", tmp_path / "labels.csv"]
    rows, notes = table(*words)
    assert list(rows["observer"]) == ["First net", "net-2", "Anna"] and list(rows["n"]) == [10, 10, 20]
    assert "note: sketch:subject-01, subject-02 are excluded (20 trials); 3 of 5 observers remain" in notes
    split, notes = table(*words, "--by", "session")
    assert list(split.columns[:4]) == ["dataset", "observer", "session", "kind"]
    assert split[["observer", "session", "n"]].to_numpy().tolist() == [
        ["First net", "1", 10], ["net-2", "1", 10], ["Anna", "1", 10], ["Anna", "2", 10],
    ]  # fmt: skip
    assert "note: observers are split by session: 3 observers became 4" in notes
    second, _ = table("accuracy", logs, "--session", "2")
    assert second[["observer", "n"]].to_numpy().tolist() == [["subject-01", 10]]


@pytest.mark.slow
def test_groups_of_observers(logs, tmp_path):
    labels = ["--labels", tmp_path / "labels.csv", "--group-by", "group", "--resamples", "20"]
    rows, _ = table("accuracy", logs, "--dataset", "edge", *labels)
    assert rows[["group", "kind", "n_observers"]].to_numpy().tolist() == [
        ["nets", "discriminative", 2], ["adults", "human", 2],
    ]  # fmt: skip
    rows, _ = table("benchmark", logs, *labels)
    assert set(rows["group"]) == {"humans", "nets"}
    kappas, notes = table("consistency", logs, "--dataset", "edge", "--no-intervals", *labels[:4])
    assert kappas[["group_1", "group_2", "n_pairs"]].to_numpy().tolist() == [
        ["adults", "adults", 1], ["adults", "nets", 4], ["nets", "nets", 1],
    ]  # fmt: skip
    assert "note: rule undefined-is-nan" in notes
    contrasts, _ = table("contrasts", logs, "--dataset", "edge", *labels)
    assert list(contrasts["contrast"]) == ["within - between"]
    done = observers("analyze", "accuracy", logs, "--group-by", "age", code=1)
    assert "no column of these trials is named 'age': known names: " in done.stderr


def test_shape_bias_of_groups_and_parts(tmp_path):
    frame = pd.DataFrame({"response": ["cat", "dog", "cat", "cat"] * 2, "observer": ["a"] * 4 + ["b"] * 4})
    frame = frame.assign(
        dataset="cue-conflict", kind="human", condition="", session=[1, 1, 2, 2] * 2, rt=0.5, source=""
    )
    frame["trial"] = [1, 2] * 4
    frame = frame.assign(stimulus=["cat1-dog1.png", "cat2-dog1.png"] * 4, category="cat", correct=True)
    frame["observer"] = frame["observer"].map({"a": "subject-01", "b": "subject-02"})
    export(frame, tmp_path / "logs")
    rows = [
        line.split()
        for line in observers("analyze", "shape-bias", tmp_path / "logs", "--by", "session").stdout.splitlines()
    ]
    assert [[*row[:2], row[6]] for row in rows[1:5]] == [
        ["subject-01", "1", "0.500"], ["subject-01", "2", "1.000"],
        ["subject-02", "1", "0.500"], ["subject-02", "2", "1.000"],
    ]  # fmt: skip
    grouped = observers("analyze", "shape-bias", tmp_path / "logs", "--group-by", "session").stdout.splitlines()
    assert [line.split()[0:3] for line in grouped[1:]] == [["1", "human", "2"], ["2", "human", "2"]]


def test_retest(logs):
    rows, notes = table("retest", logs, "--resamples", "20")
    assert rows[["observer", "session_1", "session_2", "n"]].to_numpy().tolist() == [["subject-01", 1, 2, 10]]
    assert "note: 4 observers have only one session" in notes and "note: rule undefined-is-nan" in notes
    done = observers("analyze", "retest", logs, "--session", "1", code=1)
    assert "no observer has two sessions of one dataset" in done.stderr


@pytest.mark.slow
def test_the_report_shows_labels_and_colors(logs, tmp_path):
    options = ["--labels", tmp_path / "labels.csv", "--group-by", "group", "--no-intervals", "--no-images"]
    observers("report", logs, "--out", tmp_path / "report", *options)
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert "First net" in page and ">net-1<" not in page and "Accuracy by group" in page
    assert 'class="mark kind-discriminative-008080">First net</th>' in page
    css = (tmp_path / "report" / "assets" / "report.css").read_text("utf-8")
    assert ".kind-discriminative-102030 { --ink: #102030;" in css
    index = json.loads((tmp_path / "report" / "assets" / "index.js").read_text("utf-8").split("=", 1)[1].rstrip(";\n"))
    assert index["own"] == {"First net": "discriminative-008080", "net-2": "discriminative-102030"}
    assert index["looks"]["discriminative-008080"]["color"] == "#008080"
    assert (tmp_path / "report" / "figures" / "groups-accuracy_edge.png").is_file()
    assert set(pd.read_csv(tmp_path / "report" / "tables" / "groups-accuracy.csv")["group"]) == {"nets", "adults"}


@pytest.mark.slow
@pytest.mark.parametrize("group_by", [[], ["--group-by", "group"]])
def test_figures_use_the_colors_and_the_order(logs, tmp_path, group_by):
    done = observers(
        "figures", logs, "--figure", "11", "--figure", "16", "--figure", "9", "--labels", tmp_path / "labels.csv",
        "--out", tmp_path / "figures", "--resamples", "10", *group_by,
    )  # fmt: skip
    assert "figure 11: " in done.stdout and "figure 16: " in done.stdout
    svg = (tmp_path / "figures" / "figure-11.svg").read_text("utf-8")
    names = pd.read_csv(tmp_path / "figures" / "figure-11.csv").query("dataset == 'edge'")["observer"].tolist()
    caption = (tmp_path / "figures" / "figure-11.txt").read_text("utf-8")
    if group_by:
        assert (
            names == ["nets", "adults"]
            and "means over groups of observers by group (nets: n = 2, adults: n = 3)" in caption
        )
        assert "95 % bootstrap intervals over the observers of a group (10 resamples, seed 0)" in caption
    else:
        assert names == ["people", "First net", "net-2"] and "#008080" in svg and "#102030" in svg
        assert "Observers are in the order of the labels file." in caption
    matrix = (tmp_path / "figures" / "figure-16_edge.svg").read_text("utf-8")
    assert "First net" in matrix and "#102030" in matrix  # a matrix shows observers, not groups


def test_options_that_match_nothing(logs, tmp_path):
    done = observers("analyze", "accuracy", logs, "--observer", "net-3", code=1)
    assert re.search(r"no observer in these logs is named 'net-3': did you mean net-[12]", done.stderr)
    (tmp_path / "empty.csv").write_text("observer,label\nnobody,x\n")
    done = observers("analyze", "accuracy", logs, "--labels", tmp_path / "empty.csv", code=1)
    assert "is about an observer in these logs" in done.stderr
    done = observers("analyze", "accuracy", logs, "--labels", tmp_path / "missing.csv", code=1)
    assert "missing.csv: No such file or directory" in done.stderr


def test_nothing_changes_without_options(logs):
    runner = CliRunner()
    plain, selected = (
        runner.invoke(COMMAND, ["analyze", "accuracy", logs, *options]) for options in ([], ["--observer", "*"])
    )
    assert plain.stdout == selected.stdout


def test_notes_do_not_mention_observers_of_other_datasets(small, tmp_path):
    for number, name in enumerate(("a", "b"), 1):
        for session in (1, 2):
            run(evolve(small, name=name), Biased(0.5, name=f"model-{number}"), tmp_path, session=session, limit=8)
    done = observers("analyze", "accuracy", tmp_path, "--dataset", "a")
    assert "(their responses are not measurements): model-1\n" in done.stderr
    assert "8 trials repeat an image that the observer saw in an earlier session (model-1)" in done.stderr
    done = observers("analyze", "accuracy", tmp_path, "--dataset", "a", "--session", "1")
    assert "trials repeat an image" not in done.stderr


@pytest.mark.parametrize("words", [["accuracy", "--group-by", "kind"], ["ceiling"]])
def test_numbers_of_resamples_that_would_exhaust_the_memory_are_refused(words, tmp_path):
    done = observers("analyze", *words, tmp_path, "--resamples", "1000000000", code=2)
    assert "'--resamples': expected 100000 or less" in done.output
