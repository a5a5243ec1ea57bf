"""Commands on generative observers: `reconstruct`, `explain-trial` and `estimate-allocation`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import (
    BatchSize,
    Device,
    Dtype,
    ExperimentName,
    ObserverNames,
    ObserverOption,
    Quiet,
    create_observers,
    numbers,
)
from core.files import check_regular
from core.resuming import resumable

if TYPE_CHECKING:
    from observers.protocol import Observer

NOISE_LEVEL = "above 0 and up to 1 (1 leaves nothing of the image)"


def reconstruct(
    image: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE…", help="Image files, folders of images, or names of experiments."),
    ],
    observer: ObserverNames,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="Prompt under which the image is reconstructed. Repeat the option for several prompts (default: the "
            "percepts that an illusion's cues name).",
        ),
    ] = None,
    strength: Annotated[
        str,
        typer.Option(
            metavar="LEVELS", help=f"Noise levels or fractions of masked tokens, comma-separated, {NOISE_LEVEL}."
        ),
    ] = "0.5",
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Number of draws of the noise or of the masks.")] = 1,
    steps: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Number of denoising steps; responses are based on 1 step."),
    ] = 20,
    guidance: Annotated[
        float, typer.Option(metavar="SCALE", help="Classifier-free guidance scale; 1 turns guidance off.")
    ] = 1.0,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use only the first N images (default: all images).")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the images, the table of distances and the sheets.")
    ] = Path("reconstructions"),
    option: ObserverOption = None,
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
    quiet: Quiet = False,
) -> None:
    """Reconstruct images from noise or masks under prompts.

    A generative observer receives an image to which noise or masks were added, and reconstructs it under each prompt. The
    command writes the images, a table of distances and contact sheets. Use it to see how a model interprets an ambiguous
    image.

    \b
    Example:
      observers reconstruct microcosm-ambiguous --limit 3 --observer microcosm-pixel --strength 0.3
    """
    from analysis.figures.illusions.sheets import write_sheets
    from core.progress import progress_bar
    from experiments.reconstruction.reconstruction_run import ReconstructionSettings, find_stimuli
    from experiments.reconstruction.reconstruction_run import reconstruct as run

    observers = create_observers(observer, option, {"device": device, "dtype": dtype, "batch_size": batch_size})
    settings = ReconstructionSettings(tuple(prompt or ()), numbers(strength, "--strength"), seeds, steps, guidance)
    with (
        resumable("every finished reconstruction is kept", ("reconstruct",)),
        progress_bar("reconstruct", "images", quiet=quiet) as progress,
    ):
        table = run(find_stimuli(image, limit), observers, settings, out, progress=progress)
    typer.echo(f"table: {table}")
    for sheet in write_sheets(out):
        typer.echo(f"sheet: {sheet}")


def explain_trial(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="Trial log that holds the trial.")],
    trial: Annotated[int, typer.Option(min=1, metavar="N", help="Number of the trial.")] = 1,
    experiment: Annotated[
        str | None,
        typer.Option(
            metavar="EXPERIMENT", help="Experiment to take the image from (default: the one named in the log)."
        ),
    ] = None,
    observer: Annotated[
        str | None,
        typer.Option("--observer", "-m", metavar="NAME", help="Observer to use (default: the one named in the log)."),
    ] = None,
    strength: Annotated[
        float, typer.Option(metavar="LEVEL", help=f"Noise level or fraction of masked tokens, {NOISE_LEVEL}.")
    ] = 0.5,
    steps: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Number of denoising steps; responses are based on 1 step."),
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Which draw of the noise or of the masks to use; 0 is the first.")
    ] = 0,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the figure.")] = Path("explained"),
    option: ObserverOption = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Draw how an observer arrived at one response.

    For a generative observer the figure shows the image, the noised or masked image, and the reconstruction under each
    choice, as in Figure 2 of Jaini et al. (2024). For other observers it shows the evidence for each choice.

    \b
    Example:
      observers explain-trial logs/drawn-cue-conflict/drawn-cue-conflict_biased-0.5_session-1.csv --trial 3
    """
    from analysis.figures.illusions.trial_figure import write_explanation
    from experiments.reconstruction.trial_explanation import explain
    from observers.protocol import Restoration

    def make(name: str) -> "Observer":
        return create_observers([name], option, {"device": device, "dtype": dtype})[0]

    restoration = Restoration(strength, steps, draw=seed)
    explanation = explain(log, trial, make, restoration, experiment=experiment, observer=observer)
    figure = write_explanation(explanation, out, log.stem, trial)
    typer.echo(f"figure: {figure}")


def estimate_allocation(
    experiment: ExperimentName,
    observer: Annotated[
        str, typer.Option("--observer", "-m", metavar="NAME", help="Generative observer that has noise levels.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="CSV file for the allocation.")] = Path("allocation.csv"),
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Number of trials in the pilot run.")] = 16,
    draws: Annotated[
        int, typer.Option(metavar="N", help="Number of draws per choice and trial in the pilot run.")
    ] = 64,
    option: ObserverOption = None,
    device: Device = None,
    dtype: Dtype = None,
    batch_size: BatchSize = None,
) -> None:
    """Estimate how to allocate draws over noise levels.

    A pilot run with evenly allocated draws measures at which noise levels scores vary most. A later run with
    -o allocation=FILE then needs fewer draws for the same precision.

    \b
    Example:
      observers estimate-allocation microcosm-consistent --observer microcosm-latent --limit 4
    """
    from experiments.sets.registry import make_experiment
    from observers.generative.allocation_pilot import estimate_allocation as estimate
    from observers.generative.draws import write_allocation

    flags = {"device": device, "dtype": dtype, "batch_size": batch_size}
    generative = create_observers([observer], option, flags)[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    check_regular(out)
    is_new = not out.exists()
    out.open("a").close()  # a file that cannot be written is reported before the pilot run
    if is_new:
        out.unlink()
    allocation, share = estimate(generative, make_experiment(experiment).trials(seed=0)[:limit], draws)
    densities = " ".join(f"{density:.2g}" for density in allocation.density)
    typer.echo(f"Density of draws from low to high noise levels, where 1 is even: {densities}")
    typer.echo(
        f"According to the pilot run, this allocation needs {100 * share:.0f} % of the draws that an even allocation needs "
        f"for the same precision."
    )
    write_allocation(out, allocation)
    typer.echo(f"allocation: {out}; use it with -o allocation={shlex.quote(str(out))}")
