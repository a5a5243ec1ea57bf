"""Write the figure of one trial and the numbers behind it.

The figure has the layout of Figure 2 of Jaini et al. (2024) for observers that restore images, and bars of evidence for
all others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.evidence import draw_evidence
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.io.tables import to_csv
from stimuli.draw.drawn import SHAPES, draw_silhouette


class ExplainedTrial(Protocol):
    """A trial to draw, with the attributes of `experiments.reconstruction.trial_explanation.TrialExplanation`.

    That class itself is not imported, because `analysis` does not depend on observers.
    """

    @property
    def observer(self) -> str:
        """Name of the observer."""
        ...

    @property
    def kind(self) -> str:
        """Kind of the observer."""
        ...

    @property
    def stimulus(self) -> Any:
        """The stimulus (`stimuli.stimulus.Stimulus`)."""
        ...

    @property
    def attribution(self) -> str:
        """Credit line of the image; "" if none is needed."""
        ...

    @property
    def choices(self) -> Sequence[str]:
        """The choices of the trial."""
        ...

    @property
    def response(self) -> str:
        """The response; "" if the observer did not respond."""
        ...

    @property
    def evidence(self) -> np.ndarray | None:
        """`(n_choices,)` evidence of the choices; None if the observer does not give evidence."""
        ...

    @property
    def reconstruction(self) -> Any:
        """The restored images (`observers.protocol.Reconstruction`); None if the observer does not restore images."""
        ...


def write_explanation(explanation: ExplainedTrial, out: Path, log: str, trial: int) -> Path:
    """Write the figure of a trial as PDF, SVG and PNG, and the numbers in it as CSV.

    Args:
        explanation: The trial with its evidence or its reconstructions.
        out: Folder for the files.
        log: Name of the log without suffix, for the names of the files.
        trial: Number of the trial, for the names of the files.

    Returns:
        Path of the PNG file.
    """
    table = explanation_table(explanation)
    stem = Path(out) / f"{log}_trial-{trial}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    with style.publication():
        figure = draw_explanation(explanation, Figure())
        figure.text(0.01, -0.02, _caption(explanation), fontsize=5.5, va="top")
        paths = style.save(figure, stem)
    to_csv(table, stem.with_name(f"{stem.name}.csv"))
    return next(path for path in paths if path.suffix == ".png")


def explanation_table(explanation: ExplainedTrial) -> pd.DataFrame:
    """Return the numbers behind the figure of a trial, with one row for each choice."""
    choices = list(explanation.choices)
    table = pd.DataFrame({"observer": explanation.observer, "stimulus": explanation.stimulus.id, "choice": choices})
    table["answer"] = [choice == explanation.response for choice in choices]
    if explanation.evidence is not None:
        table["evidence"] = explanation.evidence
    if explanation.reconstruction is not None:
        restored = explanation.reconstruction
        table["squared_error"], table["pixel_distance"] = restored.errors, restored.pixel_distance
    return table


def draw_explanation(explanation: ExplainedTrial, figure: Figure) -> Figure:
    """Draw the restored images of a trial or, if the observer does not restore images, the evidence; return the figure."""
    choices, response, evidence = explanation.choices, explanation.response, explanation.evidence
    if explanation.reconstruction is not None:
        restored = explanation.reconstruction
        icons = {choice: draw_silhouette(choice, 64) for choice in choices if choice in SHAPES}
        images = restored.input_image, restored.damaged_image, restored.images, restored.errors
        return draw_reconstructions(
            *images, list(choices), figure, response=response, evidence=evidence, icons=icons
        )  # fmt: skip
    assert evidence is not None
    return draw_evidence(explanation.stimulus.pixels() / 255, evidence, choices, response, explanation.kind, figure)


def describe_numbers(explanation: ExplainedTrial) -> str:
    """Return what the frame and the numbers in the figure of restored images mean."""
    number = "squared error in this draw" if explanation.evidence is None else "evidence over all draws of the trial"
    mark = "★ and frame: response" if explanation.response else "frame: smallest error in this draw"
    return f"{mark}; numbers: {number}"


def _caption(explanation: ExplainedTrial) -> str:
    """Return the text below the figure."""
    stimulus = explanation.stimulus
    response = f"responded {explanation.response}" if explanation.response else "gave no response"
    trial = f"{explanation.observer} on {stimulus.id} (category {stimulus.category}): {response}"
    legend = f". {describe_numbers(explanation)}" if explanation.reconstruction is not None else ""
    return trial + legend + (f"\nImage: {explanation.attribution}" if explanation.attribution else "")
