"""`observers analyze …`: a measure of trial logs a command, printed, and written where asked. Nothing heavy at the top."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stimuli.errors import LogError

if TYPE_CHECKING:
    import pandas as pd

analyze = typer.Typer(no_args_is_help=True, help="Measures of trial logs, as tables.")

Logs = Annotated[list[str], typer.Argument(metavar="LOGS…", help="Trial logs or folders of them, searched recursively; "
                                           "humans/DATASET stands for the recorded people.")]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the whole table to this file.")]
Dataset = Annotated[str | None, typer.Option(help="Only the trials of this dataset.")]
KappaRule = Literal["undefined-is-nan", "model-vs-human"]
Rule = Annotated[KappaRule, typer.Option(help="For kappa where it is undefined.")]
Intervals = Annotated[bool, typer.Option("--intervals/--no-intervals", help="Bootstrap intervals.")]
BootstrapSeed = Annotated[int, typer.Option(min=0, help="Of the bootstrap.")]
Resamples = Annotated[int, typer.Option(min=1, help="Of the images, or of what is simulated.")]
ByCondition = Annotated[bool, typer.Option("--by-condition", help="Every condition by itself.")]
X = "accuracy:low-pass"


@analyze.command("accuracy")
def analyze_accuracy(logs: Logs, dataset: Dataset = None, json: Json = False, csv: Csv = None) -> None:
    """Accuracy of every observer in every condition, with Wilson intervals."""
    from analysis.accuracy import accuracy

    _output(accuracy(read(logs, dataset)), json, csv)


@analyze.command("shape-bias")
def analyze_shape_bias(logs: Logs, dataset: Dataset = None, json: Json = False, csv: Csv = None) -> None:
    """Shape bias on cue-conflict images, overall and (in --csv, --json) for every shape category."""
    from analysis.shape_bias import overall, people_sentence, shape_bias

    frame = read(logs, dataset)
    table = shape_bias(frame)
    _output(table, json, csv, shown=overall(table))
    if not json and (people := people_sentence(frame)):
        typer.echo(people)


@analyze.command("consistency")
def analyze_consistency(
    logs: Logs,
    dataset: Dataset = None,
    intervals: Intervals = True,
    rule: Rule = "undefined-is-nan",
    seed: BootstrapSeed = 0,
    bounds: Annotated[bool, typer.Option("--bounds", help="Add the kappas that the accuracies allow.")] = False,
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Error consistency (kappa) of every pair of observers, condition by condition."""
    from analysis.consistency import consistency
    from analysis.pairs import between_kinds
    from analysis.resampling import N_RESAMPLES

    frame = read(logs, dataset)
    table, shown = consistency(frame, intervals=intervals, rule=rule, seed=seed, bounds=bounds), None
    if len(table) > 50 and not json:
        shown = between_kinds(frame, rule=rule, n_resamples=N_RESAMPLES if intervals else 0, seed=seed)
    _output(table, json, csv, shown=shown, rule=rule)
    if not json and not csv and len(table) > 50:
        typer.echo(f"Means over {len(table)} rows of pairs and conditions; --csv FILE writes them all.")


@analyze.command("benchmark")
def analyze_benchmark(logs: Logs, rule: Rule = "undefined-is-nan", json: Json = False, csv: Csv = None) -> None:
    """OOD accuracy, accuracy difference, observed and error consistency with people over datasets, and ranks."""
    from analysis.benchmark import benchmark

    table = benchmark(read(logs, None), rule=rule)
    _output(table, json, csv)


@analyze.command("confusion")
def analyze_confusion(
    logs: Logs, dataset: Dataset = None, by_condition: ByCondition = False, json: Json = False, csv: Csv = None
) -> None:
    """Which answer each observer gives to which category.

    Printed are the most frequent errors; --csv and --json have all counts.
    """
    from analysis.confusion import confusion, frequent_errors

    table = confusion(read(logs, dataset), by_condition=by_condition)
    _output(table, json, csv, shown=frequent_errors(table))


@analyze.command("entropy")
def analyze_entropy(
    logs: Logs, dataset: Dataset = None, by_condition: ByCondition = False, resamples: Resamples = 1000,
    seed: BootstrapSeed = 0, json: Json = False, csv: Csv = None,
) -> None:  # fmt: skip
    """How evenly each observer uses its answers, in bits."""
    from analysis.confusion import response_entropy

    frame = read(logs, dataset)
    _output(response_entropy(frame, by_condition=by_condition, n_resamples=resamples, seed=seed), json, csv)


