"""Observers whose behavior is known, to test experiments and measures by: parameter recovery needs a truth.

Each answer is drawn by a generator seeded from (sort of observer, seed, stimulus, condition) and depends on nothing else.
Evidence is the probability with which the observer would give each choice, where it can be known.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import field, frozen
from attrs.validators import optional

from observers.protocol import Kind, ObserverError, Response, Trial
from observers.recorded import RecordedTrial, read_recorded_trials
from stimuli.level_scales import numeric_level, scale_of, to_scale
from stimuli.stimulus import Stimulus


def response_rng(who: str, seed: int, stimulus: Stimulus) -> np.random.Generator:
    """`who` keeps two sorts of observer with one seed independent of each other."""
    key = f"{who}\n{seed}\n{stimulus.id}\n{stimulus.condition}".encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "little"))


def check_probability(instance: object, attribute: object, value: float) -> None:
    if not 0 <= value <= 1:
        raise ObserverError(f"{getattr(attribute, 'name', 'this')} must lie between 0 and 1, got {value}")


def draw_response(trial: Trial, evidence: np.ndarray, rng: np.random.Generator) -> Response:
    """Answer with the probabilities in `evidence` (K,)."""
    return Response(trial.choices[int(rng.choice(len(trial.choices), p=evidence))], evidence=evidence)


def _one_hot(trial: Trial, choice: str) -> np.ndarray:
    return np.array([float(c == choice) for c in trial.choices])


def _category(trial: Trial, observer: str) -> str:
    if trial.stimulus.category not in trial.choices:
        raise ObserverError(f"{observer}: the category {trial.stimulus.category!r} of {trial.stimulus.id} is no choice")
    return trial.stimulus.category


@frozen
class Ideal:
    """Always gives the stimulus's category."""

    name: str = "ideal"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            choice = _category(trial, self.name)
            yield Response(choice, evidence=_one_hot(trial, choice))


@frozen
class Chance:
    """Every choice with the same probability."""

    seed: int = 0
    name: str = "chance"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            k = len(trial.choices)
            choice = trial.choices[int(response_rng("chance", self.seed, trial.stimulus).integers(k))]
            yield Response(choice, evidence=np.full(k, 1 / k))


@frozen
class Biased:
    """Follows a cue in a share `cue_rate` of trials, the shape in a share `shape_bias` of those; else guesses elsewhere.

    On a stimulus without cues, or whose cues agree, it gives the category in a share `cue_rate` of trials. In a share
    `shared` of stimuli, which are its own, its luck is that of all that share: two of these are right on the same images.
    """

    shape_bias: float = field(default=0.5, validator=check_probability)
    cue_rate: float = field(default=1.0, validator=check_probability)
    seed: int = 0
    shared: float = field(default=0.0, validator=check_probability)
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _named(self) -> str:
        return f"biased-{self.shape_bias:g}"

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            cues = trial.stimulus.cues
            category = _category(trial, self.name)
            shape, texture = cues.get("shape", category), cues.get("texture", category)
            evidence = self.cue_rate * (
                self.shape_bias * _one_hot(trial, shape) + (1 - self.shape_bias) * _one_hot(trial, texture)
            )
            others = np.array([c not in (shape, texture) for c in trial.choices], dtype=float)
            rest = 1 - evidence.sum()
            evidence = evidence + rest * (others / others.sum() if others.any() else 1 / len(others))
            is_shared = self.shared and response_rng("shares", self.seed, trial.stimulus).random() < self.shared
            rng = (
                response_rng("shared", 0, trial.stimulus)
                if is_shared
                else response_rng("biased", self.seed, trial.stimulus)
            )
            yield draw_response(trial, evidence, rng)


