"""Compare the rules that join the evidence of the classes of a choice, with the group sizes of the sixteen categories.

    python benchmarks/joining_rules.py [IMAGES]       # default: 1,000 images per category, about half a minute

The evidence of a class is a simulated number, not that of a trained model. The evidence of class c of category g, in
nats, is s (√r a_g + √(1 − r) b_c) + signal, where a_g and b_c are independent standard normal variables: s is the
standard deviation, and r is the part of the variance that the classes of a category share. There are three kinds of
images:
- noise: the image shows nothing; the signal is 0. An unbiased rule answers each category in 1/16 of the trials;
- class: the image shows a class of the model. The signal of this class is 2.5 s, and that of the others of its category
  is r · 2.5 s;
- category: the image shows a category but none of its classes, as a sketch can; all its classes have r · 2.5 s.

The first table shows how often images of noise are answered with dog (109 classes), and with airplane, knife or oven (1
class each); and the accuracy for the two other kinds, on average over the sixteen categories and for dog alone. The
second table compares races of up to 250 draws with exhaustive evaluation, for images of the kind class with r = 0.5, if
one draw has noise of standard deviation 3 s.
"""

import sys
from pathlib import Path
from typing import get_args

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from observers.generative.draws import kronecker_sequence
from observers.generative.joining import Join, JoinedSchedule, join_evidence
from observers.generative.racing import Groups, Race, RaceResult, Racing
from stimuli.categories import CATEGORIES, IMAGENET_CLASSES

CATEGORY_OF = np.repeat(np.arange(len(CATEGORIES)), [len(classes) for classes in IMAGENET_CLASSES.values()])
SIZES = np.bincount(CATEGORY_OF)
DOG = CATEGORIES.index("dog")
SINGLE = np.flatnonzero(SIZES == 1)
SHARED = (0.25, 0.5, 0.8)  # r
SCALES = (0.5, 2.0, 8.0)  # s, in nats
SIGNAL = 2.5
N_DRAWS, DRAW_NOISE, N_RACES = 250, 3.0, 16


def simulate(rng: np.random.Generator, n: int, shared: float, scale: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Simulate images.

    Args:
        rng: Random number generator.
        n: Number of images per category.
        shared: Part of the variance that the classes of a category share, r.
        scale: Standard deviation of the evidence of a class, s, in nats.
        kind: noise, class or category.

    Returns:
        The evidence of the classes, (16 n, 207), and the category of each image, (16 n,).
    """
    category = np.repeat(np.arange(len(SIZES)), n)
    common = rng.normal(size=(len(category), len(SIZES)))[:, CATEGORY_OF]
    own = rng.normal(size=(len(category), len(CATEGORY_OF)))
    evidence = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    if kind != "noise":
        evidence += shared * SIGNAL * (category[:, None] == CATEGORY_OF)
    if kind == "class":
        first = np.cumsum(SIZES) - SIZES
        shown = first[category] + rng.integers(0, SIZES[category])
        evidence[np.arange(len(category)), shown] += (1 - shared) * SIGNAL
    return evidence * scale, category


def respond(evidence: np.ndarray, join: Join) -> np.ndarray:
    """Return the responses (B,) to B images with the evidence (B, 207) of the classes."""
    return np.array([join_evidence(row, CATEGORY_OF, join).argmax() for row in evidence])


def response_rates(n: int, shared: float, scale: float, join: Join) -> list[float]:
    """Return the six rates of the first table, in the order of its columns."""
    rng, rates = np.random.default_rng(0), []
    for kind in ("noise", "class", "category"):
        evidence, category = simulate(rng, n, shared, scale, kind)
        responses = respond(evidence, join)
        if kind == "noise":
            rates += [(responses == DOG).mean(), np.isin(responses, SINGLE).mean()]
        else:
            correct = responses == category
            rates += [correct.mean(), correct[category == DOG].mean()]
    return [float(rate) for rate in rates]


def race(evidence: np.ndarray, scale: float, join: Join) -> tuple[float, float]:
    """Return the agreement of races with exhaustive evaluation, and the fraction of its evaluations that they need."""
    rng, schedule = np.random.default_rng(1), JoinedSchedule(Racing(draws=N_DRAWS), join)
    groups, agreement, n_evaluations = Groups(CATEGORY_OF, np.zeros(len(CATEGORY_OF))), [], []
    for row in evidence:
        all_scores = row[:, None] + scale * DRAW_NOISE * rng.normal(size=(len(row), N_DRAWS))
        generator = schedule(len(row), lambda draws: kronecker_sequence(draws, 0), groups)
        result = _run(generator, all_scores)
        exhaustive = join_evidence(all_scores.mean(axis=1), CATEGORY_OF, join)
        agreement.append(result.evidence.argmax() == exhaustive.argmax())
        n_evaluations.append(result.n_evaluations)
    return float(np.mean(agreement)), float(np.mean(n_evaluations)) / (len(CATEGORY_OF) * N_DRAWS)


def _run(generator: Race, all_scores: np.ndarray) -> RaceResult:
    """Run a race with known scores (C, T)."""
    request = next(generator)
    while True:
        try:
            request = generator.send(all_scores[request.choices, request.first : request.last])
        except StopIteration as end:
            result: RaceResult = end.value
            return result


def main() -> None:
    """Print both tables."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("  r    s  rule          noise: dog  single   class: mean   dog   category: mean   dog")
    for shared in SHARED:
        for join in get_args(Join):
            for scale in SCALES if join == "log-mean-exp" else SCALES[:1]:  # the other rules do not depend on the scale
                cells = "{:10.1%} {:7.1%} {:13.1%} {:5.1%} {:16.1%} {:5.1%}".format(
                    *response_rates(n, shared, scale, join)
                )
                print(f"{shared:4} {scale if join == 'log-mean-exp' else 'any':>4}  {join:12} {cells}", flush=True)
    print("\n   s  rule          agreement  evaluations")
    for join in get_args(Join):
        for scale in SCALES if join == "log-mean-exp" else SCALES[:1]:
            evidence, _ = simulate(np.random.default_rng(2), N_RACES, 0.5, scale, "class")
            agreement, fraction = race(evidence, scale, join)
            print(f"{scale if join == 'log-mean-exp' else 'any':>4}  {join:12} {agreement:10.3f} {fraction:12.1%}")


if __name__ == "__main__":
    main()
