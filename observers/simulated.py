"""Simulated observers whose behavior is known, to test experiments and measures by parameter recovery.

Each response is drawn with a random generator whose seed depends only on the type of observer, its option `seed`, the
stimulus and the condition. The evidence of a choice is the probability that the observer gives this choice.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import field, frozen
from attrs.validators import optional

from core.files import read_bytes
from observers.protocol import Kind, ObserverError, Response, Trial
from observers.recorded import RecordedTrial, read_recorded_trials
from stimuli.published.level_scales import numeric_level, scale_of, to_scale
from stimuli.stimulus import Stimulus


def response_rng(stream: str, seed: int, stimulus: Stimulus) -> np.random.Generator:
    """Return the random generator for the response to one stimulus.

    `stream` is the type of observer, so that two types of observer with the same seed respond independently.
    """
    key = f"{stream}\n{seed}\n{stimulus.id}\n{stimulus.condition}".encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "little"))


def check_probability(instance: object, attribute: object, value: float) -> None:
    """Raise ObserverError unless the option is between 0 and 1. This is an attrs validator."""
    if not 0 <= value <= 1:
        raise ObserverError(f"{getattr(attribute, 'name', 'this')} must lie between 0 and 1, got {value}")


def draw_response(trial: Trial, evidence: np.ndarray, rng: np.random.Generator) -> Response:
    """Draw a response with the probabilities in `evidence`, which has shape (K,) and sums to 1."""
    return Response(trial.choices[int(rng.choice(len(trial.choices), p=evidence))], evidence=evidence)


def _one_hot(trial: Trial, choice: str) -> np.ndarray:
    """Return an array of shape (K,) that is 1 at `choice` and 0 elsewhere; all 0 if `choice` is not among the choices."""
    return np.array([float(c == choice) for c in trial.choices])


def _category(trial: Trial, observer: str) -> str:
    """Return the category of the stimulus. Raises ObserverError if the category is not one of the choices."""
    category = trial.stimulus.category
    if category not in trial.choices:
        raise ObserverError(f"{observer}: the category {category!r} of {trial.stimulus.id} is not one of the choices")
    return category


@frozen
class Ideal:
    """An observer that always gives the category of the stimulus.

    Evidence: 1 for the category, 0 for the other choices.

    Attributes:
        name: The observer's name in logs and figures.
    """

    name: str = "ideal"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the category of each stimulus. Raises ObserverError if the category is not one of the choices."""
        for trial in trials:
            choice = _category(trial, self.name)
            yield Response(choice, evidence=_one_hot(trial, choice))


