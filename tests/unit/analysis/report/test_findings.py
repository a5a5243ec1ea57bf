"""The findings at the start of a report: their numbers equal those of a computation by hand from the CSV logs."""

import csv
import random
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from analysis import read_trials
from analysis.figures.interval_rows import MAX_ROWS, draw_interval_rows
from analysis.report.findings.error_similarity import _describe_pairs
from analysis.report.findings.finding import MIN_RESPONSES, describe_lower, describe_range, share_of, shared_prefix
from analysis.report.findings.findings import make_findings
from analysis.report.report import write_report
from tests import hand_computation as hand
from tests.unit.analysis.report.simulated_reports import Elements, page_text, trials

CATEGORIES = ("cat", "dog", "car", "oven")
OBSERVERS = {"m-shape": ("generative", 0.9), "m-texture": ("discriminative", 0.15), "m-both": ("contrastive", 0.5)}
HEADER = (
    "experiment observer kind session block trial stimulus condition category response rt n_evaluations shape texture"
)
LEVELS = ("c100", "c50", "c05")


def write_logs(folder: Path, observers: dict[str, tuple[str, float]], n: int = 160) -> None:
    """Write logs of a cue-conflict experiment and of two distortions in which accuracy decreases with the level."""
    rng = random.Random(1)
    difficulty = [rng.random() for _ in range(n)]
    for name, (kind, bias) in observers.items():
        rows: dict[str, list[list[str]]] = defaultdict(list)
        for i in range(n):
            shape, texture = CATEGORIES[i % 4], CATEGORIES[(i // 4) % 4]
            response = shape if rng.random() < bias else texture
            response = rng.choice(CATEGORIES) if difficulty[i] < 0.3 or rng.random() < 0.1 else response
            rows["mine-cue-conflict"].append([f"{i}.png", "", shape, response, shape, texture])
            for dataset, shift in (("mine-contrast", 0.0), ("mine-uniform-noise", 0.2)):
                level = i % 3
                is_right = difficulty[i] < 0.9 - 0.3 * level - shift * bias
                response = shape if is_right else rng.choice(CATEGORIES)
                rows[dataset].append([f"{i}.png", LEVELS[level], shape, response, "", ""])
        for dataset, cells in rows.items():
            path = folder / dataset / f"{dataset}_{name}_session-1.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(HEADER.split())
                for number, (image, condition, category, response, *cues) in enumerate(cells, start=1):
                    writer.writerow(
                        [dataset, name, kind, 1, 1, number, image, condition, category, response, "", "", *cues]
                    )


def rows_of(folder: Path, dataset: str, observer: str) -> list[hand.Row]:
    return hand.read_csv(folder / dataset / f"{dataset}_{observer}_session-1.csv")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_logs(folder, OBSERVERS)
    return folder


@pytest.fixture
def findings(logs, tmp_path, empty_figures):
    return make_findings(read_trials(logs), tmp_path)


def figure_rows(folder: Path, finding) -> dict[str, tuple[float, float, float, int]]:
    rows = hand.read_csv(folder / "figures" / f"{finding.figure.stem}.csv")
    return {
        row["label"]: (*(float(row[name]) for name in ("value", "low", "high")), int(float(row["n"]))) for row in rows
    }


def test_shape_bias(findings, logs, tmp_path):
    finding = findings[0]
    expected = {name: hand.shape_bias(rows_of(logs, "mine-cue-conflict", name)) for name in OBSERVERS}
    assert figure_rows(tmp_path, finding) == {name: pytest.approx(row) for name, row in expected.items()}
    low, high = expected["m-texture"], expected["m-shape"]
    assert finding.sentences == (
        "1 of the 3 observers follows the shape more often than the texture (95 % interval of the shape bias above 0.5), 1 "
        "follows the texture more often (below 0.5), and the preference of the other 1 is uncertain (its 95 % interval "
        "includes 0.5).",
        f"The shape bias of the 3 observers ranges from {low[0]:.3f} [{low[1]:.3f}, {low[2]:.3f}] (m-texture, n = {low[3]}) "
        f"to {high[0]:.3f} [{high[1]:.3f}, {high[2]:.3f}] (m-shape, n = {high[3]}).",
    )
    assert "All names begin with “m-”" in finding.figure.caption


def test_error_consistency(findings, logs, tmp_path):
    names = list(OBSERVERS)
    tables = {}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            tables[frozenset((first, second))] = hand.table_of(
                *(rows_of(logs, "mine-cue-conflict", name) for name in (first, second))
            )
    shown = figure_rows(tmp_path, findings[1])
    assert {frozenset(label.split(" – ")) for label in shown} == set(tables)
    for label, (value, low, high, n) in shown.items():
        counts = tables[frozenset(label.split(" – "))]
        assert (value, n) == (pytest.approx(hand.kappa(counts)), 160)
        assert (low, high) == pytest.approx(hand.kappa_interval(counts), abs=1e-4)
    assert findings[1].sentences[0].endswith("by chance (95 % interval of κ above 0).")


def test_robustness(findings, logs, tmp_path):
    datasets = ("mine-contrast", "mine-uniform-noise")
    expected = {name: hand.mean_accuracy([rows_of(logs, d, name) for d in datasets]) for name in OBSERVERS}
    assert figure_rows(tmp_path, findings[2]) == {name: pytest.approx(row) for name, row in expected.items()}
    assert (
        "averaged over 2 datasets with distortions, ranges from" in findings[2].sentences[0]
        and "n = 320" in findings[2].sentences[0]
    )


def test_people_are_compared_with_the_others(tmp_path, empty_figures):
    people = {f"subject-0{i}": ("human", 0.95) for i in (1, 2, 3)}
    write_logs(tmp_path / "logs", OBSERVERS | people)
    shape, errors, accuracy = make_findings(read_trials(tmp_path / "logs"), tmp_path)
    assert shape.sentences[0] == (
        "All 3 people follow the shape more often than the texture (95 % interval of the shape bias above 0.5)."
    )
    assert shape.sentences[2].startswith("1 of the 3 other observers follows the shape more often than the texture (")
    assert errors.sentences[0].startswith(
        "The mean error consistency (κ) of the 3 people with one another on mine-cue-conflict is "
    )
    rows = [rows_of(tmp_path / "logs", "mine-cue-conflict", name) for name in people]
    pairs = [hand.kappa(hand.table_of(rows[i], rows[j])) for i, j in ((0, 1), (0, 2), (1, 2))]
    shown = figure_rows(tmp_path, errors)
    assert shown["people with one another"][0] == pytest.approx(sum(pairs) / 3)
    assert set(shown) == {"people with one another", *OBSERVERS}
    assert "agree less with people" in errors.sentences[1] or "agrees less" in errors.sentences[1]
    assert (
        "The accuracy of people, averaged over 2 datasets with distortions, is" in accuracy.sentences[0]
        and "(n = 960 trials)" in accuracy.sentences[0]
    )


def test_simulated_observers_are_not_part_of_findings(tmp_path, empty_figures):
    write_logs(tmp_path / "logs", {"coin": ("simulated", 0.5), "real": ("generative", 0.9)})
    frame = read_trials(tmp_path / "logs")
    shape, accuracy = make_findings(frame, tmp_path)
    assert set(figure_rows(tmp_path, shape)) == set(figure_rows(tmp_path, accuracy)) == {"real"}
    assert shape.sentences[0] == (
        "The observer follows the shape more often than the texture (95 % interval of the shape bias above 0.5)."
    )
    assert make_findings(frame[frame["kind"] == "simulated"], tmp_path) == []


def test_few_data_give_no_finding(tmp_path, empty_figures):
    write_logs(tmp_path / "logs", OBSERVERS, n=MIN_RESPONSES // 2 - 1)
    assert make_findings(read_trials(tmp_path / "logs"), tmp_path) == []


def test_observers_with_fewer_datasets_are_named(tmp_path, logs, empty_figures):
    frame = read_trials(logs)
    part = frame[~((frame["observer"] == "m-both") & (frame["dataset"] == "mine-contrast"))]
    accuracy = make_findings(part, tmp_path)[2]
    assert accuracy.sentences[-1] == ("1 observer with fewer of these datasets or too few trials is not compared.")
    assert set(figure_rows(tmp_path, accuracy)) == {"m-shape", "m-texture"}


def test_many_pairs_are_shortened_in_the_figure(tmp_path, empty_figures):
    names = {f"n{i}": ("generative" if i % 2 else "discriminative", i / 8) for i in range(8)}
    write_logs(tmp_path / "logs", names)
    errors = make_findings(read_trials(tmp_path / "logs"), tmp_path)[1]
    assert len(figure_rows(tmp_path, errors)) == 20
    assert "shows the 10 lowest and the 10 highest of 28 pairs" in errors.figure.caption


def test_phrases():
    columns = ["label", "n", "value", "low", "high"]
    near = pd.DataFrame([("a", 40, 0.4, 0.3, 0.5), ("b", 50, 0.6, 0.45, 0.7)], columns=columns)
    assert describe_range(near, "κ") == (
        "κ ranges from 0.400 [0.300, 0.500] (a, n = 40) to 0.600 [0.450, 0.700] (b, n = 50); these two intervals overlap, "
        "so their order is uncertain."
    )
    assert describe_range(near.head(1), "κ") == "κ is 0.400 [0.300, 0.500] (a, n = 40)."
    three = pd.DataFrame(
        [("a", 40, 0.1, 0.0, 0.2), ("b", 50, 0.6, 0.5, 0.7), ("c", 9, 0.62, 0.5, 0.7)], columns=columns
    )
    assert describe_range(three, "κ").endswith(
        "(c, n = 9); the interval of one other overlaps with that of the highest."
    )
    assert share_of(1, 1, "pair") == "the pair" and share_of(3, 3, "pair") == "all 3 pairs"
    assert share_of(1, 3, "person", "people") == "1 of the 3 people"
    assert shared_prefix(["a-b", "a-bc"]) == "a-" and shared_prefix(["x", "x"]) == shared_prefix(["ab", "ac"]) == ""


def test_observers_are_compared_with_the_interval_of_people():
    below = "(its 95 % interval lies below that of people)."
    assert describe_lower(1, 3, "agree", "less") == f"1 of the 3 other observers agrees less {below}"
    assert describe_lower(1, 1, "are", "less accurate") == f"The other observer is less accurate {below}"
    assert describe_lower(2, 2, "are", "worse").startswith("All 2 other observers are worse (their 95 % intervals lie ")
    same = "overlap with that of people or are higher."
    assert describe_lower(0, 2, "agree", "less") == f"The 95 % intervals of all 2 other observers {same}"
    assert describe_lower(0, 1, "agree", "less").endswith(
        "of the other observer overlaps with that of people or is higher."
    )


def test_pairs_that_may_differ_from_chance_in_either_direction():
    rows = [("a – b", 40, 0.4, 0.2, 0.6), ("a – c", 40, -0.4, -0.6, -0.2), ("b – c", 40, 0.1, -0.1, 0.3)]
    table = pd.DataFrame(rows, columns=["label", "n", "value", "low", "high"])
    assert _describe_pairs(table, "sketch")[0] == (
        "1 of the 3 pairs of observers makes errors on the same images of sketch more often than expected by chance (95 % "
        "interval of κ above 0), and 1 less often (below 0)."
    )
    assert _describe_pairs(table[1:], "sketch")[0] == (
        "1 of the 2 pairs of observers makes errors on the same images of sketch less often than expected by chance (95 % "
        "interval of κ below 0)."
    )
    assert _describe_pairs(table[2:], "sketch")[0] == (
        "The 95 % interval of κ includes 0, so it is uncertain whether the two observers make errors on the same images of "
        "sketch more often than expected by chance."
    )


def test_the_figure_has_a_line_for_each_row_or_each_kind():
    from matplotlib.figure import Figure

    rows = [
        (f"o{i}", "generative" if i % 2 else "human", i, i / 40, i / 40 - 0.1, i / 40 + 0.1)
        for i in range(MAX_ROWS + 1)
    ]
    table = pd.DataFrame(rows, columns=["label", "kind", "n", "value", "low", "high"])
    by_kind = draw_interval_rows(table, Figure(), "κ", {"chance": 0.0}).axes[0]
    assert [text.get_text() for text in by_kind.get_yticklabels()] == ["generative (n = 11)", "people (n = 11)"]
    one_human = table.assign(kind=["human", *["generative"] * MAX_ROWS])
    of_one = draw_interval_rows(one_human, Figure(), "κ").axes[0]
    assert [text.get_text() for text in of_one.get_yticklabels()] == [f"generative (n = {MAX_ROWS})", "o0"]
    by_row = draw_interval_rows(table.head(4), Figure(), "κ").axes[0]
    assert [text.get_text() for text in by_row.get_yticklabels()] == ["o0", "o1", "o2", "o3"]
    assert "chance" in [text.get_text() for text in by_kind.texts]


@pytest.mark.slow
def test_the_page_begins_with_the_findings(tmp_path, empty_figures):
    frame = trials("cue-conflict", {"<b>net</b>": "generative", "other": "discriminative"}, n=80, cues=True)
    page = write_report(frame, tmp_path).read_text("utf-8")
    Elements(page)
    assert page.index('id="findings"') < page.index('id="datasets"')
    assert "&lt;b&gt;net&lt;/b&gt;" in page and "<b>net" not in page
    assert "Shape or texture?" in page_text(page)
