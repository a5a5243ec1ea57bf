"""Figures 6 and 14 to 17: a matrix for every dataset that is made as one of five published ones."""

from functools import partial

import pandas as pd

from analysis.clustering import cluster
from analysis.consistency import RULES, included
from analysis.figures import paper
from analysis.pairs import pairs
from analysis.paper.figure_inputs import FigureInputs, PaperFigure, who
from stimuli.level_scales import published_name

MATRICES = {6: "cue-conflict", 14: "sketch", 15: "stylized", 16: "edge", 17: "silhouette"}


def matrices(number: int, material: FigureInputs) -> list[PaperFigure | str]:
    name = MATRICES[number]
    datasets = [d for d in material.datasets if published_name(d) == name]
    out: list[PaperFigure | str] = []
    for dataset in datasets:
        trials = material.of(dataset)
        found = pairs(trials, material.rule)
        if len(found.names) < 2:
            out.append(f"{found.names[0]} is the only observer of {dataset}: a matrix needs two or more")
            continue
        matrix, kinds = found.matrix(), dict(zip(found.names, found.kinds, strict=True))
        tree = cluster(matrix)
        order = list(tree.order)
        data = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
        everyone = pd.DataFrame({"observer": order, "kind": [kinds[name] for name in order]})
        caption = (
            f"Error consistency kappa of every two observers on {dataset}: {who(everyone)}, people one by one; "
            f"{included(trials, dataset)[['stimulus', 'condition']].drop_duplicates().shape[0]} images. Ordered by average "
            "linkage on 1 − kappa, whose tree is at the side. Red: above 0, blue: below, which a minus sign says as well; "
            "gray: undefined. Without error bars: intervals are those of `observers analyze consistency`. By the "
            f"{RULES[material.rule]}.{material.simulated(everyone)}"
        )
        draw = partial(getattr(paper, f"figure_{number}"), matrix, kinds, tree)
        out.append(PaperFigure(number, dataset, draw, data, caption))
    return out or [f"there are no trials of {name}: give logs of it"]
