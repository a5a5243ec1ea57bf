"""The commands of the measures: notes that they print, input that they refuse, and unusual logs that must not crash them."""

import json
import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.io.export import export
from analysis.measures.resampling import N_RESAMPLES
from commands.analyze import analyze
from commands.analyze.output import prints
from tests.commands import COMMAND, observers
from tests.unit.analysis.frames import correct_trials, response_trials

COMMANDS = sorted(c.name for c in analyze.registered_commands)
NEED_OTHER_LOGS = ("illusions", "levels", "reconstructions", "retest", "shape-bias", "thresholds")
MEASURES = {"correlation": ["--x", "accuracy:edge", "--y", "consistency:edge"]}
PEOPLE = {"subject-01": "1110100101", "subject-02": "1101100101", "subject-03": "1100110101"}
NETS = {"net-1": "1100100111", "net-2": "0011010100"}


def logs(folder, frame):
    number = frame.groupby(["dataset", "observer"]).cumcount() + 1
    kinds = frame["observer"].str.startswith("subject").map({True: "human", False: "discriminative"})
    export(frame.assign(session=1, trial=number, rt=0.5, source="", kind=kinds), folder)
    return str(folder)


def frame_of(output, dataset="edge"):
    return pd.concat([correct_trials(name, "", letters, dataset=dataset) for name, letters in output.items()])


@pytest.fixture
def edge(tmp_path):
    return logs(tmp_path / "logs", frame_of(PEOPLE | NETS))


def run(*words, code=0):
    return observers("analyze", *words, code=code)


def small(command):
    return (
        ["--resamples", "20"] if re.search("ranks|entropy|ceiling|contrasts|clusters|errors|table-1", command) else []
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["benchmark", "ranks", "table-1", "consistency", "difference", "ceiling", "contrasts", "clusters", "map"]
)
def test_every_output_names_the_rule(command, edge):
    for rule in ("undefined-is-nan", "model-vs-human"):
        output = run(command, edge, "--rule", rule, "--json", *small(command))
        assert f"note: rule {rule}: " in output.stderr
        assert isinstance(json.loads(output.stdout), list)


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in NEED_OTHER_LOGS])
def test_every_format_of_every_command(command, edge):
    """csv and json have the whole table with full numbers; latex and markdown have a caption with the rule."""
    words = [command, edge, *small(command), *MEASURES.get(command, [])]
    rows = json.loads(run(*words, "--format", "json").stdout)
    assert json.loads(run(*words, "--json").stdout) == rows
    table = pd.read_csv(StringIO(run(*words, "--format", "csv").stdout))
    assert len(table) == len(rows) and list(table.columns) == list(rows[0])
    latex = run(*words, "--format", "latex").stdout
    assert latex.startswith("% needs \\usepackage{booktabs") and "\\toprule" in latex and "\\caption{" in latex
    markdown = run(*words, "--format", "markdown")
    lines = markdown.stdout.splitlines()
    assert lines[0].endswith(".") and lines[2].startswith("| ") and lines[3].startswith("| ---")
    assert ("Rule undefined-is-nan" in lines[0]) == ("note: rule undefined-is-nan" in markdown.stderr)
    n_cells = {line.count(" | ") for line in lines[2:] if line.startswith("|")}
    assert len(n_cells) <= 2  # one number of columns for each table


def test_a_new_command_has_the_first_line_of_its_help_as_caption(capsys):
    @prints
    def trials_per_observer(*, output):
        """Count the trials of each observer.

        The rest of the help is not a part of the caption.
        """
        output.print(pd.DataFrame({"observer": ["a"], "n": [3]}))

    trials_per_observer(format="markdown", json=False, csv=None, quiet=False)
    assert capsys.readouterr().out.startswith("Count the trials of each observer.\n\n| observer | *n* |")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_same_options(command):
    """--format, --json, --csv and --quiet everywhere; --seed wherever something is random."""
    (options,) = [c.callback.__signature__.parameters for c in analyze.registered_commands if c.name == command]
    assert {"format", "json", "csv", "quiet"} <= set(options)
    assert ("resamples" in options) <= ("seed" in options)
    assert ("dataset" in options) == (command not in ("correlation", "reconstructions"))


