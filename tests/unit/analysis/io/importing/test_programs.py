"""Import of tables of PsychoPy, jsPsych and Excel."""

import json

import pytest

from analysis.io.frame import read_trials
from core.errors import LogError, UnknownName
from experiments import log
from tests.unit.analysis.io.importing.imported_rows import columns, import_text

PSYCHOPY = """\
image,corrAns,practice.thisN,trials.thisN,key_resp.keys,key_resp.corr,key_resp.rt,ready.keys,participant,session,age,date,expName,
,,,,,,,space,7,002,31,2024-05-01,faces,
stim/cat1.png,left,,0,left,1,0.6312,,7,002,31,2024-05-01,faces,
stim/dog1.png,right,,1,left,0,0.5,,7,002,31,2024-05-01,faces,
C:\\stim\\dog2.png,right,,2,None,0,,,7,002,31,2024-05-01,faces,
"""
JSPSYCH = [
    {"trial_type": "preload", "trial_index": 0, "success": True},
    {"trial_type": "instructions", "trial_index": 1, "rt": 4000, "view_history": [{"page_index": 0}]},
    {"trial_type": "html-button-response", "trial_index": 2, "stimulus": "<img src='img/cat1.png' width=300>", "response": 0,
     "rt": 734.2, "button_choices": ["cat", "dog"], "correct_response": "cat", "PROLIFIC_PID": "5f"},
    {"trial_type": "image-button-response", "trial_index": 3, "stimulus": "img/dog1.png", "response": 0, "rt": 612,
     "button_choices": ["cat", "dog"], "correct_response": 1, "PROLIFIC_PID": "5f"},
    {"trial_type": "image-button-response", "trial_index": 4, "stimulus": "img/dog2.png?v=2", "response": None, "rt": None,
     "button_choices": ["cat", "dog"], "correct_response": "dog", "PROLIFIC_PID": "5f"},
]  # fmt: skip
EXCEL = (
    "Versuchsperson;Bild;Antwort;Kategorie;Reaktionszeit;Bedingung;Alter\r\n"
    "VP1;katze1.jpg;Katze;Katze;0,734;0,35;23\r\nVP1;bär1.jpg;Katze;Bär;1,02;0,35;23\r\nVP2;bär1.jpg;;Bär;;0,35;31\r\n"
)
SIMPLE = "image,response,category,subject\na.png,cat,cat,p1\nb.png,dog,cat,p1\n"


def test_psychopy(tmp_path):
    rows, lines = import_text(tmp_path, PSYCHOPY, "7_faces.csv", kind=None)
    assert columns(rows, "observer", "kind", "session", "trial", "stimulus", "category", "response", "rt") == [
        ("7", "human", "2", "1", "cat1.png", "left", "left", "0.6312"),
        ("7", "human", "2", "2", "dog1.png", "right", "left", "0.5"),
        ("7", "human", "2", "3", "dog2.png", "right", "", ""),
    ]
    assert columns(rows, "info_age", "info_key_resp_corr")[0] == ("31", "1") and "info_ready_keys" not in rows[0]
    assert "kind               ← human, since PsychoPy records people" in lines
    assert "trial              ← trials.thisN + 1" in lines and "rt                 ← key_resp.rt in seconds" in lines
    assert "missing responses: 1 of 3" in lines and "dropped: 1 row without a stimulus" in lines


def test_psychopy_with_two_keyboards_in_a_trial_needs_a_choice(tmp_path):
    text = PSYCHOPY.replace("0.6312,,7", "0.6312,left,7").replace(",,7,", ",y,7,").replace("key_resp.corr", "n")
    message = (
        r"columns key_resp\.keys, ready\.keys may all contain the response; choose one, .* --map response=key_resp"
    )
    with pytest.raises(LogError, match=message):
        import_text(tmp_path, text, kind=None)
    rows, _ = import_text(tmp_path, text, kind=None, columns=("response=key_resp.keys",))
    assert rows[0]["info_ready_keys"] == "left"


def test_loops_of_psychopy_are_noted_and_can_be_selected(tmp_path):
    text = (
        PSYCHOPY.replace(",left,,0,left", ",left,0,,left")
        .replace("0.6312", "[0.6312]")
        .replace("left,1,", "['left'],1,")
    )
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "trial", "response", "rt")[0] == ("1", "left", "0.6312") and len(rows) == 3
    assert "the trials are from the loops practice (1 row), trials (2 rows); --where LOOP.thisN keeps" in lines
    rows, lines = import_text(tmp_path, text, kind=None, where=("trials.thisN",), observer="other")
    assert columns(rows, "trial", "stimulus") == [("2", "dog1.png"), ("3", "dog2.png")]
    assert "dropped: 2 rows not selected by --where trials.thisN" in lines and "loops" not in lines


