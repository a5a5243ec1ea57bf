"""Draw the evidence of one trial as bars, one per choice."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import style


def draw_evidence(
    image: np.ndarray, evidence: np.ndarray, choices: Sequence[str], response: str, kind: str, figure: Figure
) -> Figure:
    """Draw an image and, next to it, the evidence as one bar per choice.

    Bars begin at the smallest finite evidence; evidence that is not finite is not drawn.

    Args:
        image: `(height, width, 3)` image in 0..1.
        evidence: `(n_choices,)` evidence of the choices.
        choices: Names of the choices.
        response: The response, whose bar has the color of the observer's kind; "" if the observer did not respond.
        kind: Kind of the observer.
        figure: An empty figure to draw on. The function sets its size.

    Returns:
        The figure.
    """
    figure.set_size_inches(5.0, max(1.6, 0.3 + 0.17 * len(choices)))
    image_ax, bars_ax = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.6], "wspace": 0.75})
    image_ax.imshow(image)
    image_ax.set_axis_off()
    finite, above = np.isfinite(evidence), np.zeros(len(evidence))
    above[finite] = evidence[finite] - evidence[finite].min(initial=np.inf)
    colors = [style.KIND_STYLES[kind].color if choice == response else "#C8C8C8" for choice in choices]
    bars_ax.barh(range(len(choices)), above, color=colors, height=0.75)
    bars_ax.set_yticks(range(len(choices)), [f"{c} (response)" if c == response else c for c in choices])
    bars_ax.invert_yaxis()
    if not above.any():  # all bars are empty, so matplotlib cannot choose a range for the axis
        bars_ax.set_xlim(0, 1)
    bars_ax.locator_params(axis="x", nbins=4)
    bars_ax.tick_params(axis="y", length=0, labelsize=7)
    bars_ax.set_xlabel("Evidence above the minimum")
    return figure
