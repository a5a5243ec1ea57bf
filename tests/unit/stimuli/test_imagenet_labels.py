"""What the labels of 1000 outputs say about their order."""

import random

import pytest

from stimuli.categories import IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS
from stimuli.imagenet_labels import NAMES, ImageNetOrder, imagenet_order

LABELS = [", ".join(NAMES.get(i, (f"thing {i}",))) for i in range(1000)]
IN_ORDER = tuple(range(1000))
SHUFFLED = random.Random(0).sample(range(1000), 1000)
GENERIC = [f"LABEL_{i}" for i in range(1000)]
NUMBERS = [str(i) for i in range(1000)]
WITH_IDS = [f"{w} {name}" for w, name in zip(WORDNET_IDS, LABELS, strict=True)]


def test_each_class_of_a_category_has_names_of_its_own():
    assert sorted(NAMES) == sorted(number for group in IMAGENET_CLASSES.values() for number in group)
    names = [name for group in NAMES.values() for name in group]
    assert len(set(names)) == len(names)
    assert {NAMES[i][0] for i in (404, 499, 766, 281, 207, 555)} == {
        "airliner", "cleaver", "rotisserie", "tabby", "golden retriever", "fire engine",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "basis"),
    [
        (LABELS, "checked"),
        ([label.split(",")[0].title().replace(" ", "_") for label in LABELS], "checked"),
        ([label.split(", ")[-1].upper() for label in LABELS], "checked"),
        (WITH_IDS, "checked"),
        (WORDNET_IDS, "checked"),
        ([*LABELS[:207], "some retriever", *LABELS[208:]], "assumed"),
        (GENERIC, "assumed"),
        (NUMBERS, "assumed"),
        ([], "assumed"),
    ],
)
def test_labels_in_the_order_of_imagenet(labels, basis):
    order = imagenet_order(tuple(labels))
    assert (order.outputs, order.basis) == (IN_ORDER, basis)


@pytest.mark.parametrize("labels", [LABELS, WITH_IDS, WORDNET_IDS, GENERIC, NUMBERS])
@pytest.mark.parametrize("output_of", [sorted(range(1000), key=str), SHUFFLED, [*range(1, 1000), 0]])
def test_labels_in_another_order_name_the_output_of_each_class(labels, output_of):
    order = imagenet_order(tuple(labels[number] for number in output_of))
    assert order.basis == "reordered"
    for number in NAMES:
        assert output_of[order.outputs[number]] == number


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([f"landmark {i}" for i in range(1000)], "the label of class 404 is 'landmark 404' instead of 'airliner'"),
        ([str(i) for i in range(1, 1001)], "the label of class 404 is '405' instead of 'airliner'"),
        (["cat"] * 1000, "the label of class 404 is 'cat' instead of 'airliner'"),
        ([*WORDNET_IDS[:999], "n00000001"], "the label of class 404 is 'n02690373' instead of 'airliner'"),
        (
            [*LABELS[:404], LABELS[281], *LABELS[405:]],
            "the label of class 404 is 'tabby, tabby cat' instead of 'airliner'",
        ),
        (LABELS[:500] * 2, "instead of"),
    ],
)
def test_other_labels_are_refused(labels, reason):
    order = imagenet_order(tuple(labels))
    assert order.outputs == () and order.basis == "refused" and reason in order.reason


def test_the_order_is_a_value():
    assert imagenet_order(()) == ImageNetOrder(IN_ORDER, "assumed", "the outputs do not have labels")
