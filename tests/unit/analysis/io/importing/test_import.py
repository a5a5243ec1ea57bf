"""Import of tables of PsychoPy, jsPsych, Excel and others as trial logs of our own."""

import csv
import json

import pytest

from analysis.io.frame import read_trials
from analysis.io.importing.import_files import import_files
from analysis.io.importing.options import ImportOptions, parse_answers
from analysis.io.importing.people import kind_from_text
from analysis.io.importing.stimuli import n_parts_of
from core.errors import LogError, UnknownName, UserError
from experiments import log
from observers.registry import make_observer
from stimuli.categories import CATEGORIES
from tests.commands import observers

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


def import_text(tmp_path, text, name="a.csv", **options):
    """Import a file with this text, and return the cells of the logs and the description."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    lines = []
    defaults = {"dataset": "mine", "kind": "human"} | options
    logs = import_files([path], tmp_path / "logs", ImportOptions(**defaults), lines.append)
    rows = [row for log_path in logs for row in csv.DictReader(log_path.read_text("utf-8").splitlines())]
    return rows, "\n".join(lines)


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


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


def test_published_datasets_have_categories_and_cues_in_the_names_of_images(tmp_path):
    text = "image;answer;conf\ncat1-dog2;cat;0,5\ncat10-cat2;oven;1\n"
    rows, lines = import_text(
        tmp_path, text, "vlm.csv", dataset="cue-conflict", kind="vision-language", observer="my model"
    )
    assert columns(rows, "observer", "stimulus", "category", "response", "shape", "texture", "measured_confidence") == [
        ("my model", "cat1-dog2.png", "cat", "cat", "cat", "dog", "0.5"),
        ("my model", "cat10-cat2.png", "cat", "oven", "cat", "cat", "1.0"),
    ]
    assert "category           ← the names of the images" in lines and ", with the suffix .png" in lines
    sidecar = log.read_sidecar(tmp_path / "logs" / "cue-conflict" / "cue-conflict_my-model_session-1.csv")
    assert sidecar["identity"]["choices"] == list(CATEGORIES)
    frame = read_trials(tmp_path / "logs")
    assert frame.attrs["notes"] == [] and frame.attrs["n_choices"] == {"cue-conflict": 16}


def test_names_of_images_of_model_vs_human_are_shortened(tmp_path):
    head = "subj;session;trial;rt;object_response;category;condition;imagename\n"
    rows, lines = import_text(
        tmp_path, head + "subject-01;1;1;0,7;na;cat;0,10;0004_nse_s01_0.10_cat_10_n02504458_7209.png\n",
        dataset="uniform-noise", kind=None,
    )  # fmt: skip
    assert columns(rows, "stimulus", "condition", "response", "rt") == [("n02504458_7209.png", "0.10", "", "0.7")]
    assert "human, according to the names of the observers" in lines
    with pytest.raises(
        LogError, match=r"uniform-noise does not have the condition '7'; .*; name its column with --map"
    ):
        import_text(tmp_path, head + "x;1;1;0,7;na;cat;7;a.png\n", dataset="uniform-noise")


def test_names_of_trials_and_observers_are_removed_from_images_of_any_dataset(tmp_path):
    rows = "0001_own_s01_a_cat_10_cat1.png,cat,cat,1\n0002_own_dnn_a_cat_1_cat1.png,cat,cat,2\n"
    text = f"image,response,category,subj\n{rows}"
    rows, lines = import_text(tmp_path, text)
    assert columns(rows, "stimulus") == [("cat1.png",), ("cat1.png",)]
    assert "image, without the number of the trial and the observer" in lines


def test_the_sidecar_records_the_origin(tmp_path):
    import_text(tmp_path, SIMPLE, columns=("category=category,session=",))
    (path,) = (tmp_path / "logs").rglob("*.csv")
    sidecar = log.read_sidecar(path)
    assert sidecar["status"] == "complete" and sidecar["identity"]["n_trials"] == sidecar["n_logged"] == 2
    origin = sidecar["provenance"]
    assert (
        origin["file"] == "a.csv"
        and len(origin["sha256"]) == 64
        and origin["form"] == "CSV separated by commas in utf-8"
    )
    assert origin["columns"] == {
        "category": "category",
        "stimulus": "image",
        "response": "response",
        "observer": "subject",
    }
    assert origin["options"] == {"dataset": "mine", "kind": "human", "columns": ["category=category,session="]}
    assert make_observer(f"recorded:{path}").name == "p1"


def test_columns_can_be_named(tmp_path):
    text = "a,b,c,d,e,f=g\nx/1.png,yes,no,9,0.25,q\n"
    rows, _ = import_text(
        tmp_path, text.replace(",no,", ",yes,"), columns=("stimulus=a,response=b", "category = c", "info_group=d",
                                                          "measured_size=e", "condition=f=g"),
    )  # fmt: skip
    assert columns(rows, "stimulus", "response", "category", "condition", "info_group", "measured_size") == [
        ("1.png", "yes", "yes", "q", "9", "0.25")
    ]


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (("stimulus",), UserError, "--map takes OURS=THEIRS, such as stimulus=image, got 'stimulus'"),
        (("stim=image",), UnknownName, "no column of a trial log is named 'stim': did you mean"),
        (("stimulus=imag",), UnknownName, "no filled column of a.csv is named 'imag': did you mean image"),
        (
            ("stimulus=image", "stimulus=subject"),
            UserError,
            "--map assigns stimulus twice, to 'image' and to 'subject'",
        ),
    ],
)
def test_wrong_assignments_are_refused(tmp_path, texts, error, message):
    with pytest.raises(error, match=message):
        import_text(tmp_path, SIMPLE, columns=texts)


def test_what_is_not_recognized_is_refused_with_the_columns_and_the_option(tmp_path):
    message = (
        r"no column is recognized as the stimulus or the response\. Its columns are a, b, rt; recognized are rt ← rt\. "
        r"Name what is missing with --map stimulus=COLUMN,response=COLUMN"
    )
    with pytest.raises(LogError, match=message):
        import_text(tmp_path, "a,b,rt\n1,2,3\n")
    with pytest.raises(LogError, match=r"no column is recognized as the category\. .* --map category=COLUMN"):
        import_text(tmp_path, "image,response\na.png,cat\n")
    with pytest.raises(LogError, match=r"the columns image, Image may all contain the stimulus; choose one"):
        import_text(tmp_path, "image,Image,response,category\na.png,b.png,cat,cat\n")


@pytest.mark.parametrize(
    "text", [SIMPLE, SIMPLE.replace("subject", "subject-"), "image,response,category,kind\na,b,b,\n"]
)
def test_the_kind_is_never_guessed(tmp_path, text):
    with pytest.raises(
        LogError, match=r"the kind of the observers is not known; name it with --kind, for example --kind human"
    ):
        import_text(tmp_path, text, kind=None)


def test_kinds_in_a_column(tmp_path):
    text = "image,response,category,model,kind\na.png,cat,cat,net,Discriminative\n"
    assert import_text(tmp_path, text, kind=None)[0][0]["kind"] == "discriminative"
    with pytest.raises(LogError, match="'robot' is not a kind of observer; the kinds are human"):
        import_text(tmp_path, text.replace("Discriminative", "robot"), kind=None)
    with pytest.raises(LogError, match="'robot' is not a kind of observer"):
        kind_from_text("robot")
    assert kind_from_text("human") == "human" and kind_from_text(None) is None


def test_observers_and_sessions(tmp_path):
    text = "image,response,category,subject,session\na.png,c,c,1.0,am\nb.png,c,c,1.0,pm\na.png,c,c,2.0,am\n"
    rows, lines = import_text(tmp_path, text)
    assert columns(rows, "observer", "session", "info_session") == [
        ("1", "1", "am"),
        ("1", "2", "pm"),
        ("2", "1", "am"),
    ]
    assert "the order of session, which is kept as info_session" in lines
    with pytest.raises(LogError, match=r"1 row lacks an observer in the column 'subject'; complete it"):
        import_text(tmp_path, text.replace("2.0,am", ",am").replace("1.0,pm", "3,pm"))
    text = "image,response,category\na.png,c,c\n"
    rows, lines = import_text(tmp_path, text, "person 9.csv")
    assert rows[0]["observer"] == "person 9" and "person 9, the name of the file" in lines


def test_sessions_of_several_files_are_numbered_together(tmp_path):
    for name, day in (("a.csv", "2024-05-01"), ("b.csv", "2024-05-02")):
        (tmp_path / name).write_text(f"image,response,category,subject,date\na.png,c,c,p1,{day}\n")
    options = ImportOptions("mine", "human", columns=("session=date",))
    logs = import_files([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "logs", options, lambda _: None)
    assert [path.name for path in logs] == ["mine_p1_session-1.csv", "mine_p1_session-2.csv"]
    assert read_trials(logs)["info_session"].tolist() == ["2024-05-01", "2024-05-02"]


def test_numbers_of_trials(tmp_path):
    text = "image,response,category,trial\na.png,c,c,{}\nb.png,c,c,{}\n"
    rows, _ = import_text(tmp_path, text.format(5, 4), "a.csv", observer="a")
    assert columns(rows, "trial", "stimulus") == [("4", "b.png"), ("5", "a.png")]
    rows, lines = import_text(tmp_path, text.format(0, 1), "b.csv", observer="b")
    assert columns(rows, "trial") == [("1",), ("2",)] and "trial + 1" in lines
    rows, lines = import_text(tmp_path, text.format(1, 1), "c.csv", observer="c")
    assert columns(rows, "trial", "info_trial") == [("1", "1"), ("2", "1")]
    assert "the order of the rows, since trial does not number the trials of a session" in lines
    with pytest.raises(
        LogError, match=r"line 3: trial 1 of d, session 1, occurs twice; choose another column with --map"
    ):
        import_text(tmp_path, text.format(1, 1), "d.csv", observer="d", columns=("trial=trial",))
    with pytest.raises(LogError, match=r"line 2: the number of the trial is 'x', expected a whole number"):
        import_text(tmp_path, text.format("x", 1), "d.csv", observer="d", columns=("trial=trial",))


@pytest.mark.parametrize(
    ("name", "times", "expected"),
    [("rt", ("0.5", "1.5"), "0.5"), ("rt", ("500", "1500"), "0.5"), ("rt_ms", ("5", "9"), "0.005"),
     ("RT (s)", ("500", "900"), "500.0"), ("reaction time [ms]", ("40", "50,5"), "0.04"), ("rt", ("", "NaN"), "")],
)  # fmt: skip
def test_units_of_response_times(tmp_path, name, times, expected):
    text = f"image;response;category;{name}\na.png;c;c;{times[0]}\nb.png;c;c;{times[1]}\n"
    assert import_text(tmp_path, text)[0][0]["rt"] == expected


def test_response_times_that_are_unclear(tmp_path):
    text = "image;response;category;rt\na.png;c;c;{}\nb.png;c;c;{}\n"
    with pytest.raises(
        LogError, match="column rt: the median of the response times is 50; name their unit with --rt-unit"
    ):
        import_text(tmp_path, text.format(50, 50))
    assert import_text(tmp_path, text.format(50, 50), rt_unit="ms")[0][0]["rt"] == "0.05"
    with pytest.raises(LogError, match=r"line 3: found 'fast', expected a number"):
        import_text(tmp_path, text.format(1, "fast"))
    with pytest.raises(
        LogError, match=r"line 3: '1\.5' has a decimal point, but other cells have a decimal comma; use --dec"
    ):
        import_text(tmp_path, text.format("0,5", "1.5"))
    with pytest.raises(LogError, match=r"line 2: found '0,5', expected a number"):
        import_text(tmp_path, text.format("0,5", "1.5"), decimal=".")


def test_numbers_of_conditions_have_one_spelling(tmp_path):
    text = "image;response;category;level\na.png;c;c;{}\nb.png;c;c;{}\nd.png;c;c;\n"
    rows, lines = import_text(tmp_path, text.format("3.0", "0,10"), observer="a")
    assert columns(rows, "condition") == [("3.0",), ("0,10",), ("",)]  # a mixture of points and commas stays text
    rows, lines = import_text(tmp_path, text.format("3.0", "0.10"), observer="b")
    assert columns(rows, "condition") == [("3",), ("0.1",), ("",)] and "level (3 conditions)" in lines
    rows, _ = import_text(tmp_path, text.format("c05", "3.0"), observer="c")
    assert columns(rows, "condition") == [("c05",), ("3.0",), ("",)]


def test_categories_and_responses_are_checked(tmp_path):
    with pytest.raises(LogError, match=r"line 3: the category in category is missing; complete it"):
        import_text(tmp_path, SIMPLE.replace("dog,cat", "dog,"))
    with pytest.raises(
        LogError, match=r"The responses are f, j, the categories are cat\. .* --answers f=CATEGORY,j=CATEGORY"
    ):
        import_text(tmp_path, SIMPLE.replace("png,cat", "png,f").replace("png,dog", "png,j"))
    with pytest.raises(LogError, match=r"line 3: the response 'dog' is not in --answers c; add it"):
        import_text(tmp_path, SIMPLE, answers={"c": "cat"})
    with pytest.raises(LogError, match=r"line 3: the row has a response but no stimulus in the column 'image'"):
        import_text(tmp_path, SIMPLE.replace("b.png", ""))
    rows, _ = import_text(tmp_path, SIMPLE.replace("png,cat,cat", "png,1.0,1").replace("png,dog,cat", "png,None,2"))
    assert columns(rows, "category", "response") == [("1", "1"), ("2", "")]


def test_texts_that_a_log_cannot_contain_are_refused(tmp_path):
    with pytest.raises(LogError, match=r"line 4: the response is 'd\\no', expected text without line breaks"):
        import_text(tmp_path, SIMPLE.replace("dog", '"d\no"'))
    with pytest.raises(LogError, match=r"line 2: the experiment is '', expected text"):
        import_text(tmp_path, SIMPLE, dataset="")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LogError, match=r"folder cannot be read: Is a directory"):
        import_files([tmp_path / "folder"], tmp_path / "logs", ImportOptions("mine"), lambda _: None)
    assert not (tmp_path / "logs").exists()


def test_words_for_a_missing_answer_can_be_categories(tmp_path):
    rows, _ = import_text(tmp_path, SIMPLE.replace("png,cat,cat", "png,none,none"))
    assert columns(rows, "category", "response") == [("none", "none"), ("cat", "dog")]


def test_files_of_the_same_name_in_different_folders_stay_apart(tmp_path):
    text = "image,response,category\nx/happy/1.png,h,h\nx/sad/1.png,h,h\n"
    rows, lines = import_text(tmp_path, text)
    assert columns(rows, "stimulus") == [("happy/1.png",), ("sad/1.png",)] and "with the last folder" in lines


@pytest.mark.parametrize(
    ("paths", "n"),
    [
        (["a/1.png", "a/2.png"], 1), (["a/1.png", "b/1.png"], 2), (["f/h/1.png", "m/h/1.png"], 3),
        (["./a/1.png", "a/1.png"], 1),
        (["C:\\x\\s\\1.png", "/home/y/s/1.png"], 1), (["/x/s/1.png", "/x/t/1.png"], 2), ([], 1),
    ],
)  # fmt: skip
def test_folders_that_distinguish_images(paths, n):
    assert n_parts_of(paths) == n


def test_images_have_the_same_names_in_all_files(tmp_path):
    """Two people who saw different folders did not see the same images."""
    for name, folder in (("p", "happy"), ("q", "sad"), ("r", "happy")):
        (tmp_path / f"{name}.csv").write_text(f"image,response,category\n{folder}/1.png,h,h\n")
    files = [tmp_path / f"{name}.csv" for name in "pqr"]
    logs = import_files(files, tmp_path / "logs", ImportOptions("mine", "human"), lambda _: None)
    assert read_trials(logs)["stimulus"].tolist() == ["happy/1.png", "sad/1.png", "happy/1.png"]


def test_further_columns_are_kept_with_unique_names(tmp_path):
    text = 'image,response,category,Age,age!,Confidence,notes\na.png,c,c,5,x,sure,"two\nlines"\n'
    rows, lines = import_text(tmp_path, text)
    assert columns(rows, "info_age", "info_age_2", "info_confidence", "info_notes") == [
        ("5", "x", "sure", "two\\nlines")
    ]
    assert "kept as info_NAME: Age" in lines


def test_logs_are_not_overwritten(tmp_path):
    import_text(tmp_path, SIMPLE)
    (path,) = (tmp_path / "logs").rglob("*.csv")
    before = path.read_bytes()
    with pytest.raises(LogError, match=r"mine_p1_session-1\.csv exists already and is not overwritten"):
        import_text(tmp_path, SIMPLE.replace("dog", "cat"))
    path.rename(tmp_path / "moved.csv")
    with pytest.raises(LogError, match=r"mine_p1_session-1\.json exists already and is not overwritten"):
        import_text(tmp_path, SIMPLE)
    assert (tmp_path / "moved.csv").read_bytes() == before


def test_two_files_of_one_session_are_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(SIMPLE)
    options = ImportOptions("mine", "human")
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    with pytest.raises(
        LogError, match=r"two sessions of 'p1' in a\.csv and b\.csv would both .* --map session=COLUMN, or"
    ):
        import_files(files, tmp_path / "logs", options, lambda _: None)
    assert not (tmp_path / "logs").exists()
    assert import_files(files[:1], tmp_path / "logs", options, lambda _: None, dry_run=True) == []
    assert not (tmp_path / "logs").exists()


def test_files_without_rows_are_skipped_and_named(tmp_path):
    """PsychoPy writes a file with a header alone if a session is aborted at its beginning."""
    files, lines = [tmp_path / "a.csv", tmp_path / "b.csv"], []
    files[0].write_text(SIMPLE.partition("\n")[0] + "\n")
    files[1].write_text(SIMPLE)
    assert len(import_files(files, tmp_path / "logs", ImportOptions("mine", "human"), lines.append)) == 1
    assert lines[0] == "a.csv: skipped, since it has a header but no rows"
    with pytest.raises(LogError, match=r"a\.csv has a header but no rows"):
        import_files(files[:1], tmp_path / "logs", ImportOptions("mine", "human"), lines.append)


def test_files_with_a_recognized_layout(tmp_path):
    head = "subj,trial,rt,object_response,category,imagename,age,block,difficulty\n"
    row = "2,5,0.58,na,dog,1111_cc_hum_0_dog_40_n02101388_2075.JPEG,5.0,1.0,0\n"
    rows, lines = import_text(tmp_path, head + row, "4_6.csv", dataset="children", kind=None)
    names = ("experiment", "observer", "kind", "session", "trial", "stimulus", "response", "info_age")
    assert columns(rows, *names) == [
        ("children", "4_6-subject-02", "human", "1", "5", "n02101388_2075.JPEG", "", "5"),
    ]  # fmt: skip
    assert "layout huber, 1 trial, which every analysis also reads without import" in lines
    text = "image,timestamp,response,pred_label,pred_conf\ncat1-dog2,x,D,dog,1\ncat1-dog3,y,H,cat,1\n"
    options = {"dataset": "cue-conflict", "kind": "vision-language", "observer": "net"}
    rows, lines = import_text(tmp_path, text, "20240205_205018_llava.csv", **options)
    assert columns(rows, "observer", "trial", "response", "shape") == [
        ("net", "1", "dog", "cat"),
        ("net", "2", "cat", "cat"),
    ]
    with pytest.raises(LogError, match=r"4_6\.csv has a header but no rows"):
        import_text(tmp_path, head, "4_6.csv")
    text = "subj,imagename,object_response,category,rt\na,b.png,c,c,600\nb,b.png,c,c,700\n"
    rows, lines = import_text(tmp_path, text, "b.csv")  # some columns of a layout are not that layout
    assert [row["rt"] for row in rows] == ["0.6", "0.7"] and "layout" not in lines
    with pytest.raises(
        LogError, match=r"net_session-1\.csv is a trial log already \(layout own\): pass it to any analysis"
    ):
        import_files([*(tmp_path / "logs").rglob("*net*.csv")], tmp_path, ImportOptions("mine"), lambda _: None)


def test_answers_are_parsed():
    assert parse_answers(["f=animal, j = object", "x=y"]) == {"f": "animal", "j": "object", "x": "y"}
    for texts, message in (
        (["f"], "--answers takes RESPONSE=CATEGORY"),
        (["f=a,f=b"], "contains the response 'f' twice"),
    ):
        with pytest.raises(UserError, match=message):
            parse_answers(texts)


def test_the_command(tmp_path):
    path = tmp_path / "7_faces.csv"
    path.write_text(PSYCHOPY)
    done = observers(
        "import", path, "--dataset", "faces", "--map", "response=key_resp.keys", "--out", tmp_path / "logs"
    )
    assert done.stdout == f"log: {tmp_path / 'logs' / 'faces' / 'faces_7_session-2.csv'}\n"
    assert "7_faces.csv: CSV separated by commas in utf-8, 3 trials, PsychoPy" in done.stderr
    done = observers("analyze", "accuracy", tmp_path / "logs")
    assert done.stdout.split("\n")[1].split()[:2] == ["faces", "7"]
    done = observers("import", path, "--dataset", "x", "--kind", "robot", code=1)
    assert "'robot' is not a kind of observer" in done.stderr
