"""Figures from trials in one call, for notebooks: each function computes a measure and draws it.

The frame must contain the trials of one dataset, or the name of the dataset must be given. A function returns a matplotlib
figure and writes no files. Jupyter shows the figure; `figure.savefig("figure.pdf")` writes it with the settings for print
of `analysis.figures.style`, and the same trials always give the same bytes.
"""

import pandas as pd
from matplotlib.figure import Figure

from analysis.benchmark.noise_level_curves import noise_level_curves
from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy_figure
from analysis.figures.confusion import MAX_SIZE, draw_confusion
from analysis.figures.consistency import draw_consistency
from analysis.figures.noise_levels import draw_noise_levels
from analysis.figures.scatter import draw_map
from analysis.figures.shape_bias import arrange, draw_shape_bias_figure
from analysis.io.appearance import appearance_of
from analysis.io.check_frame import check_frame
from analysis.io.frame import observer_order, select_dataset
from analysis.kappa.clustering import cluster_observers
from analysis.kappa.consistency import Rule, error_consistency, kappa_matrix
from analysis.kappa.embedding import map_observers
from analysis.measures.accuracy import accuracy, chance_level
from analysis.measures.by_group import accuracy_by_group, shape_bias_by_group
from analysis.measures.confusion import confusion_panels, confusion_table
from analysis.measures.shape_bias import pooled_shape_bias, shape_bias
from analysis.selection.groups import group_observers
from core.errors import LogError, UnknownName


def accuracy_figure(frame: pd.DataFrame, dataset: str | None = None, *, group_by: str | None = None) -> Figure:
    """Draw the accuracy of every observer by condition, or as bars if there is a single condition.

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if the frame contains only one.
        group_by: Column by which observers are grouped, as in `accuracy_by_group`; by default each observer is shown.

    Returns:
        The figure. Error bars are 95 % Wilson intervals, or for groups 95 % bootstrap intervals over observers. A dotted
        line marks chance if the number of choices is known.

    Raises:
        LogError: If the frame contains several datasets and `dataset` is omitted, or if it contains no trials.
        UnknownName: If the frame does not contain the dataset.

    Example:
        >>> accuracy_figure(read_trials("humans/contrast")).savefig("accuracy.pdf")
    """
    frame = check_frame(frame)
    trials = _trials_of(frame, dataset)
    table, shown = accuracy(trials), appearance_of(frame)
    if group_by is not None:
        groups = group_observers(trials, group_by)
        table, shown = groups.as_observers(accuracy_by_group(trials, group_by)), groups.appearance()
    with style.publication(), style.showing(shown):
        return draw_accuracy_figure(table, style.PrintFigure(), chance=chance_level(trials))


def shape_bias_figure(frame: pd.DataFrame, dataset: str | None = None, *, group_by: str | None = None) -> Figure:
    """Draw the shape bias of every observer by category, as in figure 1 of Jaini et al. (2024).

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if only one dataset in the frame has cue conflicts.
        group_by: Column by which observers are grouped, as in `shape_bias_by_group`; by default each observer is shown.

    Returns:
        The figure. Vertical lines show the shape bias over all cue conflicts. If there are more than twelve observers, the
        people are pooled.

    Raises:
        LogError: If no trial has a cue conflict, or if several datasets have cue conflicts and `dataset` is omitted.
        UnknownName: If the frame does not contain the dataset.

    Example:
        >>> shape_bias_figure(read_trials("humans/cue-conflict", "logs/cue-conflict"))
    """
    frame = check_frame(frame)
    trials = frame if dataset is None else select_dataset(frame, dataset)
    if group_by is not None:
        groups = group_observers(trials, group_by)
        table = groups.as_observers(shape_bias_by_group(trials, group_by))
        with style.publication(), style.showing(groups.appearance()):
            return draw_shape_bias_figure(arrange(table, table.iloc[:0]), style.PrintFigure())
    table = shape_bias(trials)
    has_people = bool((table["kind"] == "human").any())
    rows = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])
    with style.publication(), style.showing(frame):
        return draw_shape_bias_figure(rows, style.PrintFigure())


def kappa_figure(frame: pd.DataFrame, dataset: str | None = None, *, rule: Rule = "undefined-is-nan") -> Figure:
    """Draw the error consistency of all pairs of observers as a matrix, with the tree of their clusters.

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if the frame contains only one.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        The figure, in the style of figure 6 of Jaini et al. (2024).

    Raises:
        LogError: If the frame contains several datasets and `dataset` is omitted, if fewer than two observers responded to
            conditions of the benchmark, or if an observer responded to an image of one condition twice in one session.
        UnknownName: If the frame does not contain the dataset.

    Example:
        >>> kappa_figure(read_trials("humans/cue-conflict", "networks/cue-conflict"))
    """
    frame = check_frame(frame)
    matrix, kinds = _kappas(frame, dataset, rule)
    with style.publication(), style.showing(frame):
        return draw_consistency(matrix, kinds, cluster_observers(matrix), style.PrintFigure())


