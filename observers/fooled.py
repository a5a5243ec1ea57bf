"""A simulated observer on which illusions have a known effect, to test the measures of illusions and for teaching.

The observer reads what the image shows from the labels in `Stimulus.cues`, which are called cues here (see
`stimuli.draw.illusion_sets`). F is the logistic function F(z) = 1 / (1 + exp(−z)).

    geometric illusion     The cue `difference` is x and the cue `strength` is s. P(first choice) = F((x + effect · s) ·
                           slope). The first choice is correct if x > 0.
    hidden face            The cue `hidden` is h. The first choice means that there is a face. P(first choice) =
                           false_alarms + (1 − false_alarms) · F((h − threshold) · steepness); false_alarms if h = 0.
    ambiguous figure       The cues `percept_a` and `percept_b` name the percepts a and b. If the condition is a number c,
                           P(b) = F(4 (c + lean)), where c = 1 favors b and c = −1 favors a; with `from_zero`, c = 0 favors
                           a, and c is first mapped from 0..1 to −1..1. At a rotation of r degrees, P(b) =
                           F((r − turn) / 15). In all other conditions, c is 0.

If effect, lean and false_alarms are 0, the illusions do not affect the observer.
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
    """An observer on which illusions have a known effect; `observers.fooled` has the formulas.

    Evidence: the probability of each choice.

    Attributes:
        effect: Geometric illusions: effect of an illusion of strength 1, in the unit of the cue `difference`.
        slope: Geometric illusions: slope of the psychometric function.
        threshold: Hidden faces: strength of the face at which the psychometric function is one half.
        steepness: Hidden faces: slope of the psychometric function.
        false_alarms: Hidden faces: probability of seeing a face in an image without one, 0 to 1.
        lean: Ambiguous figures: bias towards percept b, in the unit of the condition.
        turn: Ambiguous figures: rotation in degrees at which both percepts are equally likely.
        from_zero: Ambiguous figures: whether the conditions go from 0 to 1 instead of from −1 to 1.
        seed: Random seed of the responses.
        name: The observer's name in logs and figures.
    """

    effect: float = 0.0
    slope: float = 40.0
    threshold: float = 0.4
    steepness: float = 12.0
    false_alarms: float = field(default=0.0, validator=check_probability)
    lean: float = 0.0
    turn: float = 45.0
    from_zero: bool = False
    seed: int = 0
    name: str = "fooled"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a random response to each trial. Raises ObserverError if a stimulus lacks the cues of an illusion."""
        for trial in trials:
            probabilities = self._probabilities(trial)
            evidence = np.zeros(len(trial.choices))
            evidence[list(probabilities)] = list(probabilities.values())
            yield draw_response(trial, evidence, response_rng("fooled", self.seed, trial.stimulus))

    def _probabilities(self, trial: Trial) -> dict[int, float]:
        """Return the probability of each of the two choices, by their index in `trial.choices`."""
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
                f"{self.name} only answers illusions: {trial.stimulus.id} needs the cues 'difference' and 'strength' "
                f"(numbers), or the cue 'hidden' (a number), or the cues 'percept_a' and 'percept_b' (two of the choices)"
            ) from None
        p = _logistic(self._log_odds(trial.stimulus.condition))
        return {a: 1 - p, b: p}

    def _log_odds(self, condition: str) -> float:
        """Return the log odds of percept b for an ambiguous figure in this condition."""
        if condition.startswith("turn"):
            return (float(condition[4:]) - self.turn) / 15
        try:
            c = float(condition)
        except ValueError:
            c = 0.0
        return 4 * ((2 * c - 1 if self.from_zero else c) + self.lean)
