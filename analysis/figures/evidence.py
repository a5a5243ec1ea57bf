"""The evidence of one trial: a bar a choice, from the least."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style


def draw_evidence(
    shown: np.ndarray, evidence: np.ndarray, choices: Sequence[str], answer: str, kind: str, figure: Figure
) -> Figure:
    """The image (h, w, 3) in 0..1 beside bars of (K,) evidence, the answer's in the color of the observer's kind.

    Evidence that is not finite has no bar.
    """
    figure.set_size_inches(5.0, max(1.6, 0.3 + 0.17 * len(choices)))
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.6], "wspace": 0.75})
    left.imshow(shown)
    left.set_axis_off()
    finite, above = np.isfinite(evidence), np.zeros(len(evidence))
    above[finite] = evidence[finite] - evidence[finite].min(initial=np.inf)
    colors = [style.KIND_STYLES[kind].color if choice == answer else "#C8C8C8" for choice in choices]
    right.barh(range(len(choices)), above, color=colors, height=0.75)
    right.set_yticks(range(len(choices)), [f"{c} (answer)" if c == answer else c for c in choices])
    right.invert_yaxis()
    if not above.any():  # no scale of its own
        right.set_xlim(0, 1)
    right.locator_params(axis="x", nbins=4)
    right.tick_params(axis="y", length=0, labelsize=7)
    right.set_xlabel("Evidence, above the least")
    return figure
