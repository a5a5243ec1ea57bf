"""The spelling of texts in files of trials, and the older names of published datasets."""

import pytest

from stimuli.published import dialect
from stimuli.published.datasets import DATASETS
from stimuli.published.forerunners import EIDOLON, KNOWN, eidolon_dataset, name_by_images, published_name
from stimuli.published.layouts.canonical import Canonical, Corrections
from stimuli.published.level_scales import scale_of
from stimuli.published.normalize import clean, file_of, is_missing, last_parts, n_parts_of, spell


def test_texts_have_no_outer_spaces_and_one_unicode_form():
    assert clean("\u00a0cat \t\ufeff") == "cat"
    assert clean("e\u0301t\u00e9 ") == "\u00e9t\u00e9"
    assert clean("two words") == "two words"


@pytest.mark.parametrize("text", ["", "NaN", "nan", "NA", "na", "n/a", "#N/A", "<NA>", "NULL", "None"])
def test_texts_for_missing_values(text):
    assert is_missing(text)


@pytest.mark.parametrize("text", ["none", "0", "cat", "inf"])
def test_other_texts_are_values(text):
    assert not is_missing(text)


def test_a_word_is_spelled_like_the_only_one_that_differs_in_capitals():
    assert spell("CAT", {"cat", "dog"}) == "cat"
    assert spell("Cat", {"cat", "Cat"}) == "Cat"
    assert spell("CAT", {"cat", "Cat"}) is None
    assert spell("plane", {"airplane"}) is None


def test_names_of_images_lose_the_folders_that_do_not_distinguish_them():
    assert file_of(r"C:\data\cat1.png") == file_of("../data/cat1.png") == file_of("cat1.png") == "cat1.png"
    assert last_parts("a/b/c.png", 2) == "b/c.png"
    assert n_parts_of(["x/cat/1.png", "x/dog/1.png"]) == 2
    assert n_parts_of(["x/cat/1.png", "x/dog/2.png"]) == 1
    assert dialect.shorten_image_name("x/0001_cop_s01_c30_knife_10_n03041632_7380.png", 1) == "n03041632_7380.png"
    assert dialect.shorten_image_name(r"x\cat\1.png", 2) == "cat/1.png"


@pytest.mark.parametrize(
    ("older", "name"),
    [
        ("lowpass-experiment", "low-pass"), ("highpass-experiment-trained-CNNs", "high-pass"),
        ("noise-generalisation_low-pass", "low-pass"), ("noise-generalisation_contrast-png", "contrast"),
        ("noise-experiment", "uniform-noise"), ("contrast-png-experiment", "contrast"), ("colour-experiment", "colour"),
        ("texture-shape_edges", "edge"), ("texture-shape_silhouettes", "silhouette"), ("edge-experiment", "edge"),
        ("silhouette-filled-experiment", "silhouette"), ("style-transfer-512-nomask-experiment", "cue-conflict"),
        ("eidolon-experiment", EIDOLON), ("noise-generalisation_eidolon", EIDOLON),
        ("contrast-experiment", "contrast-experiment"), ("rotation-experiment", "rotation"),
        ("low-pass", "low-pass"), ("noise", "noise"), ("edges", "edges"), ("my-experiment", "my-experiment"),
        ("texture-experiment", "texture-experiment"),
    ],
)  # fmt: skip
def test_older_names_of_published_datasets(older, name):
    assert published_name(older) == name


def test_images_decide_between_datasets_with_the_same_older_name():
    assert name_by_images("contrast-experiment", "cop") == "contrast-png-experiment"
    assert name_by_images("contrast-png-experiment", "con") == "contrast-experiment"
    assert name_by_images("noise-experiment", "nse") == name_by_images("noise-experiment", "") == "noise-experiment"
    assert name_by_images("rotation-experiment", "cop") == "rotation-experiment"
    assert name_by_images("contrast", "con") == "contrast"
    assert scale_of("contrast-experiment") == "log10"


def test_the_coherence_decides_between_the_eidolon_datasets():
    conditions = ("8-10-10", "8-3-10", "8-0-10", "8-7-10", "8")
    assert list(map(eidolon_dataset, conditions)) == ["eidolonI", "eidolonII", "eidolonIII", None, None]
    canonical = Canonical()
    assert canonical.place(EIDOLON, "8-3-10", "a.csv", is_ours=False) == ("eidolonII", "8-3-10")
    assert canonical.place(EIDOLON, "8-7-10", "a.csv", is_ours=False) == (EIDOLON, "8-7-10")


