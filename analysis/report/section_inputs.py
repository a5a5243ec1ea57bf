"""What the sections of a report are made from: trials, and the rows of the tables that several of them need."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from analysis.consistency import included


@frozen
class Bootstrap:
    """How intervals are computed; not at all with 0 resamples."""

    n_resamples: int
    seed: int

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of a measure."""
        return {"n_resamples": self.n_resamples, "seed": self.seed}

    @property
    def said(self) -> str:
        """ "" without intervals."""
        how = f"paired bootstrap over images, 95 %, {self.n_resamples} resamples, seed {self.seed}"
        return how if self.n_resamples else ""

    def caption(self, more: str = "") -> str:
        """The sentence at the end of a caption."""
        return f" Intervals: {self.said}{more}." if self.said else ""


@frozen(eq=False)
class SectionInputs:
    """One dataset: its trials, and its rows of the measures' tables."""

    out: Path
    dataset: str
    anchor: str  # the dataset as part of a file's name
    trials: pd.DataFrame  # that have a right answer
    asked: pd.DataFrame  # all of them
    accuracies: pd.DataFrame
    pairs: pd.DataFrame
    counts: pd.DataFrame  # the 2 × 2 table of every pair
    shape_bias: pd.DataFrame | None
    bootstrap: Bootstrap

    @property
    def kinds(self) -> dict[str, str]:
        observers = self.trials[["observer", "kind"]].drop_duplicates()
        return dict(zip(observers["observer"], observers["kind"], strict=True))

    @cached_property
    def counted(self) -> pd.DataFrame:
        """The trials in conditions that count in the benchmark."""
        return included(self.trials, self.dataset)
