"""The sections of a report show the values of the measures, and each handles data with too few observers or trials."""

import re

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark.correlation import correlate, observer_measure
from analysis.io.choices import n_choices
from analysis.io.number_format import format_number, format_p_value
from analysis.kappa import condition_data, pairs
from analysis.kappa.ceiling import noise_ceiling
from analysis.kappa.consistency import error_consistency
from analysis.kappa.contrasts import PEOPLE, kind_contrasts
from analysis.report.sections.agreement import (
    ceiling_section,
    clusters_section,
    contrasts_section,
    human_range_summary,
    mistakes_section,
)
from analysis.report.sections.order import OVERALL_SECTIONS, SECTIONS
from analysis.report.sections.overall import benchmark_section, low_pass_section
from analysis.report.sections.responses import responses_section, thresholds_section
from analysis.report.sections.section_inputs import Bootstrap, SectionInputs
from tests.unit.analysis.report.simulated_reports import trials

KINDS = {"s1": "human", "s2": "human", "s3": "human", "net": "discriminative", "sd": "generative"}
QUICK = Bootstrap(40, 3)


def section_inputs(frame, out, bootstrap=QUICK):
    (dataset,) = frame["dataset"].unique()
    kappas = error_consistency(frame, intervals=False, bounds=True)
    return SectionInputs(out, dataset, "x", frame, frame, pd.DataFrame(), kappas, pd.DataFrame(), None, bootstrap)


@pytest.fixture
def contrast(tmp_path):
    return section_inputs(trials("contrast", KINDS, ("c100", "c50", "c15", "c05"), 40, seed=4), tmp_path)


def test_ceiling(contrast):
    part = ceiling_section(contrast)
    table = noise_ceiling(contrast.benchmark_trials, n_resamples=40, seed=3)
    pd.testing.assert_frame_equal(part.data["noise-ceiling"], table)
    top, best = table.iloc[0], table[table["kind"] != "human"].sort_values("share").iloc[-1]
    assert f"mean κ is {top.ceiling:.3f} [{top.ceiling_low:.3f}, {top.ceiling_high:.3f}]." in part.sentences[0]
    kappa = f"{format_number(best.kappa)} [{format_number(best.low)}, {format_number(best.high)}]"
    assert f"{best.observer} ({best.kind}) has the highest share of the ceiling, with κ = {kappa}" in part.sentences[1]
    assert "c100" not in set(contrast.benchmark_trials["condition"])


def test_kinds(contrast):
    part = contrasts_section(contrast)
    table = kind_contrasts(contrast.benchmark_trials, n_resamples=40, seed=3)
    row = table[table["contrast"] == PEOPLE].iloc[0]
    assert f"{row.kappa_1:.3f} for generative and {row.kappa_2:.3f} for discriminative observers" in part.sentences[0]
    assert row.smallest_p == 0.5 and " p " not in part.sentences[0]  # two observers have two assignments of kinds
    assert "even the smallest one that the test can reach with so few observers is above .050" in " ".join(
        part.sentences
    )
    cells = [cell for row in part.tables[0].rows for cell in row if cell.column == "p"]
    assert cells and all(np.isnan(cell.value) for cell in cells)


def test_kinds_are_tested_if_there_are_enough_observers_and_images(tmp_path):
    kinds = (
        {"s1": "human", "s2": "human"}
        | {f"net{i}": "discriminative" for i in range(4)}
        | {f"sd{i}": "generative" for i in range(4)}
    )
    part = contrasts_section(section_inputs(trials("contrast", kinds, ("c50",), 120), tmp_path))
    row = part.data["contrasts"].query("contrast == @PEOPLE").iloc[0]
    assert row.smallest_p < 0.05 and part.sentences[0].endswith(f", {format_p_value(row.p)}.")
    few = contrasts_section(section_inputs(trials("contrast", kinds, ("c50",), 20), tmp_path))
    assert not any(" p =" in text or " p <" in text for text in few.sentences)
    assert any(text.startswith("The p values are not shown: these data have 20 images") for text in few.sentences)