@analyze.command("thresholds")
def analyze_thresholds(
    logs: Logs,
    dataset: Dataset = None,
    scale: Annotated[Literal["linear", "log10"] | None, typer.Option(help="Of the levels, if not the usual.")] = None,
    max_lapse: Annotated[float, typer.Option(min=0, max=0.99, help="Highest lapse rate.")] = 0.5,
    fitter: Annotated[Literal["likelihood", "psignifit"], typer.Option(help="psignifit is an extra.")] = "likelihood",
    json: Json = False,
    csv: Csv = None,
) -> None:
    """The level of a distortion at which accuracy is halfway between guess rate and 1 - lapse rate."""
    from analysis.psychometric import thresholds

    table = thresholds(read(logs, dataset), scale=scale, max_lapse=max_lapse, fitter=fitter)
    _output(table, json, csv)


@analyze.command("correlation")
def analyze_correlation(
    logs: Logs,
    x: Annotated[str, typer.Option(help="shape-bias, or accuracy:, consistency: or threshold: and a dataset.")] = X,
    y: Annotated[str, typer.Option(help="Likewise.")] = "shape-bias",
    people: Annotated[bool, typer.Option("--people", help="With all people together as one observer.")] = False,
    rule: Rule = "undefined-is-nan",
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Correlation of two measures over observers, of accuracy on low-pass images with shape bias unless told otherwise."""
    from analysis.correlation import correlate, measure

    frame = read(logs, None)
    table = correlate(*(measure(frame, name, people=people, rule=rule) for name in (x, y)))
    _output(table, json, csv, rule=rule if "consistency:" in x + y else None)


@analyze.command("ranks")
def analyze_ranks(
    logs: Logs, rule: Rule = "undefined-is-nan", resamples: Resamples = 1000, seed: BootstrapSeed = 0,
    json: Json = False, csv: Csv = None,
) -> None:  # fmt: skip
    """The benchmark's numbers and ranks with bootstrap intervals."""
    from analysis.ranks import benchmark_intervals

    table = benchmark_intervals(read(logs, None), rule, n_resamples=resamples, seed=seed)
    _output(table, json, csv)


@analyze.command("errors")
def analyze_errors(
    logs: Logs, dataset: Dataset = None, by_condition: ByCondition = False, intervals: Intervals = True,
    resamples: Resamples = 1000, seed: BootstrapSeed = 0, json: Json = False, csv: Csv = None,
) -> None:  # fmt: skip
    """Do two observers make the same mistakes: misclassification agreement, class-level error similarity."""
    from analysis.error_patterns import error_patterns

    frame, options = read(logs, dataset), {"n_resamples": resamples, "seed": seed}
    table = error_patterns(frame, by_condition=by_condition, intervals=intervals, **options)
    _output(table, json, csv)


@analyze.command("independence")
def analyze_independence(
    logs: Logs, dataset: Dataset = None, draws: Resamples = 1000, seed: BootstrapSeed = 0, json: Json = False,
    csv: Csv = None,
) -> None:  # fmt: skip
    """Is kappa more than two independent observers of these accuracies would have?"""
    from analysis.kappa_tests import independence

    table = independence(read(logs, dataset), n_draws=draws, seed=seed)
    _output(table, json, csv, rule="undefined-is-nan")


@analyze.command("difference")
def analyze_difference(
    logs: Logs,
    between: Annotated[
        list[str] | None, typer.Option(help="Two observers, the option twice; all of them without.")
    ] = None,
    dataset: Dataset = None,
    rule: Rule = "undefined-is-nan",
    draws: Resamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Are two observers equally consistent with people? By exchanging their answers."""
    from analysis.kappa_tests import difference

    if between and len(between) != 2:
        raise typer.BadParameter(f"two observers, the option twice, got {len(between)}", param_hint="--between")
    pairs = [(between[0], between[1])] if between else None
    table = difference(read(logs, dataset), pairs, rule=rule, n_draws=draws, seed=seed)
    _output(table, json, csv, rule=rule)


@analyze.command("ceiling")
def analyze_ceiling(
    logs: Logs, dataset: Dataset = None, rule: Rule = "undefined-is-nan", resamples: Resamples = 1000,
    seed: BootstrapSeed = 0, json: Json = False, csv: Csv = None,
) -> None:  # fmt: skip
    """How consistent an observer could be with people, each person left out in turn, and how near each comes."""
    from analysis.ceiling import noise_ceiling

    table = noise_ceiling(read(logs, dataset), rule=rule, n_resamples=resamples, seed=seed)
    _output(table, json, csv, rule=rule)


@analyze.command("contrasts")
def analyze_contrasts(
    logs: Logs, dataset: Dataset = None, rule: Rule = "undefined-is-nan", resamples: Resamples = 1000,
    seed: BootstrapSeed = 0, json: Json = False, csv: Csv = None,
) -> None:  # fmt: skip
    """Mean kappa within kinds of observer and between them, and with people, with permutation tests."""
    from analysis.contrasts import contrasts

    table = contrasts(read(logs, dataset), rule=rule, n_resamples=resamples, seed=seed)
    _output(table, json, csv, rule=rule)


@analyze.command("clusters")
def analyze_clusters(
    logs: Logs,
    dataset: Dataset = None,
    groups: Annotated[int | None, typer.Option(min=1, help="Cut into so many; as there are kinds, without.")] = None,
    rule: Rule = "undefined-is-nan",
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Clusters of observers, the support of every branch, and whether an observer falls among the people.

    --csv and --json have the branches.
    """
    from analysis.branches import agreement_with_kinds, among_people, branches, groups_of, grow, sentences

    frame = read(logs, dataset)
    grown = grow(frame, rule=rule, n_resamples=resamples, seed=seed)
    cut = groups_of(grown, groups)
    _output(branches(grown), json, csv, shown=cut, rule=rule)
    if not json:
        index, p = agreement_with_kinds(cut, seed=seed)
        said = (
            f"adjusted Rand index {index:.3f}, p = {p:.4f}" if index == index else "undefined for one kind or one group"
        )
        typer.echo(f"agreement of groups with kinds: {said}")
        for sentence in sentences(among_people(frame, grown, rule=rule, n_resamples=resamples, seed=seed)):
            typer.echo(sentence)


@analyze.command("map")
def analyze_map(
    logs: Logs, dataset: Dataset = None, rule: Rule = "undefined-is-nan", json: Json = False, csv: Csv = None
) -> None:
    """Observers in two dimensions, those near each other that err alike."""
    from analysis.embedding import embed
    from analysis.pairs import pairs

    found = pairs(read(logs, dataset), rule)
    table, share = embed(found.matrix())
    table.insert(1, "kind", found.kinds)
    held = (
        "nobody is apart from anybody"
        if share != share
        else f"the map holds {100 * share:.0f} % of the distances 1 - kappa"
    )
    _output(table, json, csv, rule=rule)
    typer.echo(f"note: {held}", err=True)


@analyze.command("illusions")
def analyze_illusions(
    logs: Logs, dataset: Dataset = None, resamples: Resamples = 1000, seed: BootstrapSeed = 0, json: Json = False,
    csv: Csv = None,
) -> None:  # fmt: skip
    """What is seen in illusions: percepts, points of subjective equality, hidden faces, effects of geometric illusions."""
    from analysis.illusions.summary import illusions

    _output(illusions(read(logs, dataset, ambiguous=True), n_resamples=resamples, seed=seed), json, csv)


@analyze.command("reconstructions")
def analyze_reconstructions(
    folder: Annotated[Path, typer.Argument(help="Of observers reconstruct.")],
    resamples: Resamples = 1000,
    seed: BootstrapSeed = 0,
    json: Json = False,
    csv: Csv = None,
) -> None:
    """Do reconstructions keep the layout of their image, more than that of an unrelated one?"""
    from analysis.illusions.placement import placement
    from analysis.illusions.reconstructions import read_reconstructions

    _output(placement(read_reconstructions(folder), n_resamples=resamples, seed=seed), json, csv)


def read(logs: list[str], dataset: str | None, *, ambiguous: bool = False) -> "pd.DataFrame":
    """The trials of paths, with a word on what to know of them; `humans/edge`, no path here, is in a data folder."""
    from analysis.frame import of_dataset, read_trials
    from stimuli.datasets import find

    paths = [path if Path(path).exists() or not find(path) else find(path) for path in logs]
    frame = read_trials((path for path in paths if path is not None), ambiguous=ambiguous)
    _say_notes(frame)
    return of_dataset(frame, dataset) if dataset else frame


def _say_notes(table: "pd.DataFrame") -> None:
    for note in (*table.attrs.get("notes", ()), *([table.attrs["rule"]] if "rule" in table.attrs else [])):
        typer.echo(f"note: {note}", err=True)


def _output(
    table: "pd.DataFrame",
    json: bool,
    csv: Path | None,
    *,
    shown: "pd.DataFrame | None" = None,
    rule: KappaRule | None = None,
) -> None:
    """The table with its own notes and the rule for kappa, in the form asked for; `shown` on a terminal instead."""
    from analysis.consistency import RULES
    from analysis.formats import format_of
    from analysis.tables import show, to_csv, to_json

    _say_notes(table)
    if rule is not None:
        typer.echo(f"note: {RULES[rule]}", err=True)
    if not len(table):
        typer.echo("note: the table is empty: there is nothing here that could be compared", err=True)
    if csv:
        if csv.exists() and format_of(csv):
            raise LogError(f"{csv} is a trial log, which --csv would overwrite: give another file")
        to_csv(table, csv)
    if json:
        typer.echo(to_json(table))
    else:
        show(table if shown is None else shown)
