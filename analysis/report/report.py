"""Writes a report: a folder with pages, tables and figures, and the data behind every figure.

    <out>/index.html   trials.html (the trial browser)   figures/<measure>_<dataset>.{pdf,svg,png,csv}   tables/<measure>.csv
    <out>/assets/  data/  thumbnails/                     files that the pages load; made.txt lists all files of the report

The pages can be opened from disk without a server, and they load nothing from outside the folder. The same trials give the
same bytes, because no file contains a date. The modules of `analysis` compute the measures; the functions in
`analysis/report/sections` arrange and describe them.
"""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.figures import style
from analysis.io.check_frame import check_frame
from analysis.io.frame import dataset_order, observer_order, simulated_observers_note
from analysis.io.notes import hide_warnings
from analysis.io.repeated import without_later_sessions
from analysis.kappa.consistency import Rule, error_consistency
from analysis.kappa.contingency import contingency
from analysis.measures.accuracy import accuracy
from analysis.measures.by_image import responses_by_image
from analysis.measures.resampling import N_RESAMPLES
from analysis.measures.shape_bias import has_cue_conflicts, shape_bias
from analysis.report import pages
from analysis.report.extras import Extra
from analysis.report.findings.finding import Finding
from analysis.report.findings.findings import make_findings
from analysis.report.paged_tables import write_csv
from analysis.report.provenance import environments, provenance, provenance_table
from analysis.report.sections.figures import write_figure
from analysis.report.sections.order import ILLUSION_SECTIONS, OVERALL_SECTIONS, SECTIONS
from analysis.report.sections.parts import Part, count, table_of
from analysis.report.sections.section_inputs import Bootstrap, SectionInputs
from analysis.report.thumbnails import copy_thumbnails
from analysis.report.trial_browser import write_trials
from core.errors import LogError
from core.progress import Progress
from core.staging import staged_files
from experiments.log import file_name
from stimuli.categories import AMBIGUOUS
from stimuli.published.datasets import DATASETS
from stimuli.stimulus import StimulusSet

FILE_LIST = "made.txt"
_REPORT_FILE = re.compile(
    r"(?:index|trials)\.html|(?:figures|tables|data|assets|thumbnails)/[A-Za-z0-9.][A-Za-z0-9._-]*"
)


