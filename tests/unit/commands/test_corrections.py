"""The options --kind and --replace, which correct what was inferred from the names in files of trials."""

import re

import pytest

from analysis import read_trials
from tests.commands import observers

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"


@pytest.fixture
def logs(tmp_path):
    """Return a folder with the trials of a person whose name is a number, and of a network."""
    for name, condition, answer in (("7", "0", "plane"), ("vgg16", "NaN", "airplane")):
        rows = (
            f"{name},1,1,0.5,{answer},airplane,{condition},airplane1.png\n{name},1,2,0.5,cat,dog,{condition},dog1.png\n"
        )
        (tmp_path / f"mine_{name}.csv").write_text(HEAD + rows)
    return tmp_path


def test_corrections_change_what_is_analyzed(logs, tmp_path):
    options = ("--kind", "7=human", "--replace", "condition:0=", "--replace", "response:plane=airplane")
    result = observers("analyze", "consistency", logs, *options, "--no-intervals", "--json")
    assert '"n": 2' in result.stdout and '"observed": 1.0' in result.stdout
    out = tmp_path / "export"
    observers("export", logs, "--out", out, *options)
    frame = read_trials(out)
    person = frame[frame["observer"] == "7"]
    assert person["kind"].unique().tolist() == ["human"] and person["response"].tolist() == ["airplane", "cat"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--kind", "7"), 2, "expected NAME=KIND, such as 1=human, got '7'; the kinds are human"),
        (("--kind", "7=person"), 2, "got '7=person'"),
        (("--replace", "plane=airplane"), 2, "expected COLUMN:OLD=NEW, such as response:plane=airplane"),
        (("--replace", "rt:0=1"), 1, "texts of 'rt' cannot be replaced; expected one of dataset, condition, category"),
        (("--replace", "response:jet=airplane"), 1, "no trial in these logs has the response 'jet'"),
    ],
)
def test_wrong_corrections_are_refused(logs, options, code, message):
    result = observers("analyze", "accuracy", logs, *options, code=code)
    assert message in _text_of(result)


def test_archives_keep_the_logs_as_they_are(logs, tmp_path):
    result = observers("export", logs, "--format", "parquet", "--kind", "7=human", "--out", tmp_path / "x", code=2)
    assert "an archive contains the logs as they are" in _text_of(result)


def _text_of(result):
    """Return what a command printed and its error, in one line."""
    return " ".join(f"{result.output} {result.exception}".replace("│", " ").split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("category:dog=", "the category 'dog' cannot be replaced with '', because it is empty"),
        ("dataset:mine=", "the dataset 'mine' cannot be replaced with '', because it is empty"),
        ("response:cat=a\u202eb", "because it contains U\\+202E RIGHT-TO-LEFT OVERRIDE"),
    ],
)
def test_new_texts_are_names(logs, change, message):
    assert re.search(message, observers("analyze", "accuracy", logs, "--replace", change, code=1).output)


def test_contradicting_corrections_are_refused(logs):
    twice = observers("analyze", "accuracy", logs, "--kind", "7=human", "--kind", "7=simulated", code=2)
    assert "7 has two kinds, human and simulated" in twice.output
    options = ("--replace", "response:cat=dog", "--replace", "response:cat=car")
    assert "has two replacements, 'dog' and 'car'" in observers("analyze", "accuracy", logs, *options, code=2).output


@pytest.mark.parametrize("column", ["condition", "kind"])
def test_observers_are_split_by_a_column_of_the_table(logs, column):
    lines = observers("analyze", "accuracy", logs, "--by", column).stdout.splitlines()
    assert lines[0].split().count(column) == 1 and len(lines) == 3
