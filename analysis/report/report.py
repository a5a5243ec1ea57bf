"""A folder to look at and to hand on: a page with tables and figures, every figure with the data behind it.

    <out>/index.html    figures/<measure>_<dataset>.{pdf,svg,png,csv}    tables/{accuracy,shape-bias,consistency}.csv

The page holds its pictures itself, so that it opens by double-click and makes no request. The same trials give the same
bytes: nothing is dated. Measures are computed in `analysis`; here they are put in order and into words.
"""

import base64
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from analysis.accuracy import accuracy
from analysis.clustering import Clustering, cluster, smallest_pure_cluster
from analysis.consistency import N_RESAMPLES, between_kinds, consistency, included, kappa_matrix
from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.consistency import draw_consistency
from analysis.figures.shape_bias import arrange, draw_shape_bias
from analysis.frame import dataset_order
from analysis.shape_bias import has_conflicts, overall, people_sentence, pooled_shape_bias, shape_bias
from analysis.tables import cell, to_csv
from experiments.log import EVIDENCE, file_name
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

GENERATOR = '<meta name="generator" content="observers">'
MAX_NAMES = 5  # in a sentence
ENLARGED = 1.25  # print size times this on the page
LEFT_OUT = "Only conditions that do not count in the benchmark are here; their kappas are in tables/consistency.csv."
NO_MATRIX = "Error consistency compares observers who answered the same images in the same condition; here are no two."


@frozen
class Picture:
    """A figure on the page: where its files are, and the picture itself as a data URI."""

    stem: str
    alt: str
    caption: str
    uri: str
    width: int  # CSS pixels, ENLARGED for a screen
    height: int


@frozen
class Accuracies:
    """Accuracy of a dataset, an observer a row and a condition a column."""

    labels: tuple[str, ...]  # of the conditions
    starred: bool  # is any label marked with "*", as left out of the benchmark?
    rows: tuple[tuple[str, str, int, tuple[Any, ...]], ...]  # observer, kind, n, a row of the table or None a condition


@frozen
class Section:
    """One dataset on the page."""

    dataset: str
    anchor: str
    summary: str
    accuracy: Accuracies
    shape_bias: pd.DataFrame | None
    kappas: pd.DataFrame | None
    no_kappas: str  # why there are none
    pictures: dict[str, Picture]  # measure -> figure
    sentences: dict[str, list[str]]  # measure -> what is to be seen


def write_report(frame: pd.DataFrame, out: Path, *, intervals: bool = True, seed: int = 0) -> Path:
    """Write the report on a frame of trials into the folder `out` and return its page. `seed` is that of the bootstrap.

    Raises LogError where there is no trial, and where a measure does.
    """
    if frame.empty:
        raise LogError("there is no trial to report on")
    out = Path(out)
    _remove_former(out)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    datasets = dataset_order(frame["dataset"].unique())
    names = _file_names(datasets)
    accuracies, pairs = accuracy(frame), consistency(frame, intervals=intervals, seed=seed, bounds=True)
    bootstrap = f"paired bootstrap over images, 95 %, {N_RESAMPLES} resamples, seed {seed}" if intervals else ""
    sections, biases = [], []
    for dataset in datasets:
        trials = frame[frame["dataset"] == dataset]
        bias = shape_bias(trials) if has_conflicts(trials) else None
        if bias is not None:
            biases.append(bias.assign(dataset=dataset)[["dataset", *bias.columns]])
        of_dataset = accuracies[accuracies["dataset"] == dataset], pairs[pairs["dataset"] == dataset]
        sections.append(_section(out, names[dataset], trials, *of_dataset, bias, bootstrap))
    tables = {"accuracy": accuracies, "consistency": pairs}
    if biases:
        tables["shape-bias"] = pd.concat(biases, ignore_index=True)
    written = {name: table for name, table in tables.items() if len(table)}
    for name, table in written.items():
        to_csv(table, out / "tables" / f"{name}.csv")
    page = out / "index.html"
    html = _template().render(
        title=f"Report on {datasets[0] if len(datasets) == 1 else f'{len(datasets)} datasets'}",
        notes=_notes(frame), published=_published(datasets), overview=_overview(frame, datasets, names),
        n_trials=len(frame), n_logs=frame["source"].nunique(), sections=sections, tables=list(written),
        bootstrap=bootstrap, looks=style.LOOKS,
    )  # fmt: skip
    page.write_text(html, "utf-8", newline="\n")
    return page


