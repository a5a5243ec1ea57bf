"""A generative observer: it chooses the text under which the image is likeliest (Jaini, Clark & Geirhos 2024).

Any model with a `Likelihood` will do. Which draws are spent on which choices is up to a schedule of `racing`; the evidence
of a choice is the mean of its scores, in the unit of the likelihood, and is comparable between the choices of a trial. A
probability would need a temperature fitted to data.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from attrs import field, fields, frozen
from attrs.validators import optional

from observers.bounds import bounded
from observers.devices import MAX_BATCH
from observers.generative.batching import answer
from observers.generative.likelihood import Condition, Likelihood, SupportsRestoration
from observers.generative.memory import DEFAULT_ROWS, in_memory, rows_that_fit, time_and_memory
from observers.generative.prepare import square
from observers.generative.racing import ClarkJaini, Exhaustive, RaceResult, Racing, Schedule, Staged
from observers.protocol import RUNTIME, Cost, Kind, ObserverError, Reconstruction, Response, Restoration, Trial
from stimuli.stimulus import Stimulus

SCHEDULES: dict[str, type] = {"racing": Racing, "exhaustive": Exhaustive, "clark-jaini": ClarkJaini, "li": Staged}
PAPER_TEMPLATE = "A bad photo of a {}"  # to the letter, also before a vowel


def sentence(template: str, choice: str) -> str:
    """The choice in its template: {} is the choice itself, {an} the choice behind a or an."""
    article = "an" if choice[:1].lower() in "aeiou" else "a"
    return template.replace("{an}", f"{article} {choice}").replace("{}", choice)


def _is_template(instance: object, attribute: Any, value: str) -> None:
    if value.count("{}") + value.count("{an}") != 1:
        raise ObserverError(
            f"a template holds one {{}} for the choice, or {{an}} for it with its article, got {value!r}"
        )


@frozen
class GenerativeClassifier:
    """A likelihood that answers trials. Options that are None take the default of the schedule.

    `schedule` is racing, exhaustive, clark-jaini or li; `draws` the most draws that a choice gets. `batch_size` counts rows
    of a forward pass, by default as many as fit. Evidence is in the unit of the likelihood.
    """

    likelihood: Likelihood
    name: str
    template: str = field(default=PAPER_TEMPLATE, validator=_is_template)
    schedule: Literal["racing", "exhaustive", "clark-jaini", "li"] = "racing"
    draws: int | None = None
    min_draws: int | None = None
    error_rate: float | None = None
    anytime: bool | None = None
    stages: str | None = None  # of li, such as 50x16,500x5: draws and choices of each stage
    batch_size: int | None = field(default=None, metadata=RUNTIME, validator=optional(bounded(1, MAX_BATCH)))
    kind: Kind = field(default="generative", init=False)

    def __attrs_post_init__(self) -> None:
        schedule = self._schedule  # its options are checked before any weights are asked for
        if self.likelihood.n_draws is not None and schedule not in (Racing(), Exhaustive()):
            raise ObserverError(
                f"{self.name} has {self.likelihood.n_draws} draws of its own, all of which are spent: leave out the "
                f"schedule's options"
            )

    @cached_property
    def _schedule(self) -> Schedule:
        make = SCHEDULES.get(self.schedule)
        if make is None:
            raise ObserverError(f"there is no schedule {self.schedule!r}: expected {', '.join(SCHEDULES)}")
        given = {name: getattr(self, name) for name in ("draws", "min_draws", "error_rate", "anytime")}
        options = {name: value for name, value in given.items() if value is not None}
        if self.stages is not None:
            options["stages"] = _stages(self.stages)
        known = {f.name for f in fields(make)}
        foreign = sorted(options.keys() - known)
        if foreign:
            raise ObserverError(
                f"the schedule {self.schedule} has no option {' or '.join(foreign)}; it has {', '.join(sorted(known))}"
            )
        schedule: Schedule = make(**options)
        return schedule

    @cached_property
    def _conditions(self) -> dict[str, Condition]:
        """Text -> condition, filled as texts come, so that a text's condition does not depend on the others asked."""
        return {}

    @property
    def restores(self) -> bool:
        return isinstance(self.likelihood, SupportsRestoration)

    def prompts(self, choices: Sequence[str]) -> list[str]:
        return [sentence(self.template, choice) for choice in choices]

    def _conditions_of(self, trial: Trial) -> list[Condition]:
        return self._read(self.prompts(trial.choices))

    def _read(self, texts: Sequence[str]) -> list[Condition]:
        new = [text for text in dict.fromkeys(texts) if text not in self._conditions]
        if new:
            self._conditions.update(zip(new, self.likelihood.condition(new), strict=True))
        return [self._conditions[text] for text in texts]

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        n = self.likelihood.n_draws
        for trial, verdict in self.race(trials, self._schedule if n is None else Exhaustive(n)):
            best = int(verdict.evidence.argmax())
            yield Response(trial.choices[best], evidence=verdict.evidence, n_evaluations=verdict.n_evaluations)

    def race(self, trials: Iterable[Trial], schedule: Schedule) -> Iterator[tuple[Trial, RaceResult]]:
        """Every trial with its verdict under that schedule, in order. Raises ObserverError."""
        trials = iter(trials)
        first = next(trials, None)
        if first is None:
            return
        size = self._n_rows(first)
        stream = chain([first], trials)
        yield from answer(stream, self.likelihood, schedule, self._conditions_of, size, _say_smaller)

    def _n_rows(self, trial: Trial) -> int:
        """Of a forward pass: as said, or as many as fit. The model is loaded then."""
        with in_memory():
            conditions = self._conditions_of(trial)
        return self.batch_size or rows_that_fit(self.likelihood, trial, conditions)

    def reconstruct(
        self,
        stimulus: Stimulus,
        texts: Sequence[str],
        restoration: Restoration = Restoration(),
    ) -> Reconstruction:
        """What the model restores of the image under each text. Raises ObserverError where its model restores nothing.

        Texts are restored side by side, as many as `batch_size` says, so that memory holds them.
        """
        if not isinstance(self.likelihood, SupportsRestoration):
            raise ObserverError(
                f"{self.name} measures how likely an image is and restores none: take a diffusion model"
            )
        if not texts or "" in texts:
            raise ObserverError("an image is restored under texts: give one or more, none of them empty")
        n = self.batch_size or DEFAULT_ROWS
        with in_memory():
            image = self.likelihood.encode(stimulus.pixels())
            empty = _rows(self._read([""])) if restoration.guidance != 1 else None
            found = []
            for begin in range(0, len(texts), n):
                conditions = _rows(self._read(texts[begin : begin + n]))
                k = len(conditions[0])
                without = None if empty is None else tuple(part.expand(k, *part.shape[1:]) for part in empty)
                found.append(self.likelihood.restore(image, conditions, without, restoration))
        left = found[0].left.float().cpu().numpy().transpose(1, 2, 0)
        images, errors = (
            np.concatenate([getattr(part, name).float().cpu().numpy() for part in found])
            for name in ("images", "errors")
        )
        n_latent = found[0].n_latent
        distance = np.full(len(texts), np.nan) if n_latent is None else np.sqrt(errors / n_latent)
        shown = (square(stimulus.pixels(), images.shape[-1]) / 2 + 0.5).permute(1, 2, 0).numpy()
        return Reconstruction(shown, left, images.transpose(0, 2, 3, 1), errors, distance)

    def cost(self, trial: Trial) -> Cost:
        """Seconds and memory of passes of the size that would be used; the fewest and most evaluations of its schedule."""
        likelihood, size = self.likelihood, self._n_rows(trial)
        with in_memory():
            seconds, n_bytes = time_and_memory(likelihood, trial, self._conditions_of(trial), size)
        k, n = len(trial.choices), likelihood.n_draws
        bounds = self._schedule.bounds(k) if n is None else (k * n, k * n)
        return Cost(seconds / size, size, bounds, n_bytes)

    def provenance(self) -> dict[str, str]:
        return self.likelihood.provenance() | {"evidence": self.likelihood.unit}


def _stages(text: str) -> tuple[tuple[int, int], ...]:
    """50x16,500x5 as ((50, 16), (500, 5))."""
    try:
        pairs = [tuple(int(number) for number in part.split("x")) for part in text.split(",")]
        stages = tuple((n, k) for n, k in pairs)
    except ValueError:
        raise ObserverError(f"stages are given as DRAWSxCHOICES,…, such as 25x16,250x5, got {text!r}") from None
    return stages


def _say_smaller(size: int) -> None:
    print(f"out of memory: going on with {size} rows a forward pass", file=sys.stderr, flush=True)


def _rows(conditions: list[Condition]) -> Condition:
    return tuple(torch.stack(part) for part in zip(*conditions, strict=True))
