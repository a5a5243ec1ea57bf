"""The figures of Jaini et al. (2024) from any set of trial logs: which table each draws, its caption, and what it lacks.

A figure is a `Made`, several where several datasets have it, and a sentence for everything that is missing for it. The
measures are those of `analysis`; here their tables are put in order, not computed.
"""

from collections.abc import Callable
from functools import partial

from analysis.figures.paper.bars import LABELS
from analysis.paper.bars import averages, single_conditions
from analysis.paper.curves import accuracies, with_consistency
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.matrices import MATRICES, matrices
from analysis.paper.shape import before_and_after, boxes, points
from stimuli.errors import UnknownName

FIGURES: dict[int, Callable[[FigureInputs], list[PaperFigure | str]]] = {
    1: points,
    3: partial(averages, 3, ("ood_accuracy",)),
    4: partial(averages, 4, ("error_consistency",)),
    5: accuracies,
    6: partial(matrices, 6),
    9: partial(averages, 9, tuple(LABELS)),
    10: with_consistency,
    11: single_conditions,
    12: boxes,
    13: before_and_after,
    **{number: partial(matrices, number) for number in MATRICES if number != 6},
}


def make(material: FigureInputs, number: int) -> list[PaperFigure | str]:
    """One figure: all that the logs give of it, and sentences on what they do not. Raises UnknownName."""
    if number not in FIGURES:
        raise UnknownName("figure of the paper that trial logs give", str(number), map(str, FIGURES))
    return FIGURES[number](material)
