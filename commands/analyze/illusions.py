"""Commands about visual illusions, and about the images that generative observers reconstruct."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.analyze.output import Output, prints
from commands.options import BootstrapSeed, Dataset, Logs, Resamples
from commands.selection import selects

if TYPE_CHECKING:
    from analysis.selection.select import Selection


@selects
@prints
def illusions(
    logs: Logs,
    dataset: Dataset = None,
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
    selection: "Selection",
) -> None:
    """Compute what observers report about visual illusions.

    The table has the percepts of ambiguous figures, points of subjective equality, the detection of hidden faces, and
    the magnitude of geometric illusions.

    \b
    Example:
      observers analyze illusions logs/vase-faces
    """
    from analysis.illusions.summary import illusion_table as compute

    frame = output.read(logs, dataset, selection, ambiguous=True)
    output.print(compute(frame, n_resamples=resamples, seed=seed))


@prints
def reconstructions(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that `observers reconstruct` wrote.")],
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    *,
    output: Output,
) -> None:
    """Test whether reconstructions keep the image's layout.

    Each reconstruction is compared with its own image and, as a control, with unrelated images.

    \b
    Example:
      observers analyze reconstructions reconstructions
    """
    from analysis.illusions.placement import placement
    from analysis.illusions.reconstructions import read_reconstructions

    output.print(placement(read_reconstructions(folder), n_resamples=resamples, seed=seed))


COMMANDS: dict[str, Callable[..., None]] = {"illusions": illusions, "reconstructions": reconstructions}
