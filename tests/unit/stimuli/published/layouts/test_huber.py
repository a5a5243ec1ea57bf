"""The layout of Huber et al. (2023): observers, conditions and cues, and the accuracies of the published files."""

import json

import pytest

from analysis.io.frame import read_trials
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from core.errors import LogError, ObserverError
from observers.registry import make_observer
from stimuli.published.layouts.files import detect_layout
from stimuli.published.layouts.table import LAYOUTS
from tests.commands import observers
from tests.conftest import real

HEAD = "subj,trial,rt,object_response,category,imagename,age,block,difficulty\n"
PERSON = (
    "2,1,0.58,dog,dog,1111_cc_hum_0_dog_40_n02101388_2075.JPEG,5.0,1.0,0\n"
    "2,2,12.8,elephant,cat,1111_cc_hum_1_cat5-elephant2.png,5.0, 2,1\n"
    "3,1,0.5,na,cat,1111_cc_hum_1_cat5-elephant2.png,6,x,1.0\n"
)
NETWORK = "vgg_19,1,,cat,cat,1111_cc_dnn_1_cat5-elephant2.png,,,1\n"


def write(folder, name, text, head=HEAD):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + text, "utf-8")
    return path


def test_cells_become_those_of_our_log(tmp_path):
    write(tmp_path, "cue_conflict/4_6.csv", PERSON)
    write(tmp_path, "cue_conflict/models/vgg19.csv", NETWORK)
    frame = read_trials(tmp_path)
    assert frame.attrs["notes"] == [] and frame.attrs["n_choices"] == {"huber-cue-conflict": 16}
    assert frame["trial"].tolist() == [1, 2, 1, 1] and frame["session"].isna().all()
    columns = ["observer", "kind", "stimulus", "condition", "response", "shape", "texture"]
    assert frame[columns].astype("str").to_numpy().tolist() == [
        ["4_6-subject-02", "human", "n02101388_2075.JPEG", "0", "dog", "", ""],
        ["4_6-subject-02", "human", "cat5-elephant2.png", "1", "elephant", "cat", "elephant"],
        ["4_6-subject-03", "human", "cat5-elephant2.png", "1", "", "cat", "elephant"],
        ["vgg_19", "discriminative", "cat5-elephant2.png", "1", "cat", "cat", "elephant"],
    ]
    info = ["info_age", "info_age_group", "info_block"]
    assert frame[info].astype("str").to_numpy().tolist() == [
        ["5", "4_6", "1"], ["5", "4_6", "2"], ["6", "4_6", "x"], ["", "", ""],
    ]  # fmt: skip
    assert frame["block"].tolist()[:2] == [1, 2] and frame["block"].isna().tolist()[2:] == [True, True]
    assert frame["rt"].tolist()[:3] == [0.58, 12.8, 0.5] and frame["rt"].isna()[3]


def test_people_of_the_same_number_in_two_files_are_two_observers(tmp_path):
    for group in ("4_6", "7_9"):
        write(tmp_path, f"{group}.csv", PERSON)
    assert sorted(read_trials(tmp_path)["observer"].unique()) == [
        "4_6-subject-02", "4_6-subject-03", "7_9-subject-02", "7_9-subject-03",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "difficulty", "dataset", "condition"),
    [("snp", "0.0", "huber-noise", "0"), ("snp", "0.350", "huber-noise", "0.35"), ("eid", "16", "huber-eidolon", "16"),
     ("xyz", "hard", "huber-xyz", "hard")],
)  # fmt: skip
def test_experiments_and_conditions(tmp_path, code, difficulty, dataset, condition):
    row = f"2,1,1,oven,oven,1111_{code}_hum_{difficulty}_oven_40_n04111531_13247.png,5.0,1,{difficulty}\n"
    frame = read_trials(write(tmp_path, "4_6.csv", row))
    assert (frame["dataset"][0], frame["condition"][0]) == (dataset, condition)
    assert frame["stimulus"][0] == "n04111531_13247.png"


def test_header_variants_are_recognized(tmp_path):
    header = HEAD.strip()
    variants = {
        "upper": HEAD.upper(), "quoted": '"' + header.replace(",", '","') + '"\n', "bom": "\ufeff" + HEAD,
        "crlf": header + "\r\n", "spaces": header.replace(",", ", ") + "\n",
    }  # fmt: skip
    expected = read_trials(write(tmp_path, "plain.csv", PERSON))["info_age"].tolist()
    for name, head in variants.items():
        path = write(tmp_path, f"{name}.csv", PERSON, head)
        assert detect_layout(path) is LAYOUTS["huber"], name
        assert read_trials(path)["info_age"].tolist() == expected, name


def test_a_file_with_a_condition_has_the_layout_of_model_vs_human(tmp_path):
    path = write(tmp_path, "x.csv", "", HEAD.strip() + ",condition\n")
    assert detect_layout(path) is LAYOUTS["model-vs-human"]


def test_other_image_names_are_rejected(tmp_path):
    path = write(tmp_path, "4_6.csv", "2,1,1,oven,oven,oven1.png,5.0,1,0\n")
    with pytest.raises(
        LogError, match=r"4_6\.csv: the image name is 'oven1\.png', expected a name such as 1111_cc_hum"
    ):
        read_trials(path)


def test_a_recording_is_replayed(tmp_path):
    path = write(tmp_path, "4_6.csv", PERSON)
    observer = make_observer(f"recorded:{path}", observer="4_6-subject-03")
    assert (observer.name, observer.kind) == ("4_6-subject-03", "human")
    with pytest.raises(ObserverError, match=r"several observers \(4_6-subject-02, 4_6-subject-03\)"):
        _ = make_observer(f"recorded:{path}").name


def test_accuracies_of_the_published_files():
    real("children", "cue_conflict")
    frame = read_trials("children/cue_conflict")
    group = frame["info_age_group"].astype("str").where(frame["kind"] == "human", frame["observer"].astype("str"))
    accuracy = frame.groupby([group, frame["condition"]], observed=True)["correct"].mean().unstack().round(4)
    assert accuracy.to_dict("index") == {
        "4_6": {"0": 0.8298, "1": 0.5355}, "7_9": {"0": 0.9369, "1": 0.6559}, "10_12": {"0": 0.9483, "1": 0.7404},
        "13_15": {"0": 0.9757, "1": 0.7670}, "adults": {"0": 0.9818, "1": 0.8194}, "vgg19": {"0": 1.0, "1": 0.0667},
        "resnext101_32x8d": {"0": 1.0, "1": 0.1542},
    }  # fmt: skip
    rows = json.loads(
        observers("analyze", "accuracy", "children/cue_conflict", "--group-by", "age_group", "--json").stdout
    )
    pooled = {(row["group"], row["condition"]): round(row["pooled"], 4) for row in rows}
    ages = [name for name in accuracy.index if name not in ("vgg19", "resnext101_32x8d")]
    assert pooled == {(age, level): accuracy.loc[age, level] for age in ages for level in "01"}
    table = overall_shape_bias(shape_bias(frame)).set_index("observer")
    assert table.loc["vgg19", ["n_conflict", "n_shape", "n_texture"]].tolist() == [240, 16, 185]
    assert (table["kind"] == "human").sum() == 55
