"""What the sections say is what the measures say, and every one bears what there is too little of."""

import numpy as np
import pandas as pd
import pytest

from analysis.ceiling import noise_ceiling
from analysis.consistency import consistency
from analysis.contrasts import PEOPLE, contrasts
from analysis.correlation import correlate, measure
from analysis.report.agreement_sections import ceiling_section, clusters_section, contrasts_section, mistakes_section
from analysis.report.overall_sections import OVERALL_SECTIONS, benchmark_section, low_pass_section
from analysis.report.response_sections import answers_section, thresholds_section
from analysis.report.section_inputs import Bootstrap, SectionInputs
from analysis.report.sections import SECTIONS
from analysis.tables import probability
from tests.analysis.test_report import trials

WHO = {"s1": "human", "s2": "human", "s3": "human", "net": "discriminative", "sd": "generative"}
QUICK = Bootstrap(40, 3)


def material(frame, out, bootstrap=QUICK):
    (dataset,) = frame["dataset"].unique()
    pairs = consistency(frame, intervals=False, bounds=True)
    return SectionInputs(out, dataset, "x", frame, frame, pd.DataFrame(), pairs, pd.DataFrame(), None, bootstrap)


@pytest.fixture
def contrast(tmp_path):
    return material(trials("contrast", WHO, ("c100", "c50", "c15", "c05"), 30, seed=4), tmp_path)


def test_ceiling(contrast):
    part = ceiling_section(contrast)
    table = noise_ceiling(contrast.counted, n_resamples=40, seed=3)
    pd.testing.assert_frame_equal(part.data["noise-ceiling"], table)
    top, best = table.iloc[0], table[table["kind"] != "human"].sort_values("share").iloc[-1]
    assert f"{top.ceiling:.3f} [{top.ceiling_low:.3f}, {top.ceiling_high:.3f}]" in part.sentences[0]
    assert f"{best.observer} ({best.kind}) comes nearest, with {best.kappa:.3f}" in part.sentences[1]
    assert "c100" not in set(contrast.counted["condition"])


def test_kinds(contrast):
    part = contrasts_section(contrast)
    table = contrasts(contrast.counted, n_resamples=40, seed=3)
    row = table[table["contrast"] == PEOPLE].iloc[0]
    assert f"{row.kappa_1:.3f} for generative and {row.kappa_2:.3f} for discriminative observers" in part.sentences[0]
    assert part.sentences[0].endswith(f"{probability(row.p)}.")


def test_clusters(contrast):
    part = clusters_section(contrast)
    among = part.data["among-people"].set_index("observer")
    inside = [name for name in ("sd", "net") if among.loc[name, "among_people"]]
    assert f"{len(inside) or 'none'}" in part.sentences[0]
    assert part.sentences[1].startswith("sd (generative)") and len(part.tables[0].rows) == 4
    assert (contrast.out / "figures" / "map_x.csv").is_file()


def test_thresholds_and_answers(contrast, tmp_path):
    assert len(thresholds_section(contrast).data["thresholds"]) == 5
    assert thresholds_section(material(trials("sketch", WHO), tmp_path)) is None
    rows = answers_section(contrast).tables[0].rows
    net = next(row for row in rows if row[0].value == "net")
    wrong = contrast.trials.query("observer == 'net' and not correct and response != ''")
    n = wrong.groupby(["category", "response"]).size().max()
    assert f", {n} of " in net[-1].value


def test_low_pass(tmp_path):
    who = WHO | {f"net{i}": "discriminative" for i in range(4)}
    frame = pd.concat([trials("low-pass", who, ("0", "3"), 30), trials("cue-conflict", who, cues=True, n=60)])
    part = low_pass_section(frame, tmp_path, QUICK)
    row = correlate(measure(frame, "accuracy:low-pass", people=True), measure(frame, "shape-bias", people=True)).iloc[0]
    assert f"Pearson's r({row.df}) = {row.r:.3f}" in part.sentences[0] and row.n == 7
    few = frame[frame["observer"].isin(["s1", "net"])]
    assert "fewer than three observers" in low_pass_section(few, tmp_path, QUICK).sentences[0]
    assert low_pass_section(frame[frame["dataset"] == "low-pass"], tmp_path, QUICK) is None


def test_intervals_stand_in_the_benchmark(tmp_path):
    frame = trials("cue-conflict", WHO, cues=True)
    part = benchmark_section(frame, tmp_path, QUICK)
    cell = part.tables[0].rows[1][3]
    ends = part.data["benchmark-intervals"].query("measure == 'ood_accuracy'").set_index("observer")
    name = part.tables[0].rows[1][0].value
    assert (cell.low, cell.high) == tuple(ends.loc[name, ["low", "high"]])
    without = benchmark_section(frame, tmp_path, Bootstrap(0, 0))
    assert np.isnan(without.tables[0].rows[1][3].low) and "Intervals" not in without.tables[0].caption


@pytest.mark.parametrize("who", ["s1", "s1 s2", "sd", "s1 sd", "sd net"])
@pytest.mark.parametrize("said", [None, "right", "wrong", "nothing"])
@pytest.mark.parametrize("dataset", ["contrast", "mine"])
def test_too_little(who, said, dataset, tmp_path):
    """Of every odd frame each section is None or is said, with the rest beside it."""
    who = {name: WHO[name] for name in who.split()}
    frame = trials(dataset, who, ("c100", "c05"), 6)
    if said:
        frame["response"] = {"right": frame["category"], "wrong": "bottle", "nothing": ""}[said]
        frame["correct"] = said == "right"
    m = material(frame, tmp_path)
    for name in ("noise ceiling", "kinds", "clusters", "mistakes", "thresholds", "answers"):
        part = SECTIONS[name](m)
        if part is not None:
            assert all("nan" not in sentence for sentence in part.sentences), name
    for section in OVERALL_SECTIONS.values():
        section(frame, tmp_path, QUICK)
    if len(who) == 1:
        assert mistakes_section(m) is clusters_section(m) is contrasts_section(m) is None


def test_no_condition_counts(tmp_path):
    m = material(trials("contrast", WHO, ("c100",), 6), tmp_path)
    assert not len(m.counted)
    assert all(s(m) is None for s in (ceiling_section, contrasts_section, clusters_section, mistakes_section))


def test_pvalues_in_words():
    assert [probability(p) for p in (np.nan, 1e-9, 0.01234)] == ["p undefined", "p < 0.0001", "p = 0.0123"]
