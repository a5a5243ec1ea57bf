"""A map of observers: classical multidimensional scaling (Torgerson 1952) of 1 - kappa into two dimensions.

Notation: O observers; D is the matrix of their distances 1 - kappa as in `analysis.kappa.clustering` (at least 0; an
undefined kappa counts as 0). B = -½ J D² J, where D² contains the squares of the distances and J is the identity matrix
minus 1/O. The coordinates are the eigenvectors of the two largest eigenvalues of B times the square roots of these
eigenvalues. An eigenvalue that is not above 0 gives coordinates of 0. The sign of each axis is chosen so that its largest
coordinate is positive.
The share of the map is the sum of these two eigenvalues (at least 0 each) divided by the sum of the absolute values of all
eigenvalues: 1 if two dimensions capture all distances, less if more dimensions are needed or if the distances are not
Euclidean. A single observer is placed at (0, 0), and the share is NaN.
"""

import numpy as np
import pandas as pd

from analysis.kappa.clustering import kappa_distances


def map_observers(matrix: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Place observers in two dimensions so that observers with high error consistency are close to each other.

    Args:
        matrix: Symmetric O × O table of kappas, as returned by `analysis.kappa.consistency.kappa_matrix`.

    Returns:
        A table with columns `observer`, `x` and `y` (in units of 1 - kappa), in the order of the matrix, and the share of
        the distances that two dimensions capture (0 to 1; NaN if all distances are zero).

    Raises:
        ValueError: If the matrix is not symmetric, or if its rows and columns differ.

    Example:
        >>> points, share = map_observers(kappa_matrix(error_consistency(frame), "cue-conflict"))
    """
    distance = kappa_distances(matrix)
    # Computed here because neither scipy nor statsmodels has classical scaling, and scikit-learn is not a dependency.
    n = len(distance)
    centering = np.eye(n) - 1 / max(n, 1)
    values, vectors = np.linalg.eigh(-centering @ np.square(distance) @ centering / 2)
    scale = np.abs(values).sum()
    points = np.zeros((n, 2))
    for axis, k in enumerate(np.argsort(values)[::-1][:2]):
        if values[k] > 1e-12 * max(scale, 1.0):
            vector = vectors[:, k] * np.sqrt(values[k])
            points[:, axis] = vector * (1 if vector[np.argmax(np.abs(vector).round(9))] >= 0 else -1)
    share = float(np.clip(np.sort(values)[::-1][:2], 0, None).sum() / scale) if scale > 1e-12 else np.nan
    return pd.DataFrame({"observer": list(matrix.index), "x": points[:, 0], "y": points[:, 1]}), share
