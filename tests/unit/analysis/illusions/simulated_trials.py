"""Simulated trials of illusions, with responses from known psychometric functions and without images."""

import numpy as np
import pandas as pd
from scipy.special import expit

from stimuli.categories import AMBIGUOUS

DEFAULTS = {"dataset": "x", "kind": "simulated", "condition": ""}


def with_responses(rows, is_first, choices, observer="o"):
    """Return the frame of trials with the first or the second choice as the response."""
    frame = pd.DataFrame(rows).assign(**{k: v for k, v in DEFAULTS.items() if k not in rows[0]}, observer=observer)
    frame["response"] = np.where(is_first, choices[0], choices[1])
    frame["stimulus"] = [f"{i}.png" for i in range(len(frame))]
    frame["correct"] = frame["response"] == frame["category"]
    return frame


def geometric(effect, *, slope=30.0, bias=0.0, n=20, seed=0, observer="o", strengths=(-1, 0, 1)):
    """Simulate P(left) = F((x + effect s + bias) slope), with F the logistic function."""
    x, s, _ = (v.ravel() for v in np.meshgrid(np.linspace(-0.4, 0.4, 9), strengths, np.arange(n), indexing="ij"))
    is_first = np.random.default_rng(seed).random(len(x)) < expit((x + effect * s + bias) * slope)
    rows = [
        {"strength": f"{b:g}", "difference": f"{a:g}", "category": "left" if a > 0 else "right" if a < 0 else AMBIGUOUS}
        for a, b in zip(np.round(x, 6), s, strict=True)
    ]
    return with_responses(rows, is_first, ("left", "right"), observer)


def hidden(threshold, false_alarms, *, slope=12.0, n=40, seed=0):
    """Simulate P(face) = false_alarms + (1 - false_alarms) F(slope (h - threshold)) for h > 0, false_alarms for h = 0."""
    h = np.repeat([0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0], n)
    p = false_alarms + (1 - false_alarms) * np.where(h > 0, expit(slope * (h - threshold)), 0)
    is_first = np.random.default_rng(seed).random(len(h)) < p
    rows = [{"hidden": f"{v:g}", "category": "face" if v else "texture"} for v in h]
    return with_responses(rows, is_first, ("face", "texture"))


def percepts(bias, *, n=40, seed=0, turns=False):
    """Simulate P(b) = F(4 (c + bias)) at levels c from -1 to 1, or F((r - bias) / 15) at turns of r degrees."""
    c = np.repeat(np.arange(0, 91, 15) if turns else [-1, -0.5, 0, 0.5, 1], n).astype(float)
    p_b = expit((c - bias) / 15) if turns else expit(4 * (c + bias))
    is_first = np.random.default_rng(seed).random(len(c)) >= p_b
    category = [AMBIGUOUS if turns else {-1: "duck", 1: "rabbit"}.get(v, AMBIGUOUS) for v in c]
    rows = [
        {"condition": f"turn{v:+g}" if turns else f"{v:g}", "category": k, "percept_a": "duck", "percept_b": "rabbit"}
        for v, k in zip(c, category, strict=True)
    ]
    return with_responses(rows, is_first, ("duck", "rabbit"))
