"""A section on one cue-conflict trial on which generative and discriminative observers disagree."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.illusions.trial_figure import (
    ExplainedTrial,
    describe_numbers,
    draw_explanation,
    explanation_table,
)
from analysis.io.columns import as_text
from analysis.report.extras import Drawing, Extra
from core.errors import LogError
from core.trial_columns import EVIDENCE
from experiments.log import file_name

OTHER_CUE = {"shape": "texture", "texture": "shape"}


def choose_trial(trials: pd.DataFrame, observer: str) -> int:
    """Return the number of a trial on which a generative observer and the discriminative observers followed different cues.

    The chosen trial has the largest number of discriminative observers that followed the other cue, plus generative
    observers that followed the same cue. Among these, it has the largest distance between the two highest evidences.

    Args:
        trials: The trials of one dataset with cue conflicts.
        observer: Name of the observer whose decision is explained.

    Raises:
        LogError: If the observer never followed the shape or the texture of an image with a cue conflict.
    """
    trials = as_text(trials[trials["shape"] != trials["texture"]])
    own = trials[trials["observer"] == observer].set_index("stimulus")
    columns = [name for name in own.columns if name.startswith(EVIDENCE)]
    best: tuple[tuple[int, float, int], int] | None = None
    others = {str(image): part for image, part in trials[trials["observer"] != observer].groupby("stimulus")}
    for name, row in own.iterrows():
        image = str(name)
        cue = next((cue for cue in OTHER_CUE if row["response"] == row[cue]), None)
        if cue is None or image not in others:
            continue
        part = others[image]
        n_other = ((part["kind"] == "discriminative") & (part["response"] == row[OTHER_CUE[cue]])).sum()
        n_same = ((part["kind"] == "generative") & (part["response"] == row[cue])).sum()
        evidence = sorted(float(row[column]) for column in columns)
        margin = evidence[-1] - evidence[-2] if len(evidence) > 1 else 0.0
        key = int(n_other + n_same), margin, -int(row["trial"])
        if best is None or key > best[0]:
            best = key, int(row["trial"])
    if best is None:
        raise LogError(f"{observer} did not follow the shape or the texture of an image with a cue conflict")
    return best[1]


def explained_trial_section(trials: pd.DataFrame, explanations: Sequence[ExplainedTrial]) -> Extra:
    """Return a section on one image: the responses of all observers, and how some of them arrived at theirs.

    Args:
        trials: The trials of one dataset with cue conflicts.
        explanations: The explained trials, which show the same image.
    """
    image = explanations[0].stimulus.id
    rows = as_text(trials[trials["stimulus"] == image])[["observer", "kind", "response", "shape", "texture"]]
    shape, texture = rows["shape"].iloc[0], rows["texture"].iloc[0]
    table = rows[["observer", "kind", "response"]].reset_index(drop=True)
    table["follows"] = [{shape: "shape", texture: "texture"}.get(response, "neither") for response in table["response"]]
    counts = table["follows"].value_counts()
    followed = ", ".join(
        f"{counts[cue]} the {cue} ({', '.join(table.loc[table['follows'] == cue, 'observer'])})"
        for cue in ("shape", "texture")
        if cue in counts
    )
    sentences = (
        f"{image} shows the shape of a {shape} with the texture of a {texture}. Observers follow different "
        f"cues: {followed}.",
        "The figures show how some of them arrived at their responses.",
    )
    drawings = tuple(_drawing(explanation) for explanation in explanations)
    title = "A trial on which observers disagree"
    return Extra(title, "explained-trial", sentences, table, drawings, is_averaged=False)


def _drawing(explanation: ExplainedTrial) -> Drawing:
    """Return the figure of one explained trial."""
    name, image, response = explanation.observer, explanation.stimulus.id, explanation.response or "nothing"
    if explanation.reconstruction is not None:
        caption = (
            f"{name} responds {response} to {image}. It receives the image, adds noise or masks, and restores the image "
            f"under each choice; the images show one draw. {describe_numbers(explanation).capitalize()}."
        )
    else:
        caption = f"{name} responds {response} to {image}. The bars show its evidence for each choice in the log."
    credit = f" Image: {explanation.attribution}." if explanation.attribution else ""
    alt = f"The decision of {name} on {image} between {len(explanation.choices)} choices; its response is {response}"
    draw = partial(_draw, explanation)
    stem = f"explained_{file_name(name)}"
    return Drawing(stem, draw, explanation_table(explanation), alt, f"{caption}{credit}")


def _draw(explanation: ExplainedTrial) -> Figure:
    return draw_explanation(explanation, Figure())
