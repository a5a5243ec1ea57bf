"""The names that the published datasets had in the repositories before model-vs-human.

`generalisation-humans-DNNs` (Geirhos et al. 2018) and `texture-vs-shape` (Geirhos et al. 2019) call a dataset
`lowpass-experiment`, and responses of networks to it `lowpass-experiment-trained-CNNs`. `error-consistency` (Geirhos et
al. 2020) begins the names with `noise-generalisation_` and `texture-shape_`. A name without these parts, such as `noise`,
is not an older name, because other datasets may have this name, too.

The images of `contrast-experiment`, `colour-png-experiment` and `noise-png-experiment` differ from those of the
17 datasets, as the codes in their names show (`con`, `clp`, `nsp`). They remain separate datasets, with the scale of
the published ones (`RELATED`).
"""

import re
from collections.abc import Mapping

from stimuli.published.datasets import DATASETS

_PREFIXES = ("noise-generalisation_", "texture-shape_")
_EXPERIMENT = re.compile(r"(.+?)-experiment(?:-trained-CNNs)?")
# The three eidolon datasets were one. The second number of their conditions is the coherence.
EIDOLON = "eidolon-experiment"
_EIDOLONS = {"10": "eidolonI", "3": "eidolonII", "0": "eidolonIII"}
# Names without the parts above that differ from those in model-vs-human -> names in model-vs-human.
_NAMES: Mapping[str, str] = {
    "contrast-png": "contrast", "edges": "edge", "filled-silhouettes": "silhouette", "highpass": "high-pass",
    "lowpass": "low-pass", "noise": "uniform-noise", "silhouette-filled": "silhouette", "silhouettes": "silhouette",
    "style-transfer-512-nomask": "cue-conflict", "eidolon": EIDOLON,
}  # fmt: skip
# Names of datasets with other images -> the published dataset with the same distortion.
RELATED: Mapping[str, str] = {
    "contrast-experiment": "contrast", "colour-png-experiment": "colour", "noise-png-experiment": "uniform-noise",
}  # fmt: skip
# Code in the names of images -> the name that a dataset with these images has in the older repositories.
_CODES = {
    "con": "contrast-experiment", "cop": "contrast-png-experiment", "clp": "colour-png-experiment",
    "cl": "colour-experiment", "nsp": "noise-png-experiment", "nse": "noise-experiment",
}  # fmt: skip
KNOWN = (*DATASETS, *RELATED, EIDOLON)  # what `published_name` returns for the datasets that this project knows


def published_name(name: str) -> str:
    """Return the name in model-vs-human of a dataset with an older name, and any other name unchanged.

    The result is one of the 17 names, or `EIDOLON`, whose dataset follows from the condition (see `eidolon_dataset`).
    """
    stem = _stem(name)
    if stem is None or f"{stem}-experiment" in RELATED:
        return name if stem is None else f"{stem}-experiment"
    return stem if stem in DATASETS else _NAMES.get(stem, name)


def name_by_images(name: str, code: str) -> str:
    """Return the name of a dataset whose images have this code in their names.

    Some older names were used for images that are stored as JPEG and as PNG, which have different codes:
    `contrast-experiment` with images of the code `cop` is `contrast-png-experiment`.
    """
    stem, by_code = _stem(name), _CODES.get(code)
    if stem is None or by_code is None:
        return name
    is_same = _stem(by_code).removesuffix("-png") == stem.removesuffix("-png")  # type: ignore[union-attr]
    return by_code if is_same else name


def _stem(name: str) -> str | None:
    """Return the part of an older name between its prefix and `-experiment`, or None if it has neither of them."""
    stem = name
    for prefix in _PREFIXES:
        stem = stem.removeprefix(prefix)
    match = _EXPERIMENT.fullmatch(stem)
    stem = match[1] if match else stem
    return None if stem == name else stem


def eidolon_dataset(condition: str) -> str | None:
    """Return the eidolon dataset with a condition such as `8-3-10`, or None if none of them has it."""
    parts = condition.split("-")
    name = _EIDOLONS.get(parts[1]) if len(parts) > 1 else None
    return name if name and condition in {c.name for c in DATASETS[name].conditions} else None
