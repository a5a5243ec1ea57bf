"""Names of images, response times, conditions, categories and responses in imported tables."""

import pytest

from analysis.io.frame import read_trials
from analysis.io.importing.import_files import import_files
from analysis.io.importing.options import ImportOptions, parse_answers
from analysis.io.importing.stimuli import n_parts_of
from core.errors import LogError, UserError
from experiments import log
from stimuli.categories import CATEGORIES
from tests.unit.analysis.io.importing.imported_rows import columns, import_text

SIMPLE = "image,response,category,subject\na.png,cat,cat,p1\nb.png,dog,cat,p1\n"


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
    with pytest.raises(UserError, match=r"--dataset '' cannot be used as a name, because it is empty"):
        import_text(tmp_path, SIMPLE, dataset="")
    with pytest.raises(
        UserError, match=r"--observer ' a' cannot be used as a name, because it begins or ends with a space"
    ):
        import_text(tmp_path, SIMPLE, observer=" a")
    for name, problem in (("info_a\nb", "contains U.000A LINE FEED"), ("measured_", "lacks a name")):
        with pytest.raises(UserError, match=rf"--map: the column '.*' {problem}"):
            import_text(tmp_path, SIMPLE, columns=(f"{name}=subject",))
    (tmp_path / "folder").mkdir()
    with pytest.raises(LogError, match=r"folder cannot be read: it is a folder, expected a regular file"):
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


def test_answers_are_parsed():
    assert parse_answers(["f=animal, j = object", "x=y"]) == {"f": "animal", "j": "object", "x": "y"}
    for texts, message in (
        (["f"], "--answers takes RESPONSE=CATEGORY"),
        (["f=a,f=b"], "contains the response 'f' twice"),
    ):
        with pytest.raises(UserError, match=message):
            parse_answers(texts)


def test_numbers_with_many_digits_are_not_rounded(tmp_path):
    first, second = "20241129165803123", "20241129165803124"
    text = f"a.png,cat,cat,p1,{first},{first},{first}\na.png,cat,cat,p1,{second},{second},1_0\n"
    rows, lines = import_text(tmp_path, f"image,response,category,subject,session,block,condition\n{text}")
    assert columns(rows, "session", "condition", "block") == [("1", first, ""), ("2", "1_0", "")]
    assert "the order of session" in lines
    assert sorted(read_trials(tmp_path / "logs")["session"].tolist()) == [1, 2]


def test_response_times_that_are_too_large_are_refused(tmp_path):
    with pytest.raises(LogError, match="line 2: the number '1e400' is too large"):
        import_text(tmp_path, "image,response,category,subject,rt\na.png,cat,cat,p1,1e400\n")
