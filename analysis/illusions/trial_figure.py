"""The figure of one trial: Figure 2 of Jaini et al. (2024), or bars of evidence; with the numbers behind it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.evidence import draw_evidence
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.tables import to_csv
from stimuli.drawn import SHAPES, silhouette


class ExplainedTrial(Protocol):
    """What `experiments.trial_explanation.explain` gives."""

    observer: str
    kind: str
    stimulus: Any
    attribution: str
    choices: Sequence[str]
    response: str
    evidence: np.ndarray | None
    found: Any


def write_explanation(one: ExplainedTrial, out: Path, log: str, trial: int) -> Path:
    """Write the figure as PDF, SVG and PNG and its CSV; the PNG."""
    table = pd.DataFrame({"observer": one.observer, "stimulus": one.stimulus.id, "choice": list(one.choices)})
    table["answer"] = [choice == one.response for choice in one.choices]
    if one.evidence is not None:
        table["evidence"] = one.evidence
    if one.found is not None:
        table["squared_error"], table["pixel_distance"] = one.found.errors, one.found.pixel_distance
        icons = {choice: silhouette(choice, 64) for choice in one.choices if choice in SHAPES}
        parts = one.found.input_image, one.found.damaged_image, one.found.images, one.found.errors, one.choices
        draw = partial(draw_reconstructions, *parts, answer=one.response, icons=icons)
    else:
        assert one.evidence is not None
        shown = one.stimulus.pixels() / 255
        draw = partial(draw_evidence, shown, one.evidence, one.choices, one.response, one.kind)
    stem = Path(out) / f"{log}_trial-{trial}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style.publication():
        figure = draw(figure=Figure())
        figure.text(0.01, -0.02, _said(one), fontsize=5.5, va="top")
        paths = style.save(figure, stem)
    to_csv(table, stem.with_name(f"{stem.name}.csv"))
    return next(path for path in paths if path.suffix == ".png")


def _said(one: ExplainedTrial) -> str:
    answered = f"answered {one.response}" if one.response else "gave no answer"
    what = f"{one.observer} on {one.stimulus.id} (category {one.stimulus.category}): {answered}"
    framed = ". ★ answer; framed: nearest in this draw" if one.found is not None else ""
    return what + framed + (f"\nImage: {one.attribution}" if one.attribution else "")
