"""Recorded observers replay CSV files in our own and the model-vs-human format."""

import numpy as np
import pytest

from experiments.running.session import run
from observers.protocol import ObserverError, Trial
from observers.recorded import Recorded, read_recorded_trials
from observers.simulated import Biased
from stimuli.stimulus import Stimulus

HEAD = "subj,Session,trial,rt,object_response,category,condition,imagename\n"


def test_model_vs_human_format_is_replayed(tmp_path):
    path = tmp_path / "uniform-noise" / "uniform-noise_subject-01_session_1.csv"
    path.parent.mkdir()
    path.write_text(
        HEAD + "subject-01,1,1,0.75,oven,elephant,0.1,0001_nse_s01_0.10_elephant_10_n02504458_7209.png\n"
        "subject-01,1,2,NaN,na,knife,0.90,0002_nse_s01_0.90_knife_10_n03041632_82878.png\n"
    )
    observer = Recorded(path)
    assert (observer.name, observer.kind) == ("subject-01", "human")
    images = [("n03041632_82878.png", "0.90"), ("n02504458_7209.png", "0.10")]
    trials = [Trial(i, 1, Stimulus(s, path, "oven", c), ("oven", "knife")) for i, (s, c) in enumerate(images, 1)]
    missed, answered = observer.observe(trials)
    assert (missed.choice, missed.rt) == (None, None)
    assert (answered.choice, answered.rt) == ("oven", 0.75)
    with pytest.raises(
        ObserverError, match=r"does not have a response of subject-01 to n0_1\.png in condition '0\.10'"
    ):
        next(observer.observe([Trial(1, 1, Stimulus("n0_1.png", path, "oven", "0.10"), ("oven", "knife"))]))


def test_own_log_is_replayed_with_its_evidence(small, tmp_path):
    path = run(small, Biased(shape_bias=0.7), tmp_path / "first")
    again = run(small, Recorded(path), tmp_path / "second")
    assert again.read_text() == path.read_text()


def test_changes_and_guesses_are_printed_once(tmp_path, capsys):
    path = tmp_path / "lowpass-experiment_a.csv"
    path.write_text(
        HEAD + "7,1,1,0.5,Cat,cat,3.0,x/n01_1.png\n7,1,2,0.5,plane,dog,3.0,x/n01_2.png\n7,1,3,0.5,dog,dog,3.0,x/n01"
    )
    observer = Recorded(path)
    trials = [Trial(1, 1, Stimulus("n01_1.png", path, "cat", "3"), ("cat", "dog"))]
    assert [response.choice for response in observer.observe(trials)] == ["cat"]
    assert (observer.name, observer.kind) == ("7", "discriminative")
    assert capsys.readouterr().err.splitlines() == [
        f"note: the log {path.name} has an incomplete last row, which is ignored",
        "note: older names of published datasets are read as those of model-vs-human: lowpass-experiment as low-pass "
        f"({path.name})",
        f"note: responses and categories of low-pass are read with the upper and lower case of its categories: 'Cat' as cat "
        f"({path.name})",
        f"note: some texts are not among the sixteen categories of low-pass: 'plane' ({path.name})",
        "note: folders in names of images of low-pass are ignored where they do not distinguish images, as in x/n01_1.png "
        f"({path.name})",
        "note: observers of low-pass whose names do not begin with subject- are read as discriminative although they have "
        "response times: 7",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "is not a trial log: expected the columns experiment,observer,.* or subj,session"),
        ("", "is not a trial log"),
        (HEAD + "a,1,1,NaN,car,car,0,x1.png\nb,1,1,NaN,car,car,0,x1.png\n", "several observers \\(a, b\\): choose one"),
        (HEAD + "a,1,1,NaN,car,car,0,x1.png\na,1,2,NaN,car,car,0,x1.png\n", "a answered x1.png in condition '0' twice"),
        ("observer,kind,stimulus,condition,category,response,rt,n_evaluations\nx,robot,s,,c,c,,\n", "'robot' is not a kind"),
        (HEAD + '"a,1\n', "cannot be read"),
        (HEAD + "a,1,1,fast,car,car,0,x1.png\n", "row 2: rt is 'fast', expected a number"),
        (HEAD + "a,1,1,NaN,car\n", "line 2: found 5 cells, but the header has 8"),
        (HEAD + "a,1,1,NaN,car,car,0,x1.png,y\n", "line 2: found 9 cells, but the header has 8"),
        (HEAD, "does not have a complete trial: expected a header and one row per trial"),
        ("observer,kind,stimulus,response", "does not have a complete trial"),
        (HEAD.replace("object_", "") + "a,1,1,NaN,car,car,0,x1.png\n", "lacks the column 'object_response'"),
        ("observer,kind,stimulus,condition,category,response,rt,n_evaluations\nx,human,s,,c,c,,1.5\n",
         "row 2: n_evaluations is '1.5', expected a whole number"),
        (HEAD.replace("condition,", "") + "a,1,1,NaN,car,car,x1.png\n", "lacks the column 'condition'"),
    ],
)  # fmt: skip
def test_files_that_are_not_recordings_are_refused(tmp_path, text, message):
    path = tmp_path / "mine_a_session-1.csv"
    path.write_text(text)
    with pytest.raises(ObserverError, match=message):
        read_recorded_trials(path)


