import csv
import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from tests.commands import observers
from tests.conftest import real

ACCURACY = ["dataset", "observer", "kind", "condition", "n", "n_correct", "accuracy", "low", "high"]
SHAPE_BIAS = [
    "observer",
    "kind",
    "category",
    "n_conflict",
    "n_shape",
    "n_texture",
    "shape_bias",
    "low",
    "high",
    "cue_rate",
]
CONSISTENCY = ["dataset", "condition", "observer_1", "observer_2", "n", "expected", "observed", "kappa", "low", "high"]


@pytest.fixture(scope="module")
def logs(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    for bias in (0.9, 0.1):
        observers("run-experiment", "drawn-cue-conflict", "-m", "biased", "-o", f"shape_bias={bias}", "--out", folder)
    observers("run-experiment", "drawn-cue-conflict", "-m", "chance", "--out", folder)
    return folder


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_run_prints_a_summary_and_the_logs(tmp_path, drawn):
    output = observers(
        "run-experiment", "drawn-cue-conflict", "-m", "ideal", "-m", "biased", "--out", tmp_path, "--limit", 20
    )
    assert "ideal" in output.stdout
    assert "note: incomplete: drawn-cue-conflict_ideal_session-1.csv has only 20 of 256 trials" in output.stderr
    later = observers("analyze", "accuracy", tmp_path, "--json").stderr
    assert "note: incomplete: drawn-cue-conflict_ideal_session-1.csv has only 20 of 256 trials" in later
    assert "note: simulated observers are included (their responses are not measurements): biased-0.5, ideal" in later
    assert f"log: {tmp_path}/drawn-cue-conflict/drawn-cue-conflict_biased-0.5_session-1.csv" in output.stdout


def test_options_go_to_the_observers_that_have_them(tmp_path, drawn):
    command = ("run-experiment", "drawn-cue-conflict", "-m", "ideal", "-m", "biased", "--limit", 3, "--out", tmp_path)
    assert "only biased has the option shape_bias" in observers(*command, "-o", "shape_bias=0.75").stderr
    output = observers(*command, "--batch-size", 3, code=1).stderr
    assert output == "observers: no option of ideal is named 'batch_size': known names: name.\n"
    assert "-o takes key=value, got 'shape_bias'" in observers(*command, "-o", "shape_bias", code=2).stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run-experiment", "cue-conflit", "-m", "ideal"], "no experiment is named 'cue-conflit': did you mean"),
        (
            ["run-experiment", "drawn-cue-conflict", "-m", "idel"],
            "no observer is named 'idel': did you mean ideal",
        ),
        (["analyze", "accuracy", "nowhere"], "there is no trial log or folder nowhere"),
        (["report", "nowhere"], "there is no trial log or folder nowhere"),
        (["fetch", "contrst"], "no download is named 'contrst': did you mean contrast?"),
    ],
)
def test_user_errors_print_one_sentence(words, sentence, drawn):
    output = observers(*words, code=1)
    assert output.stderr.startswith(f"observers: {sentence}")
    assert output.stderr.count("\n") == 1
    assert output.stdout == ""


@pytest.mark.slow
def test_unwritable_paths_are_reported(logs, tmp_path):
    (tmp_path / "file").write_text("")
    for words in (
        ["run-experiment", "drawn-cue-conflict", "-m", "ideal", "--out", tmp_path / "file"],
        ["report", logs, "--out", tmp_path / "file"],
        ["export", logs, "--out", tmp_path / "file"],
        ["analyze", "accuracy", logs, "--csv", tmp_path / "file" / "x.csv"],
    ):
        output = observers(*words, code=1).stderr
        assert re.search(
            rf"^observers: {tmp_path}/file\S*: (Not a directory|File exists); check that path", output, re.M
        ), output


def test_a_table_does_not_overwrite_a_log(logs):
    log = next(logs.rglob("*.csv"))
    before = log.read_bytes()
    assert (
        "is a trial log, which --csv would overwrite"
        in observers("analyze", "accuracy", log, "--csv", log, code=1).stderr
    )
    assert log.read_bytes() == before


