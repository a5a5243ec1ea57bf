"""A folder to look at and to hand on: a page with tables and figures, every figure with the data behind it.

    <out>/index.html    figures/<measure>_<dataset>.{pdf,svg,png,csv}    tables/{accuracy,shape-bias,consistency}.csv

The page holds its pictures itself, so that it opens by double-click and makes no request. The same trials give the same
bytes: nothing is dated. Measures are computed in `analysis`; here they are put in order and into words.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.accuracy import accuracy
from analysis.clustering import Clustering, cluster, smallest_pure_cluster
from analysis.consistency import between_kinds, consistency, kappa_matrix
from analysis.figures import style
from analysis.frame import dataset_order
from analysis.report.extras import Extra
from analysis.report.pictures import (
    Picture,
    accuracy_picture,
    consistency_picture,
    count,
    picture,
    shape_bias_picture,
)
from analysis.resampling import N_RESAMPLES
from analysis.shape_bias import has_conflicts, overall, people_sentence, shape_bias
from analysis.tables import cell, to_csv
from experiments.log import file_name
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

GENERATOR = '<meta name="generator" content="observers">'
TABLES = ("accuracy", "shape-bias", "consistency", "summary")
FIGURES = (*TABLES, "reconstruction")  # what their names begin with
MAX_NAMES = 5  # in a sentence
LEFT_OUT = "Only conditions that do not count in the benchmark are here; their kappas are in tables/consistency.csv."
NO_MATRIX = "Error consistency compares observers who answered the same images in the same condition; here are no two."


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


def write_report(
    frame: pd.DataFrame, out: Path, *, intervals: bool = True, seed: int = 0, extras: Sequence[Extra] = ()
) -> Path:
    """Write the report on a frame of trials into the folder `out` and return its page. `seed` is that of the bootstrap.

    `extras` stand before the datasets. Raises LogError where there is no trial, and where a measure does.
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
    for extra in extras:
        if extra.table is not None:
            tables[extra.anchor] = extra.table
    begun = [
        (extra, [picture(out, d.stem, d.draw, d.data, d.alt, d.caption) for d in extra.drawings]) for extra in extras
    ]
    written = {name: table for name, table in tables.items() if len(table)}
    for name, table in written.items():
        to_csv(table, out / "tables" / f"{name}.csv")
    page = out / "index.html"
    html = _template().render(
        title=f"Report on {datasets[0] if len(datasets) == 1 else f'{len(datasets)} datasets'}",
        notes=_notes(frame), published=_published(datasets), overview=_overview(frame, datasets, names),
        extras=begun, has_summary=any(extra.table is not None for extra in extras), n_trials=len(frame),
        n_logs=frame["source"].nunique(), sections=sections, tables=list(written),
        bootstrap=bootstrap, looks=style.LOOKS,
    )  # fmt: skip
    page.write_text(html, "utf-8", newline="\n")
    return page


def _remove_former(out: Path) -> None:
    """Remove the files of a report that was written to the same folder, so that nothing of it stands beside the new one."""
    page = out / "index.html"
    if page.is_file() and GENERATOR in page.read_text("utf-8", errors="replace"):
        figures = [path for name in FIGURES for path in out.glob(f"figures/{name}_*.*")]
        for path in (page, *figures, *(out / "tables" / f"{name}.csv" for name in TABLES)):
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
        n_observers = trials.groupby("kind")["observer"].nunique()
        rows.append({
            "dataset": dataset, "anchor": names[dataset], "n_conditions": trials["condition"].nunique(),
            "n_images": len(trials[["stimulus", "condition"]].drop_duplicates()), "n_trials": len(trials),
            "kinds": {k: int(n_observers.get(k, 0)) for k in style.LOOKS if k in set(frame["kind"])},
        })  # fmt: skip
    return rows


def _section(
    out: Path, name: str, trials: pd.DataFrame, accuracies: pd.DataFrame, pairs: pd.DataFrame,
    bias: pd.DataFrame | None, bootstrap: str,
) -> Section:  # fmt: skip
    dataset = str(trials["dataset"].iloc[0])
    pictures = {"accuracy": accuracy_picture(out, name, trials, accuracies)}
    sentences: dict[str, list[str]] = {}
    if bias is not None:
        pictures["shape-bias"] = shape_bias_picture(out, name, trials, bias)
        people = people_sentence(trials)
        sentences["shape-bias"] = [f"{people[0].upper()}{people[1:]}."] if people else []
    matrix, kappas = kappa_matrix(pairs, dataset), None
    if len(matrix) > 1:
        kinds = dict(zip(trials["observer"], trials["kind"], strict=True))
        kappas = between_kinds(pairs, trials)
        tree = cluster(matrix)
        pictures["consistency"] = consistency_picture(out, name, matrix, kinds, tree, pairs, bootstrap)
        sentences["consistency"] = [
            _cluster_sentence(tree, kinds),
            _kappa_sentence(kappas),
            _undefined_sentence(matrix),
        ]
    n_observers = trials["observer"].nunique()
    summary = f"{count(n_observers, 'observer')}, {count(len(trials), 'trial')}."
    summary += "" if dataset in DATASETS else " This is none of the published datasets."
    return Section(
        dataset, name, summary, _pivot(accuracies, dataset), None if bias is None else overall(bias), kappas,
        LEFT_OUT if pairs["n"].any() else NO_MATRIX, pictures, sentences,
    )  # fmt: skip


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
        f"({count(n_pairs, 'pair')})"
        for kind, n_pairs, kappa in with_people.to_numpy(object)
    ]
    return f"Mean kappa {', '.join(parts)}." if parts else ""


def _undefined_sentence(matrix: pd.DataFrame) -> str:
    n = int(matrix.isna().to_numpy().sum()) // 2
    return f"Kappa is undefined for {count(n, 'pair')}, and counts as 0 in the clustering." if n else ""
