"""Tests of the table of published datasets, of the categories, and of the model-vs-human format."""

import csv
import json

import numpy as np
import pytest

from core.errors import StimulusError, UnknownName
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES, category_evidence, softmax
from stimuli.images import save_image
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, data_folders, dataset, parse_cues, published_stimuli
from tests.conftest import real


def test_the_table_has_the_published_totals():
    assert len(DATASETS) == 17
    assert sum(len(d.included()) for d in DATASETS.values()) == 46
    assert sum(d.n_people for d in DATASETS.values()) == 90
    assert sum(d.n_people * d.n_images for d in DATASETS.values()) == 85_120
    assert DATASETS["contrast"].url.endswith("/v0.1/contrast.tar.gz")


@pytest.mark.parametrize(
    ("name", "raw", "canonical"),
    [("high-pass", "3.0", "3"), ("uniform-noise", "0.1", "0.10"), ("false-colour", "True", "true"), ("edge", "0", ""),
     ("high-pass", "Inf", "inf"), ("uniform-noise", "0.0", "0.00"), ("cue-conflict", "NaN", ""), ("contrast", "c05", "c05")],
)  # fmt: skip
def test_conditions_have_one_spelling(name, raw, canonical):
    assert DATASETS[name].canonical(raw) == canonical


def test_unknown_conditions_are_refused():
    with pytest.raises(ValueError, match="low-pass does not have the condition '2'; it has 0, 1, 3"):
        DATASETS["low-pass"].canonical("2")


@pytest.mark.parametrize(
    ("imagename", "image"),
    [
        ("0001_cop_s01_c30_knife_10_n03041632_7380.png", "n03041632_7380.png"),
        ("0001_s5n_s01_0_bird_00_bird3-bird2.png", "bird3-bird2.png"),
        ("airplane1-bicycle2.png", "airplane1-bicycle2.png"),
        ("kitten_01.png", "kitten_01.png"),
        ("0001_own_ssubject-anna_0_cat_00_my-image.png", "my-image.png"),
        ("0001_ske_dnn_0_airplane_00_airplane-0001-sketch-0.png", "airplane-0001-sketch-0.png"),
    ],
)
def test_image_names_become_ids_that_observers_share(imagename, image):
    assert dialect.extract_image_id(imagename) == image


def test_datasets_and_kinds_of_observers_are_inferred_from_names(tmp_path):
    known = tuple(DATASETS)
    for path, name in {
        "cue-conflict/texture-shape_cue-conflict_vgg16session-1.csv": "cue-conflict",
        "x/edge_subject-01_session_1.csv": "edge",
        "x/mine_resnet50_session-1.csv": "mine",
    }.items():
        assert dialect.infer_dataset(tmp_path / path, known) == name
    kinds = {
        "human": ("subject-07", "subject-1", "Subject-01"),
        "contrastive": (
            "clip",
            "clipRN50",
            "CLIP-ViT-B",
            "siglip_base",
            "open-clip_RN50",
            "eva-clip",
            "openclip",
            "eva02_clip",
            "clipvit",
        ),
        "generative": (
            "imagen",
            "Imagen-860M",
            "StableDiffusion",
            "stable-diffusion_v1",
            "parti",
            "muse_1",
            "stable_diffusion",
            "imagenv2",
        ),
        "discriminative": (
            "resnet50",
            "imagenet_resnet50",
            "stablerep",
            "museum",
            "particle-net",
            "clippy",
            "grad-clip-resnet",
        ),
    }
    kinds = {subj: kind for kind, names in kinds.items() for subj in names}
    assert {subj: dialect.infer_kind(subj) for subj in kinds} == kinds
    assert {subj: dialect.infer_kind(subj, "0001_cop_dnn_0_knife_00_knife1.png") for subj in kinds} == kinds
    assert dialect.infer_kind("K7Q2", "0001_cop_sK7Q2_0_knife_00_knife1.png") == "human"
    assert dialect.infer_kind("K7Q2", "knife1.png") == "discriminative"


def test_cues_are_read_from_the_names_of_cue_conflict_images():
    assert parse_cues("cat7-clock12.png") == {"shape": "cat", "texture": "clock"}
    assert parse_cues("cat7.png") == {}


def test_errors_for_unknown_datasets_suggest_similar_names():
    with pytest.raises(UnknownName, match="no published dataset is named 'cueconflict': did you mean cue-conflict"):
        dataset("cueconflict")


