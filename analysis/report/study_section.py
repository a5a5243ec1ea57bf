"""The section of the demonstration's report on the controlled study of shape bias (docs/shape-bias.md)."""

import pandas as pd

from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from analysis.report.extras import Extra

NAME = r"^study-(?P<family>\w+)-(?P<agreement>[\d.]+)-(?P<seed>\d+)$"  # of a model of the study


def study_section(trials: pd.DataFrame) -> Extra:
    """Return a section with the shape bias of every model of the study.

    Args:
        trials: The trials of the models of the study with cue-conflict images.
    """
    bias = overall_shape_bias(shape_bias(trials))
    table = bias["observer"].str.extract(NAME).assign(
        n=bias["n_shape"] + bias["n_texture"], shape_bias=bias["shape_bias"], low=bias["low"], high=bias["high"]
    )  # fmt: skip
    table = table.sort_values(["agreement", "family", "seed"], ascending=[False, True, True], ignore_index=True)
    sentences = (
        "The models above differ in many ways, and each was trained once, so their shape bias cannot be attributed to one "
        f"cause. A controlled study trained {len(table)} small models that differ in three respects: in their family "
        "(network; noise, the same network trained with diffusion noise; latent, a latent diffusion model; ar, an "
        "autoregressive model), in how often the texture of an object agrees with its category in the training images "
        "(agreement), and in the random seed.",
        "docs/shape-bias.md describes the question, the predictions, the results and what they do not show. "
        "`observers analyze shape-bias microcosm-study/microcosm-cue-conflict` shows the same table.",
        "n is the number of responses that name the shape or the texture. The intervals are 95 % Wilson intervals for one "
        "model; they do not contain the variation between training runs.",
    )
    return Extra("Where does shape bias come from?", "shape-bias-study", sentences, table, is_averaged=False)
