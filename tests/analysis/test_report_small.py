"""Input of which there is hardly any gives a page that says so; the hostile one does no harm."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures import style
from analysis.report.report import write_report
from stimuli.errors import LogError
from tests.analysis.test_report import Elements, taken, trials, words

ONE = {"net": "generative"}
TWO = {"subject-01": "human", "net": "generative"}


@pytest.fixture(autouse=True)
def only_png(monkeypatch):
    """Three formats take three times as long."""
    monkeypatch.setattr(style, "FORMATS", ("png",))


def written(frame, tmp_path, **options):
    """What both pages say, after their HTML was found to be whole."""
    page = write_report(frame, tmp_path, **options)
    texts = [path.read_text("utf-8") for path in (page, page.with_name("trials.html"))]
    for text in texts:
        Elements(text)
    return words(texts[0])


@pytest.mark.parametrize("intervals", [True, False])
def test_one_trial(tmp_path, intervals):
    said = written(trials("own", ONE, n=1), tmp_path, intervals=intervals)
    assert "1 observer, 1 trial." in said and "here are no two" in said


def test_one_image(tmp_path):
    said = written(trials("own", TWO, n=1, cues=True), tmp_path)
    assert "2 observers, 2 trials." in said
    assert taken(tmp_path / "data" / "consistency_own.js")["kappa"] in ([None], [0], [1])


def test_one_published_person_alone(tmp_path):
    said = written(trials("contrast", {"subject-01": "human"}, ("c50",), n=3), tmp_path)
    assert "1 of the 17 published datasets" in said and "here are no two" in said


def test_people_who_answered_only_what_does_not_count(tmp_path):
    said = written(trials("contrast", TWO, ("c100",), n=3), tmp_path)
    assert (
        "Only conditions that do not count in the benchmark are here" in said
        and "Benchmark" not in said.split("Methods")[0]
    )


def test_no_image_in_conflict(tmp_path):
    frame = trials("own", TWO, cues=True)
    said = written(frame.assign(texture=frame["shape"]), tmp_path)
    assert "No shape bias: no image here has a shape and a texture that differ." in said


def test_nobody_answered(tmp_path):
    frame = trials("own", TWO, ("a", "b"), cues=True).assign(response="", correct=False)
    said = written(frame, tmp_path)
    assert "No answer was given by subject-01, net." in said
    assert "Kappa is undefined for 1 pair" in said
    assert taken(tmp_path / "data" / "trials_own.js")["answers"] == ["!" * 48] * 2


def test_a_category_that_nobody_answered_and_one_that_no_image_has(tmp_path):
    frame = trials("own", TWO)
    frame["response"] = np.where(frame["category"] == "dog", "truck", frame["response"])
    frame["correct"] = frame["response"] == frame["category"]
    written(frame, tmp_path)
    data = taken(tmp_path / "data" / "trials_own.js")
    assert {"dog", "truck"} <= set(data["words"])


def test_observers_who_share_no_image_and_no_condition(tmp_path):
    one, other = trials("own", {"a": "generative"}, ("x",)), trials("own", {"b": "human"}, ("y",))
    said = written(pd.concat([one, other], ignore_index=True), tmp_path)
    assert "here are no two" in said
    assert "own" in said
    answers = taken(tmp_path / "data" / "trials_own.js")["answers"]
    assert sorted(text.count(" ") for text in answers) == [24, 24]


def test_a_pair_without_a_common_image_in_a_condition(tmp_path):
    frame = trials("own", {"a": "generative", "b": "human", "c": "human"}, ("x", "y"))
    frame = frame[(frame["observer"] != "a") | ((frame["condition"] == "x") & (frame["stimulus"] < "2"))]
    frame = frame[(frame["observer"] != "b") | (frame["stimulus"] >= "2")]
    written(frame, tmp_path)
    data = taken(tmp_path / "data" / "consistency_own.js")
    pair = [("a", "b"), ("b", "a")]
    names = data["names"]
    k = [(names[i], names[j]) for i in range(3) for j in range(i + 1, 3)].index(
        next(p for p in pair if names.index(p[0]) < names.index(p[1]))
    )
    assert data["kappa"][k] is None


def test_evidence_that_is_the_same_for_all_choices_or_not_finite(tmp_path):
    frame = trials("own", ONE, n=3).assign(evidence_cat=[1.0, -np.inf, np.nan], evidence_dog=[1.0, 2.0, np.nan])
    written(frame, tmp_path)
    one = taken(tmp_path / "data" / "details_own_0.js")["evidence"]["0"]
    assert one["low"] == [1, 2, None] or sorted(map(str, one["low"])) == ["1.0", "2.0", "None"]
    assert len(one["steps"]) == 6


def test_more_choices_than_letters_of_one_byte(tmp_path):
    frame = trials("own", TWO, n=300)
    frame["response"] = [f"thing {i % 300}" for i in range(len(frame))]
    frame["correct"] = False
    written(frame, tmp_path, intervals=False)
    data = taken(tmp_path / "data" / "trials_own.js")
    letters = {text: place for place, text in enumerate(data["letters"])}
    assert len(letters) > 300
    i = data["stimulus"].index("299.png")
    assert data["words"][letters[data["answers"][0][i]]] == "thing 299"


def test_two_sessions_are_refused_in_words(tmp_path):
    frame = trials("own", ONE, n=2)
    with pytest.raises(LogError, match="give one session at a time"):
        write_report(pd.concat([frame, frame.assign(session=2)]), tmp_path)
