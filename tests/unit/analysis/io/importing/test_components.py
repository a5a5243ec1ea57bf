"""Components of PsychoPy: the choice among several keyboards, mice and sliders, and lists of keys."""

import pytest

from core.errors import LogError
from tests.unit.analysis.io.importing.imported_rows import columns, import_text

HEAD = "image,corrAns,ok.keys,ok.rt,key_resp.keys,{}key_resp.rt,trials.thisN,participant,session,date,expName\n"
GRADED = HEAD.format("key_resp.corr,")


def test_the_component_with_a_column_of_correctness_has_the_responses(tmp_path):
    """PsychoPy writes the key of an instruction to the row of the first trial if the routines share a loop."""
    rows, lines = import_text(
        tmp_path,
        GRADED + ",,space,1.2,,,,,7,1,d,faces\na.png,left,space,1.3,left,1,0.63,0,7,1,d,faces\n"
        "b.png,right,,,None,0,,1,7,1,d,faces\n",
        kind=None,
    )
    assert columns(rows, "response", "rt", "info_ok_keys") == [("left", "0.63", "space"), ("", "", "")]
    assert (
        "note: key_resp.keys is used as the response, and not ok.keys, since its component has a column .corr" in lines
    )


def test_components_without_keys_in_trials_are_not_candidates(tmp_path):
    text = GRADED + "a.png,left,None,,left,1,0.6,0,7,1,d,faces\nb.png,right,None,,right,1,.7,1,7,1,d,faces\n"
    rows, lines = import_text(tmp_path, text.replace("key_resp.corr", "n"), kind=None)
    assert columns(rows, "response", "rt") == [("left", "0.6"), ("right", "0.7")] and "is taken for" not in lines
    rows, _ = import_text(tmp_path, GRADED + "a.png,left,,,None,0,,0,8,1,d,faces\n", kind=None)
    assert columns(rows, "response", "rt") == [("", "")]  # a person who pressed no key in all trials


def test_the_component_whose_values_are_correct_answers_has_the_responses(tmp_path):
    text = (
        "image,corrAns,slider.response,slider.rt,key.keys,key.rt,trials.thisN,participant\n"
        "a.png,left,2,0.5,left,.3,0,p\nb.png,right,4,0.6,right,.4,1,p\n"
    )
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "response", "rt", "info_slider_response") == [("left", "0.3", "2"), ("right", "0.4", "4")]
    assert "not slider.response, since its values are correct answers" in lines
    text = text.replace("left,2", "2,2").replace("right,4", "4,4")
    rows, lines = import_text(tmp_path, text.replace(",p\n", ",q\n"), kind=None)
    assert columns(rows, "response", "rt") == [("2", "0.5"), ("4", "0.6")]


def test_the_component_with_a_value_in_every_trial_has_the_responses(tmp_path):
    text = (
        "image,truth,go.keys,go.rt,key.keys,key.rt,trials.thisN,participant\n"
        "a.png,cat,space,0.5,left,.3,0,p\nb.png,dog,,,right,.4,1,p\n"
    )
    rows, lines = import_text(tmp_path, text, kind=None, answers={"left": "cat", "right": "dog"})
    assert columns(rows, "response", "rt") == [("cat", "0.3"), ("dog", "0.4")]
    assert "since only this column has a value in every trial" in lines


def test_columns_of_a_loop_repeat_those_of_a_component(tmp_path):
    """PsychoPy 2024 writes the responses of a loop twice."""
    text = (
        "image,corrAns,key.keys,key.rt,trials.key.keys,trials.key.rt,practice.key.keys,trials.thisN,participant\n"
        "a.png,l,l,.3,,,l,,p\nb.png,r,r,.4,r,.4,,0,p\n"
    )
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "response", "rt") == [("l", "0.3"), ("r", "0.4")] and "is taken for" not in lines


def test_the_first_of_several_keys_is_the_response(tmp_path):
    text = GRADED + (
        "a.png,left,,,\"['left']\",1,[0.63],0,7,1,d,faces\n"
        "b.png,right,,,\"['right', 'left']\",1,\"[0.5, 0.7]\",1,7,1,d,faces\nc.png,left,,,[],0,[],2,7,1,d,faces\n"
    )
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "response", "rt") == [("left", "0.63"), ("right", "0.5"), ("", "")]
    assert rows[1]["info_key_resp_keys_all"] == "['right', 'left']" and rows[1]["info_key_resp_rt_all"] == "[0.5, 0.7]"
    assert "note: 1 trial has several responses; the first one and its time are used" in lines


def test_keys_and_categories_in_different_columns(tmp_path):
    text = (
        "image,category,corrAns,key.keys,trials.thisN,participant\na.png,cat,left,left,0,p\nb.png,dog,right,left,1,p\n"
    )
    with pytest.raises(
        LogError,
        match="column corrAns contains the responses: use --map category=corrAns, or --answers left=cat,right=dog",
    ):
        import_text(tmp_path, text, kind=None)
    with pytest.raises(LogError, match=r"use --map category=corrAns, or --answers left=CATEGORY$"):
        import_text(tmp_path, text.replace("dog,right", "dog,left"), kind=None)


def test_a_table_without_a_stimulus_is_refused_before_components_are_compared(tmp_path):
    text = "word,corrAns,a.keys,b.keys,trials.thisN,participant\nx,l,l,l,0,p\n"
    with pytest.raises(LogError, match="no column is recognized as the stimulus or the response"):
        import_text(tmp_path, text, kind=None)