@frozen
class Chance:
    """An observer that guesses: it gives every choice with the same probability.

    Evidence: 1 / K for each of the K choices.

    Attributes:
        seed: Random seed of the responses.
        name: The observer's name in logs and figures.
    """

    seed: int = 0
    name: str = "chance"
    kind: Kind = field(default="simulated", init=False)

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a random choice for each trial."""
        for trial in trials:
            k = len(trial.choices)
            choice = trial.choices[int(response_rng("chance", self.seed, trial.stimulus).integers(k))]
            yield Response(choice, evidence=np.full(k, 1 / k))


@frozen
class Biased:
    """An observer with a known shape bias.

    With probability `cue_rate` the observer responds to a cue: to the shape with probability `shape_bias`, otherwise to the
    texture. With probability 1 − `cue_rate` it guesses among the choices that are neither the shape nor the texture. If a
    stimulus has no cues, or if its cues agree, the observer gives the category with probability `cue_rate`.

    Evidence: the probability of each choice.

    Attributes:
        shape_bias: Proportion of shape responses among the responses to a cue, 0 to 1.
        cue_rate: Probability of responding to a cue, 0 to 1. For stimuli without cues, it is the accuracy.
        seed: Random seed of the responses.
        shared: Proportion of stimuli, 0 to 1, for which the response is drawn with random numbers that all biased observers
            share, so that they make errors on the same images. These stimuli are chosen at random, depending on `seed`. If
            two biased observers have the same accuracy and `shared`, their expected error consistency κ is the square
            of `shared`.
        name: The observer's name in logs and figures; by default "biased-" and the shape bias.

    Example:
        >>> Biased(shape_bias=0.95, cue_rate=0.9, seed=1)
    """

    shape_bias: float = field(default=0.5, validator=check_probability)
    cue_rate: float = field(default=1.0, validator=check_probability)
    seed: int = 0
    shared: float = field(default=0.0, validator=check_probability)
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _default_name(self) -> str:
        return f"biased-{self.shape_bias:g}"

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a random response to each trial. Raises ObserverError if a category is not one of the choices."""
        for trial in trials:
            stimulus = trial.stimulus
            category = _category(trial, self.name)
            shape, texture = stimulus.cues.get("shape", category), stimulus.cues.get("texture", category)
            evidence = self.cue_rate * (
                self.shape_bias * _one_hot(trial, shape) + (1 - self.shape_bias) * _one_hot(trial, texture)
            )
            others = np.array([c not in (shape, texture) for c in trial.choices], dtype=float)
            rest = 1 - evidence.sum()
            evidence = evidence + rest * (others / others.sum() if others.any() else 1 / len(others))
            is_shared = self.shared and response_rng("shares", self.seed, stimulus).random() < self.shared
            rng = response_rng("shared", 0, stimulus) if is_shared else response_rng("biased", self.seed, stimulus)
            yield draw_response(trial, evidence, rng)


