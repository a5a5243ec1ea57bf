"""A folder to look at and to hand on: pages with tables and figures, every figure with the data behind it.

    <out>/index.html   trials.html (the trial browser)   figures/<measure>_<dataset>.{pdf,svg,png,csv}   tables/<measure>.csv
    <out>/assets/  data/  thumbnails/                     what the pages load; made.txt lists all files

The pages open by double-click and make no request out of the folder. The same trials give the same bytes: nothing is dated.
Measures are computed in `analysis`; here they are put in order and into words, by the functions in SECTIONS and WHOLE.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.accuracy import accuracy
from analysis.consistency import consistency
from analysis.contingency import contingency
from analysis.figures import style
from analysis.frame import dataset_order
from analysis.images import by_image
from analysis.report import pages
from analysis.report.extras import Extra
from analysis.report.figures import picture
from analysis.report.overall_sections import OVERALL_SECTIONS
from analysis.report.parts import Part, count, table_of
from analysis.report.provenance import environments, provenance, shown
from analysis.report.section_inputs import Bootstrap, SectionInputs
from analysis.report.sections import ILLUSIONS, SECTIONS
from analysis.report.thumbnails import copy_thumbnails
from analysis.report.trial_browser import write_answers
from analysis.resampling import N_RESAMPLES
from analysis.shape_bias import has_conflicts, shape_bias
from analysis.tables import to_csv
from experiments.log import file_name
from stimuli.categories import AMBIGUOUS
from stimuli.datasets import DATASETS
from stimuli.errors import LogError
from stimuli.stimulus import StimulusSet

MADE = "made.txt"
_OWN = re.compile(r"(?:index|trials)\.html|(?:figures|tables|data|assets|thumbnails)/[A-Za-z0-9.][A-Za-z0-9._-]*")


def write_report(
    frame: pd.DataFrame, out: Path, *, intervals: bool = True, seed: int = 0, extras: Sequence[Extra] = (),
    stimuli: Iterable[StimulusSet] = (),
) -> Path:  # fmt: skip
    """Write the report on a frame of trials into the folder `out` and return its page. `seed` is that of the bootstrap.

    `extras` stand before the datasets. Sets of `stimuli` named as a dataset give the images. Raises LogError where there is
    no trial, and where a measure does; StimulusError for an image that cannot be read. A former report stays until then.
    """
    if frame.empty:
        raise LogError("there is no trial to report on")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=out) as folder:
        new = Path(folder)
        _build(frame, new, intervals, seed, extras, stimuli)
        _remove_former(out)
        files = sorted(path.relative_to(new) for path in new.rglob("*") if path.is_file())
        for file in files:
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(new / file, out / file)
        (out / MADE).write_text("".join(f"{file.as_posix()}\n" for file in files), "utf-8", newline="\n")
    return out / "index.html"


def _remove_former(out: Path) -> None:
    """Remove the files of a report that was written to the same folder, so that nothing of it stands beside the new one."""
    made = out / MADE
    names = made.read_text("utf-8", errors="replace").splitlines() if made.is_file() else []
    for name in filter(_OWN.fullmatch, names):
        (out / name).unlink(missing_ok=True)


def _build(
    frame: pd.DataFrame, out: Path, intervals: bool, seed: int, extras: Sequence[Extra], stimuli: Iterable[StimulusSet]
) -> None:
    datasets = dataset_order(frame["dataset"].unique())
    names = file_names(datasets)
    images, origin = by_image(frame), provenance(frame)
    pictures = copy_thumbnails(out, images, stimuli, origin.digests)
    known = frame[frame["category"] != AMBIGUOUS]
    accuracies, counts = accuracy(known), contingency(known)
    pairs = consistency(known, intervals=intervals, seed=seed, bounds=True)
    bootstrap = Bootstrap(N_RESAMPLES if intervals else 0, seed)
    sections, browsed = [], []
    for dataset in datasets:
        asked, trials, name = _of(frame, dataset), _of(known, dataset), names[dataset]
        bias = shape_bias(trials) if has_conflicts(trials) else None
        of_dataset = _of(accuracies, dataset), _of(pairs, dataset), _of(counts, dataset)
        material = SectionInputs(out, dataset, name, trials, asked, *of_dataset, bias, bootstrap)
        applied = [*ILLUSIONS.values(), *(SECTIONS.values() if len(trials) else ())]
        parts = tuple(part for section in applied if (part := section(material)) is not None)
        sections.append(pages.Section(dataset, name, _summary(dataset, asked), parts))
        browsed.append(write_answers(out, name, asked, _of(images, dataset), pictures))
    whole = [_extra(out, extra) for extra in extras]
    whole += [part for over_all in OVERALL_SECTIONS.values() if (part := over_all(known, out, bootstrap)) is not None]
    tables = {"accuracy": accuracies, "consistency": pairs, "contingency": counts, "images": images}
    for name, table in (tables | {"provenance": origin.table} | _tables(whole, sections)).items():
        if len(table):
            to_csv(table, out / "tables" / f"{name}.csv")
    pages.write_pages(
        out, title=f"Report on {datasets[0] if len(datasets) == 1 else f'{len(datasets)} datasets'}",
        notes=[*_notes(frame), *pictures.notes], published=_published(datasets),
        overview=_overview(frame, datasets, names), parts=whole, n_trials=len(frame), n_logs=frame["source"].nunique(),
        sections=sections, n_averaged=sum(bool(part.tables) for part in whole), bootstrap=bootstrap.said, browsed=browsed,
        credits=pictures.credits, provenance=shown(origin), environments=environments(origin),
    )  # fmt: skip


def _of(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return table[table["dataset"] == dataset]


def _extra(out: Path, extra: Extra) -> Part:
    drawn = tuple(picture(out, d.stem, d.draw, d.data, d.alt, d.caption) for d in extra.drawings)
    if extra.table is None:
        return Part(extra.title, extra.anchor, extra.sentences, drawn)
    return Part(
        extra.title, extra.anchor, extra.sentences, drawn, (table_of(extra.table),), {extra.anchor: extra.table}
    )


def _tables(whole: Sequence[Part], sections: Sequence[pages.Section]) -> dict[str, pd.DataFrame]:
    """Those that sections give besides, of all datasets below one another."""
    tables = {name: [table] for part in whole for name, table in part.data.items()}
    for section in sections:
        for name, table in ((name, table) for part in section.parts for name, table in part.data.items()):
            columns = list(dict.fromkeys(["dataset", *table.columns]))
            tables.setdefault(name, []).append(table.assign(dataset=section.dataset)[columns])
    return {name: pd.concat(found, ignore_index=True) for name, found in tables.items()}


def file_names(datasets: Iterable[str]) -> dict[str, str]:
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
    names = {str(name) for column in ("observer", "condition", "category") for name in frame[column].unique()}
    boxes = sorted(filter(style.lacks_letters, names))
    if boxes:
        notes.append(f"PDF and PNG show boxes for letters that their font lacks, in {', '.join(boxes)}")
    return notes


def _published(datasets: list[str]) -> str:
    n, n_other = sum(d in DATASETS for d in datasets), sum(d not in DATASETS for d in datasets)
    others = f" and {n_other} other{'s' if n_other > 1 else ''}" if n_other else ""
    return f"{n} of the {len(DATASETS)} published datasets{others}"


def _summary(dataset: str, trials: pd.DataFrame) -> str:
    n = trials["observer"].nunique()
    known = "" if dataset in DATASETS else " This is none of the published datasets."
    return f"{count(n, 'observer')}, {count(len(trials), 'trial')}.{known}"


def _overview(frame: pd.DataFrame, datasets: list[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row a dataset: how many conditions, images, trials, and observers of each kind that is there at all."""
    rows, kinds = [], set(frame["kind"].unique())
    for dataset in datasets:
        trials = frame[frame["dataset"] == dataset]
        n_observers = trials.groupby("kind")["observer"].nunique()
        rows.append({
            "dataset": dataset, "anchor": names[dataset], "n_conditions": trials["condition"].nunique(),
            "n_images": len(trials[["stimulus", "condition"]].drop_duplicates()), "n_trials": len(trials),
            "kinds": {k: int(n_observers.get(k, 0)) for k in style.KIND_STYLES if k in kinds},
        })  # fmt: skip
    return rows
