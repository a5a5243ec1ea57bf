"""Which classes of a class-conditional model belong to a choice."""

import pytest

from observers.generative.class_names import ClassNames, read_labels
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS
from tests.unit.observers.generative.tiny_classes import LABELS

NAMES = ClassNames(1000, LABELS, "some/model")
UNNAMED = ClassNames(1000, {}, "some/model")


def test_the_sixteen_categories_have_the_classes_of_the_published_mapping():
    groups = NAMES.of_choices(CATEGORIES)
    sizes = dict(zip(CATEGORIES, map(len, groups), strict=True))
    assert sum(sizes.values()) == 207 and (sizes["dog"], sizes["bird"]) == (109, 49)
    assert [name for name, n in sizes.items() if n == 1] == ["airplane", "knife", "oven"]
    assert groups == UNNAMED.of_choices(CATEGORIES) == list(IMAGENET_CLASSES.values())


def test_wordnet_ids_are_in_the_order_of_the_classes():
    assert len(set(WORDNET_IDS)) == 1000 and list(WORDNET_IDS) == sorted(WORDNET_IDS)
    known = {0: "n01440764", 207: "n02099601", 404: "n02690373", 499: "n03041632", 766: "n04111531", 999: "n15075141"}
    assert {i: WORDNET_IDS[i] for i in known} == known
    for names in (NAMES, UNNAMED):
        assert names.of_choices(WORDNET_IDS) == [(i,) for i in range(1000)]


@pytest.mark.parametrize(
    ("choice", "number"),
    [
        ("golden retriever", 207), ("Golden  Retriever", 207), ("207", 207), ("n02099601", 207), ("tench", 0),
        ("Tinca tinca", 0), ("tench, Tinca tinca", 0), ("object 5", 5), ("maillot", 638), ("maillot, tank suit", 639),
        ("tank suit", 639), ("999", 999), ("0", 0),
    ],
)  # fmt: skip
def test_a_class_has_several_names(choice, number):
    assert NAMES.of_choice(choice) == (number,)


def test_shared_and_unknown_names_are_refused():
    with pytest.raises(
        ObserverError, match=r"'crane' is the name of 2 classes, 134, n02012849 \(crane\) or 517, n03126707"
    ):
        NAMES.of_choice("crane")
    with pytest.raises(
        ObserverError, match="no class is named 'golden retreiver'; the nearest name is 'golden retriever'"
    ):
        NAMES.of_choice("golden retreiver")
    with pytest.raises(
        ObserverError, match=r"The model has 1,000 classes\. Name a class by its number \(0 to 999\) or by"
    ):
        NAMES.of_choice("zzz")
    with pytest.raises(ObserverError, match="no class is named '1000'"):
        NAMES.of_choice("1000")
    with pytest.raises(ObserverError, match="no class is named 'n02099602'; the nearest name is 'n02099601'"):
        NAMES.of_choice("n02099602")
    with pytest.raises(ObserverError, match="the files of the model do not name its classes; the sixteen categories"):
        UNNAMED.of_choice("golden retriever")


def test_choices_must_not_share_a_class():
    assert NAMES.of_choices(["cat", "golden retriever"])[1] == (207,)
    with pytest.raises(
        ObserverError, match=r"'dog' and 'n02099601' have the class 207, n02099601 \(golden retriever\) in common"
    ):
        NAMES.of_choices(["dog", "n02099601"])


def test_other_classes_than_those_of_imagenet():
    """Neither WordNet ids nor the sixteen categories are known, but cat may be the name of a class."""
    names = ClassNames(3, {0: "cat", 1: "dog, hound"}, "some/cifar")
    assert names.of_choices(["cat", "hound", "2"]) == [(0,), (1,), (2,)]
    for choice in ("bird", "n02099601"):
        with pytest.raises(
            ObserverError, match=r"The model has 3 classes\. Name a class by its number \(0 to 2\) or by a name in its"
        ):
            names.of_choice(choice)


@pytest.mark.parametrize(
    "labels",
    [
        {i: LABELS[(i + 1) % 1000] for i in range(1000)},  # shifted by one
        {i: LABELS[sorted(range(1000), key=str)[i]] for i in range(1000)},  # in alphabetical order of the numbers
        {i: f"species {i}" for i in range(1000)},
    ],
)
def test_a_thousand_other_classes_are_not_those_of_imagenet(labels):
    """The sixteen categories would otherwise be silently scored with wrong classes."""
    names = ClassNames(1000, labels, "some/model")
    for choice in ("dog", "n02099601"):
        with pytest.raises(
            ObserverError, match="its labels are not those of ImageNet in the usual order, so neither WordNet ids nor"
        ):
            names.of_choice(choice)
    assert names.of_choices([labels[5], "7"]) == [(5,), (7,)]
    assert NAMES.is_imagenet and UNNAMED.is_imagenet and not names.is_imagenet


def test_what_is_assumed_about_the_order_of_classes_is_described():
    start = "those of ImageNet in the order of ILSVRC 2012, since"
    assert NAMES.facts == ClassNames(3, {}, "some/model").facts == {}
    assert UNNAMED.facts == {"assumed_classes": f"{start} the outputs do not have labels"}
    some = ClassNames(1000, {i: LABELS[i] for i in range(500)}, "some/model")
    assert some.is_imagenet and some.facts == {"assumed_classes": f"{start} the model has labels for 500 of them"}
    shifted = ClassNames(1000, {i: LABELS[i + 1] for i in range(500)}, "some/model")
    assert not shifted.is_imagenet and shifted.facts == {}
    assert ClassNames(1000, dict(enumerate(WORDNET_IDS)), "some/model").of_choice("cat") == IMAGENET_CLASSES["cat"]


def test_labels_are_read_from_the_index():
    assert read_labels({"_class_name": "DiTPipeline"}, 3, "m") == {}
    assert read_labels({"id2label": {"0": "cat", "2": "dog, hound"}}, 3, "m") == {0: "cat", 2: "dog, hound"}
    for table in (["cat"], {"zero": "cat"}, {"0": 1}, {"3": "cat"}):
        with pytest.raises(
            ObserverError, match=r"m: the id2label in its model_index\.json is not a table from the numbers 0 to 2"
        ):
            read_labels({"id2label": table}, 3, "m")