@pytest.mark.slow
def test_clusters(contrast):
    part = clusters_section(contrast)
    among = part.data["among-people"].set_index("observer")
    inside = [name for name in ("sd", "net") if among.loc[name, "among_people"]]
    if len(inside) == 2:
        start = "All 2 other observers agree"
    elif inside:
        start = f"{len(inside)} of the 2 other observers ({', '.join(inside)}) agree"
    else:
        start = "None of the 2 other observers agrees with people as well as the least consistent person does."
    assert part.sentences[0].startswith(start)
    assert part.sentences[1].startswith("sd (generative)") and len(part.tables[0].rows) == 4
    assert (contrast.out / "figures" / "map_x.csv").is_file()


@pytest.mark.parametrize(
    ("among_people", "start"),
    [
        ([True], "The one other observer agrees with people at least as well as"),
        ([False], "The one other observer does not agree with people as well as"),
        ([False, None, False], "None of the 2 other observers agrees with people as well as"),
        ([False, True, None], "1 of the 2 other observers (b) agrees with people at least as well as"),
        ([True, True, False], "2 of the 3 other observers (a, b) agree with people at least as well as"),
        ([True, True], "All 2 other observers agree with people at least as well as"),
    ],
)
def test_the_summary_of_the_human_range(among_people, start):
    among = pd.DataFrame({"observer": list("abc")[: len(among_people)], "among_people": among_people}, dtype=object)
    excluded = [
        f"{name} cannot be compared with people" for name in among.loc[among["among_people"].isna(), "observer"]
    ]
    summary, *reasons = human_range_summary(among).split(", because κ with people is undefined or necessarily 0: ")
    assert summary == " ".join([f"{start} the least consistent person does.", *excluded])
    assert reasons == ["one of two observers is always right or always wrong."] * len(excluded)


def test_the_summary_without_a_comparison_with_the_human_range():
    among = pd.DataFrame({"observer": ["a"], "among_people": [None]}, dtype=object)
    assert human_range_summary(among).startswith("a cannot be compared with people, because κ with people is undefined")


@pytest.mark.slow
def test_thresholds_and_responses(contrast, tmp_path):
    assert len(thresholds_section(contrast).data["thresholds"]) == 5
    assert thresholds_section(section_inputs(trials("sketch", KINDS), tmp_path)) is None
    rows = responses_section(contrast).tables[0].rows
    net = next(row for row in rows if row[0].value == "net")
    wrong = contrast.trials.query("observer == 'net' and not correct and response != ''")
    n = wrong.groupby(["category", "response"]).size().max()
    assert f", {n} of " in net[-1].value


@pytest.mark.slow
def test_low_pass(tmp_path):
    kinds = KINDS | {f"net{i}": "discriminative" for i in range(8)}
    frame = pd.concat([trials("low-pass", kinds, ("0", "3"), 30), trials("cue-conflict", kinds, cues=True, n=60)])
    part = low_pass_section(frame, tmp_path, QUICK)
    row = correlate(
        observer_measure(frame, "accuracy:low-pass", people=True), observer_measure(frame, "shape-bias", people=True)
    ).iloc[0]
    assert f"Pearson's r({row.df}) = {row.r:.3f}" in part.sentences[0] and row.n == 11
    few = frame[frame["observer"].isin(["s1", "net"])]
    assert (
        "these data have 2 observers, and at least 10 are needed" in low_pass_section(few, tmp_path, QUICK).sentences[0]
    )
    assert low_pass_section(few, tmp_path, QUICK).figures == ()
    assert low_pass_section(frame[frame["dataset"] == "low-pass"], tmp_path, QUICK) is None


def test_the_benchmark_has_intervals(tmp_path):
    frame = trials("cue-conflict", KINDS, cues=True)
    part = benchmark_section(frame, tmp_path, QUICK)
    cell = part.tables[0].rows[1][2]
    ends = part.data["benchmark-intervals"].query("measure == 'ood_accuracy'").set_index("observer")
    name = part.tables[0].rows[1][0].value
    assert (cell.low, cell.high) == tuple(ends.loc[name, ["low", "high"]])
    without = benchmark_section(frame, tmp_path, Bootstrap(0, 0))
    assert np.isnan(without.tables[0].rows[1][2].low) and "intervals" not in without.tables[0].caption