def test_quiet_prints_the_table_alone(edge):
    noisy, quiet = run("ceiling", edge, *small("ceiling")), run("ceiling", edge, *small("ceiling"), "-q")
    assert "note: rule" in noisy.stderr and quiet.stderr == "" and quiet.stdout == noisy.stdout
    assert "- " not in run("ceiling", edge, *small("ceiling"), "-q", "--format", "markdown").stdout.split("|")[-1]


def test_means_over_groups_have_a_caption_of_their_own(edge):
    words = "--group-by", "kind", "--format", "markdown", "-q"
    assert "bootstrap over observers" in run("accuracy", edge, *words).stdout.splitlines()[0]
    assert "95 % Wilson intervals" in run("accuracy", edge, "--format", "markdown", "-q").stdout.splitlines()[0]
    assert "Mean error consistency over the pairs" in run("consistency", edge, *words).stdout.splitlines()[0]
    assert "of people are over images" in run("benchmark", edge, *words, "--resamples", "5").stdout.splitlines()[0]


def test_two_formats_are_refused(edge):
    message = "--json and --format latex ask for two formats: use one of them"
    assert message in run("accuracy", edge, "--json", "--format", "latex", code=2).stderr


@pytest.mark.slow
def test_older_names_of_options(edge):
    """`--draws` is the older name of `--resamples`, and `contrasts` still takes the option that had no effect."""
    assert run("independence", edge, "--draws", 50).stdout == run("independence", edge, "--resamples", 50).stdout
    assert run("contrasts", edge, "--resamples", 5).stdout == run("contrasts", edge).stdout
    assert "50 draws cannot give a p value below 0.039" in run("independence", edge, "--draws", 50).stderr


def test_bootstrap_intervals_of_kappa(edge):
    score, bootstrap = (
        json.loads(run("consistency", edge, "--method", method, "--resamples", 50, "--json").stdout)
        for method in ("score", "bootstrap")
    )
    assert [row["kappa"] for row in score] == [row["kappa"] for row in bootstrap]
    assert [row["low"] for row in score] != [row["low"] for row in bootstrap]


def test_confusion_of_many_observers_is_pooled(tmp_path):
    rng = np.random.default_rng(0)
    choices = ["cat", "dog", "car", "clock"]
    frame = pd.concat([
        response_trials(f"net-{i}", "", list(rng.choice(choices, 40)), choices * 10, dataset="edge") for i in range(20)
    ])  # fmt: skip
    folder = logs(tmp_path / "logs", frame)
    lines = run("confusion", folder).stdout.splitlines()
    assert len(lines) == 3 and "20 pooled" in lines[1] and lines[2].startswith("The rows are the most frequent wrong")
    assert len(run("confusion", folder, "--all").stdout.splitlines()) == 62
    printed = run("confusion", folder, "--observer", "net-3").stdout.splitlines()
    assert (
        len(printed) == 11
        and printed[5].startswith("Responses of net-3 in percent")
        and printed[6].split()[:2] == ["category", "1"]
    )


def test_the_columns_of_the_benchmark_file(edge, tmp_path):
    run("benchmark", edge, "--csv", tmp_path / "b.csv")
    header, humans, *others = (tmp_path / "b.csv").read_text().splitlines()
    assert header == (
        "observer,kind,n_datasets,ood_accuracy,accuracy_difference,observed_consistency,error_consistency,mean_rank,ood_rank"
    )
    assert humans.startswith("humans,human,1,") and humans.endswith(",,") and len(others) == 2


def test_clusters_lists_many_models_in_a_table(tmp_path):
    rng = np.random.default_rng(0)
    nets = {f"net-{i}": "".join(map(str, rng.integers(0, 2, 10))) for i in range(6)}
    lines = run("clusters", logs(tmp_path / "logs", frame_of(PEOPLE | nets)), "--resamples", 20).stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Human range: the kappa of each of the 3 people"))
    columns = ["observer", "kind", "kappa", "low", "high", "within_range", "n_people_below", "in_cluster"]
    assert lines[start + 1].split() == columns
    rows = [line.split() for line in lines[start + 2 :]]
    verdicts = {row[0]: row[5] for row in rows}
    assert set(verdicts) == set(nets) and verdicts.pop("net-1") == "not"  # not compared, because it is always right
    assert set(verdicts.values()) <= {"yes", "no"}
    assert [float(row[2]) for row in rows] == sorted((float(row[2]) for row in rows), reverse=True)


