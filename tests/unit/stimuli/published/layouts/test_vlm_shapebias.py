"""The layout of Gavrikov et al. (2025): observers, kinds and replies, and the values of the published files."""

import json
from pathlib import Path

import pytest

from analysis.io.frame import read_trials
from analysis.kappa.consistency import error_consistency
from core.errors import LogError
from observers.registry import make_observer
from stimuli.published.layouts.files import detect_layout
from stimuli.published.layouts.table import LAYOUTS
from stimuli.published.layouts.vlm_shapebias import kind_of_observer, name_of_observer
from tests.commands import observers
from tests.conftest import real

HEAD = "image,timestamp,response,pred_label,pred_conf\n"
ROWS = (
    "cat1-dog2,2024-02-05 20:50:48,D. dog,dog,1.0\n"
    'cat10-cat2,2024-02-05 20:50:49,"A cat,\non two lines",cat,0.5\n'
    "oven1-dog2,2024-02-05 20:50:50,I cannot say.,None,\n"
)
# name of the file -> (n_shape, n_texture, shape bias, shape or texture, kappa with people, missing responses)
PUBLISHED = {
    "llava_1_5_7b": (595, 374, 0.6140, 0.8075, 0.2351, 0), "llava_1_5_13b": (617, 346, 0.6407, 0.8025, 0.2354, 0),
    "llava_1_6_vicuna_7b": (592, 400, 0.5968, 0.8267, 0.2266, 0),
    "llava_1_6_vicuna_13b": (573, 428, 0.5724, 0.8342, 0.2174, 0),
    "llava_1_6_34b": (496, 390, 0.5598, 0.7383, 0.1907, 0), "emu2_chat": (477, 424, 0.5294, 0.7508, 0.1966, 1),
    "qwen_vl_plus": (645, 350, 0.6482, 0.8292, 0.2427, 0), "internvl_chat": (732, 340, 0.6828, 0.8933, 0.2916, 0),
    "internvl_chat_1_2_plus": (666, 424, 0.6110, 0.9083, 0.2742, 0),
    "openai_vision": (401, 436, 0.4791, 0.6975, 0.1479, 131), "ViT_L_14_openai": (586, 388, 0.6016, 0.8117, 0.2143, 0),
    "clip_RN50_openai": (179, 683, 0.2077, 0.7183, 0.0629, 0),
    "EVA01_g_14_laion400m_s11b_b41k": (691, 349, 0.6644, 0.8667, 0.2415, 0),
}  # fmt: skip


def write(folder, name, text=ROWS, head=HEAD):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + text, "utf-8")
    return path


def test_cells_become_those_of_our_log(tmp_path):
    frame = read_trials(write(tmp_path, "vqa/20240205_205018_llava_1_5_7b.csv"))
    assert frame.attrs["notes"] == [] and frame.attrs["n_choices"] == {"cue-conflict": 16}
    columns = [
        "dataset",
        "observer",
        "kind",
        "stimulus",
        "condition",
        "category",
        "response",
        "shape",
        "texture",
        "info_reply",
    ]
    assert frame[columns].astype("str").to_numpy().tolist() == [
        ["cue-conflict", "llava_1_5_7b", "vision-language", image, "", shape, response, shape, texture, reply]
        for image, shape, texture, response, reply in (
            ("cat1-dog2.png", "cat", "dog", "dog", "D. dog"),
            ("cat10-cat2.png", "cat", "cat", "cat", r"A cat,\non two lines"),
            ("oven1-dog2.png", "oven", "dog", "", "I cannot say."),
        )
    ]
    assert frame["measured_confidence"].tolist()[:2] == [1.0, 0.5] and frame["measured_confidence"].isna()[2]
    assert frame["trial"].isna().all() and frame["rt"].isna().all()


@pytest.mark.parametrize(
    ("path", "header", "name", "kind"),
    [
        ("vlm/vqa/20240301_101010_gpt4v_shape.csv", HEAD, "gpt4v_shape", "vision-language"),
        ("x/20240301_101010_gpt4v.csv", HEAD, "gpt4v", "vision-language"),
        ("vlm/captioning/2024xxxx_yyyyyy_qwen_chat.csv", HEAD, "qwen_chat_captioning", "vision-language"),
        ("vlm/20240301_101010.csv", HEAD, "20240301_101010", "vision-language"),
        ("clip/ViT_L_14_openai_CLS.csv", "image,response,pred_label", "ViT_L_14_openai", "contrastive"),
        ("x/ViT_L_14_openai_None.csv", "image,response,pred_label", "ViT_L_14_openai_None", "contrastive"),
        ("x/a_photo_of_a_CLS..csv", "image,response,pred_label", "a_photo_of_a_CLS.", "contrastive"),
        ("x/open_clip_b32.csv", HEAD, "open_clip_b32", "contrastive"),
        ("x/EVA02_E_14_plus.csv", HEAD, "EVA02_E_14_plus", "contrastive"),
        ("x/SigLIP2_so400m.csv", HEAD, "SigLIP2_so400m", "contrastive"),
        ("x/instructblip_vicuna_7b.csv", HEAD, "instructblip_vicuna_7b", "vision-language"),
        ("inet_classifier/vit_clip_224.csv", "image,response,pred_label", "vit_clip_224", "discriminative"),
        ("x/resnet50.csv", "image,pred_label", "resnet50", "discriminative"),
    ],
)
def test_names_and_kinds(path, header, name, kind):
    assert name_of_observer(Path("/data") / path) == name
    assert kind_of_observer(Path("/data") / path, header.strip().split(",")) == kind