def test_one_of_several_observers_is_chosen(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "a,1,1,NaN,car,car,0,x1.png\nb,1,1,NaN,dog,car,0,x1.png\n")
    trial = Trial(1, 1, Stimulus("x1.png", path, "car", "0"), ("car", "dog"))
    assert next(Recorded(path, "b").observe([trial])).choice == "dog"
    with pytest.raises(ObserverError, match=r"the observer 'c' is not in .*, which contains a, b"):
        _ = Recorded(path, "c").name


def test_published_recording_is_read(human):
    trials = read_recorded_trials(human)
    assert len(trials) == 1280
    assert np.isfinite([trial.response.rt for trial in trials.values() if trial.response.choice]).all()


def test_oversized_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("observers.recorded.MAX_BYTES", 10)
    (tmp_path / "x.csv").write_text(HEAD)
    with pytest.raises(ObserverError, match="is larger than"):
        read_recorded_trials(tmp_path / "x.csv")


ROW = "subject-01,1,1,0.5,{},cat,{},{}\n"


def replay(path, text, stimulus="cat1.png", condition="", choices=("cat", "dog")):
    """Return the response of the recorded observer in a file to one image."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + text)
    return next(Recorded(path).observe([Trial(1, 1, Stimulus(stimulus, path, "cat", condition), choices)]))


@pytest.mark.parametrize(
    ("answer", "condition", "image", "file"),
    [
        ("Cat", "0", "../stimuli/cat/cat1.png", "edge/edge_subject-01_session_1.csv"),
        ("CAT ", "NaN", "0001_edg_s01_0_cat_00_cat1.png", "mixed/texture-shape_edges_subject-01_session_1.csv"),
        ("Cat", "NaN", "x/cat1.png", "mine/mine_subject-01_session_1.csv"),
    ],
)
def test_texts_are_those_of_the_analysis(tmp_path, answer, condition, image, file):
    assert replay(tmp_path / file, ROW.format(answer, condition, image)).choice == "cat"


def test_errors_for_images_name_similar_ones(tmp_path):
    path = tmp_path / "mine_subject-01_session_1.csv"
    message = r"to cat1\.png: it has one in condition '0', but the image of the experiment has no condition; use the"
    with pytest.raises(ObserverError, match=message):
        replay(path, ROW.format("cat", "0", "cat1.png"))
    with pytest.raises(
        ObserverError, match=r"condition 'a': it has one without a condition, but .* has the condition 'a'"
    ):
        replay(path, ROW.format("cat", "NaN", "cat1.png"), condition="a")
    with pytest.raises(ObserverError, match=r"to cat1\.png; it has one to 'Cat1\.JPG': equal images need equal names"):
        replay(path, ROW.format("cat", "NaN", "dog1.png") + ROW.format("cat", "NaN", "Cat1.JPG"))
