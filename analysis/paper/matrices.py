"""Figures 6 and 14 to 17: a matrix of error consistency for five published datasets and for datasets like them."""

from functools import partial

import pandas as pd

from analysis.figures import paper
from analysis.kappa.clustering import cluster_observers
from analysis.kappa.consistency import RULES, select_benchmark_conditions
from analysis.kappa.pairs import pair_kappas
from analysis.paper.figure_inputs import FigureInputs, PaperFigure, describe_observers
from stimuli.published.level_scales import published_name

MATRICES = {6: "cue-conflict", 14: "sketch", 15: "stylized", 16: "edge", 17: "silhouette"}


def make_matrices(number: int, inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make one matrix for the published dataset of the figure, and one for each dataset with the same distortion."""
    published = MATRICES[number]
    datasets = [d for d in inputs.datasets if published_name(d) == published]
    results: list[PaperFigure | str] = []
    for dataset in datasets:
        trials = inputs.trials_of(dataset)
        kappas = pair_kappas(trials, inputs.rule)
        if len(kappas.names) < 2:
            results.append(
                f"{kappas.names[0]} is the only observer of {dataset}: a matrix needs at least two observers"
            )
            continue
        matrix, kinds = kappas.matrix(), dict(zip(kappas.names, kappas.kinds, strict=True))
        tree = cluster_observers(matrix)
        order = list(tree.order)
        data = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
        observers = pd.DataFrame({"observer": order, "kind": [kinds[name] for name in order]})
        n_images = select_benchmark_conditions(trials, dataset)[["stimulus", "condition"]].drop_duplicates().shape[0]
        people = ", with people shown individually" if "human" in kinds.values() else ""
        rule = RULES[inputs.rule]
        caption = (
            f"Error consistency (κ) of all pairs of observers on {dataset}: {describe_observers(observers)}{people}; "
            f"{n_images} images. Observers are ordered by average-linkage clustering on 1 − κ, and the tree is shown "
            "at the side. Red cells are above 0, blue cells are below 0 and have a minus sign, and gray cells are "
            "undefined. The matrix is shown without error bars; `observers analyze consistency` computes the "
            f"intervals. {rule[0].upper()}{rule[1:]}.{inputs.simulated_note(observers)}"
        )
        draw = partial(getattr(paper, f"figure_{number}"), matrix, kinds, tree)
        results.append(PaperFigure(number, dataset, draw, data, caption))
    return results or [f"the logs contain no trials of {published}: add logs of it"]