def test_the_official_layout_with_conditions_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path))
    table = DATASETS["power-equalisation"]
    folder = tmp_path / "stimuli" / table.name / "dnn" / "session-1"
    for number in range(table.n_images):
        condition = "pow" if number % 2 else "0"
        category = CATEGORIES[number % 16]
        name = f"{number:04d}_pow_dnn_{condition}_{category}_10_n03041632_{number}.png"
        save_image(np.zeros((2, 2, 3), np.uint8), folder / name)
    stimuli = published_stimuli(table.name)
    assert stimuli.stimuli[1].id == "n03041632_1.png"
    assert (stimuli.stimuli[1].category, stimuli.stimuli[1].condition) == ("bear", "pow")
    (folder / name).rename(folder / "0000_xyz_dnn_0_cat_10_n0_1.png")
    with pytest.raises(StimulusError, match="expected a file name like 0001_pow_dnn_<condition>_<category>"):
        published_stimuli(table.name)
    (folder / "0000_xyz_dnn_0_cat_10_n0_1.png").rename(folder / "0000_pow_dnn_9_cat_10_n0_1.png")
    with pytest.raises(StimulusError, match="power-equalisation does not have the condition '9'"):
        published_stimuli(table.name)
    (folder / "0000_pow_dnn_9_cat_10_n0_1.png").unlink()
    with pytest.raises(StimulusError, match="contains 1119 images, but power-equalisation has 1120"):
        published_stimuli(table.name)


def test_errors_for_missing_images_tell_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path))
    assert data_folders()[0] == tmp_path
    with pytest.raises(StimulusError, match="get them with `observers fetch sketch`"):
        published_stimuli("sketch")


def test_evidence_is_the_mean_probability_of_the_imagenet_classes():
    assert len(CATEGORIES) == 16
    classes = [c for indices in IMAGENET_CLASSES.values() for c in indices]
    assert len(classes) == len(set(classes)) == 207
    probabilities = softmax(np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32))
    evidence = category_evidence(probabilities)
    assert evidence.dtype == np.float64
    expected = [[np.mean([p[c] for c in IMAGENET_CLASSES[k]]) for k in CATEGORIES] for p in probabilities]
    np.testing.assert_allclose(evidence, expected, rtol=1e-14)


def test_categories_agree_with_the_published_indices():
    published = json.loads(real("imagenet-16-categories.json").read_text())
    assert {name: list(indices) for name, indices in IMAGENET_CLASSES.items()} == published


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_agrees_with_the_recorded_responses(name):
    """The code, the conditions and the counts agree with those in the files of the people."""
    table = DATASETS[name]
    conditions, files = set(), sorted(real("humans", name).glob("*.csv"))
    assert len(files) == table.n_people
    for path in files:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == table.n_images
        assert {row["imagename"].split("_")[1] for row in rows} == {table.code}
        assert {row["category"] for row in rows} == set(CATEGORIES)
        conditions |= {table.canonical(row["condition"]) for row in rows}
    assert conditions == {c.name for c in table.conditions}


def test_labels_are_numbers_if_the_axis_has_a_unit():
    labels = {d.name: " ".join(d.label(c.name) for c in d.conditions) for d in DATASETS.values()}
    assert labels["contrast"] == "100 50 30 15 10 5 3 1"
    assert labels["low-pass"] == "0 1 3 5 7 10 15 40"
    assert labels["high-pass"] == "inf 3 1.5 1 0.7 0.55 0.45 0.4"
    assert labels["phase-scrambling"] == "0 30 60 90 120 150 180"
    assert labels["uniform-noise"] == "0.00 0.03 0.05 0.10 0.20 0.35 0.60 0.90"
    assert labels["false-colour"] == "true opponent"
    assert {labels[f"eidolon{i}"] for i in ("I", "II", "III")} == {"0 1 2 3 4 5 6 7"}


@pytest.mark.parametrize("name", ["cue-conflict", "edge", "silhouette"])
def test_real_images_are_found_and_open(name):
    real("stimuli", name)
    stimuli = published_stimuli(name)
    assert len(stimuli) == DATASETS[name].n_images
    assert stimuli.stimuli[0].pixels().shape == (224, 224, 3)
    assert "CC-BY-4.0" in stimuli.attribution
    if name == "cue-conflict":
        assert sum(s.cues["shape"] != s.cues["texture"] for s in stimuli) == 1200
        assert all(s.cues["shape"] == s.category for s in stimuli)