def test_datasets_are_found_in_the_names_of_folders_and_files(tmp_path):
    for path, name in {
        "texture-shape_edges/texture-shape_edges_alexnet_session-1.csv": "texture-shape_edges",
        "mixed/noise-generalisation_low-pass_vgg16_session-1.csv": "noise-generalisation_low-pass",
        "x/lowpass-experiment_subject-01_session_1.csv": "lowpass-experiment",
        "edges/mine_subject-01_session_1.csv": "mine",
    }.items():
        assert dialect.infer_dataset(tmp_path / path, KNOWN, published_name) == name


@pytest.mark.parametrize(
    ("subj", "file", "kind"),
    [
        ("1", "mine_subject-1_session_1", "human"), ("01", "mine_subject-1_session_1", "human"),
        ("2", "mine_subject-1_session_1", "discriminative"), ("P3", "mine_participant_03", "human"),
        ("AB", "mine_subject-AB_session_1", "human"), ("resnet50", "mine_resnet50", "discriminative"),
        ("resnet50", "subject-01_and_resnet50", "discriminative"), ("1", "mine_1", "discriminative"),
    ],
)  # fmt: skip
def test_people_are_recognized_by_the_name_of_their_file(tmp_path, subj, file, kind):
    assert dialect.infer_kind(subj, "cat1.png", tmp_path / f"{file}.csv") == kind


@pytest.mark.parametrize(
    ("name", "raw", "canonical"),
    [("contrast", "5", "c05"), ("contrast", "5%", "c05"), ("contrast", "100", "c100"), ("uniform-noise", "0,35", "0.35"),
     ("false-colour", "TRUE", "true"), ("rotation", "90.0", "90")],
)  # fmt: skip
def test_conditions_that_spreadsheets_change_have_one_spelling(name, raw, canonical):
    assert DATASETS[name].canonical(raw) == canonical


@pytest.mark.parametrize(
    ("name", "raw"), [("contrast", "4"), ("eidolonI", "3"), ("low-pass", "1_0"), ("high-pass", "")]
)
def test_ambiguous_conditions_are_refused(name, raw):
    with pytest.raises(ValueError, match=f"{name} does not have the condition '{raw}'"):
        DATASETS[name].canonical(raw)


def test_our_own_logs_may_have_other_conditions():
    canonical = Canonical()
    assert canonical.place("low-pass", "3.0", "a.csv", is_ours=True) == ("low-pass", "3")
    assert canonical.place("low-pass", "2", "a.csv", is_ours=True) == ("low-pass", "2")
    assert canonical.place("edge", "0", "a.csv", is_ours=True) == ("edge", "")
    assert canonical.place("edge", "thin", "a.csv", is_ours=True) == ("edge", "thin")
    assert canonical.place("lowpass-experiment", "2", "a.csv", is_ours=False) == ("low-pass", "2")
    with pytest.raises(ValueError, match="low-pass does not have the condition '2'"):
        canonical.place("low-pass", "2", "a.csv", is_ours=False)
    assert set(canonical.findings) == {("other condition", "low-pass"), ("older name", "")}


def test_corrections_come_before_everything_else():
    canonical = Canonical(Corrections(replace={
        "dataset": {"mine": "lowpass-experiment"}, "condition": {"soft": "3.0"}, "response": {"Plane": "Airplane"},
    }))  # fmt: skip
    assert canonical.place("mine", "soft", "a.csv", is_ours=False) == ("low-pass", "3")
    assert canonical.word("response", "low-pass", "Plane", "a.csv") == "airplane"
    canonical.check_used()


def test_wrong_corrections_are_refused():
    from core.errors import LogError

    with pytest.raises(LogError, match="'humna', for 1, is not a kind of observer; the kinds are human"):
        Corrections(kinds={"1": "humna"})
    with pytest.raises(LogError, match="texts of 'rt' cannot be replaced; expected one of dataset, condition"):
        Corrections(replace={"rt": {"0": ""}})
    with pytest.raises(LogError, match="a correction does not apply: no trial in these logs has the condition '1'"):
        Canonical(Corrections(replace={"condition": {"1": ""}})).check_used()
    with pytest.raises(LogError, match="no trial in these logs has the observer named 'a'"):
        Canonical(Corrections(kinds={"a": "human"})).check_used()
