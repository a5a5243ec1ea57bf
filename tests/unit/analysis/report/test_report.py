"""The report: its files, tables and pages show the values of the measures, and names are text and never markup."""

import re

import numpy as np
import pandas as pd
import pytest

from analysis.io.number_format import format_number
from analysis.kappa.consistency import BOUNDS, error_consistency, kappa_matrix
from analysis.measures.accuracy import accuracy
from analysis.measures.shape_bias import shape_bias
from analysis.report.pages import POLICY, SCRIPTS
from analysis.report.report import write_report
from core.errors import LogError
from tests.unit.analysis.report.simulated_reports import HOSTILE, KINDS, Elements, page_text, read_data, trials


@pytest.fixture(scope="module")
def frame():
    parts = [trials("cue-conflict", KINDS, cues=True), trials("contrast", KINDS, ("c100", "c50", "c05"), 12, seed=1)]
    parts.append(trials("a/../b", {"net": "generative"}, seed=2))
    frame = pd.concat(parts, ignore_index=True)
    frame.attrs["notes"] = [
        "incomplete: x.csv has only 1 of 2 trials",
        "simulated observers are included (their responses are not measurements): coin",
    ]
    return frame


@pytest.fixture(scope="module")
def report(frame, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "deep" / "er"
    assert write_report(frame, out) == out / "index.html"
    return out


@pytest.fixture(scope="module")
def page(report):
    return (report / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_files(report):
    figures = [f"{name}_{d}" for name in ("accuracy", "confusion") for d in ("cue-conflict", "contrast", "a-..-b")]
    figures += ["shape-bias_cue-conflict"] + [f"consistency_{d}" for d in ("cue-conflict", "contrast")]
    figures += ["finding_accuracy"]
    expected = {f"figures/{stem}.{suffix}" for stem in figures for suffix in ("pdf", "svg", "png", "csv")}
    tables = [
        "accuracy",
        "shape-bias",
        "consistency",
        "contingency",
        "benchmark",
        "images",
        "provenance",
        "benchmark-intervals",
    ]
    tables += [
        "noise-ceiling",
        "contrasts",
        "mistakes",
        "thresholds",
        "confusion",
        "entropy",
    ]
    data = [f"trials_{d}" for d in ("cue-conflict", "contrast", "a-..-b")]
    data += ["accuracy_contrast", "shape-bias_cue-conflict", "consistency_cue-conflict", "consistency_contrast"]
    expected |= {f"tables/{name}.csv" for name in tables} | {f"data/{name}.js" for name in data}
    expected |= {f"assets/{name}" for name in (*SCRIPTS, "index.js", "report.css")} | {"index.html", "trials.html"}
    assert {p.relative_to(report).as_posix() for p in report.rglob("*") if p.is_file()} == expected | {"made.txt"}
    assert all((report / name).stat().st_size > 50 for name in expected)
    assert set((report / "made.txt").read_text().splitlines()) == expected


def test_tables_contain_the_measures(report, frame):
    def read(name):
        return pd.read_csv(
            report / name, keep_default_na=False, na_values=dict.fromkeys(["kappa", "low", "high", *BOUNDS], "")
        )

    tolerance = {"check_dtype": False, "rtol": 1e-12}
    pd.testing.assert_frame_equal(read("tables/accuracy.csv"), accuracy(frame), **tolerance)
    pd.testing.assert_frame_equal(read("tables/consistency.csv"), error_consistency(frame, bounds=True), **tolerance)
    bias = shape_bias(frame[frame["dataset"] == "cue-conflict"])
    pd.testing.assert_frame_equal(read("tables/shape-bias.csv").drop(columns="dataset"), bias, **tolerance)
    matrix = pd.read_csv(report / "figures/consistency_contrast.csv", index_col="observer")
    expected = kappa_matrix(error_consistency(frame, intervals=False), "contrast")
    assert list(matrix.index) == list(matrix.columns)
    np.testing.assert_allclose(matrix.loc[expected.index, expected.columns], expected, atol=1e-12)
    own = pd.read_csv(report / "figures/accuracy_contrast.csv")
    assert len(own) == 15
    assert set(own["dataset"]) == {"contrast"}


def test_the_page_is_complete_and_loads_nothing_from_outside(page, report):
    elements = Elements(page)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    policy = [meta["content"] for meta in elements.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == [POLICY] and "unsafe" not in POLICY
    assert {"charset": "utf-8"} in elements.of("meta")
    assert "viewport" in [meta.get("name") for meta in elements.of("meta")]
    assert not [
        attrs for _, attrs in elements.elements if "style" in attrs or any(name.startswith("on") for name in attrs)
    ]
    images = elements.of("img")
    assert len(images) == len(list((report / "figures").glob("*.png"))) > 8
    assert {image["src"] for image in images} == {f"figures/{p.name}" for p in (report / "figures").glob("*.png")}
    assert all(len(image["alt"]) > 20 for image in images)
    for file in [*(a["src"] for a in elements.of("script")), *(a["href"] for a in elements.of("link"))]:
        assert (report / file).is_file()
    ids = [attrs["id"] for _, attrs in elements.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in elements.of("a"):
        target = link["href"].partition("#d=")[0]
        assert target[1:] in ids if target.startswith("#") else (report / target).is_file()
    assert not re.search(r"(?:src|href|url\()\W*(?:https?:)?//", page)
    assert "@media print" in (report / "assets" / "report.css").read_text("utf-8")


def test_a_name_with_markup_is_text(page, report):
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for file in [*report.rglob("*.svg"), *(report / "data").glob("*.js"), report / "trials.html"]:
        assert HOSTILE not in file.read_text("utf-8"), file.name
    assert HOSTILE in read_data(report / "data" / "trials_contrast.js")["names"]
    assert "a/../b" in page


def test_the_text_of_the_page(page, frame):
    text = page_text(page)
    assert "2 of the 17 published datasets and 1 other dataset" in text
    assert "Each dataset has a section of its own. Only the section “Benchmark” is averaged over datasets." in text
    assert page.index("incomplete: x.csv has only 1 of 2 trials") < page.index("<h2")
    assert text.count("simulated observers are included (their responses are not measurements): coin") == 1
    assert "these logs do not contain two such observers" in text
    pairs = error_consistency(frame, intervals=False)
    matrix = kappa_matrix(pairs, "contrast")
    kappa = format_number(matrix.loc["subject-01", "subject-02"])
    assert re.search(rf"Mean κ is {kappa} \[[-0-9., ]+\] among people \(1 pair\)", text)
    for kind, name in (("generative", "net"), ("simulated", "coin")):
        mean = matrix.loc[["subject-01", "subject-02"], name].mean()
        assert re.search(rf"{format_number(mean)} \[[-0-9., ]+\] between people and {kind} observers \(2 pairs\)", text)
    few = "these data have 24 images that observers have in common, and at least 100 are needed."
    for claim in (
        "whether people form a cluster of their own",
        "the map of observers are not shown",
        "p values are not shown",
    ):
        assert f"{claim}: {few}" in text
    assert "adjusted Rand" not in text.split("Methods")[0]
    assert "95 % Wilson intervals" in text
    assert "95 % intervals come from a paired bootstrap over images with 1000 resamples and seed 0" in text
    for source in ("Wilson (1927)", "Klein et al. (2025)", *(f"({year})" for year in (2018, 2019, 2020, 2021))):
        assert source in text
    assert "100* 50 5 n" in text
    bias = (
        shape_bias(frame[frame["dataset"] == "cue-conflict"]).query("category == 'all' and observer == 'net'").iloc[0]
    )
    rates = [format_number(n / bias.n_conflict) for n in (bias.n_shape, bias.n_texture)]
    interval = f"{format_number(bias.low)}–{format_number(bias.high)}"
    row = f"net generative {format_number(bias.shape_bias)}{interval} 24 {bias.n_shape} {bias.n_texture} {' '.join(rates)}"
    assert row.replace(interval, f" {interval}") in text


@pytest.mark.slow
def test_the_same_trials_give_the_same_bytes(tmp_path):
    frame, folders = trials("cue-conflict", KINDS, cues=True), [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        write_report(frame, folder)
    paths, others = ({path.relative_to(folder) for path in folder.rglob("*.*")} for folder in folders)
    assert paths == others and len(paths) > 40
    for path in paths:
        assert (folders[0] / path).read_bytes() == (folders[1] / path).read_bytes(), path.name


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_the_text_on_clusters_of_people(tmp_path):
    kinds = {"subject-01": "human", "subject-02": "human", "net": "generative", "other": "generative"}
    frame = trials("edge", kinds, n=120)
    right = np.arange(120) % 3 > 0
    correct = {"subject-01": right, "subject-02": right, "net": np.roll(right, 1), "other": np.arange(120) % 4 > 0}
    frame["correct"] = np.concatenate([correct[name] for name in frame["observer"].unique()])
    text = page_text(write_report(frame, tmp_path, intervals=False).read_text("utf-8"))
    assert "The 2 people form one cluster, and none of the 2 other observers is in it." in text
    assert "Mean κ is 1.000 among people (1 pair)" in text
    assert "No intervals were computed." in text
    correct["net"] = right
    frame["correct"] = np.concatenate([correct[name] for name in frame["observer"].unique()])
    text = page_text(write_report(frame, tmp_path, intervals=False).read_text("utf-8"))
    assert (
        "do not form a cluster of their own: the smallest cluster that contains all of them also contains net." in text
    )


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_undefined_values_are_dashes_and_lost_notes_are_restored(tmp_path):
    frame = trials("own", {"ideal": "simulated", "other": "generative"}, cues=True)
    frame["correct"], frame["response"] = True, ""
    text = page_text(write_report(frame, tmp_path, intervals=False).read_text("utf-8"))
    assert "simulated observers are included (their responses are not measurements): ideal" in text
    assert "1 dataset outside the 17 published ones" in text
    assert "ideal simulated – 24 0 0 0.000 0.000 0.000" in text
    assert "κ is undefined for 1 pair and counts as 0 in the clustering." in text
    assert "There are no people among these observers" in text
    assert "Chance is not shown because the log does not contain the number of choices." in text


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_files_of_an_earlier_report_are_removed(tmp_path):
    write_report(trials("cue-conflict", KINDS, cues=True), tmp_path, intervals=False)
    (tmp_path / "figures" / "mine.pdf").write_text("kept")
    write_report(trials("own", {"net": "generative"}), tmp_path, intervals=False)
    folders = ("", "figures", "tables", "data")
    names = {f"{folder}/{p.name}" for folder in folders for p in (tmp_path / folder).glob("*.*")}
    figures = {
        f"figures/{name}_own.{suffix}" for name in ("accuracy", "confusion") for suffix in ("csv", "pdf", "png", "svg")
    }
    tables = {f"tables/{name}.csv" for name in ("accuracy", "confusion", "entropy", "images", "provenance")}
    pages = {"/index.html", "/trials.html", "/made.txt", "data/trials_own.js"}
    assert names == figures | tables | pages | {"figures/mine.pdf"}


@pytest.mark.usefixtures("empty_figures")
def test_a_list_of_files_cannot_remove_files_outside_the_folder(tmp_path):
    outside = tmp_path / "kept.html"
    outside.write_text("kept")
    out = tmp_path / "report"
    out.mkdir()
    (out / "made.txt").write_text(f"../kept.html\n{outside}\nfigures/../../kept.html\nlogs/kept.csv\n")
    (out / "logs").mkdir()
    (out / "logs" / "kept.csv").write_text("kept")
    write_report(trials("own", {"net": "generative"}, n=4), out, intervals=False)
    assert outside.exists() and (out / "logs" / "kept.csv").exists()


@pytest.mark.usefixtures("empty_figures")
def test_a_report_that_fails_keeps_the_earlier_one(tmp_path):
    page = write_report(trials("own", {"net": "generative"}, n=4), tmp_path, intervals=False).read_bytes()
    twice = trials("own", {"net": "generative"}, n=4)
    with pytest.raises(LogError, match=r"responded to 0\.png of own twice"):
        write_report(pd.concat([twice, twice]), tmp_path, intervals=False)
    assert (tmp_path / "index.html").read_bytes() == page and not list(tmp_path.glob(".report-*"))


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_datasets_with_the_same_file_name(tmp_path):
    kinds = {"net": "generative"}
    frame = pd.concat([trials(name, kinds, n=4) for name in ("A b", "a-b", "a?b")], ignore_index=True)
    write_report(frame, tmp_path)
    names = sorted(p.name for p in (tmp_path / "figures").glob("*.csv"))
    assert names == [
        f"{figure}_{name}.csv" for figure in ("accuracy", "confusion") for name in ("A-b", "a-b-2", "a-b-3")
    ]
    assert not (tmp_path / "tables" / "consistency.csv").exists()


@pytest.mark.usefixtures("empty_figures")
def test_an_observer_named_observer(tmp_path):
    write_report(trials("own", {"observer": "human", "index": "human"}, n=8), tmp_path, intervals=False)
    head = (tmp_path / "figures" / "consistency_own.csv").read_text("utf-8").splitlines()[0]
    assert sorted(head.split(",")) == ["index", "observer", "observer"]


@pytest.mark.usefixtures("empty_figures")
def test_only_conditions_that_the_benchmark_excludes(tmp_path):
    page = write_report(trials("contrast", KINDS, ("c100",)), tmp_path, intervals=False)
    assert "The benchmark excludes all conditions of these data; their κ values are in" in page_text(page.read_text())
    assert len(pd.read_csv(tmp_path / "tables" / "consistency.csv")) == 10


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_captions(page, tmp_path):
    text = page_text(page)
    assert "n = 5 observers; 24 cue-conflict images per observer" in text
    assert (
        "n = 5 observers, with people shown individually, over 24 images per condition that the benchmark includes"
        in text
    )
    assert "The dotted line marks chance (1/16)." in text
    crowd = {f"subject-{i:02d}": "human" for i in range(10)} | {f"net{i}": "discriminative" for i in range(4)}
    own = trials("own", crowd, cues=True).assign(evidence_cat=0.5, evidence_dog=0.3, evidence_car=0.2)
    text = page_text(write_report(own, tmp_path, intervals=False).read_text("utf-8"))
    assert "n = 14 observers; 24 cue-conflict images per observer" in text
    assert "The files of this figure show the 10 people pooled as one observer." in text
    assert "over 24 images per condition. κ is computed" in text
    assert "The dotted line marks chance (1/3)." in text


@pytest.mark.slow
@pytest.mark.usefixtures("empty_figures")
def test_pooled_people_determine_the_order_of_the_rows(tmp_path):
    """People choose the shape of cats and the texture of dogs, and a larger number of networks does the opposite."""
    networks = dict.fromkeys(("net1", "net2", "net3"), "discriminative")
    frame = trials("own", {"subject-01": "human", "subject-02": "human"} | networks, cues=True)
    by_shape = (frame["shape"] == "cat") == (frame["kind"] == "human")
    frame["response"] = frame["shape"].where(by_shape, frame["texture"])
    write_report(frame, tmp_path, intervals=False)
    rows = pd.read_csv(tmp_path / "figures" / "shape-bias_own.csv")
    assert list(rows["category"].unique()) == ["cat", "dog", "all"]


def test_no_trials(tmp_path, frame):
    with pytest.raises(LogError, match="the logs contain no trials"):
        write_report(frame[:0], tmp_path)
