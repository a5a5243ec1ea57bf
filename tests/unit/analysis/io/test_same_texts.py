"""One meaning of a text in all files: datasets, conditions, answers, images and observers, with notes about changes."""

import csv
from pathlib import Path

import pytest

from analysis import error_consistency, read_trials, shape_bias
from analysis.io.archive_export import export_parquet
from analysis.measures.accuracy import accuracy
from core.errors import LogError
from core.trial_columns import NAMES
from stimuli.categories import CATEGORIES

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename"


def write(path: Path, rows: list[str], head: str = HEAD, end: str = "\n") -> Path:
    """Write a file in model-vs-human format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *rows]) + end, encoding="utf-8", newline="")
    return path


def rows_of(
    observer: str, images: dict[str, str], condition: str = "0", rt: str = "NaN", *, n_wrong: int = 2
) -> list[str]:
    """Return trials of an observer, who errs in the first ones. `images` has the category by the image."""
    categories = list(images.values())
    return [
        f"{observer},1,{number},{rt},{categories[number % len(categories)] if number <= n_wrong else category},{category},"
        f"{condition},{image}"
        for number, (image, category) in enumerate(images.items(), start=1)
    ]


SIXTEEN = {f"{category}1.png": category for category in CATEGORIES}


def test_folders_in_names_of_images_are_ignored(tmp_path):
    images = {f"{shape}1-{texture}2.png": shape for shape in CATEGORIES[:4] for texture in CATEGORIES[4:8]}
    person = {f"{n:04d}_s5n_s01_0_{c}_00_{image}": c for n, (image, c) in enumerate(images.items())}
    path = tmp_path / "cue-conflict"
    write(path / "cue-conflict_subject-01_session_1.csv", rows_of("subject-01", person, rt="0.5", n_wrong=3))
    for name, folder in (
        ("unix", "../stimuli/preprocessed/{}/"),
        ("windows", "C:\\data\\{}\\"),
        ("dnn", "session-1/0001_s5n_dnn_0_{}_00_"),
    ):
        of_model = {folder.format(category) + image: category for image, category in images.items()}
        write(path / f"cue-conflict_{name}_session-1.csv", rows_of(name, of_model, "NaN"))
    frame = read_trials(path)
    assert set(frame["stimulus"]) == set(images)
    assert set(shape_bias(frame)["observer"]) == {"subject-01", "unix", "windows", "dnn"}
    assert error_consistency(frame)["n"].tolist() == [16] * 6
    assert any("folders in names of images of cue-conflict are ignored" in note for note in frame.attrs["notes"])


def test_folders_that_distinguish_images_are_kept(tmp_path):
    images = {f"{category}/1.png": category for category in CATEGORIES}
    write(tmp_path / "mine_subject-01_session_1.csv", rows_of("subject-01", images, rt="0.5"))
    write(
        tmp_path / "mine_vgg16_session-1.csv",
        rows_of("vgg16", {f"../data/{i}": c for i, c in images.items()}, n_wrong=5),
    )
    frame = read_trials(tmp_path)
    assert set(frame["stimulus"]) == set(images)
    assert error_consistency(frame)["n"].tolist() == [16]


@pytest.mark.parametrize("name", ["lowpass-experiment", "noise-generalisation_low-pass"])
def test_older_names_are_one_dataset_with_its_scale(tmp_path, name):
    images = {f"n0000000{i}_{i}.png": c for i, c in enumerate(CATEGORIES[:8])}
    person = {f"{n:04d}_lp_s01_3_{c}_10_{image}": c for n, (image, c) in enumerate(images.items())}
    model = {f"{n:04d}_lp_dnn_3_{c}_10_{image}": c for n, (image, c) in enumerate(images.items())}
    write(tmp_path / f"{name}_subject-01_session_1.csv", rows_of("subject-01", person, "3.0", "0.5"))
    write(tmp_path / "low-pass_vgg16_session-1.csv", rows_of("vgg16", model, "3"))
    frame = read_trials(tmp_path)
    assert set(frame["dataset"]) == {"low-pass"} and set(frame["condition"]) == {"3"}
    assert error_consistency(frame)["n"].tolist() == [8]
    assert frame.attrs["notes"] == [
        f"older names of published datasets are read as those of model-vs-human: {name} as low-pass "
        f"({name}_subject-01_session_1.csv)"
    ]


def test_an_older_eidolon_file_becomes_three_datasets(tmp_path):
    images = {"n01.png": "cat", "n02.png": "dog", "n03.png": "car"}
    rows = [
        row.replace(",x,", f",{condition},")
        for row, condition in zip(rows_of("vgg16", images, "x"), ("8-10-10", "8-3-10", "8-0-10"), strict=True)
    ]
    frame = read_trials(write(tmp_path / "eidolon-experiment_vgg16_session-1.csv", rows))
    assert frame["dataset"].tolist() == ["eidolonI", "eidolonII", "eidolonIII"]
    assert frame["condition"].tolist() == ["8-10-10", "8-3-10", "8-0-10"]


def test_an_older_dataset_with_other_conditions_keeps_them(tmp_path):
    rows = rows_of("vgg16", {"a.png": "cat", "b.png": "dog"}, "2")
    frame = read_trials(write(tmp_path / "lowpass-experiment_vgg16_session-1.csv", rows))
    assert set(frame["condition"]) == {"2"}
    assert "the published dataset low-pass does not have the condition 2, which is kept" in frame.attrs["notes"][1]


def test_answers_of_published_datasets_are_known(tmp_path):
    path = tmp_path / "edge" / "edge_subject-02_session_1.csv"
    rows = [
        row.replace("airplane", "Airplane", 1).replace(",bear,bear", ",Bear,bear")
        for row in rows_of("subject-02", SIXTEEN, n_wrong=0)
    ]
    rows = [row.replace(",bird,bird", ",\u00a0Bird ,bird").replace(",car,car", ",automobile,car") for row in rows]
    frame = read_trials(write(path, rows))
    assert accuracy(frame)["n_correct"].tolist() == [15]
    notes = frame.attrs["notes"]
    assert "'Airplane' as airplane, 'Bear' as bear, 'Bird' as bird (edge_subject-02_session_1.csv)" in notes[0]
    assert "not among the sixteen categories of edge: 'automobile' (edge_subject-02_session_1.csv)" in notes[1]
    corrected = read_trials(path, replace={"response": {"automobile": "car"}})
    assert accuracy(corrected)["n_correct"].tolist() == [16]


def test_answers_of_other_datasets_are_read_like_their_categories(tmp_path):
    rows = [row.replace(",dog,dog", ",DOG,dog") for row in rows_of("subject-01", SIXTEEN, n_wrong=0)]
    write(tmp_path / "mine_subject-01_session_1.csv", rows)
    write(
        tmp_path / "mine_subject-02_session_1.csv",
        ["subject-02,1,1,0.5,f,cat,0,cat1.png", "subject-02,1,2,0.5,j,dog,0,dog1.png"],
    )
    frame = read_trials(tmp_path)
    assert accuracy(frame)["n_correct"].tolist() == [16, 0]
    assert "'DOG' as dog (mine_subject-01_session_1.csv)" in frame.attrs["notes"][0]
    assert (
        "all responses of some observers of mine differ from all categories, such as 'f', 'j'"
        in frame.attrs["notes"][1]
    )


def test_one_table_of_missing_answers(tmp_path):
    answers = ["na", "NA", "NaN", "n/a", "", "None", "<NA>", "#N/A"]
    rows = [f"subject-01,1,{n},{answer},{answer},cat,0,cat{n}.png" for n, answer in enumerate(answers, start=1)]
    frame = read_trials(write(tmp_path / "edge_subject-01_session_1.csv", rows))
    assert set(frame["response"]) == {""} and frame["rt"].isna().all()


def test_people_whose_names_are_numbers(tmp_path):
    for number in (1, 2):
        write(
            tmp_path / f"mine_subject-{number}_session_1.csv",
            rows_of(str(number), SIXTEEN, "a", "0.5", n_wrong=number + 2),
        )
    write(tmp_path / "mine_3.csv", rows_of("3", SIXTEEN, "a", "0.5"))
    write(tmp_path / "mine_4.csv", rows_of("4", SIXTEEN, "a"))
    write(tmp_path / "mine_resnet50_session-1.csv", rows_of("resnet50", SIXTEEN, "a"))
    frame = read_trials(tmp_path)
    kinds = frame.drop_duplicates("observer").set_index("observer")["kind"].to_dict()
    assert kinds == {"1": "human", "2": "human"} | dict.fromkeys(("3", "4", "resnet50"), "discriminative")
    assert frame.attrs["notes"][:3] == [
        "observers of mine whose names do not begin with subject- are read as discriminative although they have response "
        "times: 3; --kind 3=human corrects it",
        "observers of mine whose names do not begin with subject- are read as discriminative: 4; if they are people, --kind "
        "4=human corrects it",
        "observers of mine are read as people, because the names of their files say so: 1, 2; --kind 1=KIND corrects it",
    ]
    corrected = read_trials(tmp_path, kinds={"3": "human", "mine:4": "human", "1": "generative"})
    kinds = corrected.drop_duplicates("observer").set_index("observer")["kind"].to_dict()
    assert kinds == {"1": "generative", "2": "human", "3": "human", "4": "human", "resnet50": "discriminative"}
    with pytest.raises(LogError, match="no trial in these logs has the observer named '5'"):
        read_trials(tmp_path, kinds={"5": "human"})


def test_observers_without_a_common_condition_are_noted(tmp_path):
    for name in ("subject-01", "subject-02"):
        write(tmp_path / f"mine_{name}_session_1.csv", rows_of(name, SIXTEEN, "0", "0.5", n_wrong=3))
    write(tmp_path / "mine_vgg16_session-1.csv", rows_of("vgg16", SIXTEEN, "NaN"))
    frame = read_trials(tmp_path)
    note = (
        "subject-01 and vgg16 of mine saw 16 images with the same names, but in condition '0' and in no condition: they are "
        "not compared, like 1 other pair; if these are the same condition, --replace 'condition:0=' merges them"
    )
    assert note in frame.attrs["notes"]
    assert len(error_consistency(read_trials(tmp_path, replace={"condition": {"0": ""}}))) == 3


def test_images_with_other_names_are_noted(tmp_path):
    write(tmp_path / "mine_subject-01_session_1.csv", rows_of("subject-01", SIXTEEN, rt="0.5"))
    write(
        tmp_path / "mine_vgg16_session-1.csv",
        rows_of("vgg16", {i.replace(".png", ".JPG"): c for i, c in SIXTEEN.items()}),
    )
    write(tmp_path / "mine_bagnet_session-1.csv", rows_of("bagnet", {f"x{i}": c for i, c in SIXTEEN.items()}))
    notes = read_trials(tmp_path).attrs["notes"]
    assert any(
        "differ only in folders, suffixes or capitals, such as 'airplane1.png' and 'airplane1.JPG'" in n for n in notes
    )
    assert any("saw different images, such as 'xairplane1.png' and 'airplane1.png'" in n for n in notes), notes


def test_conditions_that_are_the_same_number_are_noted(tmp_path):
    rows = [*rows_of("vgg16", {"a.png": "cat"}, "0.1"), *rows_of("vgg16", {"b.png": "dog"}, "0.10")]
    rows[1] = rows[1].replace("vgg16,1,1", "vgg16,1,2")
    notes = read_trials(write(tmp_path / "mine_vgg16.csv", rows)).attrs["notes"]
    assert any("'0.1' and '0.10' count as two conditions of mine" in note for note in notes)


def test_datasets_with_the_same_images_in_a_folder_are_noted(tmp_path):
    for name in ("pilot", "main", "second", "edge"):
        write(tmp_path / f"{name}_vgg16.csv", rows_of("vgg16", SIXTEEN))
    write(tmp_path / "other_vgg16.csv", rows_of("vgg16", {"x.png": "cat"}))
    notes = [note for note in read_trials(tmp_path).attrs["notes"] if "files in one folder" in note]
    assert notes == [
        "files in one folder belong to 4 datasets according to their names, edge, main, pilot and 1 more, but have the same "
        "images, such as 'airplane1.png'; if they are one dataset, --replace 'dataset:main=edge' merges them"
    ]


def test_files_named_by_their_observers_are_one_dataset(tmp_path):
    for name in ("subject-01", "vgg16"):
        write(tmp_path / "study" / f"{name}.csv", rows_of(name, SIXTEEN))
    frame = read_trials(tmp_path)
    assert set(frame["dataset"]) == {"study"}
    assert error_consistency(frame)["n"].tolist() == [16]


def test_images_of_another_published_dataset_are_noted(tmp_path):
    images = {f"{n:04d}_rot_dnn_0_{c}_10_n0_{n}.png": c for n, c in enumerate(CATEGORIES)}
    notes = read_trials(write(tmp_path / "edge_vgg16_session-1.csv", rows_of("vgg16", images))).attrs["notes"]
    assert notes[0].startswith(
        "according to their names, the images of edge_vgg16_session-1.csv belong to rotation, but"
    )


def test_cue_conflict_images_without_cues_are_noted(tmp_path):
    notes = read_trials(write(tmp_path / "cue-conflict_vgg16_session-1.csv", rows_of("vgg16", SIXTEEN))).attrs["notes"]
    assert "do not have names like those of cue-conflict (cat7-clock2.png), such as airplane1.png" in notes[0]


def test_our_own_layout_and_archives_have_the_same_texts(tmp_path):
    rows = [
        dict.fromkeys(NAMES, "") | {
            "experiment": "lowpass-experiment", "observer": "subject-01", "kind": "human", "session": "1", "block": "1",
            "trial": str(number), "stimulus": image, "condition": "3.0", "category": category, "response": category.upper(),
        }
        for number, (image, category) in enumerate(SIXTEEN.items(), start=1)
    ]  # fmt: skip
    path = tmp_path / "logs" / "lowpass-experiment_subject-01_session-1.csv"
    path.parent.mkdir()
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, NAMES)
        writer.writeheader()
        writer.writerows(rows)
    frame = read_trials(path)
    assert (set(frame["dataset"]), set(frame["condition"]), frame["correct"].all()) == ({"low-pass"}, {"3"}, True)
    pytest.importorskip("pyarrow")
    archive, _ = export_parquet(path.parent, tmp_path / "archive")
    again = read_trials(archive)
    assert again["correct"].all() and set(again["dataset"]) == {"low-pass"}
    assert again.attrs["notes"] == frame.attrs["notes"]


def test_images_of_published_datasets_may_lack_their_suffix(tmp_path):
    path = tmp_path / "edge"
    write(path / "edge_subject-01_session_1.csv", rows_of("subject-01", SIXTEEN, rt="0.5"))
    write(path / "edge_vgg16_session-1.csv", rows_of("vgg16", {f"{category}1": category for category in CATEGORIES}))
    assert error_consistency(read_trials(path))["n"].tolist() == [16]


def test_suffixes_and_cues_follow_from_a_corrected_dataset(tmp_path):
    rows = rows_of("vgg16", {f"{shape}1-{texture}2": shape for shape in CATEGORIES[:3] for texture in CATEGORIES[3:6]})
    frame = read_trials(write(tmp_path / "mine_vgg16.csv", rows), replace={"dataset": {"mine": "cue-conflict"}})
    assert frame["stimulus"].str.endswith(".png").all()
    assert shape_bias(frame)["n_conflict"].tolist()[0] == 9


def test_an_older_dataset_with_other_images_is_noted(tmp_path):
    images = {f"{n:04d}_con_s01_c05_{c}_10_n0_{n}.JPEG": c for n, c in enumerate(CATEGORIES)}
    rows = rows_of("subject-01", images, "c05", "0.5")
    path = write(tmp_path / "contrast-experiment_subject-01_session_1.csv", rows)
    frame = read_trials(path)
    assert set(frame["dataset"]) == {"contrast-experiment"}
    note = "contrast-experiment is not the published dataset contrast, because its images are different files"
    assert note in frame.attrs["notes"][0]
    assert set(read_trials(path, replace={"dataset": {"contrast-experiment": "contrast"}})["dataset"]) == {"contrast"}


def test_texts_are_canonical_beside_pilot_sessions(tmp_path):
    images = {f"x/{image}": category for image, category in SIXTEEN.items()}
    pilot, person = (rows_of(name, images, rt="0.5", n_wrong=0) for name in ("subject-01-pilot", "subject-01"))
    person = [row.replace(",dog,dog", ",DOG,dog") for row in person]
    frame = read_trials(write(tmp_path / "mine_all.csv", [*pilot, *person]))
    assert set(frame["observer"]) == {"subject-01"} and set(frame["stimulus"]) == set(SIXTEEN)
    assert frame["correct"].all()
