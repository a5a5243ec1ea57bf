"""The whole demonstration: every model answers live, and the numbers of the first screen are computed by hand."""

import re

import pytest

from experiments.demo import LIVE_EXPERIMENT, LIVE_TRIALS, recorded_observers
from stimuli.published.included import find_included, included_experiments
from stimuli.published.level_scales import is_parametric
from tests import hand_computation as hand
from tests.commands import observers


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVERS_DATA", str(folder / "no data"))
        output = observers("demo", "--limit", "1", "--out", folder, "--quiet").stdout
    return folder, output


def test_the_live_responses_equal_the_recorded_ones(finished):
    folder, output = finished
    n = len(set(LIVE_TRIALS) & recorded_observers())
    assert f"2. All {n} live responses equal the recorded ones." in output
    assert len(list((folder / "logs").rglob("*.csv"))) == len(LIVE_TRIALS)
    assert f"report: {folder}/report/index.html" in output


def findings_of(folder, name):
    rows = hand.read_csv(folder / "report" / "figures" / f"finding_{name}.csv")
    return {row["label"]: [float(row[column]) for column in ("value", "low", "high", "n")] for row in rows}


def recorded(experiment):
    rows = {}
    for row in hand.read_csv(find_included("microcosm", experiment)):
        rows.setdefault(row["observer"], []).append(row)
    return rows


def test_every_number_on_the_first_screen_is_computed_by_hand(finished):
    folder, output = finished
    trials = recorded(LIVE_EXPERIMENT)
    bias = {name: list(hand.shape_bias(rows)) for name, rows in trials.items()}
    assert findings_of(folder, "shape-bias") == {name: pytest.approx(row) for name, row in bias.items()}
    shown = findings_of(folder, "consistency")
    assert len(shown) >= 10
    for label, (value, low, high, n) in shown.items():
        counts = hand.table_of(*(trials[name] for name in label.split(" – ")))
        assert (value, n) == (pytest.approx(hand.kappa(counts)), sum(counts))
        assert (low, high) == pytest.approx(hand.kappa_interval(counts), abs=1e-4)
    distortions = [name for name in included_experiments("microcosm") if is_distortion(name)]
    expected = {}
    if distortions:
        by_dataset = [recorded(name) for name in distortions]
        complete = set.intersection(*(set(rows) for rows in by_dataset))
        expected = {name: list(hand.mean_accuracy([rows[name] for rows in by_dataset])) for name in complete}
        accuracy = findings_of(folder, "accuracy")
        assert {name: accuracy[name] for name in complete} == {
            name: pytest.approx(row) for name, row in expected.items()
        }
    # The numbers in the sentences are those of the tables.
    page = (folder / "report" / "index.html").read_text("utf-8").replace("\xa0", " ")
    cards = page[page.index('id="findings"') : page.index('id="datasets"')]
    for text in re.findall(r"<p>(.*?)</p>", cards):
        assert text.split(". ")[0] in output.replace("  ", " ") or "&" in text


def is_distortion(name):
    conditions = {row["condition"] for row in hand.read_csv(find_included("microcosm", name))}
    return len(conditions) > 1 and is_parametric(name, 2)
