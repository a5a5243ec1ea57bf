"""The sixteen categories, and how their evidence is computed from the probabilities of the 1000 ImageNet classes.

The mapping is that of Geirhos et al. (2018, 2021). It uses 207 of the 1000 classes. The evidence of a category is the
*mean* softmax probability of its classes and not the sum, so that the category dog does not have an advantage from its
large number of classes (one per breed).
"""

from collections.abc import Sequence

import numpy as np

# fmt: off
IMAGENET_CLASSES: dict[str, tuple[int, ...]] = {
    "airplane": (404,),
    "bear": (*range(294, 298),),
    "bicycle": (444, 671,),
    "bird": (8, *range(10, 17), *range(18, 21), *range(22, 25), *range(80, 84), *range(87, 97), *range(98, 101), *range(127, 134), *range(135, 146),),
    "boat": (472, 554, 625, 814, 914,),
    "bottle": (440, 720, 737, 898, 899, 901, 907,),
    "car": (436, 511, 817,),
    "cat": (*range(281, 287),),
    "chair": (423, 559, 765, 857,),
    "clock": (409, 530, 892,),
    "dog": (*range(152, 192), *range(193, 204), *range(205, 227), *range(228, 242), *range(243, 251), *range(252, 258), 259, *range(261, 264), *range(265, 269),),
    "elephant": (385, 386,),
    "keyboard": (508, 878,),
    "knife": (499,),
    "oven": (766,),
    "truck": (555, 569, 656, 675, 717, 734, 864, 867,),
}
# fmt: on
CATEGORIES: tuple[str, ...] = tuple(IMAGENET_CLASSES)
ATTENTION_CHECK = "attention-check"  # condition of images whose category is obvious; exclusion rules alone use them
AMBIGUOUS = "(ambiguous)"  # the category of images without a correct answer


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis.

    Args:
        logits: Array of any shape and data type.

    Returns:
        Probabilities of the same shape, float64.
    """
    logits = np.asarray(logits, dtype=np.float64)
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=-1, keepdims=True))


def category_evidence(probabilities: np.ndarray, categories: Sequence[str] = CATEGORIES) -> np.ndarray:
    """Compute the evidence of categories from the probabilities of the ImageNet classes (Geirhos et al. 2018).

    Args:
        probabilities: Probabilities of the 1000 classes in the order of ImageNet (ILSVRC 2012), `(..., 1000)`.
        categories: Names of some of the sixteen categories.

    Returns:
        Mean probability of the classes of each category, `(..., n_categories)`. It does not sum to 1.

    Raises:
        KeyError: If a name is not one of the sixteen categories.
    """
    assert probabilities.shape[-1] == 1000
    return np.stack([probabilities[..., list(IMAGENET_CLASSES[c])].mean(axis=-1) for c in categories], axis=-1)
