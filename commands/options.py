"""Arguments and options that several commands share, and functions that convert their text to values."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from commands.parameters.completion import complete_experiments, complete_observers

if TYPE_CHECKING:
    import pandas as pd

    from analysis.selection.select import Selection
    from observers.people.texts.session_texts import SessionTexts
    from observers.protocol import Observer

KappaRule = Literal["undefined-is-nan", "model-vs-human"]

ExperimentName = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Name of an experiment (see `observers list experiments`), FILE.py:NAME for your own, or a folder of images.",
        autocompletion=complete_experiments,
    ),
]
ObserverNames = Annotated[
    list[str],
    typer.Option(
        "--observer",
        "-m",
        metavar="NAME",
        help="Observer to run. Repeat the option for several observers.",
        autocompletion=complete_observers,
    ),
]
ObserverOption = Annotated[
    list[str] | None,
    typer.Option(
        "-o", metavar="KEY=VALUE", help="Option of the observer, such as templates=80. Repeat it for several options."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", help="Device for PyTorch observers: auto, cpu, cuda, cuda:N or mps (default: auto)."
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="DTYPE",
        help="Number format for PyTorch observers: float32, float16 or bfloat16 (default: the observer's own choice).",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Images per forward pass; for a generative or vision-language model, rows per forward pass "
        "(default: the observer's own choice).",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Run only the first N trials; the same command without --limit runs the rest (default: all trials).",
    ),
]
Session = Annotated[
    int, typer.Option(min=1, metavar="N", help="Session number, which is part of the name of the trial log.")
]
ParticipantSeed = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Random seed for the order of trials (default: derived from participant code and session).",
    ),
]
Instruction = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Question about each image, for people and vision-language models: object, shape, texture, or your own text "
        "(default: the question of the experiment, usually object).",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="LANGUAGE",
        help="Language of all texts that the participant reads, such as en or de (default: that of --texts, or en).",
    ),
]
Texts = Annotated[
    Path | None,
    typer.Option(
        "--texts",
        metavar="PATH",
        help="Your own texts: a file or a folder that `observers texts` wrote (default: the texts of the program).",
    ),
]
DeclaredExclusions = Annotated[
    Path | None,
    typer.Option(
        "--exclusions",
        metavar="FILE.toml",
        help="Declare the exclusion rules in this file before data collection; analyses apply them (default: none; see "
        "docs/people.md).",
    ),
]
LogFolder = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the trial logs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")]

Logs = Annotated[
    list[str],
    typer.Argument(
        metavar="LOGS…",
        help="Trial logs, or folders that are searched for trial logs recursively. Names such as humans/DATASET, "
        "networks/DATASET and vlm/vqa stand for recorded trials in a data folder, and microcosm and microcosm/EXPERIMENT "
        "for those that come with the installation.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the whole table as JSON.")]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Also write the whole table to this CSV file (default: none)."),
]
Dataset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Use only the trials of this dataset (default: all datasets).")
]
NChoices = Annotated[
    int | None,
    typer.Option(
        min=2,
        metavar="N",
        help="Number of choices of datasets whose logs do not record it (default: the number of different categories and "
        "responses).",
    ),
]
Rule = Annotated[KappaRule, typer.Option(help="Value of kappa where it is undefined: NaN, or 1 as in model-vs-human.")]
Intervals = Annotated[
    bool, typer.Option("--intervals/--no-intervals", help="Whether to compute 95 % confidence intervals.")
]
BootstrapSeed = Annotated[
    int, typer.Option(min=0, metavar="N", help="Random seed for resampling, permutations and simulations.")
]
MAX_RESAMPLES = 100_000  # more would take gigabytes of memory
Resamples = Annotated[
    int, typer.Option(min=1, max=MAX_RESAMPLES, metavar="N", help="Number of bootstrap resamples of the images.")
]
MethodResamples = Annotated[
    int,
    typer.Option(
        "--resamples", min=1, max=MAX_RESAMPLES, metavar="N",
        help="Number of bootstrap resamples of the images (only with --method bootstrap).",
    ),
]  # fmt: skip
TestResamples = Annotated[
    int,
    typer.Option(
        "--resamples", "--draws", min=1, max=MAX_RESAMPLES, metavar="N",
        help="Number of random permutations, and of bootstrap resamples of the images. --draws is an older name.",
    ),
]  # fmt: skip
NullDraws = Annotated[
    int | None,
    typer.Option(
        "--resamples", "--draws", min=1, max=MAX_RESAMPLES, metavar="N",
        help="Number of random draws under the null hypothesis. --draws is an older name (default: none, the exact test).",
    ),
]  # fmt: skip
UnusedResamples = Annotated[
    int,
    typer.Option(
        "--resamples", min=1, max=MAX_RESAMPLES, metavar="N", hidden=True,
        help="An option of earlier versions, which is ignored, because these intervals are not resampled.",
    ),
]  # fmt: skip
IntervalMethod = Annotated[
    Literal["score", "bootstrap"],
    typer.Option(help="Method of the 95 % intervals: score intervals, or percentiles of a bootstrap over images."),
]


def key_values(texts: list[str] | None) -> dict[str, str]:
    """Return the KEY=VALUE texts of repeated `-o` options as a dictionary.

    Raises typer.BadParameter if a text has no `=`, or if a key occurs twice.
    """
    options: dict[str, str] = {}
    for text in texts or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"-o takes key=value, got {text!r}")
        if key in options:
            raise typer.BadParameter(f"-o gives the key {key} twice, as {options[key]!r} and as {value!r}: remove one")
        options[key] = value
    return options


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Return comma-separated numbers as floats. Raises typer.BadParameter, which names `option`, if one is not a number."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"expected comma-separated numbers, such as 0.3,0.5, got {text!r}", param_hint=option
        ) from None


def to_stderr(message: str) -> None:
    """Print a message to standard error, where it does not mix with the command's result."""
    typer.echo(message, err=True)


