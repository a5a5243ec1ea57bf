"""`observers explain-trial`: what is drawn of a trial, and of which logs nothing is."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import observers
from tests.observers.generative import tiny_latent


@pytest.fixture(scope="module")
def log(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("explain")
    tiny_latent.save(folder / "model", "sd1")
    given = ("-o", f"weights={folder / 'model'}", "-o", "draws=8", "-o", "min_draws=4", "--device", "cpu")
    observers(
        "run-experiment",
        "drawn-cue-conflict",
        "-m",
        "sd14",
        "-m",
        "chance",
        *given,
        "--limit",
        2,
        "--out",
        folder,
        "--quiet",
    )
    return folder / "drawn-cue-conflict" / "drawn-cue-conflict_sd14_session-1.csv", given


def test_a_trial_is_explained(log, tmp_path):
    path, given = log
    said = observers("explain-trial", path, "--trial", 2, *given, "--out", tmp_path).stdout
    figure = tmp_path / f"{path.stem}_trial-2.png"
    assert said == f"figure: {figure}\n" and figure.is_file()
    table = pd.read_csv(figure.with_suffix(".csv"))
    with open(path, newline="") as file:
        row = list(csv.DictReader(file))[1]
    assert table.loc[table["answer"], "choice"].tolist() == [row["response"]]
    assert table["evidence"].to_numpy() == pytest.approx([float(row[f"evidence_{c}"]) for c in table["choice"]])
    words = figure.with_suffix(".svg").read_text()
    assert f"★ {row['response']}" in words and row["stimulus"] in words


def test_what_cannot_be_explained(log, tmp_path):
    path, given = log
    err = observers("explain-trial", path, "--trial", 9, *given, code=1).stderr
    assert "has no trial 9: it has 2, from 1 on" in err
    err = observers("explain-trial", path, *given[:-2], "-o", "seed=3", "--device", "cpu", code=1).stderr
    assert "the sd14 of the log had other options" in err and "give them with -o" in err
    chance = path.with_name("drawn-cue-conflict_chance_session-1.csv")
    assert observers("explain-trial", chance, "--out", tmp_path).stdout.startswith("figure: ")
    (tmp_path / "x.csv").write_bytes(path.read_bytes())
    assert "has no .json beside it" in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    (tmp_path / "x.json").write_text('{"format": 1, "identity": {}, "provenance": {}}')
    assert (
        "is damaged: expected seed, stimuli, and kind" in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    )
    for text, said in ("", "x.csv is empty: expected a header"), ("trial,kind\n1,x\n", "it has no column experiment"):
        (tmp_path / "x.csv").write_text(text)
        assert said in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    assert "cannot be read" in observers("explain-trial", tmp_path / "none.csv", code=1).stderr
    sidecar = path.with_suffix(".json").read_text()
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes())
    digest = json.loads(sidecar)["identity"]["stimuli"]
    other.with_suffix(".json").write_text(sidecar.replace(digest, digest[::-1]))
    assert (
        "was made on other images than drawn-cue-conflict has here"
        in observers("explain-trial", other, *given, code=1).stderr
    )


@pytest.mark.parametrize(
    ("what", "column", "name"),
    [
        ("experiment", 0, "evil.py:x"),
        ("observer", 1, "evil.py:x"),
        ("experiment", 0, "os:abort"),
        ("experiment", 0, "/"),
        ("experiment", 0, ".."),
    ],
)
def test_no_code_or_place_that_a_log_names_is_looked_at(what, column, name, log, tmp_path, monkeypatch):
    path, given = log
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1:]:
        row[column] = name
    with open("log.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("log.json").write_bytes(path.with_suffix(".json").read_bytes())
    err = observers("explain-trial", "log.csv", *given, code=1).stderr
    assert f"log.csv names the {what} {name}, where code or files lie: if you trust it, give --{what} {name}" in err
    assert not Path("ran").exists()


def test_evidence_that_is_no_number(log, tmp_path):
    path, _ = log
    chance = path.with_name("drawn-cue-conflict_chance_session-1.csv")
    with open(chance, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["evidence_cat"] = "much"
    with open(tmp_path / "log.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "log.json").write_bytes(chance.with_suffix(".json").read_bytes())
    err = observers("explain-trial", tmp_path / "log.csv", "--trial", 2, code=1).stderr
    assert "log.csv, trial 2: evidence_cat is 'much', expected a number" in err


@pytest.mark.parametrize(
    ("part", "value"), [("seed", -5), ("seed", "1"), ("seed", None), ("observer", []), ("observer", {"kind": "human"})]
)
def test_a_sidecar_that_was_edited(part, value, log, tmp_path):
    path, given = log
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["identity"][part] = value
    (tmp_path / "log.json").write_text(json.dumps(sidecar))
    (tmp_path / "log.csv").write_bytes(path.read_bytes())
    err = observers("explain-trial", tmp_path / "log.csv", *given, code=1).stderr
    assert "is damaged: expected seed, stimuli, and kind and options of the observer; put the original back" in err


def test_an_experiment_of_ones_own_is_given_by_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from attrs import evolve\nfrom experiments.registry import make_experiment\n"
        "mine = evolve(make_experiment('drawn-cue-conflict'), name='mine')\n"
    )
    observers("run-experiment", "mine.py:mine", "-m", "chance", "--limit", 2, "--out", "logs", "--quiet")
    (path,) = Path("logs/mine").glob("*.csv")
    assert "no experiment named 'mine'" in observers("explain-trial", path, code=1).stderr
    assert observers("explain-trial", path, "--experiment", "mine.py:mine").stdout.startswith("figure: ")
