"""Makes the figures of Jaini et al. (2024) from any set of trial logs: the table and the caption of each figure.

Each function in FIGURES returns one `PaperFigure`, or one per dataset if the figure shows a single dataset, and a message
for each part that cannot be drawn. The modules of `analysis` compute the measures; these functions select and sort rows.
"""

from collections.abc import Callable
from functools import partial

from analysis.figures.paper.bars import LABELS
from analysis.paper.bars import make_averages, make_single_conditions
from analysis.paper.curves import make_accuracy_curves, make_consistency_curves
from analysis.paper.figure_inputs import FigureInputs, PaperFigure
from analysis.paper.matrices import MATRICES, make_matrices
from analysis.paper.shape import make_marked_shape_bias, make_shape_bias, make_shape_bias_boxes
from core.errors import UnknownName

FIGURES: dict[int, Callable[[FigureInputs], list[PaperFigure | str]]] = {
    1: make_shape_bias,
    3: partial(make_averages, 3, ("ood_accuracy",)),
    4: partial(make_averages, 4, ("error_consistency",)),
    5: make_accuracy_curves,
    6: partial(make_matrices, 6),
    9: partial(make_averages, 9, tuple(LABELS)),
    10: make_consistency_curves,
    11: make_single_conditions,
    12: make_shape_bias_boxes,
    13: make_marked_shape_bias,
    **{number: partial(make_matrices, number) for number in MATRICES if number != 6},
}


def make(inputs: FigureInputs, number: int) -> list[PaperFigure | str]:
    """Make all figures with one number of the paper.

    Args:
        inputs: The trials and settings.
        number: A number in FIGURES.

    Returns:
        The figures that the logs allow, and a message for each part that they do not allow.

    Raises:
        UnknownName: If the number is not in FIGURES.

    Example:
        ```python
        inputs = FigureInputs(read_trials("logs"))
        (figure,) = [result for result in make(inputs, 6) if isinstance(result, PaperFigure)]
        figure.draw(Figure())
        ```
    """
    if number not in FIGURES:
        raise UnknownName("figure of the paper that trial logs can give", str(number), map(str, FIGURES))
    return FIGURES[number](inputs)