def create_observers(names: list[str], options: list[str] | None, flags: dict[str, Any]) -> "list[Observer]":
    """Return the observers with these names, each with the `-o` options and general flags that it accepts."""
    from observers.registry import make_observers

    return make_observers(names, observer_options(options, flags), notify=to_stderr)


def observer_options(options: list[str] | None, flags: dict[str, Any]) -> dict[str, str]:
    """Return the `-o` options and the general flags that are set as one dictionary of texts."""
    return {flag: str(value) for flag, value in flags.items() if value is not None} | key_values(options)


def read_logs(
    logs: list[str], dataset: str | None, selection: "Selection | None" = None, *, ambiguous: bool = False,
    n_choices: int | None = None, attention_checks: bool = False, quiet: bool = False,
) -> "pd.DataFrame":  # fmt: skip
    """Read trial logs into a frame, select and label its observers, and print the frame's notes to standard error.

    With `ambiguous`, images without a correct answer are included. `n_choices` is the number of choices of datasets whose
    logs do not record it. `attention_checks` includes attention checks, which are not part of any measure. With `quiet`, the
    notes are not printed.
    """
    from analysis.io.frame import read_trials, select_dataset
    from analysis.selection.observer_notes import renew_notes
    from analysis.selection.select import apply_selection

    kinds, replace = (None, None) if selection is None else (selection.kinds, selection.replace)
    exclusions = "declared" if selection is None else selection.exclusions
    frame = read_trials(
        logs, ambiguous=ambiguous, n_choices=n_choices, kinds=kinds, replace=replace, exclusions=exclusions,
        attention_checks=attention_checks,
    )  # fmt: skip
    frame = renew_notes(frame, select_dataset(frame, dataset), ()) if dataset else frame
    frame = frame if selection is None else apply_selection(frame, selection)
    if not quiet:
        print_notes(frame)
    return frame


def load_session_texts(language: str | None, path: Path | None) -> "SessionTexts":
    """Return the texts that a participant reads, and print which of them are missing to standard error."""
    from observers.people.texts.reading import load_texts

    texts = load_texts(language, path)
    for note in texts.notes:
        to_stderr(f"note: {note}")
    return texts


def print_notes(table: "pd.DataFrame") -> None:
    """Print the notes of a frame or table, and its rule for undefined kappas, to standard error."""
    for note in (*table.attrs.get("notes", ()), *([table.attrs["rule"]] if "rule" in table.attrs else [])):
        to_stderr(f"note: {note}")
