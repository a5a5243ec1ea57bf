"""Labels of classifiers: which outputs belong to a choice, what is assumed, and which files are refused."""

import json

import numpy as np
import pytest

from core.errors import LogError
from experiments.running.session import run
from observers.classifiers.classes import class_evidence
from observers.classifiers.discriminative import Classifier
from observers.classifiers.zoo import Timm
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS
from stimuli.imagenet_labels import NAMES
from tests.unit.observers.tiny import PETS, classify, save

LABELS = [", ".join(NAMES.get(i, (f"thing {i}",))) for i in range(1000)]
SORTED_AS_TEXT = sorted(str(i) for i in range(1000))
LOGITS = np.random.default_rng(0).normal(size=1000)


def by_hand(logits, choices):
    probabilities = np.exp(logits) / np.exp(logits).sum()
    return [probabilities[list(IMAGENET_CLASSES[choice])].mean() for choice in choices]


@pytest.mark.parametrize("labels", [LABELS, [f"LABEL_{i}" for i in range(1000)], list(WORDNET_IDS), []])
def test_labels_of_imagenet_in_any_order_give_the_same_evidence(labels):
    expected = by_hand(LOGITS, CATEGORIES)
    np.testing.assert_allclose(class_evidence(LOGITS, labels, CATEGORIES, "x"), expected)
    with_background = np.concatenate([[9.0], LOGITS])
    if labels:
        evidence = class_evidence(with_background, ["background", *labels], ("cat", "dog"), "x")
        np.testing.assert_allclose(evidence, by_hand(LOGITS, ("cat", "dog")))
        output_of = np.random.default_rng(1).permutation(1000)
        shuffled = [labels[number] for number in output_of]
        np.testing.assert_allclose(class_evidence(LOGITS[output_of], shuffled, CATEGORIES, "x"), expected)


def test_the_option_classes_replaces_what_the_labels_say():
    reversed_labels = LABELS[::-1]
    np.testing.assert_allclose(
        class_evidence(LOGITS, reversed_labels, CATEGORIES, "x", "imagenet"), by_hand(LOGITS, CATEGORIES)
    )
    landmarks = [f"landmark {i}" for i in range(1000)]
    with pytest.raises(ObserverError, match="Its labels are not those of ImageNet: the label of class 404"):
        class_evidence(LOGITS, landmarks, CATEGORIES, "x")
    np.testing.assert_allclose(
        class_evidence(LOGITS, landmarks, CATEGORIES, "x", "imagenet"), by_hand(LOGITS, CATEGORIES)
    )
    with pytest.raises(ObserverError, match=r"x has 1000 classes .* but none for cat, dog"):
        class_evidence(LOGITS, LABELS, ("cat", "dog"), "x", "names")
    with pytest.raises(ObserverError, match="x has 3 outputs: expected the 1000 classes of ImageNet, or 1001"):
        class_evidence(LOGITS[:3], PETS, ("cat", "dog"), "x", "imagenet")


def test_a_thousand_labels_that_are_the_choices_are_compared_by_name():
    labels = ["cat", "dog", *(f"animal {i}" for i in range(998))]
    probabilities = np.exp(LOGITS[:2]) / np.exp(LOGITS).sum()
    np.testing.assert_allclose(class_evidence(LOGITS, labels, ("cat", "dog"), "x"), probabilities)


def test_other_labels_are_refused_before_an_answer(tmp_path, small):
    folder = save(tmp_path / "landmarks", "resnet", [f"landmark {i}" for i in range(1000)])
    with pytest.raises(
        ObserverError,
        match=r"none for airplane, bear, bicycle\. Its labels are not those of ImageNet: the label of class 404 is "
        r"'landmark 404' instead of 'airliner'\. .* add -o classes=imagenet",
    ):
        classify(folder, small.trials(0))
    assert len(classify(folder, small.trials(0)[:2], classes="imagenet")) == 2


