"""Tests of `observers explain-trial`: the figure and table of a trial, and the logs that are refused."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.commands import observers
from tests.unit.observers.generative import tiny_latent


@pytest.fixture(scope="module")
def log(tmp_path_factory, drawn):
    """The log of a small diffusion model and its options; the same folder has a log of the chance observer."""
    folder = tmp_path_factory.mktemp("explain")
    tiny_latent.save(folder / "model", "sd1")
    options = ("-o", f"weights={folder / 'model'}", "-o", "draws=8", "-o", "min_draws=4", "--device", "cpu")
    observers(
        "run-experiment",
        "drawn-cue-conflict",
        "-m",
        "sd14",
        "-m",
        "chance",
        *options,
        "--limit",
        2,
        "--out",
        folder,
        "--quiet",
    )
    return folder / "drawn-cue-conflict" / "drawn-cue-conflict_sd14_session-1.csv", options


@pytest.mark.slow
def test_a_trial_is_explained(log, tmp_path):
    path, options = log
    output = observers("explain-trial", path, "--trial", 2, *options, "--out", tmp_path).stdout
    figure = tmp_path / f"{path.stem}_trial-2.png"
    assert output == f"figure: {figure}\n" and figure.is_file()
    table = pd.read_csv(figure.with_suffix(".csv"))
    with open(path, newline="") as file:
        row = list(csv.DictReader(file))[1]
    assert table.loc[table["answer"], "choice"].tolist() == [row["response"]]
    assert table["evidence"].to_numpy() == pytest.approx([float(row[f"evidence_{c}"]) for c in table["choice"]])
    svg = figure.with_suffix(".svg").read_text()
    assert f"★ {row['response']}" in svg and row["stimulus"] in svg


@pytest.mark.slow
def test_unsuitable_logs_are_refused(log, tmp_path):
    path, options = log
    err = observers("explain-trial", path, "--trial", 9, *options, code=1).stderr
    assert "has no trial 9: it has 2 trials, numbered from 1" in err
    err = observers("explain-trial", path, *options[:-2], "-o", "seed=3", "--device", "cpu", code=1).stderr
    assert "the log was recorded with other options of sd14" in err and "give the options of the log with -o" in err
    chance = path.with_name("drawn-cue-conflict_chance_session-1.csv")
    assert observers("explain-trial", chance, "--out", tmp_path).stdout.startswith("figure: ")
    (tmp_path / "x.csv").write_bytes(path.read_bytes())
    assert (
        "has no sidecar (the .json file of the same name)"
        in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    )
    (tmp_path / "x.json").write_text('{"format": 1, "identity": {}, "provenance": {}}')
    assert (
        "is damaged: expected the seed, the digest of the stimuli"
        in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    )
    for text, message in (
        ("", "x.csv is empty: expected a header"),
        ("trial,kind\n1,x\n", "the column experiment is missing"),
    ):
        (tmp_path / "x.csv").write_text(text)
        assert message in observers("explain-trial", tmp_path / "x.csv", code=1).stderr
    assert "cannot be read" in observers("explain-trial", tmp_path / "none.csv", code=1).stderr
    sidecar = path.with_suffix(".json").read_text()
    edited_log = tmp_path / path.name
    edited_log.write_bytes(path.read_bytes())
    digest = json.loads(sidecar)["identity"]["stimuli"]
    edited_log.with_suffix(".json").write_text(sidecar.replace(digest, digest[::-1]))
    assert (
        "was made with other images than drawn-cue-conflict has on this computer"
        in observers("explain-trial", edited_log, *options, code=1).stderr
    )


@pytest.mark.parametrize(
    ("option", "column", "name"),
    [
        ("experiment", 0, "evil.py:x"),
        ("observer", 1, "evil.py:x"),
        ("experiment", 0, "os:abort"),
        ("experiment", 0, "/"),
        ("experiment", 0, ".."),
    ],
)
def test_code_and_files_that_a_log_names_are_not_used(option, column, name, log, tmp_path, monkeypatch):
    path, options = log
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1:]:
        row[column] = name
    with open("log.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("log.json").write_bytes(path.with_suffix(".json").read_bytes())
    err = observers("explain-trial", "log.csv", *options, code=1).stderr
    assert (
        f"log.csv names the {option} {name}, which refers to code or files: if you trust it, give --{option} {name}"
        in err
    )
    assert not Path("ran").exists()


def test_evidence_that_is_not_a_number_is_an_error(log, tmp_path):
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
def test_a_damaged_sidecar_is_an_error(part, value, log, tmp_path):
    path, options = log
    sidecar = json.loads(path.with_suffix(".json").read_text())
    sidecar["identity"][part] = value
    (tmp_path / "log.json").write_text(json.dumps(sidecar))
    (tmp_path / "log.csv").write_bytes(path.read_bytes())
    err = observers("explain-trial", tmp_path / "log.csv", *options, code=1).stderr
    assert (
        "is damaged: expected the seed, the digest of the stimuli, and the kind and options of the observer; "
        "restore the original file"
    ) in err


@pytest.mark.slow
def test_an_experiment_in_a_file_has_to_be_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from attrs import evolve\nfrom experiments.sets.registry import make_experiment\n"
        "mine = evolve(make_experiment('drawn-cue-conflict'), name='mine')\n"
    )
    observers("run-experiment", "mine.py:mine", "-m", "chance", "--limit", 2, "--out", "logs", "--quiet")
    (path,) = Path("logs/mine").glob("*.csv")
    assert "no experiment is named 'mine'" in observers("explain-trial", path, code=1).stderr
    assert observers("explain-trial", path, "--experiment", "mine.py:mine").stdout.startswith("figure: ")