def test_header_variants_are_recognized(tmp_path):
    header = HEAD.strip()
    for name, head in {
        "upper": HEAD.upper(), "quoted": '"' + header.replace(",", '","') + '"\n', "bom": "\ufeff" + HEAD,
        "crlf": header + "\r\n",
    }.items():  # fmt: skip
        path = write(tmp_path, f"{name}.csv", head=head)
        assert detect_layout(path) is LAYOUTS["vlm_shapebias"], name
        assert read_trials(path)["response"].tolist() == ["dog", "cat", ""], name


def test_images_may_have_a_folder_and_a_suffix(tmp_path):
    path = write(tmp_path, "resnet50.csv", "cues/cat1-dog2.png,dog\nC:\\x\\cat1-cat2.png,\n", "image,pred_label\n")
    frame = read_trials(path)
    assert frame["stimulus"].tolist() == ["cat1-dog2.png", "cat1-cat2.png"]
    assert "info_reply" not in frame and "measured_confidence" not in frame


def test_files_with_other_images_are_not_recognized(tmp_path):
    write(tmp_path, "a.csv")
    write(tmp_path, "b.csv", "beach.jpg,cat\n", "image,pred_label\n")
    write(tmp_path, "c.csv", "x1-y2,cat\n", "image,pred_label\n")
    frame = read_trials(tmp_path)
    assert frame.attrs["notes"] == [
        "2 files were skipped, because the columns are not those of a trial log: b.csv, c.csv"
    ]
    path = write(tmp_path, "d.csv", "cat1-dog2,cat\nbeach.jpg,cat\n", "image,pred_label\n")
    with pytest.raises(LogError, match=r"d\.csv: the image is 'beach\.jpg', expected the name of a cue-conflict image"):
        read_trials(path)


def test_two_files_of_one_observer_are_rejected(tmp_path):
    for folder in ("first", "second"):
        write(tmp_path, f"{folder}/20240205_205018_llava.csv")
    with pytest.raises(
        LogError, match=r"llava of cue-conflict has two responses to .*, in .*first.* and in .*second.*; pass"
    ):
        read_trials(tmp_path)


def test_a_recording_is_replayed(tmp_path):
    observer = make_observer(f"recorded:{write(tmp_path, '20240205_205018_llava.csv')}")
    assert (observer.name, observer.kind) == ("llava", "vision-language")


def test_values_of_the_published_files():
    """One command on the folder gives the table, and error consistency with the ten people."""
    real("vlm")
    rows = json.loads(observers("analyze", "shape-bias", "vlm", "--json").stdout)
    table = {row["observer"]: row for row in rows if row["category"] == "all"}
    assert set(table) == set(PUBLISHED)
    for name, (n_shape, n_texture, bias, rate, _, _) in PUBLISHED.items():
        row = table[name]
        assert (row["n_conflict"], row["n_shape"], row["n_texture"]) == (1200, n_shape, n_texture), name
        assert (round(row["shape_bias"], 4), row["cue_rate"]) == (bias, pytest.approx(rate, abs=6e-5)), name


@pytest.mark.slow
def test_error_consistency_of_the_published_files_with_people():
    real("vlm")
    real("humans", "cue-conflict")
    frame = read_trials("humans/cue-conflict", "vlm")
    is_human = frame.groupby("observer", observed=True)["kind"].first() == "human"
    n_missing = (frame["response"] == "").groupby(frame["observer"], observed=True).sum()
    pairs = error_consistency(frame)
    first, second = (pairs[f"observer_{i}"].map(is_human).astype(bool) for i in (1, 2))
    pairs = pairs[first & ~second]
    kappa = pairs.groupby("observer_2")["kappa"].mean()
    assert pairs.groupby("observer_2").size().eq(10).all() and (pairs["n"] == 1280).all()
    for name, (*_, expected, missing) in PUBLISHED.items():
        assert (kappa[name], n_missing[name]) == (pytest.approx(expected, abs=6e-5), missing), name
