"""Check once, with a model's own outputs, whether its network predicts what its scheduler_config.json states.

A network predicts the noise ε, the image x or the velocity v = α ε − σ x. Some files do not state which, and then ε is
assumed; a wrong assumption gives other evidence without any error. The check compares the outputs of the network for the
rows of the first forward pass with ε and x, which are known, at two noise levels:

- At the noisiest level, x_t is nearly ε, so a network that was trained to predict ε returns its input. The explained
  fraction R² = 1 − Σ(prediction − ε)² / Σ ε² is then nearly 1 (above 0.99 for the two diffusion models of the microcosm).
  For a network that was trained to predict x or v it is below 0, because these hardly depend on ε there.
- At the level where signal and noise are equally strong (α ≈ 0.7), the predictions are regressed on ε and x. The
  regression explains a large part of the predictions of a trained network (R² of 0.5 to 0.99 for the models of the
  microcosm, also if their outputs are converted to x or v), and hardly any of those of a network with random weights (R²
  below 0.1). For a perfect network the coefficients of ε and x are α and −σ if it predicts v, and 0 and 1 if it predicts
  x. Of a network that hardly recognizes x, only the coefficient of ε is reliable.

The outputs show ε if R² at the noisiest level is at least MIN_COPY. They show v or x if it is below MAX_COPY and the
regression explains at least MIN_EXPLAINED: v if the coefficient of x is negative or that of ε is near α, and x if the
coefficient of x is positive and that of ε is near 0. Otherwise the check is inconclusive.
"""

import numpy as np
import torch
from attrs import frozen

ALPHA = 0.5**0.5  # of the second level
MIN_COPY, MAX_COPY, MIN_EXPLAINED = 0.9, 0.5, 0.5
NEAR_ALPHA, NEAR_ZERO = 0.5, 0.3  # bounds of the coefficient of ε


@frozen
class Fit:
    """How the predictions of a network are composed.

    Attributes:
        copied: R² of ε at the noisiest level.
        eps_coefficient: Coefficient of ε at the second level.
        x_coefficient: Coefficient of x at the second level.
        explained: R² of the regression on ε and x at the second level.
    """

    copied: float
    eps_coefficient: float
    x_coefficient: float
    explained: float

    def prediction_type(self) -> str | None:
        """Return the prediction type that the outputs of the network show; None if they are inconclusive."""
        if self.copied >= MIN_COPY:
            return "epsilon"
        if self.copied >= MAX_COPY or self.explained < MIN_EXPLAINED:
            return None
        if self.x_coefficient < 0 or self.eps_coefficient > NEAR_ALPHA:
            return "v_prediction"
        return "sample" if self.eps_coefficient < NEAR_ZERO else None


def explained_fraction(prediction: torch.Tensor, target: torch.Tensor) -> float:
    """Return R² of predictions (N, …) for a target of the same shape."""
    return float(1 - (prediction - target).square().sum() / target.square().sum())


def regress(prediction: torch.Tensor, eps: torch.Tensor, x: torch.Tensor) -> tuple[float, float, float]:
    """Return the coefficients of ε and x in the regression of predictions on both, (N, …) each, and its R²."""
    # MPS lacks float64.
    noise, image, values = (part.flatten().cpu().double() for part in (eps, x, prediction))
    parts = torch.stack([noise, image])
    gram, products = (parts @ parts.T).numpy(), (parts @ values).numpy()
    coefficients = np.linalg.lstsq(gram, products, rcond=None)[0]
    total = float(values.square().sum())
    return float(coefficients[0]), float(coefficients[1]), float(coefficients @ products / total) if total else 0.0