def test_clusters_prints_sentences(edge):
    output = run("clusters", edge, "--groups", 2, "--resamples", 20).stdout
    assert re.search(
        r"Agreement of clusters with kinds of observer: adjusted Rand index -?\d\.\d+, p (= \d?|< |> )\.\d+\n", output
    )
    assert re.search(
        r"net-2 \(discriminative\) is below the human range: it agrees with people less than the least", output
    )
    assert (
        "undefined because there is only one kind or one cluster"
        in run("clusters", edge, "--groups", 1, "--resamples", 20).stdout
    )
    message = "observers: 5 observers can be cut into 1 to 5 clusters, but 6 were requested"
    assert message in run("clusters", edge, "--groups", 6, code=1).stderr


def test_wrong_usage_is_refused(edge):
    assert (
        "expected the option twice, once for each observer, but it was given 1 time"
        in run("difference", edge, "--between", "net-1", code=2).stderr
    )
    assert "did you mean net-1" in run("difference", edge, "--between", "net-11", "--between", "net-2", code=1).stderr
    assert "no measure is named 'beauty'" in run("correlation", edge, "--x", "beauty", code=1).stderr
    assert "thresholds need a distortion with several levels" in run("thresholds", edge, code=1).stderr


def test_correlation_of_named_measures(edge):
    rows = json.loads(run("correlation", edge, "--x", "accuracy:edge", "--y", "consistency:edge", "--json").stdout)
    assert [row["method"] for row in rows] == ["pearson", "spearman"] and rows[0]["n"] == 3
    assert "note: rule" in run("correlation", edge, "--x", "accuracy:edge", "--y", "consistency:edge").stderr


MUTE = response_trials("net-1", "", [""] * 4, ["cat", "dog", "car", "cat"], dataset="edge")
ODD = {
    "one observer": frame_of({"subject-01": "1100"}),
    "one image": frame_of({"subject-01": "1", "subject-02": "0", "net-1": "1"}),
    "always right": frame_of(dict.fromkeys([*PEOPLE, *NETS], "1111")),
    "always wrong": frame_of(dict.fromkeys([*PEOPLE, *NETS], "0000")),
    "never answered": pd.concat([frame_of({"subject-01": "1100", "subject-02": "1010"}), MUTE]),
    "only networks": frame_of(NETS),
    "other images": pd.concat([
        frame_of(PEOPLE), frame_of(NETS).assign(stimulus=lambda f: f["stimulus"].str.replace(".", "x.")),
    ]),
    "a baseline only": frame_of(PEOPLE | NETS, "colour").assign(condition="cr"),
    "missing conditions": pd.concat([
        frame_of(PEOPLE | NETS, "contrast").assign(condition="c50"), frame_of(PEOPLE, "contrast").assign(condition="c30"),
    ]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("command", COMMANDS)
def test_unusual_logs_give_a_table_or_an_error(command, name, tmp_path):
    """A table or one sentence: never a traceback, and no warning either."""
    folder = logs(tmp_path / "logs", ODD[name])
    more = ["--x", f"accuracy:{ODD[name]['dataset'].iloc[0]}", "--y", f"accuracy:{ODD[name]['dataset'].iloc[0]}"]
    done = CliRunner().invoke(
        COMMAND, ["analyze", command, folder, *small(command), *(more if command == "correlation" else [])]
    )
    assert done.exit_code in (0, 1), f"{done.output}{done.exception!r}"
    if done.exit_code:
        assert isinstance(done.exception, SystemExit)
        assert re.search(r"^observers: .+", done.stderr, re.MULTILINE), done.output
    else:
        assert len(done.stdout.splitlines()) >= 1 and "nan" not in done.stdout.lower().replace("undefined-is-nan", "")


def test_default_number_of_resamples():
    """The commands write the default number as a literal, so that --help does not load the measures."""
    assert N_RESAMPLES == 1000