def test_a_full_disk_is_reported(logs, monkeypatch, tmp_path):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "t.csv").write_text("former")
    monkeypatch.setattr("pandas.DataFrame.to_csv", fail)
    output = observers("analyze", "accuracy", logs, "--csv", tmp_path / "t.csv", code=1).stderr
    message = f"observers: {tmp_path}/t.csv: No space left on device; free some space and run the same command again"
    assert message in output
    assert (tmp_path / "t.csv").read_text() == "former"


def test_wrong_usage_exits_with_2():
    observers("run-experiment", "x", "-m", "ideal", "--seed", "-1", code=2)
    observers("report", "x", "--seed", "-1", code=2)
    observers("run-experiment", code=2)
    observers("analyze", "kapa", code=2)
    observers("run-experiment", "x", "-m", "ideal", "--limit", "0", code=2)


def test_accuracy_tables(logs, tmp_path):
    observers("analyze", "accuracy", logs, "--csv", tmp_path / "a.csv")
    rows = table(tmp_path / "a.csv")
    assert list(rows[0]) == ACCURACY
    by_json = json.loads(observers("analyze", "accuracy", logs, "--json").stdout)
    assert list(by_json[0]) == ACCURACY
    assert [str(r["n_correct"]) for r in by_json] == [r["n_correct"] for r in rows]
    assert {r["observer"]: r["n"] for r in rows} == {"biased-0.1": "256", "biased-0.9": "256", "chance": "256"}


def test_shape_bias_tables(logs, tmp_path):
    output = observers("analyze", "shape-bias", logs, "--csv", tmp_path / "s.csv").stdout
    assert output.split("\n")[0].split() == [
        *SHAPE_BIAS[:2],
        *SHAPE_BIAS[3:-1],
        "shape_rate",
        "texture_rate",
        "cue_rate",
    ]
    rows = table(tmp_path / "s.csv")
    assert list(rows[0]) == SHAPE_BIAS
    assert len(rows) == 3 * 17
    overall = {r["observer"]: float(r["shape_bias"]) for r in rows if r["category"] == "all"}
    assert overall["biased-0.9"] == pytest.approx(0.9, abs=0.08)
    assert overall["biased-0.1"] == pytest.approx(0.1, abs=0.08)


def test_consistency_tables(logs, tmp_path):
    observers("analyze", "consistency", logs, "--csv", tmp_path / "k.csv")
    rows = table(tmp_path / "k.csv")
    assert list(rows[0]) == CONSISTENCY
    assert len(rows) == 3
    assert all(float(r["low"]) <= float(r["kappa"]) <= float(r["high"]) for r in rows)
    observers("analyze", "consistency", logs, "--csv", tmp_path / "n.csv", "--no-intervals")
    assert {(r["low"], r["high"]) for r in table(tmp_path / "n.csv")} == {("", "")}
    by_json = json.loads(observers("analyze", "consistency", logs, "--no-intervals", "--bounds", "--json").stdout)
    assert list(by_json[0]) == [*CONSISTENCY, "lowest", "highest"]
    assert by_json[0]["low"] is None


@pytest.mark.slow
def test_many_pairs_are_summarized():
    folder = real("humans", "cue-conflict")
    output = observers("analyze", "consistency", folder, real("networks", "cue-conflict"), "--no-intervals").stdout
    assert "The rows are means over 630 pairs and conditions; --csv FILE writes all of them." in output
    assert len(output.splitlines()) < 10


def test_people_by_short_name():
    real("humans", "cue-conflict")
    output = observers("analyze", "shape-bias", "humans/cue-conflict").stdout
    assert "people: n = 10, shape bias 0.919 to 0.987, mean 0.9576, pooled 0.9587" in output
    observers("analyze", "benchmark", "humans/edge")


def test_dataset_filter(logs, drawn, tmp_path):
    observers("analyze", "accuracy", logs, "--dataset", "drawn-cue-conflict")
    output = observers("analyze", "accuracy", logs, "--dataset", "edge", code=1).stderr
    assert "no dataset in these logs is named 'edge'" in output