def map_figure(frame: pd.DataFrame, dataset: str | None = None, *, rule: Rule = "undefined-is-nan") -> Figure:
    """Draw observers on a map on which those that make errors on the same images are close to each other.

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if the frame contains only one.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        The figure. The positions are those of `map_observers`.

    Raises:
        LogError: If the frame contains several datasets and `dataset` is omitted, if fewer than two observers responded to
            conditions of the benchmark, or if an observer responded to an image of one condition twice in one session.
        UnknownName: If the frame does not contain the dataset.

    Example:
        >>> map_figure(read_trials("humans/cue-conflict", "networks/cue-conflict"))
    """
    frame = check_frame(frame)
    matrix, kinds = _kappas(frame, dataset, rule)
    points, _ = map_observers(matrix)
    with style.publication(), style.showing(frame):
        return draw_map(points.assign(kind=points["observer"].map(kinds)), style.PrintFigure())


def confusion_figure(frame: pd.DataFrame, dataset: str | None = None, *, observer: str | None = None) -> Figure:
    """Draw the confusion matrix of one observer, or one matrix for each observer or kind of observer.

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if the frame contains only one.
        observer: The observer to draw. By default, the figure has one panel for each observer, or for each kind of observer
            (with its trials pooled) if there are more than four observers.

    Returns:
        The figure. Rows are categories, columns are responses, and the gray level is P(response | category).

    Raises:
        LogError: If the frame contains several datasets and `dataset` is omitted, or if there are more than 40 categories
            or responses, whose labels would not be readable.
        UnknownName: If the frame does not contain the dataset or the observer.

    Example:
        >>> confusion_figure(read_trials("humans/sketch")).savefig("confusion.pdf")
    """
    frame = check_frame(frame)
    trials = _trials_of(frame, dataset)
    if observer is not None:
        names = list(dict.fromkeys(trials["observer"].astype("str")))
        if observer not in names:
            raise UnknownName("observer", observer, names)
        trials = trials[trials["observer"] == observer]
    panels = confusion_panels(confusion_table(trials), str(trials["dataset"].iloc[0]))
    size = max(next(iter(panels.values())).shape)
    if size > MAX_SIZE:
        raise LogError(
            f"a confusion matrix of {size} categories or responses is not readable, expected at most {MAX_SIZE}; use "
            "confusion_table instead, or select trials of fewer categories"
        )
    with style.publication():
        return draw_confusion(panels, style.PrintFigure())


def noise_level_figure(frame: pd.DataFrame, dataset: str | None = None, *, rule: Rule = "undefined-is-nan") -> Figure:
    """Draw shape bias, accuracy and κ of generative observers as functions of the noise level, with 95 % intervals.

    Args:
        frame: Trials as returned by `read_trials`.
        dataset: The dataset to draw; it may be omitted if the frame contains only one.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        The figure. It has one line for each model that was run with several parts of the noise schedule (option `levels`),
        and a dashed line for its run with the whole schedule. A panel is omitted if its measure is undefined everywhere.

    Raises:
        LogError: If the frame contains several datasets and `dataset` is omitted, if `noise_level_curves` raises it, or if
            all measures are undefined.
        UnknownName: If the frame does not contain the dataset.

    Example:
        >>> noise_level_figure(read_trials("logs/cue-conflict", "humans/cue-conflict")).savefig("levels.pdf")
    """
    trials = _trials_of(check_frame(frame), dataset)
    table = noise_level_curves(trials, rule=rule)
    with style.publication():
        return draw_noise_levels(table, style.PrintFigure(), chance=chance_level(trials))


def _kappas(frame: pd.DataFrame, dataset: str | None, rule: Rule) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the matrix of kappas of one dataset, and the kind of every observer. Raise LogError for fewer than two."""
    trials = _trials_of(frame, dataset)
    matrix = kappa_matrix(error_consistency(trials, intervals=False, rule=rule), trials["dataset"].iloc[0])
    if matrix.empty:
        raise LogError(
            f"error consistency needs two observers in conditions of the benchmark, but {trials['dataset'].iloc[0]} has "
            f"{', '.join(trials['observer'].unique())}; add logs of other observers or conditions"
        )
    observers = observer_order(trials)
    return matrix, dict(zip(observers["observer"], observers["kind"], strict=True))


def _trials_of(frame: pd.DataFrame, dataset: str | None) -> pd.DataFrame:
    """Return the trials of the dataset, or all trials if they belong to one dataset. Raise LogError otherwise."""
    if dataset is not None:
        return select_dataset(frame, dataset)
    names = sorted(set(frame["dataset"]))
    if len(names) != 1:
        raise LogError(
            f"expected the trials of one dataset, found {', '.join(names) or 'no trials'}; "
            f"{'choose one with dataset=NAME' if names else 'add logs'}"
        )
    return frame
