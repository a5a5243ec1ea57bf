"""The inputs of the sections on one dataset: its trials, and the rows of tables that several sections use."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from analysis.kappa.branches import block_linkages
from analysis.kappa.condition_data import ResampledComparison, resample_comparisons
from analysis.kappa.consistency import Rule, select_benchmark_conditions
from analysis.kappa.pairs import ResampledKappas, resample_kappas
from analysis.report.sections.parts import Part


@frozen
class Bootstrap:
    """The settings of the analysis: those of the bootstrap intervals, and the rule for undefined kappas.

    Attributes:
        n_resamples: Number of bootstrap resamples; 0 if intervals are not computed.
        seed: Random seed.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
    """

    n_resamples: int
    seed: int
    rule: Rule = "undefined-is-nan"

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for the functions that compute measures."""
        return {"n_resamples": self.n_resamples, "seed": self.seed}

    @property
    def description(self) -> str:
        """The method and its settings in words; "" if intervals are not computed."""
        method = f"paired bootstrap over images with {self.n_resamples} resamples and seed {self.seed}"
        return method if self.n_resamples else ""

    def caption(self, note: str = "") -> str:
        """Return the last sentence of a caption, which describes the intervals; `note` is added at its end.

        The sentence is "" if intervals are not computed.
        """
        return f" The 95 % intervals come from a {self.description}{note}." if self.description else ""

    def mean_kappa_caption(self, note: str = "") -> str:
        """Return the last sentence of a caption of mean kappas, which do not have bootstrap intervals."""
        method = "combine the score intervals of the pairs and the correlations of their κ (MOVER)"
        return f" The 95 % intervals {method}{note}." if self.n_resamples else ""


@frozen(eq=False)
class SectionInputs:
    """The trials and tables of one dataset, from which each section of the report selects what it shows.

    Attributes:
        out: The folder of the report, in which a section writes its figures.
        dataset: Name of the dataset.
        anchor: The name of the dataset as it is used in file names and in links on the page.
        trials: The trials whose image has a correct response.
        all_trials: All trials, including those of ambiguous images without a correct response.
        accuracies: The rows of `analysis.accuracy` for this dataset.
        pairs: The rows of `analysis.error_consistency` for this dataset.
        contingency: The rows of `analysis.kappa.contingency` for this dataset, a 2 × 2 table for each pair and condition.
        shape_bias: The table of `analysis.shape_bias`, or None if no image has a cue conflict.
        bootstrap: The settings of the bootstrap intervals.
    """

    out: Path
    dataset: str
    anchor: str
    trials: pd.DataFrame
    all_trials: pd.DataFrame
    accuracies: pd.DataFrame
    pairs: pd.DataFrame
    contingency: pd.DataFrame
    shape_bias: pd.DataFrame | None
    bootstrap: Bootstrap

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of every observer, by the name of the observer."""
        observers = self.trials[["observer", "kind"]].drop_duplicates()
        return dict(zip(observers["observer"], observers["kind"], strict=True))

    @cached_property
    def benchmark_trials(self) -> pd.DataFrame:
        """The trials in conditions that the benchmark includes."""
        return select_benchmark_conditions(self.trials, self.dataset)

    @cached_property
    def n_common_images(self) -> int:
        """The smallest number of images that two observers have in common, over all conditions of the benchmark.

        Pairs of observers without common images are not counted; the number is 0 without other pairs.
        """
        pairs = select_benchmark_conditions(self.pairs, self.dataset)
        n = pairs.groupby(["observer_1", "observer_2"], sort=False)["n"].sum()
        return int(n[n > 0].min()) if (n > 0).any() else 0

    # The resamples from which several sections compute their intervals. Each of the two lists has one element for this
    # dataset. It is empty without trials (or without trials of people) in conditions that the benchmark includes.

    @cached_property
    def kappas(self) -> list[ResampledKappas]:
        """The kappas of all pairs of observers."""
        kappas = resample_kappas(self.benchmark_trials, rule=self.bootstrap.rule, **self.bootstrap.options)
        for of_dataset in kappas:
            of_dataset.summarize(block_linkages)
        return kappas

    @cached_property
    def comparisons(self) -> list[ResampledComparison]:
        """The agreement of the observers with people."""
        return resample_comparisons(self.benchmark_trials, rule=self.bootstrap.rule, **self.bootstrap.options)


# A function that makes a section on one dataset, or on all datasets together. It returns None if the section does not apply.
# A section that applies but cannot be computed has a sentence that gives the reason.
Section = Callable[[SectionInputs], Part | None]
OverallSection = Callable[[pd.DataFrame, Path, Bootstrap], Part | None]