def write_report(
    frame: pd.DataFrame, out: Path | str, *, intervals: bool = True, n_resamples: int = N_RESAMPLES, seed: int = 0,
    rule: Rule = "undefined-is-nan", extras: Sequence[Extra] = (), stimuli: Iterable[StimulusSet] = (),
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Write a report on trials into a folder.

    An earlier report in the folder is replaced after the new one is complete; other files in the folder stay.

    Args:
        frame: Trials as returned by `read_trials`.
        out: The folder, which is created if necessary.
        intervals: Whether to compute intervals.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        extras: Sections to show before the datasets.
        stimuli: Stimulus sets. If a set has the name of a dataset, the report shows its images for that dataset.
        progress: Function that is called with the number of completed steps and the number of all steps. A step is a section
            of a dataset, or another part of the report.

    Returns:
        The path of the main page, `<out>/index.html`.

    Raises:
        LogError: If the frame is empty, or if a measure cannot be computed from its trials.
        StimulusError: If an image cannot be read.
        UserError: If another process is writing into the folder.

    Example:
        ```python
        page = write_report(read_trials("logs"), "report")
        ```
    """
    frame = check_frame(frame)
    if frame.empty:
        raise LogError("the logs contain no trials, so there is nothing to report: run an experiment first")
    out = Path(out)
    with staged_files(out, lambda new: _files_of_earlier_report(out)) as new:
        with hide_warnings(), style.showing(frame):  # the page shows the notes
            bootstrap = Bootstrap(n_resamples if intervals else 0, seed, rule)
            _build(frame, new, bootstrap, extras, stimuli, progress or (lambda done, total: None))
        files = sorted(path.relative_to(new) for path in new.rglob("*") if path.is_file())
        (new / FILE_LIST).write_text("".join(f"{file.as_posix()}\n" for file in files), "utf-8", newline="\n")
        for abandoned in out.glob(".report-*"):  # an earlier version wrote its files there
            if abandoned.is_dir() and not abandoned.is_symlink():
                shutil.rmtree(abandoned)
    return out / "index.html"


def _files_of_earlier_report(out: Path) -> list[str]:
    """Return the names of the files of an earlier report in the folder."""
    path = out / FILE_LIST
    names = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    return [name for name in names if _REPORT_FILE.fullmatch(name)]


def _build(
    frame: pd.DataFrame, out: Path, bootstrap: Bootstrap, extras: Sequence[Extra], stimuli: Iterable[StimulusSet],
    progress: Progress,
) -> None:  # fmt: skip
    """Write all files of a report into the empty folder `out`."""
    datasets = reading_order(frame)
    names = file_names(datasets)
    steps = Steps(progress, len(datasets) * (len(ILLUSION_SECTIONS) + len(SECTIONS)) + len(OVERALL_SECTIONS) + 5)
    first = without_later_sessions(frame)  # the pages show one response of each observer to each image
    images, origin = responses_by_image(first), provenance(frame)
    thumbnails = copy_thumbnails(out, images, stimuli, origin.digests)
    steps.advance()
    unambiguous = frame[frame["category"] != AMBIGUOUS]
    accuracies, counts = accuracy(unambiguous), contingency(unambiguous)
    steps.advance()
    has_intervals = bootstrap.n_resamples > 0
    pairs = error_consistency(
        unambiguous, intervals=has_intervals, seed=bootstrap.seed, rule=bootstrap.rule, bounds=True
    )
    steps.advance()
    findings = make_findings(unambiguous, out)
    steps.advance()
    sections, browsed = [], []
    for dataset in datasets:
        all_trials, trials, name = _rows_of(frame, dataset), _rows_of(unambiguous, dataset), names[dataset]
        bias = shape_bias(trials) if has_cue_conflicts(trials) else None
        inputs = SectionInputs(
            out,
            dataset,
            name,
            trials,
            all_trials,
            accuracies=_rows_of(accuracies, dataset),
            pairs=_rows_of(pairs, dataset),
            contingency=_rows_of(counts, dataset),
            shape_bias=bias,
            bootstrap=bootstrap,
        )
        functions = [*ILLUSION_SECTIONS.values(), *(SECTIONS.values() if len(trials) else ())]
        results = [steps.run(function, inputs) for function in functions]
        parts = tuple(part for part in results if part is not None)
        sections.append(pages.Section(dataset, name, _summary(dataset, all_trials), parts))
        browsed.append(write_trials(out, name, _rows_of(first, dataset), _rows_of(images, dataset), thumbnails))
    overall = [_extra_part(out, extra) for extra in extras if extra.is_averaged]
    results = [steps.run(function, unambiguous, out, bootstrap) for function in OVERALL_SECTIONS.values()]
    overall += [part for part in results if part is not None]
    averages = describe_averages(findings, [part for part in overall if part.tables])
    overall += [_extra_part(out, extra) for extra in extras if not extra.is_averaged]
    tables = {"accuracy": accuracies, "consistency": pairs, "contingency": counts, "images": images}
    for name, table in (tables | {"provenance": origin.table} | _section_tables(overall, sections)).items():
        if len(table):
            write_csv(table, out / "tables", name)
    pages.write_pages(
        out, title=f"Report on {datasets[0] if len(datasets) == 1 else f'{len(datasets)} datasets'}",
        notes=[*_notes(frame), *thumbnails.notes], published=_published(datasets), overview=_overview(frame, datasets,
        names), findings=findings, parts=overall, n_trials=len(frame), n_logs=frame["source"].nunique(), sections=sections,
        averages=averages, bootstrap=bootstrap.description, browsed=browsed,
        credits=thumbnails.credits, provenance=provenance_table(origin), environments=environments(origin),
        observers=list(observer_order(frame).itertuples(index=False, name=None)),
    )  # fmt: skip
    steps.finish()


class Steps:
    """Counts the completed steps of a report and reports them."""

    def __init__(self, progress: Progress, n_steps: int) -> None:
        self._progress, self._n_done, self._n_steps = progress, 0, n_steps
        progress(0, n_steps)

    def advance(self) -> None:
        """Report that one more step is completed."""
        self._n_done += 1
        self._progress(self._n_done, self._n_steps)

    def run(self, function: Callable[..., Part | None], *arguments: Any) -> Part | None:
        """Make a section and report that it is completed."""
        part = function(*arguments)
        self.advance()
        return part

    def finish(self) -> None:
        """Report that all steps are completed, including those that do not apply to the trials."""
        self._progress(self._n_steps, self._n_steps)


def reading_order(frame: pd.DataFrame) -> list[str]:
    """Return the datasets in the order of the report: cue conflicts, then images without distortion, then distortions.

    A dataset with several conditions counts as distorted. Within each of these, the order is the published one.
    """

    def rank(dataset: str) -> int:
        trials = _rows_of(frame, dataset)
        return 0 if has_cue_conflicts(trials) else 1 if trials["condition"].nunique() == 1 else 2

    return sorted(dataset_order(frame["dataset"].unique()), key=rank)


def _rows_of(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return table[table["dataset"] == dataset]


def _extra_part(out: Path, extra: Extra) -> Part:
    figures = tuple(write_figure(out, d.stem, d.draw, d.data, d.alt, d.caption) for d in extra.drawings)
    if extra.table is None:
        return Part(extra.title, extra.anchor, extra.sentences, figures)
    return Part(
        extra.title, extra.anchor, extra.sentences, figures, (table_of(extra.table),), {extra.anchor: extra.table}
    )


def _section_tables(overall: Sequence[Part], sections: Sequence[pages.Section]) -> dict[str, pd.DataFrame]:
    """Return the tables of the sections; tables with the same name in several datasets are concatenated."""
    tables = {name: [table] for part in overall for name, table in part.data.items()}
    for section in sections:
        for name, table in ((name, table) for part in section.parts for name, table in part.data.items()):
            columns = list(dict.fromkeys(["dataset", *table.columns]))
            tables.setdefault(name, []).append(table.assign(dataset=section.dataset)[columns])
    return {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}


def file_names(datasets: Iterable[str]) -> dict[str, str]:
    """Return a name for each dataset to use in file names; the names differ even on file systems that ignore case."""
    names: dict[str, str] = {}
    for dataset in datasets:
        name, n = file_name(dataset), 1
        while name.casefold() in (other.casefold() for other in names.values()):
            n += 1
            name = f"{file_name(dataset)}-{n}"
        names[dataset] = name
    return names


def _notes(frame: pd.DataFrame) -> list[str]:
    """Return the notes of the frame, with a note about simulated observers even if the frame has lost its notes."""
    notes = list(frame.attrs.get("notes", []))
    if not frame.attrs.get("simulated_are_noted"):
        notes += [note for note in simulated_observers_note(frame) if note not in notes]
    names = {str(name) for column in ("observer", "condition", "category") for name in frame[column].unique()}
    missing_glyphs = sorted(filter(style.has_missing_glyphs, names))
    if missing_glyphs:
        notes.append(
            "PDF and PNG figures show boxes instead of characters that their font lacks, in these names: "
            f"{', '.join(missing_glyphs)}"
        )
    return notes


def _published(datasets: list[str]) -> str:
    n, n_other = sum(d in DATASETS for d in datasets), sum(d not in DATASETS for d in datasets)
    if not n:
        return f"{n_other} dataset{'s' if n_other > 1 else ''} outside the {len(DATASETS)} published ones"
    others = f" and {n_other} other dataset{'s' if n_other > 1 else ''}" if n_other else ""
    return f"{n} of the {len(DATASETS)} published datasets{others}"


def describe_averages(findings: Sequence[Finding], parts: Sequence[Part]) -> str:
    """Return a sentence that says which findings and which of the parts of a report are averaged over datasets."""
    places = [f"the finding “{finding.question}”" for finding in findings if finding.is_averaged]
    places += [f"the section “{part.title}”" for part in parts]
    if not places:
        return "No result is averaged over datasets."
    which = places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"
    return f"Only {which} {'is' if len(places) == 1 else 'are'} averaged over datasets."


def _summary(dataset: str, trials: pd.DataFrame) -> str:
    n = trials["observer"].nunique()
    unpublished = "" if dataset in DATASETS else f" This dataset is not one of the {len(DATASETS)} published datasets."
    return f"{count(n, 'observer')}, {count(len(trials), 'trial')}.{unpublished}"


def _overview(frame: pd.DataFrame, datasets: list[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one row for each dataset with its numbers of conditions, images, trials and observers of each kind."""
    rows, kinds = [], set(frame["kind"].unique())
    for dataset in datasets:
        trials = _rows_of(frame, dataset)
        n_observers = trials.groupby("kind")["observer"].nunique()
        rows.append({
            "dataset": dataset, "anchor": names[dataset], "n_conditions": trials["condition"].nunique(),
            "n_images": len(trials[["stimulus", "condition"]].drop_duplicates()), "n_trials": len(trials),
            "kinds": {k: int(n_observers.get(k, 0)) for k in style.KIND_STYLES if k in kinds},
        })  # fmt: skip
    return rows