@frozen
class Correlated:
    """An observer whose error consistency κ with a recorded observer is known.

    In each condition the recorded observer is correct with probability p, and this observer with probability q
    (`accuracy`). The agreement expected by chance is c_exp = p q + (1 − p)(1 − q), and κ determines the observed agreement
    c_obs = κ (1 − c_exp) + c_exp. Then P(both correct) = (c_obs + p + q − 1) / 2. This probability determines how often
    this observer is correct on the trials on which the recorded observer is correct, and on the trials on which it is
    not. An incorrect response is any of the other choices with equal probability.

    Evidence: the probability of each choice, conditional on whether the recorded observer was correct on this trial.

    Attributes:
        log: Trial log or model-vs-human CSV file of the recorded observer.
        kappa: Expected error consistency κ with the recorded observer, −1 to 1.
        accuracy: Proportion q of correct responses, 0 to 1; None is the recorded observer's proportion in each condition.
        seed: Random seed of the responses.
        name: The observer's name in logs and figures; by default "correlated-" and κ.
    """

    log: Path
    kappa: float = 0.5
    accuracy: float | None = field(default=None, validator=optional(check_probability))
    seed: int = 0
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _default_name(self) -> str:
        return f"correlated-{self.kappa:g}"

    @cached_property
    def _recorded_trials(self) -> dict[tuple[str, str], RecordedTrial]:
        return read_recorded_trials(self.log)

    @cached_property
    def _probabilities(self) -> dict[str, tuple[float, float]]:
        """The probabilities P(correct | recorded correct) and P(correct | recorded incorrect) by condition.

        Raises ObserverError if the two accuracies do not allow this kappa, or if kappa is undefined.
        """
        by_condition: dict[str, list[bool]] = {}
        for (_, condition), recorded in self._recorded_trials.items():
            by_condition.setdefault(condition, []).append(recorded.response.choice == recorded.category)
        probabilities = {}
        for condition, correct in by_condition.items():
            p = float(np.mean(correct))
            q = p if self.accuracy is None else self.accuracy
            expected = p * q + (1 - p) * (1 - q)
            if expected > 1 - 1e-12:
                raise ObserverError(
                    f"{self.name}: the recorded observer is always {'right' if p else 'wrong'} in condition {condition!r}, "
                    f"and so is this observer, so kappa is undefined: set an accuracy between 0 and 1, or use another log"
                )
            both = (self.kappa * (1 - expected) + expected + p + q - 1) / 2
            low, high = max(0.0, p + q - 1), min(p, q)
            if not low - 1e-9 <= both <= high + 1e-9:
                limits = [(1 + 2 * b - p - q - expected) / (1 - expected) for b in (low, high)]
                raise ObserverError(
                    f"{self.name}: with accuracies {p:.3f} and {q:.3f} in condition {condition!r} kappa can be "
                    f"{limits[0]:.3f} to {limits[1]:.3f}, not {self.kappa}"
                )
            both = float(np.clip(both, low, high))
            probabilities[condition] = (both / p if p else 0.0, (q - both) / (1 - p) if p < 1 else 0.0)
        return probabilities

    def provenance(self) -> dict[str, str]:
        """Return the SHA-256 of the recorded observer's file."""
        return {"log_sha256": hashlib.sha256(read_bytes(self.log)).hexdigest()}

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a random response to each trial.

        Raises:
            ObserverError: If the file cannot be read or lacks a response to a stimulus, if kappa is impossible or undefined
                with the two accuracies, or if a category is not one of the choices.
        """
        for trial in trials:
            s = trial.stimulus
            recorded = self._recorded_trials.get((s.id, s.condition))
            if recorded is None:
                raise ObserverError(
                    f"{self.name}: {self.log} does not have a response to {s.id} in condition {s.condition!r}"
                )
            p_correct = self._probabilities[s.condition][0 if recorded.response.choice == recorded.category else 1]
            category = _one_hot(trial, _category(trial, self.name))
            evidence = p_correct * category + (1 - p_correct) * (1 - category) / (len(trial.choices) - 1)
            yield draw_response(trial, evidence, response_rng("correlated", self.seed, s))


@frozen
class Psychometric:
    """An observer with a known psychometric function of the level of a distortion.

    The observer is correct with probability guess + (1 − guess − lapse_rate) F((x − threshold) / width), where x is the
    level, F is the logistic function that rises from .05 to .95 over an interval of length 1, and guess is 1 / K. A negative
    width means that accuracy falls with the level. A stimulus without a level counts as undistorted, so that the observer is
    correct except for lapses. An incorrect response is any of the other choices with equal probability.

    Evidence: the probability of each choice.

    Attributes:
        threshold: Level at which the psychometric function F is one half.
        width: Distance between the levels at which F is .05 and .95, on the scale of `stimuli.published.level_scales` (log10
            for contrast, low-pass and high-pass, otherwise linear).
        lapse_rate: Probability of a lapse, 0 to 1.
        dataset: Name of the distortion or dataset, such as "contrast" or "uniform-noise". It determines the scale of the
            levels and how the names of conditions are converted to levels.
        seed: Random seed of the responses.
        name: The observer's name in logs and figures; by default "psychometric-" and the threshold.

    Example:
        >>> Psychometric(threshold=0.1, width=-0.25, dataset="uniform-noise")
    """

    threshold: float = 0.5
    width: float = -0.5
    lapse_rate: float = field(default=0.05, validator=check_probability)
    dataset: str = ""
    seed: int = 0
    name: str = field()
    kind: Kind = field(default="simulated", init=False)

    @name.default
    def _default_name(self) -> str:
        return f"psychometric-{self.threshold:g}"

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a random response to each trial. Raises ObserverError if a category is not one of the choices."""
        scale = scale_of(self.dataset)
        for trial in trials:
            category, guess = _one_hot(trial, _category(trial, self.name)), 1 / len(trial.choices)
            stimulus_level = numeric_level(self.dataset, trial.stimulus.condition)
            z = math.inf
            if stimulus_level is not None:
                distance = (to_scale(stimulus_level, scale) - to_scale(self.threshold, scale)) / self.width
                z = 2 * math.log(19) * distance
            p_correct = guess + (1 - guess - self.lapse_rate) / (1 + math.exp(-z) if z > -700 else math.inf)
            evidence = p_correct * category + (1 - p_correct) * (1 - category) / (len(trial.choices) - 1)
            yield draw_response(trial, evidence, response_rng("psychometric", self.seed, trial.stimulus))