@frozen
class Correlated:
    """Right and wrong where another observer is, to a given expected error consistency `kappa` with its log.

    Per condition the other observer is right with probability p; this one with `accuracy` q (the same p unless given).
    Then P(both right) = (c_obs + p + q - 1) / 2 with c_obs = kappa (1 - c_exp) + c_exp and c_exp = p q + (1 - p)(1 - q),
    which fixes how often this one is right where the other is, and where it is not. Raises ObserverError for a kappa
    that these accuracies do not allow or leave undefined. A wrong answer is any of the other choices.
    """

    log: Path
    kappa: float = 0.5
    accuracy: float | None = field(default=None, validator=optional(check_probability))
    seed: int = 0
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _named(self) -> str:
        return f"correlated-{self.kappa:g}"

    @cached_property
    def _answers(self) -> dict[tuple[str, str], RecordedTrial]:
        return read_recorded_trials(self.log)

    @cached_property
    def _right(self) -> dict[str, tuple[float, float]]:
        """By condition: P(right | other right), P(right | other wrong)."""
        by_condition: dict[str, list[bool]] = {}
        for (_, condition), answer in self._answers.items():
            by_condition.setdefault(condition, []).append(answer.choice == answer.category)
        out = {}
        for condition, correct in by_condition.items():
            p = float(np.mean(correct))
            q = p if self.accuracy is None else self.accuracy
            expected = p * q + (1 - p) * (1 - q)
            if expected > 1 - 1e-12:
                raise ObserverError(
                    f"{self.name}: the other observer is always {'right' if p else 'wrong'} in condition {condition!r}, and "
                    f"so would this one be: kappa is undefined there; give an accuracy between 0 and 1, or another log"
                )
            both = (self.kappa * (1 - expected) + expected + p + q - 1) / 2
            low, high = max(0.0, p + q - 1), min(p, q)
            if not low - 1e-9 <= both <= high + 1e-9:
                reach = [(1 + 2 * b - p - q - expected) / (1 - expected) for b in (low, high)]
                raise ObserverError(
                    f"{self.name}: with accuracies {p:.3f} and {q:.3f} in condition {condition!r} kappa can be "
                    f"{reach[0]:.3f} to {reach[1]:.3f}, not {self.kappa}"
                )
            both = float(np.clip(both, low, high))
            out[condition] = (both / p if p else 0.0, (q - both) / (1 - p) if p < 1 else 0.0)
        return out

    def provenance(self) -> dict[str, str]:
        return {"log_sha256": hashlib.sha256(self.log.read_bytes()).hexdigest()}

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            s = trial.stimulus
            other = self._answers.get((s.id, s.condition))
            if other is None:
                raise ObserverError(f"{self.name}: {self.log} has no answer to {s.id} in condition {s.condition!r}")
            right = self._right[s.condition][0 if other.choice == other.category else 1]
            category = _one_hot(trial, _category(trial, self.name))
            evidence = right * category + (1 - right) * (1 - category) / (len(trial.choices) - 1)
            yield draw_response(trial, evidence, response_rng("correlated", self.seed, s))


@frozen
class Psychometric:
    """Right with probability guess + (1 - guess - lapse_rate) F((x - threshold) / width), x the level on its scale.

    F is the logistic function whose width, from F = .05 to .95, is 1; guess is 1 / number of choices; accuracy falls with
    the level where `width` is negative. `threshold` is a level, `width` is on the scale of `stimuli.level_scales`, where
    `dataset` says of which distortion the conditions are. A stimulus without a level is not distorted: right but for lapses.
    """

    threshold: float = 0.5
    width: float = -0.5
    lapse_rate: float = field(default=0.05, validator=check_probability)
    dataset: str = ""
    seed: int = 0
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _named(self) -> str:
        return f"psychometric-{self.threshold:g}"

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        scale = scale_of(self.dataset)
        for trial in trials:
            category, guess = _one_hot(trial, _category(trial, self.name)), 1 / len(trial.choices)
            shown = numeric_level(self.dataset, trial.stimulus.condition)
            z = math.inf
            if shown is not None:
                steps = (to_scale(shown, scale) - to_scale(self.threshold, scale)) / self.width
                z = 2 * math.log(19) * steps
            right = guess + (1 - guess - self.lapse_rate) / (1 + math.exp(-z) if z > -700 else math.inf)
            evidence = right * category + (1 - right) * (1 - category) / (len(trial.choices) - 1)
            yield draw_response(trial, evidence, response_rng("psychometric", self.seed, trial.stimulus))
