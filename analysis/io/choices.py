"""The number of choices of the trials of a dataset, on which chance levels, guess rates and the largest entropy depend.

`read_trials` records the number in the attributes of the frame. The sidecar of a log lists the choices. A log without a
sidecar has a column of evidence for every choice. The published datasets and those of Huber et al. (2023) have sixteen
choices. Otherwise, the number is assumed to be the number of different categories and responses, unless the user gives it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.errors import LogError
from core.names import abbreviate
from core.trial_columns import EVIDENCE
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.cues import PERCEPTS
from stimuli.published.layouts.canonical import SIXTEEN

RECORDED, ASSUMED = "n_choices", "assumed_n_choices"  # keys of `frame.attrs`: mappings from a dataset to its number


def n_choices(trials: pd.DataFrame) -> int:
    """Return the number of choices in the trials of one dataset, which is assumed if it is not recorded.

    The number is assumed once for all trials of a dataset that `read_trials` reads.
    """
    recorded = recorded_n_choices(trials)
    if recorded is not None and (_is_in_attributes(trials) or trials["dataset"].iloc[0] in SIXTEEN):
        return recorded
    assumed = trials.attrs.get(ASSUMED, {}).get(trials["dataset"].iloc[0])
    return max(recorded or 0, _n_names(trials)) if assumed is None else int(assumed)


def recorded_n_choices(trials: pd.DataFrame) -> int | None:
    """Return the number of choices in the trials of one dataset, or None if it is not recorded.

    In a frame that `read_trials` did not make, it is the number of choices with evidence.
    """
    dataset = trials["dataset"].iloc[0]
    if _is_in_attributes(trials):
        return int(trials.attrs[RECORDED][dataset])
    if dataset in SIXTEEN:
        return len(CATEGORIES)
    return sum(bool(trials[c].notna().any()) for c in trials.columns if c.startswith(EVIDENCE)) or None


def count_in_log(columns: Iterable[str], dataset: str, identity: Mapping[str, Any] | None) -> int | None:
    """Return the number of choices that one log records, or None. `identity` is that of its sidecar, if it has one."""
    choices = None if identity is None else identity.get("choices")
    if isinstance(choices, list) and choices:
        return len(choices)
    with_evidence = sum(column.startswith(EVIDENCE) for column in columns)
    return with_evidence or (len(CATEGORIES) if dataset in SIXTEEN else None)


def store_n_choices(
    frame: pd.DataFrame, recorded: Mapping[str, Collection[int]], fallback: int | None = None
) -> Iterator[str]:
    """Store the number of choices of every dataset in the attributes of the frame, and yield notes about assumptions.

    Args:
        frame: All trials.
        recorded: The numbers that the logs of a dataset record.
        fallback: The number of choices of datasets whose logs do not record it.

    Raises:
        LogError: If `fallback` is not a whole number of 2 or more, or is smaller than the number of different categories and
            responses of such a dataset.
    """
    numbers, assumed = {dataset: max(counts) for dataset, counts in recorded.items() if counts}, {}
    if fallback is not None and (not isinstance(fallback, int | np.integer) or fallback < 2):
        raise LogError(f"the number of choices must be a whole number of 2 or more, got {fallback!r}")
    for dataset, counts in recorded.items():
        if len(counts) > 1:
            different = ", ".join(map(str, sorted(counts)))
            yield f"the logs of {dataset} have different numbers of choices ({different}); measures use the largest"
    for dataset in frame["dataset"].unique():
        if dataset in numbers:
            continue
        trials = frame[frame["dataset"] == dataset]
        n_names = _n_names(trials)
        if fallback is None:
            assumed[dataset] = n_names
            others = sorted({*trials["response"].unique()} - {*trials["category"].unique(), ""})
            remark = f", of which these are not categories: {abbreviate([*map(repr, others)])}" if others else ""
            yield (
                f"the number of choices of {dataset} is not recorded and is assumed to be {n_names}, the number of "
                f"different categories and responses{remark}; --n-choices sets another number"
            )
        elif fallback < n_names:
            raise LogError(f"{dataset} has {n_names} different categories and responses, more than {fallback} choices")
        else:
            numbers[dataset] = fallback
    frame.attrs |= {RECORDED: numbers, ASSUMED: assumed}


def _is_in_attributes(trials: pd.DataFrame) -> bool:
    return trials["dataset"].iloc[0] in trials.attrs.get(RECORDED, {})


def _n_names(trials: pd.DataFrame) -> int:
    """Return the number of different categories, responses and percepts in the trials."""
    names = {
        name for column in ("category", "response", *PERCEPTS) if column in trials for name in trials[column].unique()
    }
    return len(names - {"", AMBIGUOUS})