def test_benchmark_needs_people(logs):
    assert "the benchmark compares observers with people" in observers("analyze", "benchmark", logs, code=1).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_report_and_export(logs, tmp_path):
    output = observers("report", logs, "--out", tmp_path / "r", "--no-intervals").stdout
    assert output == f"report: {tmp_path}/r/index.html\n"
    assert (tmp_path / "r" / "trials.html").is_file() and len(list((tmp_path / "r" / "thumbnails").iterdir())) > 200
    observers("report", logs, "--out", tmp_path / "r", "--no-intervals", "--no-images")
    assert not list((tmp_path / "r").glob("thumbnails/*"))
    output = observers("export", logs, "--out", tmp_path / "e")
    assert "note: chance (simulated) will be read back as discriminative" in output.stderr
    for path in output.stdout.split():
        assert len(table(path)) == 256


def test_check_observer(tmp_path, drawn):
    assert "FAIL" not in observers("check-observer", "ideal").stdout
    (tmp_path / "bad.py").write_text(
        "from observers.protocol import Response\n"
        "class Bad:\n    name, kind, n = 'bad', 'discriminative', 0\n"
        "    def observe(self, trials):\n        for trial in trials:\n"
        "            self.n += 1\n            yield Response(trial.choices[self.n % 5])\n"
    )
    output = observers("check-observer", f"{tmp_path}/bad.py:Bad", code=1).stdout
    assert "ok   gives one response per trial" in output
    assert "FAIL gives the same responses when the trials are repeated: trial 1: " in output


def test_recorded_observers_are_checked_on_their_experiment(human):
    real("stimuli", "cue-conflict")
    output = observers("check-observer", f"recorded:{human}", "--experiment", "cue-conflict").stdout
    assert "ok   gives one response per trial" in output
    assert "FAIL" not in output


@pytest.mark.slow
def test_starting_with_typer_run(tmp_path, drawn):
    """`typer cli.py run …` works, and so does the command that Ctrl-C then prints."""
    typer = Path(sys.executable).with_name("typer")
    (tmp_path / "stopping.py").write_text(
        "from observers.protocol import Response\n"
        "class Stopping:\n    name, kind = 'stopping', 'discriminative'\n"
        "    def observe(self, trials):\n        next(trials)\n        yield Response(None)\n"
        "        raise KeyboardInterrupt\n"
    )
    words = [
        "run-experiment",
        "drawn-cue-conflict",
        "-m",
        f"{tmp_path}/stopping.py:Stopping",
        "--out",
        f"{tmp_path}/a b",
    ]
    command = [typer, "cli.py", "run", *words]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert (
        done.stderr.splitlines()[-1]
        == f"Stopped; every response is saved. To continue, run: {shlex.join(['observers', *words])}"
    )


def test_version_and_short_help():
    first, citation = observers("--version").stdout.splitlines()
    assert first == f"observers {version('observers')}"
    recorded = (Path(__file__).parents[3] / "CITATION.cff").read_text("utf-8")
    title, authors = (re.search(rf"{key}: \"?(.*?)\"?$", recorded, re.MULTILINE)[1] for key in ("^title", "name"))
    assert citation.startswith(f"Please cite: {authors} (2026). {title} (version {version('observers')})")
    for words in ([], ["show"], ["analyze"], ["analyze", "accuracy"]):
        assert observers(*words, "-h").stdout == observers(*words, "--help").stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("observers sho", ["show", "show-stimuli"]),
        ("observers show salt", ["salt-and-pepper"]),
        ("observers run-experiment drawn", ["drawn-cue-conflict"]),
        ("observers run-experiment drawn-cue-conflict -m bia", ["biased"]),
        ("observers run-experiment drawn-cue-conflict -m h", ["human:", "hf:"]),
        ("observers make-stimuli eidolonII", ["eidolonII", "eidolonIII"]),
        ("observers show-stimuli salt", ["salt-and-pepper"]),
        ("observers fetch net", ["networks"]),
    ],
)
def test_a_shell_completes_names(words, names):
    """This is how the function that `--install-completion` writes for bash calls the program."""
    environment = {"_OBSERVERS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = CliRunner().invoke(app, [], prog_name="observers", env=environment)
    assert done.output.split() == names


def test_list_prints_observers_experiments_and_models():
    output = observers("list").stdout
    for name in ("efficientnet-lite0", "hf:microsoft/resnet-50", "cue-conflict", "eidolonIII", "drawn-cue-conflict"):
        assert name in output
    models = observers("list", "models").stdout
    assert "Imagen" in models
    assert "ViT-22B" in models