def _remove_former(out: Path) -> None:
    """Remove the files of a report that was written to the same folder, so that nothing of it stands beside the new one."""
    page = out / "index.html"
    if page.is_file() and GENERATOR in page.read_text("utf-8", errors="replace"):
        own = ("accuracy", "shape-bias", "consistency")
        figures = [path for name in own for path in out.glob(f"figures/{name}_*.*")]
        for path in (page, *figures, *(out / "tables" / f"{name}.csv" for name in own)):
            path.unlink(missing_ok=True)


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["cell"] = cell
    return environment.get_template("page.html")


def _file_names(datasets: Iterable[str]) -> dict[str, str]:
    """Dataset -> part of a file name, no two the same even where case does not count."""
    names: dict[str, str] = {}
    for dataset in datasets:
        name, n = file_name(dataset), 1
        while name.casefold() in (other.casefold() for other in names.values()):
            n += 1
            name = f"{file_name(dataset)}-{n}"
        names[dataset] = name
    return names


def _notes(frame: pd.DataFrame) -> list[str]:
    """The frame's own notes; simulated observers are said even where the frame has lost its notes."""
    notes = list(frame.attrs.get("notes", []))
    simulated = sorted(set(frame.loc[frame["kind"] == "simulated", "observer"]))
    if simulated and not any(note.startswith("simulated") for note in notes):
        notes.append(f"simulated, not measured: {', '.join(simulated)}")
    return notes


def _published(datasets: list[str]) -> str:
    n, n_other = sum(d in DATASETS for d in datasets), sum(d not in DATASETS for d in datasets)
    others = f" and {n_other} other{'s' if n_other > 1 else ''}" if n_other else ""
    return f"{n} of the {len(DATASETS)} published datasets{others}"


