"""A simulated observer whom illusions fool by as much as one says, to test the measures of illusions by, and to teach with.

What it is shown it is told by the cues of the stimulus (`stimuli.illusion_sets`):
    difference x, strength s   P(first) = F((x + effect s) slope), "first" what is larger at x > 0: the first choice
    hidden h                   P(there) = false_alarms + (1 - false_alarms) F((h - threshold) steepness), the first choice
    percepts a, b              P(b) = F(4 (c + lean)) at a condition c that is a number, from -1 or 0 for a up to 1 for b;
                               at a turn of r degrees P(b) = F((r - turn) / 15); otherwise F(4 lean)
with F(z) = 1 / (1 + exp(-z)). Without effect, lean and false alarms nothing fools it.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from attrs import field, frozen

from observers.protocol import Kind, ObserverError, Response, Trial
from observers.simulated import check_probability, draw_response, response_rng


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, z))))


@frozen
class Fooled:
    """Evidence is the probability of each choice. `from_zero` says that levels of b go from 0, not from -1."""

    effect: float = 0.0  # of a strength of 1, in the unit of the difference
    slope: float = 40.0
    threshold: float = 0.4
    steepness: float = 12.0
    false_alarms: float = field(default=0.0, validator=check_probability)
    lean: float = 0.0
    turn: float = 45.0  # degrees
    from_zero: bool = False
    seed: int = 0
    name: str = "fooled"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            first = self._first(trial)
            evidence = np.zeros(len(trial.choices))
            evidence[list(first)] = list(first.values())
            yield draw_response(trial, evidence, response_rng("fooled", self.seed, trial.stimulus))

    def _first(self, trial: Trial) -> dict[int, float]:
        """Place of a choice -> its probability."""
        cues, choices = trial.stimulus.cues, trial.choices
        try:
            if {"difference", "strength"} <= set(cues):
                p = _logistic((float(cues["difference"]) + self.effect * float(cues["strength"])) * self.slope)
                return {0: p, 1: 1 - p}
            if "hidden" in cues:
                seen = _logistic((float(cues["hidden"]) - self.threshold) * self.steepness)
                p = self.false_alarms + (1 - self.false_alarms) * (seen if float(cues["hidden"]) else 0.0)
                return {0: p, 1: 1 - p}
            a, b = choices.index(cues["percept_a"]), choices.index(cues["percept_b"])
        except (KeyError, ValueError):
            raise ObserverError(
                f"{self.name} answers illusions alone: {trial.stimulus.id} names no two percepts that are choices, no "
                f"hidden strength, no strength and difference"
            ) from None
        p = _logistic(self._towards(trial.stimulus.condition))
        return {a: 1 - p, b: p}

    def _towards(self, condition: str) -> float:
        if condition.startswith("turn"):
            return (float(condition[4:]) - self.turn) / 15
        try:
            c = float(condition)
        except ValueError:
            c = 0.0
        return 4 * ((2 * c - 1 if self.from_zero else c) + self.lean)
