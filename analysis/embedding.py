"""A map of observers: classical multidimensional scaling of 1 - kappa into two dimensions (Torgerson 1952).

Declared once: O observers, D their distances 1 - kappa (as in `analysis.clustering`: not below 0, undefined kappa counts as
0). B = -½ J D² J with J = 1 - 1/O; the coordinates are the eigenvectors of its two largest eigenvalues times their roots.
`share` of the map is those eigenvalues' part of the sum of all absolute eigenvalues: 1 where the map holds all distances,
less where more dimensions would be needed or the distances are not Euclidean. An eigenvalue that is not above 0 gives no
axis: the coordinate is 0. Each axis is turned so that its largest coordinate is positive.
One observer stands at (0, 0), share NaN.
"""

import numpy as np
import pandas as pd

from analysis.clustering import distances


def embed(matrix: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """`observer`, `x`, `y` of an O × O kappa matrix, in its order, and the map's share. Raises ValueError for none."""
    distance = distances(matrix)
    n = len(distance)
    center = np.eye(n) - 1 / max(n, 1)
    values, vectors = np.linalg.eigh(-center @ np.square(distance) @ center / 2)
    scale = np.abs(values).sum()
    points = np.zeros((n, 2))
    for axis, k in enumerate(np.argsort(values)[::-1][:2]):
        if values[k] > 1e-12 * max(scale, 1.0):
            vector = vectors[:, k] * np.sqrt(values[k])
            points[:, axis] = vector * (1 if vector[np.argmax(np.abs(vector).round(9))] >= 0 else -1)
    share = float(np.clip(np.sort(values)[::-1][:2], 0, None).sum() / scale) if scale > 1e-12 else np.nan
    return pd.DataFrame({"observer": list(matrix.index), "x": points[:, 0], "y": points[:, 1]}), share