def test_rows_are_selected(tmp_path):
    rows, lines = import_text(tmp_path, SIMPLE, where=("response = cat", "image=a.png"))
    assert columns(rows, "stimulus") == [("a.png",)] and "1 row not selected by --where response = cat" in lines
    with pytest.raises(LogError, match=r"no row has response=x; the column response contains cat, dog"):
        import_text(tmp_path, SIMPLE, where=("response=x",))
    with pytest.raises(UnknownName, match=r"no filled column of a\.csv is named 'resp'"):
        import_text(tmp_path, SIMPLE, where=("resp=x",))


def test_a_column_of_correct_answers_is_not_taken_for_the_response_of_psychopy(tmp_path):
    text = PSYCHOPY.replace(",age,", ",answer,").replace(",31,", ",right,")
    assert [row["response"] for row in import_text(tmp_path, text, kind=None)[0]] == ["left", "left", ""]


def test_jspsych(tmp_path):
    rows, lines = import_text(tmp_path, json.dumps(JSPSYCH), "results.json", kind=None)
    assert columns(rows, "observer", "kind", "trial", "stimulus", "category", "response", "rt") == [
        ("5f", "human", "3", "cat1.png", "cat", "cat", "0.7342"),
        ("5f", "human", "4", "dog1.png", "dog", "cat", "0.612"),
        ("5f", "human", "5", "dog2.png", "dog", "", ""),
    ]
    assert "dropped: 1 row of preload, 1 row of instructions" in lines and "rt in milliseconds" in lines
    assert "response, numbers of buttons converted to their labels" in lines
    sidecar = log.read_sidecar(tmp_path / "logs" / "mine" / "mine_5f_session-1.csv")
    assert sidecar["identity"]["choices"] == ["cat", "dog"]


def test_jspsych_in_csv_with_numbers_of_keys_and_text(tmp_path):
    """The CSV files of old versions have the numbers of keys, and stimuli may differ in their HTML alone."""
    text = (
        '"rt","stimulus","key_press","corrResp","trial_type","trial_index","trialNum","vpNum"\n'
        '"357","<h1 style=""color:red"">X</h1>","77","M","single-stim","4","1","12"\n'
        '"300","<h1 style=""color:blue"">X</h1>","67","M","single-stim","7","2","12"\n'
        '"-1","<p>Y</p>","-1","C","single-stim","8","3","12"\n"100","+","32","","fixation","9","4","12"\n'
    )
    rows, lines = import_text(tmp_path, text, kind=None)
    assert columns(rows, "observer", "trial", "stimulus", "category", "response") == [
        ("12", "1", '<h1 style="color:red">X</h1>', "M", "M"), ("12", "2", '<h1 style="color:blue">X</h1>', "M", "C"),
        ("12", "3", "<p>Y</p>", "C", ""),
    ]  # fmt: skip
    assert "with the upper and lower case of the categories" in lines and "dropped: 1 row of fixation" in lines


def test_numbers_of_buttons_without_labels_need_answers(tmp_path):
    trials = [{key: value for key, value in trial.items() if key != "button_choices"} for trial in JSPSYCH]
    trials[3]["correct_response"] = "dog"
    message = r"no response is one of the categories\. The responses are numbers of buttons .* --answers 0=CATEGORY"
    with pytest.raises(LogError, match=message):
        import_text(tmp_path, json.dumps(trials), "a.json", kind=None)
    rows, lines = import_text(tmp_path, json.dumps(trials), "a.json", kind=None, answers={"0": "cat", "1": "dog"})
    assert [row["response"] for row in rows] == ["cat", "cat", ""] and "0 = cat, 1 = dog" in lines


def test_jspsych_without_images_or_categories(tmp_path):
    trials = [{"trial_type": "html", "trial_index": 0, "stimulus": "+", "response": "f", "rt": 1}]
    with pytest.raises(LogError, match=r"no column is recognized as the category"):
        import_text(tmp_path, json.dumps([*trials, JSPSYCH[2] | {"correct_response": ""}]), "a.json")
    with pytest.raises(
        LogError, match=r"does not have a trial: no row shows an image .*; it has 1 row of html\. Use another"
    ):
        import_text(tmp_path, json.dumps(trials), "a.json")


def test_excel(tmp_path):
    rows, lines = import_text(tmp_path, EXCEL.encode("cp1252"))
    assert columns(rows, "observer", "stimulus", "condition", "category", "response", "rt", "info_alter") == [
        ("VP1", "katze1.jpg", "0.35", "Katze", "Katze", "0.734", "23"),
        ("VP1", "bär1.jpg", "0.35", "Bär", "Katze", "1.02", "23"),
        ("VP2", "bär1.jpg", "0.35", "Bär", "", "", "31"),
    ]
    assert "CSV separated by semicolons in cp1252, 3 trials" in lines
    assert "Reaktionszeit in seconds, since their median is 0.877, with decimal commas" in lines
    frame = read_trials(tmp_path / "logs")
    assert frame["observer"].unique().tolist() == ["VP1", "VP2"] and frame["info_alter"].tolist() == ["23", "23", "31"]
