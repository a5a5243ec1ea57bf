"""The report works with very few trials, observers or responses, and the pages state what is missing."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures import style
from analysis.report.findings.finding import Finding
from analysis.report.pages import MAX_PRINTED_DATASETS, unbroken
from analysis.report.report import describe_averages, write_report
from analysis.report.sections.parts import Part
from core.errors import LogError
from tests.unit.analysis.report.simulated_reports import Elements, page_text, read_data, trials

ONE_OBSERVER = {"net": "generative"}
TWO_OBSERVERS = {"subject-01": "human", "net": "generative"}


@pytest.fixture(autouse=True)
def only_png(monkeypatch):
    """Write figures in one format only, which is three times as fast."""
    monkeypatch.setattr(style, "FORMATS", ("png",))


def report_text(frame, tmp_path, **options):
    """Write a report, check that the HTML of both pages is complete, and return the text of the main page."""
    page = write_report(frame, tmp_path, **options)
    texts = [path.read_text("utf-8") for path in (page, page.with_name("trials.html"))]
    for text in texts:
        Elements(text)
    return page_text(texts[0])


def test_numbers_and_equations_are_not_broken_across_lines():
    assert (
        unbroken("the 95 % interval (n = 7, p < .001)")
        == "the 95\u00a0% interval (n\u00a0=\u00a07, p\u00a0<\u00a0.001)"
    )
    assert unbroken("κ = -0.2, and p &lt; .05") == "κ\u00a0=\u00a0-0.2, and p\u00a0&lt;\u00a0.05"
    assert unbroken("a % sign, when = 1, 3 x = y") == "a % sign, when = 1, 3 x = y"


def test_the_sentence_about_means_over_datasets():
    findings = [Finding("How?", "how", ("Well.",), None, is_averaged=True), Finding("Who?", "who", ("All.",), None)]
    assert describe_averages(findings, []) == "Only the finding “How?” is averaged over datasets."
    both = describe_averages(findings, [Part("Benchmark", "benchmark")])
    assert both == "Only the finding “How?” and the section “Benchmark” are averaged over datasets."
    assert describe_averages(findings[1:], []) == "No result is averaged over datasets."


@pytest.mark.slow
@pytest.mark.parametrize("intervals", [True, False])
def test_one_trial(tmp_path, intervals):
    text = report_text(trials("own", ONE_OBSERVER, n=1), tmp_path, intervals=intervals)
    assert "1 observer, 1 trial." in text and "these logs do not contain two such observers" in text


@pytest.mark.slow
@pytest.mark.parametrize("n_datasets", [4, 5])
def test_tables_of_collapsed_datasets_are_not_printed_in_a_report_on_many(n_datasets, tmp_path):
    frame = pd.concat([trials(f"own-{i}", ONE_OBSERVER, n=1) for i in range(n_datasets)], ignore_index=True)
    page = write_report(frame, tmp_path, intervals=False).read_text("utf-8")
    many = n_datasets if n_datasets > MAX_PRINTED_DATASETS else 0
    assert (
        page.count('class="section dataset many"') == page.count("The tables of this dataset are not printed") == many
    )
    assert page.count('class="section dataset"') == n_datasets - many


@pytest.mark.slow
def test_one_image(tmp_path):
    text = report_text(trials("own", TWO_OBSERVERS, n=1, cues=True), tmp_path)
    assert "2 observers, 2 trials." in text
    assert read_data(tmp_path / "data" / "consistency_own.js")["kappa"] in ([None], [0], [1])


def test_a_single_person_on_a_published_dataset(tmp_path):
    text = report_text(trials("contrast", {"subject-01": "human"}, ("c50",), n=3), tmp_path)
    assert "1 of the 17 published datasets" in text and "these logs do not contain two such observers" in text


def test_people_without_responses_in_included_conditions(tmp_path):
    text = report_text(trials("contrast", TWO_OBSERVERS, ("c100",), n=3), tmp_path)
    assert "The benchmark excludes all conditions of these data" in text and "Benchmark" not in text.split("Methods")[0]


@pytest.mark.slow
def test_no_image_in_conflict(tmp_path):
    frame = trials("own", TWO_OBSERVERS, cues=True)
    text = report_text(frame.assign(texture=frame["shape"]), tmp_path)
    assert "Shape bias cannot be computed, because shape and texture do not differ in any image." in text


@pytest.mark.slow
def test_no_observer_responds(tmp_path):
    frame = trials("own", TWO_OBSERVERS, ("a", "b"), cues=True).assign(response="", correct=False)
    text = report_text(frame, tmp_path)
    assert "These observers gave no response to any image: subject-01, net." in text
    assert "κ is undefined for 1 pair" in text
    assert read_data(tmp_path / "data" / "trials_own.js")["answers"] == ["!" * 48] * 2


@pytest.mark.slow
def test_a_category_without_responses_and_a_response_without_images(tmp_path):
    frame = trials("own", TWO_OBSERVERS)
    frame["response"] = np.where(frame["category"] == "dog", "truck", frame["response"])
    frame["correct"] = frame["response"] == frame["category"]
    report_text(frame, tmp_path)
    data = read_data(tmp_path / "data" / "trials_own.js")
    assert {"dog", "truck"} <= set(data["words"])


@pytest.mark.slow
def test_observers_without_common_images_and_conditions(tmp_path):
    first, second = trials("own", {"a": "generative"}, ("x",)), trials("own", {"b": "human"}, ("y",))
    text = report_text(pd.concat([first, second], ignore_index=True), tmp_path)
    assert "these logs do not contain two such observers" in text
    assert "own" in text
    responses = read_data(tmp_path / "data" / "trials_own.js")["answers"]
    assert sorted(letters.count(" ") for letters in responses) == [24, 24]


@pytest.mark.slow
def test_a_pair_without_a_common_image_in_a_condition(tmp_path):
    frame = trials("own", {"a": "generative", "b": "human", "c": "human"}, ("x", "y"))
    frame = frame[(frame["observer"] != "a") | ((frame["condition"] == "x") & (frame["stimulus"] < "2"))]
    frame = frame[(frame["observer"] != "b") | (frame["stimulus"] >= "2")]
    report_text(frame, tmp_path)
    data = read_data(tmp_path / "data" / "consistency_own.js")
    pair = [("a", "b"), ("b", "a")]
    names = data["names"]
    k = [(names[i], names[j]) for i in range(3) for j in range(i + 1, 3)].index(
        next(p for p in pair if names.index(p[0]) < names.index(p[1]))
    )
    assert data["kappa"][k] is None


def test_evidence_that_is_the_same_for_all_choices_or_not_finite(tmp_path):
    frame = trials("own", ONE_OBSERVER, n=3).assign(
        evidence_cat=[1.0, -np.inf, np.nan], evidence_dog=[1.0, 2.0, np.nan]
    )
    report_text(frame, tmp_path)
    evidence = read_data(tmp_path / "data" / "details_own_0.js")["evidence"]["0"]
    assert evidence["low"] == [1, 2, None] or sorted(map(str, evidence["low"])) == ["1.0", "2.0", "None"]
    assert len(evidence["steps"]) == 6


@pytest.mark.slow
def test_more_choices_than_single_byte_letters(tmp_path):
    frame = trials("own", TWO_OBSERVERS, n=300)
    frame["response"] = [f"thing {i % 300}" for i in range(len(frame))]
    frame["correct"] = False
    report_text(frame, tmp_path, intervals=False)
    data = read_data(tmp_path / "data" / "trials_own.js")
    letters = {letter: index for index, letter in enumerate(data["letters"])}
    assert len(letters) > 300
    i = data["stimulus"].index("299.png")
    assert data["words"][letters[data["answers"][0][i]]] == "thing 299"


def test_the_same_session_twice_raises_an_error(tmp_path):
    frame = trials("own", ONE_OBSERVER, n=2)
    write_report(pd.concat([frame, frame.assign(session=2)]), tmp_path / "report", intervals=False)
    with pytest.raises(LogError, match="twice in session 1; error consistency needs one response per image"):
        write_report(pd.concat([frame, frame]), tmp_path)
