"""Import of tables as trial logs of our own: columns, kinds, observers, sessions, files and sidecars."""

import pytest

from analysis.io.frame import read_trials
from analysis.io.importing.import_files import import_files
from analysis.io.importing.options import ImportOptions
from analysis.io.importing.people import kind_from_text
from core.errors import LogError, UnknownName, UserError
from experiments import log
from observers.registry import make_observer
from tests.commands import observers
from tests.unit.analysis.io.importing.imported_rows import columns, import_text

PSYCHOPY = """\
image,corrAns,practice.thisN,trials.thisN,key_resp.keys,key_resp.corr,key_resp.rt,ready.keys,participant,session,age,date,expName,
,,,,,,,space,7,002,31,2024-05-01,faces,
stim/cat1.png,left,,0,left,1,0.6312,,7,002,31,2024-05-01,faces,
stim/dog1.png,right,,1,left,0,0.5,,7,002,31,2024-05-01,faces,
C:\\stim\\dog2.png,right,,2,None,0,,,7,002,31,2024-05-01,faces,
"""
SIMPLE = "image,response,category,subject\na.png,cat,cat,p1\nb.png,dog,cat,p1\n"


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


HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"


def test_a_recognized_file_is_read_as_one_of_the_chosen_dataset(tmp_path):
    """The name of the file used to decide: conditions of a file named edge_… were dropped, and cues were missing."""
    text = HEAD + "vgg16,1,1,NaN,cat,cat,easy,a.png\nvgg16,1,2,NaN,dog,dog,hard,b\n"
    rows, lines = import_text(tmp_path, text, "edge_vgg16.csv", kind=None)
    assert columns(rows, "experiment", "condition", "stimulus") == [("mine", "easy", "a.png"), ("mine", "hard", "b")]
    assert "note" not in lines
    text = (
        HEAD
        + "vgg16,1,1,NaN,Cat,cat,0,x/cat1-dog2.png\nvgg16,1,2,NaN,dog,dog,0,x/dog1-cat2\nvgg16,1,3,NaN,dog,dog,0,x/d"
    )
    rows, lines = import_text(tmp_path, text, "foo_vgg16.csv", dataset="cue-conflict", kind=None)
    assert columns(rows, "stimulus", "condition", "response", "shape", "texture") == [
        ("cat1-dog2.png", "", "cat", "cat", "dog"),
        ("dog1-cat2.png", "", "dog", "dog", "cat"),
    ]
    assert "note: the log foo_vgg16.csv has an incomplete last row, which is ignored" in lines
    assert "upper and lower case of its categories: 'Cat' as cat (foo_vgg16.csv)" in lines
    assert "folders in names of images of cue-conflict are ignored" in lines
    with pytest.raises(LogError, match=r"foo_vgg16\.csv: contrast does not have the condition '0'; it has c100"):
        import_text(tmp_path, text, "foo_vgg16.csv", dataset="contrast")


def test_inferred_kinds_of_a_recognized_file_are_noted_unless_they_are_set(tmp_path):
    text = HEAD + "7,1,1,0.5,cat,cat,a,x1.png\n"
    _, lines = import_text(tmp_path, text, kind=None)
    assert "names do not begin with subject- are read as discriminative although they have response times: 7" in lines
    assert "--kind" not in lines
    _, lines = import_text(tmp_path, text, dataset="other", kind="human")
    assert "note" not in lines


def test_images_without_cues_and_images_of_another_dataset_are_noted(tmp_path):
    text = HEAD + "vgg16,1,1,NaN,cat,cat,0,0001_rot_dnn_0_cat_10_n01_1.png\n"
    _, lines = import_text(tmp_path, text, dataset="cue-conflict", kind=None)
    assert (
        "according to their names, the images of a.csv belong to rotation, but are read as images of cue-conflict"
        in lines
    )
    assert (
        "some images in a.csv do not have names like those of cue-conflict (cat7-clock2.png), such as n01_1.png"
        in lines
    )


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


def test_an_older_name_of_a_published_dataset_is_its_name(tmp_path):
    _, lines = import_text(tmp_path, SIMPLE.replace("a.png", "dir/a.png"), dataset="texture-shape_edges", kind="human")
    assert "dataset: edge, which was formerly called texture-shape_edges" in lines
    assert set(read_trials(tmp_path / "logs")["dataset"]) == {"edge"}