def _overview(frame: pd.DataFrame, datasets: list[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row a dataset: how many conditions, images, trials, and observers of each kind that is there at all."""
    rows = []
    for dataset in datasets:
        trials = frame[frame["dataset"] == dataset]
        count = trials.groupby("kind")["observer"].nunique()
        rows.append({
            "dataset": dataset, "anchor": names[dataset], "n_conditions": trials["condition"].nunique(),
            "n_images": len(trials[["stimulus", "condition"]].drop_duplicates()), "n_trials": len(trials),
            "kinds": {k: int(count.get(k, 0)) for k in style.LOOKS if k in set(frame["kind"])},
        })  # fmt: skip
    return rows


def _section(
    out: Path, name: str, trials: pd.DataFrame, accuracies: pd.DataFrame, pairs: pd.DataFrame,
    bias: pd.DataFrame | None, bootstrap: str,
) -> Section:  # fmt: skip
    dataset = str(trials["dataset"].iloc[0])
    pictures = {"accuracy": _accuracy_picture(out, name, trials, accuracies)}
    sentences: dict[str, list[str]] = {}
    if bias is not None:
        pictures["shape-bias"] = _shape_bias_picture(out, name, trials, bias)
        people = people_sentence(trials)
        sentences["shape-bias"] = [f"{people[0].upper()}{people[1:]}."] if people else []
    matrix, kappas = kappa_matrix(pairs, dataset), None
    if len(matrix) > 1:
        kinds = dict(zip(trials["observer"], trials["kind"], strict=True))
        kappas = between_kinds(pairs, trials)
        tree = cluster(matrix)
        pictures["consistency"] = _consistency_picture(out, name, matrix, kinds, tree, pairs, bootstrap)
        sentences["consistency"] = [
            _cluster_sentence(tree, kinds),
            _kappa_sentence(kappas),
            _undefined_sentence(matrix),
        ]
    n_observers = trials["observer"].nunique()
    summary = f"{_count(n_observers, 'observer')}, {_count(len(trials), 'trial')}."
    summary += "" if dataset in DATASETS else " This is none of the published datasets."
    return Section(
        dataset, name, summary, _pivot(accuracies, dataset), None if bias is None else overall(bias), kappas,
        LEFT_OUT if pairs["n"].any() else NO_MATRIX, pictures, sentences,
    )  # fmt: skip


def _picture(out: Path, stem: str, draw: Callable[[], Figure], data: pd.DataFrame, alt: str, caption: str) -> Picture:
    """Draw a figure, write it and its CSV."""
    with style.publication():
        paths = style.save(draw(), out / "figures" / stem)
    to_csv(data, out / "figures" / f"{stem}.csv")
    png = next(path for path in paths if path.suffix == ".png").read_bytes()
    width, height = (round(n * ENLARGED * 96 / style.RC["savefig.dpi"]) for n in struct.unpack(">II", png[16:24]))
    return Picture(stem, alt, caption, f"data:image/png;base64,{base64.b64encode(png).decode()}", width, height)


def _pivot(table: pd.DataFrame, dataset: str) -> Accuracies:
    conditions = [c.name for c in DATASETS[dataset].conditions] if dataset in DATASETS else table["condition"].unique()
    conditions = [c for c in conditions if c in set(table["condition"])]
    rows = []
    for (observer, kind), of_observer in table.groupby(["observer", "kind"], sort=False):
        cells = {row.condition: row for row in of_observer.itertuples()}
        rows.append((str(observer), str(kind), int(of_observer["n"].sum()), tuple(cells.get(c) for c in conditions)))
    published = DATASETS.get(dataset)
    left_out = set(conditions) - set(published.included()) if published else set()
    labels = [(published.label(c) if published else c) or "accuracy" for c in conditions]
    marked = (label + "*" * (c in left_out) for c, label in zip(conditions, labels, strict=True))
    return Accuracies(tuple(marked), bool(left_out), tuple(rows))


def _accuracy_picture(out: Path, name: str, trials: pd.DataFrame, table: pd.DataFrame) -> Picture:
    chance, n_conditions, n_observers = _chance(trials), table["condition"].nunique(), table["observer"].nunique()

    def draw() -> Figure:
        figure = Figure(figsize=(4.4, 2.8) if n_conditions > 1 else (3.6, 0.4 + 0.16 * n_observers))
        draw_accuracy(table, figure.add_subplot(), chance=chance)
        return figure

    by = "by condition" if n_conditions > 1 else "of every observer, best first"
    caption = (
        f"Accuracy {by}: n = {_count(n_observers, 'observer')}, {_range(table['n'])} trials each"
        f"{' in a condition' if n_conditions > 1 else ''}. No answer counts as wrong. "
        "Error bars: Wilson, 95 %, over trials. "
        + (f"Dotted: chance, 1/{round(1 / chance)}." if chance else "Chance is not drawn: the log does not tell it.")
    )
    alt = f"Accuracy {by}, {_count(n_observers, 'observer')}, {_span(table['accuracy'])}"
    return _picture(out, f"accuracy_{name}", draw, table, alt, caption)


def _chance(trials: pd.DataFrame) -> float | None:
    """1/16 in the published datasets; elsewhere from the choices that the evidence is for, None where there is none."""
    if trials["dataset"].iloc[0] in DATASETS:
        return 1 / 16
    n_choices = sum(trials[c].notna().any() for c in trials.columns if c.startswith(EVIDENCE))
    return 1 / n_choices if n_choices else None


def _shape_bias_picture(out: Path, name: str, trials: pd.DataFrame, table: pd.DataFrame) -> Picture:
    has_people = bool((table["kind"] == "human").any())
    shown = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])

    def draw() -> Figure:
        figure = Figure(figsize=(4.2, 0.4 + 0.25 * shown["category"].nunique()))
        draw_shape_bias(shown, figure.add_subplot())
        return figure

    rows, n_people = overall(table), table.loc[table["kind"] == "human", "observer"].nunique()
    pooled = f", the {n_people} people pooled as one" if shown["observer"].nunique() < len(rows) else ""
    order = "the people pooled" if has_people else "the mean over observers"
    caption = (
        f"Shape bias by category of the shape: n = {_count(len(rows), 'observer')}{pooled}, {_range(rows['n_conflict'])} "
        "images in conflict each. A marker is shape / (shape + texture) decisions of an observer in a category, a vertical "
        f"line is over all conflicts; rows in the order of {order}. "
        "Intervals (Wilson, 95 %, over shape and texture decisions) are in the table and the CSV."
    )
    alt = f"Shape bias by category, {_count(len(rows), 'observer')}, over all conflicts {_span(rows['shape_bias'])}"
    return _picture(out, f"shape-bias_{name}", draw, shown, alt, caption)


def _consistency_picture(
    out: Path, name: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    bootstrap: str,
) -> Picture:  # fmt: skip
    order = list(tree.order)
    ordered = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
    where = f"Intervals of every pair and condition ({bootstrap}) are in tables/consistency.csv."
    dataset = str(pairs["dataset"].iloc[0])
    which = "condition that counts in the benchmark" if dataset in DATASETS else "condition"
    caption = (
        f"Error consistency kappa of every two of n = {len(order)} observers over "
        f"{_range(included(pairs, dataset)['n'])} images in a {which}, computed per condition, then averaged; ordered by "
        "average linkage on 1 − kappa, whose tree is at the side. Gray: undefined. "
        f"{where if bootstrap else 'Computed without intervals.'}"
    )
    alt = f"Matrix of error consistency between {len(order)} observers in the order {', '.join(order)}"
    return _picture(
        out, f"consistency_{name}", lambda: draw_consistency(matrix, kinds, tree, Figure()), ordered, alt, caption
    )


def _range(n: pd.Series) -> str:
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def _span(values: pd.Series) -> str:
    return f"from {cell(float(values.min()))} to {cell(float(values.max()))}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _cluster_sentence(tree: Clustering, kinds: Mapping[str, str]) -> str:
    """Do the people form one cluster?"""
    people = [name for name in tree.order if kinds[name] == "human"]
    n_others = len(tree.order) - len(people)
    if len(people) < 2 or not n_others:
        there = ("no person", "one person")[len(people)] if len(people) < 2 else "nobody but people"
        return f"There is {there} here, so whether people form a cluster of their own cannot be asked."
    _, others = smallest_pure_cluster(tree, people)
    if not others:
        return f"The {len(people)} people form one cluster, and none of the {n_others} other observers is in it."
    who = ", ".join(style.named(name, kinds[name]) for name in others)
    if len(others) > MAX_NAMES:
        who = f"{len(others)} of the {n_others} other observers"
    first = f"The {len(people)} people do not form a cluster of their own: "
    return f"{first}the smallest one with all of them also has {who}."


def _kappa_sentence(kappas: pd.DataFrame) -> str:
    """Mean kappa among people, and of people with every other kind; empty without people."""
    with_people = kappas.loc[kappas["kind_1"] == "human", ["kind_2", "n_pairs", "kappa"]]
    parts = [
        f"{'among people' if kind == 'human' else f'between people and {kind} observers'} {cell(kappa)} "
        f"({_count(n_pairs, 'pair')})"
        for kind, n_pairs, kappa in with_people.to_numpy(object)
    ]
    return f"Mean kappa {', '.join(parts)}." if parts else ""


def _undefined_sentence(matrix: pd.DataFrame) -> str:
    n = int(matrix.isna().to_numpy().sum()) // 2
    return f"Kappa is undefined for {_count(n, 'pair')}, and counts as 0 in the clustering." if n else ""
