"""Export of trials to CSV files in model-vs-human format, which the code of Geirhos et al. and related projects read.

The files are `<out>/<dataset>/<dataset>_<observer>_session-<n>.csv` with the columns of `stimuli.published.dialect`. The
format cannot hold the other columns of a trial log and the evidence, so keep the trial log. Parts of an image name
are separated by `_`, so stimulus names that do not follow the published pattern get `-` instead of `_`.
"""

from pathlib import Path

import pandas as pd

from core.errors import LogError
from core.staging import staged_files
from core.trial_columns import is_text_extra
from experiments.log import file_name
from stimuli.published.datasets import DATASETS
from stimuli.published.dialect import COLUMNS, NO_ANSWER, extract_image_id, infer_kind
from stimuli.published.layouts.files import detect_layout
from stimuli.published.layouts.own import OWN
from stimuli.published.normalize import is_missing


def export(frame: pd.DataFrame, out: Path) -> list[Path]:
    """Write one CSV file in model-vs-human format for every dataset, observer and session.

    Args:
        frame: Trials as returned by `read_trials`.
        out: Folder to write to; existing exports in it are overwritten.

    Returns:
        The paths of the files.

    Raises:
        LogError: If two observers would be written to the same file, if a trial log would be overwritten, or if a category,
            response or condition is one of the texts that mean "missing" in this format.
        UserError: If another process is writing into the folder.

    Example:
        >>> export(read_trials("logs"), Path("exported"))
    """
    for column in ("category", "response", "condition"):
        conflicts = sorted(text for text in frame[column].unique() if text and is_missing(text))
        if conflicts:
            raise LogError(
                f"the {column} {conflicts[0]!r} cannot be exported: in model-vs-human format this text means a missing value"
            )
    paths: list[Path] = []
    with staged_files(Path(out)) as new:
        for (dataset, observer, session), trials in frame.groupby(
            ["dataset", "observer", "session"], sort=False, dropna=False
        ):
            name = file_name(str(dataset))
            file = Path(name, f"{name}_{file_name(str(observer))}_session-{1 if session is pd.NA else session}.csv")
            path = Path(out) / file
            sources = (source for source in frame["source"].unique() if Path(source).exists()) if path.exists() else ()
            if path.exists() and (detect_layout(path) is OWN or any(map(path.samefile, sources))):
                raise LogError(f"{path} is a trial log and would be overwritten; choose another folder with --out")
            if str(path).casefold() in (str(other).casefold() for other in paths):
                raise LogError(
                    f"{observer} of {dataset} and another observer would both be exported to {path}; export them one at a "
                    f"time"
                )
            (new / name).mkdir(exist_ok=True)
            _to_dialect(trials).to_csv(new / file, index=False, na_rep="NaN", lineterminator="\n")
            paths.append(path)
    return paths


def describe_losses(frame: pd.DataFrame) -> list[str]:
    """Return one sentence for each difference between the frame and the exported files as they are read back."""
    observers = frame[["dataset", "observer", "kind"]].drop_duplicates()
    losses = []
    for row in observers.itertuples():
        kind = "human" if row.kind == "human" else infer_kind(str(row.observer))
        if kind != row.kind:
            losses.append(f"{row.observer} ({row.kind}) will be read back as {kind}")
    for dataset in observers["dataset"].unique():
        if file_name(str(dataset)) != dataset:
            losses.append(f"{dataset} will be read back as {file_name(str(dataset))}")
        has_cues = "shape" in frame and (frame.loc[frame["dataset"] == dataset, "shape"] != "").any()
        if has_cues and dataset not in DATASETS:
            losses.append(f"the cues of {dataset} are not exported")
    texts = [name for name in map(str, frame.columns) if is_text_extra(name) and (frame[name] != "").any()]
    if texts:
        losses.append(f"further texts are not exported: {', '.join(texts)}")
    return losses


def _to_dialect(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one observer as a table in model-vs-human format."""
    code = DATASETS[trials["dataset"].iloc[0]].code if trials["dataset"].iloc[0] in DATASETS else "own"
    numbers = trials["trial"].fillna(pd.Series(range(1, len(trials) + 1), trials.index))
    trials = trials.assign(trial=numbers)
    columns = (trials[c] for c in ("trial", "kind", "observer", "condition", "category", "stimulus"))
    image_names = [_image_name(*map(str, parts), code=code) for parts in zip(*columns, strict=True)]
    table = pd.DataFrame(
        {
            "subj": trials["observer"],
            "session": trials["session"],
            "trial": trials["trial"],
            "rt": trials["rt"],
            "object_response": trials["response"].astype("str").where(trials["response"] != "", NO_ANSWER),
            "category": trials["category"],
            "condition": trials["condition"].astype("str").where(trials["condition"] != "", "NaN"),
            "imagename": image_names,
        }
    )
    return table[list(COLUMNS)]


def _image_name(
    trial: str, kind: str, observer: str, condition: str, category: str, stimulus: str, *, code: str
) -> str:
    """Return the image name of a trial: trial, dataset code, observer, condition, category and stimulus, joined by `_`."""
    label = f"s{observer.removeprefix('subject-')}".replace("_", "-") if kind == "human" else "dnn"
    prefix = f"{int(trial):04d}_{code}_{label}_{condition or 0}_{category}_00_"
    return prefix + (stimulus if extract_image_id(prefix + stimulus) == stimulus else stimulus.replace("_", "-"))
