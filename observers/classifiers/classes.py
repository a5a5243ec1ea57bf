"""Which outputs of a classifier belong to a choice. The evidence of a choice is the mean softmax probability of its classes.

C is the number of outputs and K the number of choices. Logits of shape (C,) become evidence of shape (K,), in float64.
Which outputs belong to a choice is decided as follows:
- If all choices are among the sixteen categories of Geirhos et al. (2018) and the model has the classes of ImageNet,
  `stimuli.categories` lists the classes of each category. The model has 1000 outputs, or 1001 of which the first is named
  background; the background is dropped before the softmax. Its labels must be those of ImageNet (names or WordNet ids, in
  any order), or numbers. Labels such as LABEL_0 and missing labels are assumed to be in the order of ILSVRC 2012. See
  `stimuli.imagenet_labels`.
- Otherwise, the outputs with the same label as a choice belong to this choice. Case is ignored. If a label is a list of
  synonyms separated by commas, only the first synonym is compared.

The option `classes` replaces this decision: "imagenet" ignores the labels of 1000 or 1001 outputs, and "names" compares
labels with choices even if the labels are those of ImageNet.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from core.options import added_option
from observers.loading.settings import read_settings
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES, category_evidence, softmax
from stimuli.imagenet import WORDNET_IDS
from stimuli.imagenet_labels import ImageNetOrder, imagenet_order

Classes = Literal["auto", "imagenet", "names"]
N_IMAGENET = len(WORDNET_IDS)


def check_classes(instance: object, attribute: object, value: str) -> None:
    """Raise ObserverError unless `value` is auto, imagenet or names. This is an attrs validator."""
    if value not in get_args(Classes):
        raise ObserverError(f"unknown classes {value!r}: expected {', '.join(get_args(Classes))}")


def _classes_before(observer: Any) -> str:
    """Return the value that describes logs without the option: the labels of 1000 outputs were ignored."""
    return "imagenet" if observer.classes == "imagenet" else "auto"


CLASSES_METADATA = added_option(_classes_before)


def class_evidence(
    logits: np.ndarray, labels: Sequence[str], choices: Sequence[str], observer: str, classes: Classes = "auto"
) -> np.ndarray:
    """Return the evidence of the choices from the logits of a classifier.

    Args:
        logits: The logits of one image, of shape (C,).
        labels: Labels of the C outputs; empty if they are unknown.
        choices: The K choices.
        observer: Name of the observer, for error messages.
        classes: How outputs are assigned to choices: auto, imagenet or names.

    Returns:
        The mean softmax probability of the classes of each choice, of shape (K,).

    Raises:
        ObserverError: If the model lacks a class for one of the choices, if the number of labels is not that of the
            outputs, or if `classes` is imagenet and the model does not have 1000 or 1001 outputs.
    """
    n = len(logits)
    if labels and len(labels) != n:
        raise ObserverError(
            f"{observer} has {n} outputs but {len(labels)} labels: correct the labels in its config.json, or use the "
            f"config.json and the weights of the same model"
        )
    order = _order(n, labels, choices, classes, observer)
    if order is not None and order.outputs:
        probabilities = softmax(logits[n - N_IMAGENET :])
        if order.basis == "reordered":  # the outputs of classes without a category are not used below
            probabilities = probabilities[[0 if output is None else output for output in order.outputs]]
        return category_evidence(probabilities, choices)
    outputs = _outputs_by_label(labels)
    missing = [choice for choice in choices if choice.lower() not in outputs]
    if missing:
        raise ObserverError(_describe_missing(n, [*outputs][:3], missing, order, observer))
    probabilities = softmax(logits)
    return np.array([probabilities[outputs[choice.lower()]].mean() for choice in choices])


def _outputs_by_label(labels: Sequence[str]) -> dict[str, list[int]]:
    """Return the outputs with each label, of which only the first synonym counts, in lower case."""
    outputs: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        outputs.setdefault(label.partition(",")[0].strip().lower(), []).append(index)
    return outputs


def describe_classes(
    n: int, labels: Sequence[str], choices: Sequence[str], classes: Classes, observer: str
) -> dict[str, str]:
    """Return the entry of the sidecar on the classes of a model with n outputs; empty if there is nothing to say.

    The entry is "classes" if the outputs were reordered, "assumed_classes" if their order was assumed, and
    "duplicate_labels" if several outputs have the label of a choice.
    """
    order = _order(n, labels, choices, classes, observer)
    if order is None or not order.outputs:
        counts = {choice: len(_outputs_by_label(labels).get(choice.lower(), ())) for choice in choices}
        shared = [f"{choice} ({count} outputs)" for choice, count in counts.items() if count > 1]
        return {"duplicate_labels": ", ".join(shared)} if shared else {}
    if order.basis == "checked":
        return {}
    if order.basis == "reordered":
        return {"classes": f"those of ImageNet, reordered {order.reason}"}
    return {"assumed_classes": f"those of ImageNet in the order of ILSVRC 2012, since {order.reason}"}


def note_classes(
    facts: dict[tuple[str, ...], dict[str, str]],
    n: int,
    labels: Sequence[str],
    choices: tuple[str, ...],
    classes: Classes,
    observer: str,
) -> None:
    """Store the entry of `describe_classes` in `facts`, and print it as a note, when choices occur for the first time."""
    if choices in facts:
        return
    entry = describe_classes(n, labels, choices, classes, observer)
    if entry and entry not in facts.values() and classes == "auto":
        ((kind, text),) = entry.items()
        sentence = {
            "classes": f"the classes of {observer} are {text}; -o classes=imagenet ignores the labels",
            "assumed_classes": f"the classes of {observer} are assumed to be {text}",
            "duplicate_labels": f"{observer} has several outputs with the same label, which are averaged: {text}",
        }[kind]
        print(f"note: {sentence}", file=sys.stderr, flush=True)
    facts[choices] = entry


def merge_facts(facts: Mapping[tuple[str, ...], Mapping[str, str]]) -> dict[str, str]:
    """Return the entries of the sidecar that `note_classes` has stored."""
    return {key: value for entry in facts.values() for key, value in entry.items()}


def _order(
    n: int, labels: Sequence[str], choices: Sequence[str], classes: Classes, observer: str
) -> ImageNetOrder | None:
    """Return the order of the outputs if the model may have the classes of ImageNet and the choices are its categories."""
    has_background = n == N_IMAGENET + 1 and [label.strip().lower() for label in labels[:1]] == ["background"]
    if classes == "names" or not set(choices) <= set(CATEGORIES):
        return None
    if classes == "imagenet":
        if n not in (N_IMAGENET, N_IMAGENET + 1):
            raise ObserverError(
                f"{observer} has {n} outputs: expected the 1000 classes of ImageNet, or 1001 with the background first; "
                f"omit -o classes=imagenet"
            )
        return ImageNetOrder(imagenet_order(()).outputs, "assumed", "the option classes is imagenet")
    if n == N_IMAGENET or has_background:
        return imagenet_order(tuple(labels[1:] if has_background else labels))
    return None


def _describe_missing(
    n: int, first: Sequence[str], missing: Sequence[str], order: ImageNetOrder | None, observer: str
) -> str:
    """Return the error message for choices without a class."""
    examples = f"{', '.join(first)}, …" if first else "unnamed"
    start = f"{observer} has {n} classes ({examples}) but none for {', '.join(missing[:3])}."
    if order is not None:
        return (
            f"{start} Its labels are not those of ImageNet: {order.reason}. Use another model, or choices that are labels; "
            f"if its outputs are nevertheless the classes of ImageNet in the order of ILSVRC 2012, add -o classes=imagenet"
        )
    return (
        f"{start} Use another model or other choices: every choice must be the name of a class, or the choices must be "
        f"among the sixteen categories and the classes those of ImageNet (1000, or 1001 if the first is background)"
    )


def check_labels(path: Path, observer: str) -> None:
    """Check the labels in the config.json of a classifier of transformers.

    Raises:
        ObserverError: If `id2label` is not an object from the numbers 0, 1, 2, … to texts, or if `label2id` contradicts it.
    """
    settings = read_settings(path, observer)
    labels = settings.get("id2label")
    if labels is None:
        return
    remedy = "correct it, or download the file again"
    if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
        example = labels if not isinstance(labels, dict) else next(v for v in labels.values() if not isinstance(v, str))
        raise ObserverError(
            f"{observer}: {path} has {str(example)[:60]!r} in id2label: expected an object from the numbers of outputs to "
            f'labels, such as {{"0": "tench"}}; {remedy}'
        )
    numbers = [int(key) if key.isascii() and key.isdecimal() else -1 for key in labels]
    if sorted(numbers) != list(range(len(labels))):
        odd = next(
            (key for key, number in zip(labels, numbers, strict=True) if number >= len(labels) or number < 0), ""
        )
        what = f"the key {odd[:60]!r}" if odd else "a number twice"
        raise ObserverError(
            f"{observer}: id2label in {path} has {len(labels)} labels and {what}: expected the keys 0 to "
            f"{len(labels) - 1}; {remedy}"
        )
    _check_inverse(labels, settings.get("label2id"), f"{observer}: label2id in {path}", remedy)


def _check_inverse(labels: Mapping[str, str], inverse: Any, subject: str, remedy: str) -> None:
    """Raise ObserverError if `inverse`, from labels to numbers, contradicts labels that occur only once."""
    if not isinstance(inverse, dict):
        return
    counts = Counter(labels.values())
    for number, label in labels.items():
        if counts[label] == 1 and label in inverse and str(inverse[label]) != str(int(number)):
            raise ObserverError(
                f"{subject} has {str(inverse[label])[:20]} for {label[:60]!r}, but id2label has {number}: which of them is "
                f"right is unknown; {remedy}"
            )
