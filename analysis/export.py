"""Trial logs -> the field's own CSV files, which model-vs-human and its relatives read.

`<out>/<dataset>/<dataset>_<observer>_session-<n>.csv` with the columns of `stimuli.dialect`. The dialect has no room for
the kind of observer, blocks, evidence and n_evaluations: keep the log. `_` separates the parts of an image's name there,
so a stimulus named otherwise than the published ones gets `-` for `_`.
"""

from pathlib import Path

import pandas as pd

from analysis.formats import format_of
from experiments.log import file_name
from stimuli.datasets import DATASETS
from stimuli.dialect import COLUMNS, MISSING, NO_ANSWER, extract_image_id, infer_kind
from stimuli.errors import LogError


def export(frame: pd.DataFrame, out: Path) -> list[Path]:
    """Write one file for every dataset, observer and session of the frame; the files.

    Raises LogError where two of them would get one file name, where one would overwrite a log of our own, and for a category
    or condition that the dialect would take for none.
    """
    for column, none in (("category", (NO_ANSWER, *MISSING)), ("condition", MISSING[1:])):
        bad = sorted(set(frame[column]) & set(none))
        if bad:
            raise LogError(
                f"the {column} {bad[0]!r} cannot be exported: in the field's format it means that there is none"
            )
    paths: list[Path] = []
    for (dataset, observer, session), trials in frame.groupby(
        ["dataset", "observer", "session"], sort=False, dropna=False
    ):
        name = file_name(str(dataset))
        path = Path(out) / name / f"{name}_{file_name(str(observer))}_session-{1 if session is pd.NA else session}.csv"
        if path.exists() and (format_of(path) == "own" or any(map(path.samefile, frame["source"].unique()))):
            raise LogError(f"{path} is a trial log and would be overwritten: give another --out")
        if str(path).casefold() in (str(other).casefold() for other in paths):
            raise LogError(
                f"{observer} of {dataset} and another one would both be exported to {path}: export one at a time"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        _table(trials).to_csv(path, index=False, na_rep="NaN", lineterminator="\n")
        paths.append(path)
    return paths


def losses(frame: pd.DataFrame) -> list[str]:
    """What the exported files will not say when they are read back, in sentences."""
    who = frame[["dataset", "observer", "kind"]].drop_duplicates()
    out = []
    for row in who.itertuples():
        back = "human" if row.kind == "human" else infer_kind(str(row.observer))
        if back != row.kind:
            out.append(f"{row.observer} ({row.kind}) will be read back as {back}")
    for dataset in who["dataset"].unique():
        if file_name(str(dataset)) != dataset:
            out.append(f"{dataset} will be read back as {file_name(str(dataset))}")
        cues = "shape" in frame and (frame.loc[frame["dataset"] == dataset, "shape"] != "").any()
        if cues and dataset not in DATASETS:
            out.append(f"the cues of {dataset} are left out")
    return out


def _table(trials: pd.DataFrame) -> pd.DataFrame:
    code = DATASETS[trials["dataset"].iloc[0]].code if trials["dataset"].iloc[0] in DATASETS else "own"
    numbers = trials["trial"].fillna(pd.Series(range(1, len(trials) + 1), trials.index))
    trials = trials.assign(trial=numbers)
    names = [
        _imagename(*map(str, cells), code=code)
        for cells in zip(
            *(trials[c] for c in ("trial", "kind", "observer", "condition", "category", "stimulus")), strict=True
        )
    ]
    table = pd.DataFrame(
        {
            "subj": trials["observer"],
            "session": trials["session"],
            "trial": trials["trial"],
            "rt": trials["rt"],
            "object_response": trials["response"].where(trials["response"] != "", NO_ANSWER),
            "category": trials["category"],
            "condition": trials["condition"].where(trials["condition"] != "", "NaN"),
            "imagename": names,
        }
    )
    return table[list(COLUMNS)]


def _imagename(trial: str, kind: str, observer: str, condition: str, category: str, stimulus: str, *, code: str) -> str:
    who = f"s{observer.removeprefix('subject-')}".replace("_", "-") if kind == "human" else "dnn"
    begin = f"{int(trial):04d}_{code}_{who}_{condition or 0}_{category}_00_"
    return begin + (stimulus if extract_image_id(begin + stimulus) == stimulus else stimulus.replace("_", "-"))