def test_observers_on_fewer_datasets_stand_apart(tmp_path):
    few = {name: kind for name, kind in KINDS.items() if name != "sd"}
    frame = pd.concat([trials("cue-conflict", KINDS, cues=True), trials("sketch", few)], ignore_index=True)
    first, apart = benchmark_section(frame, tmp_path, QUICK).tables
    assert {row[0].value for row in first.rows} == {"humans", "net"} and [row[0].value for row in apart.rows] == ["sd"]
    assert apart.heading == "Observers on 1 dataset" and apart.caption.startswith(
        "Means over 1 condition of 1 dataset (cue-conflict), which cannot"
    )


@pytest.mark.slow
@pytest.mark.parametrize("names", ["s1", "s1 s2", "sd", "s1 sd", "sd net"])
@pytest.mark.parametrize("responses", [None, "right", "wrong", "nothing"])
@pytest.mark.parametrize("dataset", ["contrast", "mine"])
def test_too_few_observers_or_responses(names, responses, dataset, tmp_path):
    """Each section returns None exactly if it does not apply, and otherwise writes whole sentences without NaN."""
    kinds = {name: KINDS[name] for name in names.split()}
    frame = trials(dataset, kinds, ("c100", "c05"), 6)
    if responses:
        frame["response"] = {"right": frame["category"], "wrong": "bottle", "nothing": ""}[responses]
        frame["correct"] = responses == "right"
    inputs = section_inputs(frame, tmp_path)
    has_people = "s1" in kinds
    applies = {
        "noise ceiling": has_people,
        "kinds": len(set(kinds.values())) > 1,
        "clusters": False,
        "mistakes": len(kinds) > 1 and n_choices(frame) > 2,
        "thresholds": True,
        "responses": True,
    }
    for name, is_expected in applies.items():
        part = SECTIONS[name](inputs)
        assert (part is not None) == is_expected, name
        if part is not None:
            check_part(part)
    parts = {name: section(frame, tmp_path, QUICK) for name, section in OVERALL_SECTIONS.items()}
    assert parts["low-pass"] is None
    assert (parts["benchmark"] is not None) == (has_people and dataset == "contrast")
    if parts["benchmark"] is not None:
        check_part(parts["benchmark"])
        rows = {row[0].value for row in parts["benchmark"].tables[0].rows}
        assert rows == {"humans"} | {name for name in kinds if KINDS[name] != "human"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noise ceiling", "kinds", "clusters", "mistakes", "thresholds", "responses"])
def test_sections_on_five_observers_write_whole_sentences(name, contrast):
    check_part(SECTIONS[name](contrast))


def check_part(part):
    """Check that a part has something to show, that its texts are whole sentences, and that its tables have rows."""
    assert part.sentences or part.figures or part.tables
    for text in (*part.sentences, *(figure.caption for figure in part.figures), *(t.caption for t in part.tables)):
        assert text[0].isupper() or text[0] in "0123456789κ“" or text.startswith(tuple(KINDS)), text
        assert text.endswith((".", "?")) and not re.search(r"(?<!-)\bnan\b", text), text
    assert all(len(table.rows) for table in part.tables)
    assert all(len(table) for table in part.data.values())


@pytest.mark.slow
def test_sections_share_the_resamples(contrast, monkeypatch):
    """The kappas of a dataset are computed once for the data and once for the resamples, and so is agreement with people."""
    calls = []
    for module, name in ((pairs, "pair_kappas"), (condition_data, "compare_with_people")):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, f=function: calls.append(f.__name__) or f(*args))
    for name in ("noise ceiling", "kinds", "clusters"):
        assert SECTIONS[name](contrast)
    assert sorted(calls) == ["compare_with_people"] * 2 + ["pair_kappas"] * 2


def test_no_condition_is_in_the_benchmark(tmp_path):
    inputs = section_inputs(trials("contrast", KINDS, ("c100",), 6), tmp_path)
    assert not len(inputs.benchmark_trials)
    sections = (ceiling_section, contrasts_section, clusters_section, mistakes_section)
    assert all(section(inputs) is None for section in sections)