def test_the_sidecar_and_a_note_say_what_is_assumed_and_reordered(tmp_path, small, capsys):
    entries = {}
    for name, labels in {
        "generic": [f"LABEL_{i}" for i in range(1000)], "numbers": SORTED_AS_TEXT, "known": LABELS,
    }.items():  # fmt: skip
        observer = Classifier(name, weights=save(tmp_path / name, "resnet", labels), device="cpu")
        capsys.readouterr()
        log = run(small, observer, tmp_path, limit=3)
        provenance = json.loads(log.with_suffix(".json").read_text())["provenance"]
        assert "size={'shortest_edge': 32} crop_pct=0.875 resample=3" in provenance["preprocessing"]
        assert provenance["preprocessing"].endswith("not in its file: do_rescale, rescale_factor")
        entries[name] = provenance.get("assumed_classes"), provenance.get("classes"), capsys.readouterr().err
    generic = "those of ImageNet in the order of ILSVRC 2012, since the labels are LABEL_0, LABEL_1, LABEL_2, …"
    assert entries["generic"] == (generic, None, f"note: the classes of generic are assumed to be {generic}\n")
    reordered = "those of ImageNet, reordered by the numbers in the labels"
    note = f"note: the classes of numbers are {reordered}; -o classes=imagenet ignores the labels\n"
    assert entries["numbers"] == (None, reordered, note)
    assert entries["known"] == (None, None, "")


def test_outputs_with_the_same_label_are_averaged_and_reported(tmp_path, pets, capsys):
    folder = save(tmp_path / "pets", "convnext", ["Cat, domestic cat", "DOG", "dog, hound"])
    capsys.readouterr()
    observer = Classifier("pets", weights=folder, device="cpu")
    assert len(list(observer.observe(iter(pets)))) == len(pets)
    sentence = "note: pets has several outputs with the same label, which are averaged: dog (2 outputs)\n"
    assert capsys.readouterr().err.endswith(sentence)
    assert observer.provenance()["duplicate_labels"] == "dog (2 outputs)"


def make_older(log):
    """Rewrite a sidecar as a version that did not look at the labels of 1000 outputs wrote it."""
    path = log.with_suffix(".json")
    sidecar = json.loads(path.read_text("utf-8"))
    del sidecar["identity"]["observer"]["options"]["classes"]
    for key in ("preprocessing", "assumed_classes", "classes", "duplicate_labels"):
        sidecar["provenance"].pop(key, None)
    path.write_text(json.dumps(sidecar), "utf-8")


@pytest.mark.parametrize("name", ["generic", "sorted"])
def test_older_sessions_are_resumed_unless_the_outputs_are_reordered(name, tmp_path, small):
    labels = {"generic": [f"LABEL_{i}" for i in range(1000)], "sorted": SORTED_AS_TEXT}[name]
    folder = save(tmp_path / name, "resnet", labels)
    log = run(small, Classifier(name, weights=folder, device="cpu"), tmp_path, limit=2)
    make_older(log)
    if name == "sorted":
        with pytest.raises(LogError, match="was started with a different classes"):
            run(small, Classifier(name, weights=folder, device="cpu"), tmp_path, limit=4)
        run(small, Classifier(name, weights=folder, device="cpu", classes="imagenet"), tmp_path, limit=4)
    else:
        run(small, Classifier(name, weights=folder, device="cpu"), tmp_path, limit=4)
    assert json.loads(log.with_suffix(".json").read_text())["n_logged"] == 4


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"id2label": [1, 2, 3]}, r"has '\[1, 2, 3\]' in id2label: expected an object from the numbers of outputs"),
        ({"id2label": {"0": "cat", "1": 5, "2": "truck"}}, "has '5' in id2label: expected an object"),
        (
            {"id2label": {"0": "cat", "2": "dog", "3": "truck"}},
            "has 3 labels and the key '3': expected the keys 0 to 2",
        ),
        (
            {"id2label": {"0": "cat", "00": "dog", "1": "truck"}},
            "has 3 labels and a number twice: expected the keys 0 to 2",
        ),
        ({"id2label": {"a": "cat", "1": "dog", "2": "truck"}}, "has 3 labels and the key 'a'"),
        ({"label2id": {"Cat, domestic cat": 1}}, "label2id in .* has 1 for 'Cat, domestic cat', but id2label has 0"),
        ({"id2label": {str(i): f"thing {i}" for i in range(4)}}, "have a different shape than its config.json says"),
    ],
)
def test_damaged_labels_are_refused(entries, message, tmp_path, pets):
    folder = save(tmp_path / "model", "convnext", PETS)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    with pytest.raises(ObserverError, match=message):
        classify(folder, pets)


@pytest.mark.parametrize("observer", [Classifier, Timm])
def test_unknown_classes_are_refused(observer):
    with pytest.raises(ObserverError, match="unknown classes 'coco': expected auto, imagenet, names"):
        observer("x", classes="coco")


def test_the_number_of_labels_is_that_of_the_outputs():
    with pytest.raises(ObserverError, match=r"x has 1000 outputs but 3 labels: correct the labels in its config\.json"):
        class_evidence(LOGITS, PETS, CATEGORIES, "x")
