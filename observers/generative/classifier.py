"""The generative classifier: it chooses what makes the image likeliest (Jaini, Clark & Geirhos 2024).

Any model with a `Likelihood` can be used. Each choice has one or more conditions: for a text-to-image model, the prompt
that a template makes of the choice; for a class-conditional model, the classes that belong to the choice. A schedule
(see `observers.generative.racing`) decides which choices are evaluated at which draws. The evidence of a choice is the
mean of its scores, in the unit of the likelihood. Evidence can be compared between the choices of a trial. It is not a
probability; to turn it into one, a temperature would have to be fitted to data.
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

from core.options import added_option
from observers.bounds import bounded
from observers.checkpoints import check_torchvision
from observers.devices import MAX_BATCH
from observers.generative.batching import run_races
from observers.generative.joining import JoinedSchedule
from observers.generative.likelihood import Conditioning, HasConditions, Likelihood, SupportsRestoration
from observers.generative.memory import DEFAULT_ROWS, estimate_n_rows, explained_memory_errors, measure_cost
from observers.generative.preprocessing import crop_and_resize
from observers.generative.racing import ClarkJaini, Exhaustive, Groups, RaceResult, Racing, Schedule, Staged
from observers.protocol import (
    RUNTIME,
    Cost,
    Kind,
    ObserverError,
    Reconstruction,
    Response,
    Restoration,
    Trial,
)
from stimuli.stimulus import Stimulus

SCHEDULES: dict[str, type] = {"racing": Racing, "exhaustive": Exhaustive, "clark-jaini": ClarkJaini, "li": Staged}
RatePer = Literal["race", "round"]
PAPER_TEMPLATE = "A bad photo of a {}"  # exactly as in the paper, which also writes "a" before a vowel


def fill_template(template: str, choice: str) -> str:
    """Return the prompt for a choice: {} is replaced by the choice, and {an} by the choice with the article a or an."""
    article = "an" if choice[:1].lower() in "aeiou" else "a"
    return template.replace("{an}", f"{article} {choice}").replace("{}", choice)


def _check_template(instance: object, attribute: Any, value: str) -> None:
    if value.count("{}") + value.count("{an}") != 1:
        raise ObserverError(
            f"a template must contain exactly one {{}} for the choice, or one {{an}} for the choice with its article, got "
            f"{value!r}"
        )


def _rate_per_before(observer: "GenerativeClassifier") -> str | None:
    """Return the value that describes the races of logs from before the option existed."""
    return observer.error_rate_per and "round"


@frozen
class GenerativeClassifier:
    """An observer that answers trials with a generative model.

    It inserts each choice into the template, and responds with the choice whose prompt makes the image likeliest. If
    the likelihood has conditions of its own, such as classes (`HasConditions`), these are used in place of prompts, and
    their evidence is joined by the rule of the likelihood. The evidence is in the unit of the likelihood;
    `n_evaluations` counts the scored rows, each of which combines an image, a condition and a draw.

    If an option of the schedule is None, the schedule uses its own default. Setting an option that the schedule does not
    have raises ObserverError.

    Attributes:
        likelihood: The generative model. On the command line, its options and those of its source, objective and
            computation are part of the same flat list as the options below.
        name: Name of the observer in logs, tables and figures. On the command line, the default is the built-in name, or
            the last part of `model`.
        template: Prompt with one {} for the choice, or {an} for the choice with its article. Class-conditional models
            do not use it.
        schedule: Name of the schedule that decides which choices are evaluated at which draws: racing, exhaustive,
            clark-jaini or li (see `observers.generative.racing`).
        draws: Largest number of draws per choice; None is 500, or 2,000 with clark-jaini.
        min_draws: Number of draws before a choice can be eliminated; None is 4 with racing and 20 with clark-jaini.
        error_rate: Error rate of eliminations; None is 0.05 with racing and 0.002 with clark-jaini.
        anytime: With racing, whether choices are eliminated by a confidence sequence, which takes more draws; None is
            false.
        error_rate_per: With racing, race if `error_rate` applies to all rounds of a race together, and round if it applies
            to each round, as in logs that do not have this option; by default race.
        stages: With li, the number of draws and the number of choices of each stage, such as 50x16,500x5; None is 25 draws
            of all choices and then 250 draws of 5 choices.
        batch_size: Number of rows per forward pass. If it is None, it is estimated from the free memory of a CUDA device,
            and it is 16 on other devices.
        kind: Always "generative".

    Raises:
        ObserverError: If an option is out of range, if the schedule does not have an option that is set, or if a
            template is set for a likelihood that does not use it.

    Example:
        >>> likelihood = LatentDiffusion(Source("CompVis/stable-diffusion-v1-4"))
        >>> observer = GenerativeClassifier(likelihood, name="sd14", draws=100)
        >>> response = next(observer.observe([trial]))
    """

    likelihood: Likelihood
    name: str
    template: str = field(default=PAPER_TEMPLATE, validator=_check_template)
    schedule: Literal["racing", "exhaustive", "clark-jaini", "li"] = "racing"
    draws: int | None = None
    min_draws: int | None = None
    error_rate: float | None = None
    anytime: bool | None = None
    error_rate_per: RatePer | None = field(default=None, metadata=added_option(_rate_per_before))
    stages: str | None = None
    batch_size: int | None = field(default=None, metadata=RUNTIME, validator=optional(bounded(1, MAX_BATCH)))
    kind: Kind = field(default="generative", init=False)

    def __attrs_post_init__(self) -> None:
        n_draws = self.likelihood.scorer.n_draws
        if self.error_rate_per in (None, "race"):
            # The rule is recorded in the log, since earlier logs have another one. attrs.evolve may change the schedule.
            is_race = self.schedule == "racing" and not self.anytime and n_draws is None
            object.__setattr__(self, "error_rate_per", "race" if is_race else None)
        schedule = self._schedule  # checks the options of the schedule before any weights are loaded
        if n_draws is not None and schedule not in (Racing(), Exhaustive()):
            raise ObserverError(
                f"{self.name} has a fixed number of draws, {n_draws}, and always uses all of them: omit the options of the "
                f"schedule"
            )
        if isinstance(self.likelihood, HasConditions) and self.template != PAPER_TEMPLATE:
            raise ObserverError(
                f"{self.name} has its own conditions for each choice, such as classes, and does not use a template: omit "
                f"the option template"
            )

    @cached_property
    def _schedule(self) -> Schedule:
        schedule_class = SCHEDULES.get(self.schedule)
        if schedule_class is None:
            raise ObserverError(f"unknown schedule {self.schedule!r}: expected {', '.join(SCHEDULES)}")
        values = {
            name: getattr(self, name) for name in ("draws", "min_draws", "error_rate", "anytime", "error_rate_per")
        }
        options = {name: value for name, value in values.items() if value is not None}
        if self.stages is not None:
            options["stages"] = _parse_stages(self.stages)
        available = {f.name for f in fields(schedule_class)}
        unknown = sorted(options.keys() - available)
        if unknown:
            raise ObserverError(
                f"the schedule {self.schedule} does not have the option {' or '.join(unknown)}: its options are "
                f"{', '.join(sorted(available))}"
            )
        schedule: Schedule = schedule_class(**options)
        return schedule

    @cached_property
    def _cache(self) -> dict[str, Conditioning]:
        """The conditionings computed so far, by prompt or other condition."""
        return {}

    @cached_property
    def _groups(self) -> dict[tuple[str, ...], tuple[list[str], Groups | None]]:
        """The results of `_conditions_of`, by choices."""
        return {}

    @property
    def restores(self) -> bool:
        """Whether the model can restore images."""
        return isinstance(self.likelihood.scorer, SupportsRestoration)

    def prompts(self, choices: Sequence[str]) -> list[str]:
        """Return the prompt for each choice; for a model that is conditioned on classes, the choices themselves."""
        if isinstance(self.likelihood, HasConditions):
            return list(choices)
        return [fill_template(self.template, choice) for choice in choices]

    def _conditions_of(self, choices: Sequence[str]) -> tuple[list[str], Groups | None]:
        """Return the C conditions of the choices, and the choice of each as a group; None for prompts."""
        key = tuple(choices)
        if key not in self._groups:
            if isinstance(self.likelihood, HasConditions):
                groups = self.likelihood.conditions(choices)
                choice_of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
                conditions = [condition for group in groups for condition in group]
                self._groups[key] = conditions, Groups(choice_of, np.zeros(len(conditions)))
            else:
                self._groups[key] = self.prompts(choices), None
        return self._groups[key]

    def _conditions_of_prompt(self, prompt: str) -> Sequence[str]:
        return self.likelihood.conditions([prompt])[0] if isinstance(self.likelihood, HasConditions) else (prompt,)

    def _condition_choices(self, trial: Trial) -> list[Conditioning]:
        return self._condition(self._conditions_of(trial.choices)[0])

    def _joined(self, schedule: Schedule) -> Schedule:
        """Return the schedule for choices with several conditions, or the schedule itself if there are only prompts."""
        if isinstance(self.likelihood, HasConditions):
            return JoinedSchedule(schedule, self.likelihood.join)
        return schedule

    def _condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._cache]
        if new:
            check_torchvision()
            self._cache.update(zip(new, self.likelihood.scorer.condition(new), strict=True))
        return [self._cache[prompt] for prompt in prompts]

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield one response per trial, in order: the choice with the highest evidence, and the evidence of all choices.

        Raises:
            ObserverError: If the weights do not load, if memory runs out, or if a score is not finite.
        """
        n = self.likelihood.scorer.n_draws
        for trial, result in self.race(trials, self._schedule if n is None else Exhaustive(n)):
            best = int(result.evidence.argmax())
            yield Response(trial.choices[best], evidence=result.evidence, n_evaluations=result.n_evaluations)

    def race(self, trials: Iterable[Trial], schedule: Schedule) -> Iterator[tuple[Trial, RaceResult]]:
        """Yield each trial with the result of its race under the given schedule, in order.

        Raises:
            ObserverError: If the weights do not load, if memory runs out, or if a score is not finite.
        """
        trials = iter(trials)
        first = next(trials, None)
        if first is None:
            return
        n_rows = self._n_rows(first)
        stream = chain([first], trials)
        yield from run_races(
            stream, self.likelihood.scorer, self._joined(schedule), self._condition_choices, n_rows, _print_n_rows,
            lambda trial: self._conditions_of(trial.choices)[1],
        )  # fmt: skip

    def _n_rows(self, trial: Trial) -> int:
        """Return the number of rows per forward pass. This loads the model."""
        with explained_memory_errors():
            conditionings = self._condition_choices(trial)
        return self.batch_size or estimate_n_rows(self.likelihood.scorer, trial, conditionings)

    def reconstruct(
        self,
        stimulus: Stimulus,
        prompts: Sequence[str],
        restoration: Restoration = Restoration(),
    ) -> Reconstruction:
        """Damage an image by noise or masks and restore it under each prompt.

        Up to `batch_size` prompts are restored in one forward pass. If a prompt names a choice with several classes,
        the result is that of the class with the smallest error.

        Args:
            stimulus: The image.
            prompts: The K prompts, none of them empty. For a model that is conditioned on classes, names of choices.
            restoration: Strength of the damage, number of steps, guidance scale and draw.

        Returns:
            The image as the model receives it, the damaged image, the K restored images and their errors.

        Raises:
            ObserverError: If the model cannot restore images, if a prompt is empty, if no class has the name of a
                prompt, if guidance is not possible, or if memory runs out.
        """
        scorer = self.likelihood.scorer
        if not isinstance(scorer, SupportsRestoration):
            raise ObserverError(
                f"{self.name} cannot restore images: use a diffusion, flow-matching or masked model instead"
            )
        if not prompts or "" in prompts:
            raise ObserverError("restoring an image needs at least one prompt, and no prompt may be empty")
        n = self.batch_size or DEFAULT_ROWS
        groups = [self._conditions_of_prompt(prompt) for prompt in prompts]
        conditions = [condition for group in groups for condition in group]
        with explained_memory_errors():
            image = scorer.encode(stimulus.pixels())
            empty = _stack(self._condition([""])) if restoration.guidance != 1 else None
            parts = []
            for begin in range(0, len(conditions), n):
                conditioning = _stack(self._condition(conditions[begin : begin + n]))
                k = len(conditioning[0])
                empty_prompt = None if empty is None else tuple(part.expand(k, *part.shape[1:]) for part in empty)
                parts.append(scorer.restore(image, conditioning, empty_prompt, restoration))
        damaged_image = parts[0].damaged_image.float().cpu().numpy().transpose(1, 2, 0)
        images, errors = (
            np.concatenate([getattr(part, name).float().cpu().numpy() for part in parts])
            for name in ("images", "errors")
        )
        ends = np.cumsum([len(group) for group in groups])
        best = [end - len(g) + errors[end - len(g) : end].argmin() for end, g in zip(ends, groups, strict=True)]
        images, errors = images[best], errors[best]
        n_latent = parts[0].n_latent
        latent_distance = np.full(len(prompts), np.nan) if n_latent is None else np.sqrt(errors / n_latent)
        preprocess = getattr(scorer, "preprocess", crop_and_resize)
        input_image = (preprocess(stimulus.pixels(), images.shape[-1]) / 2 + 0.5).permute(1, 2, 0).numpy()
        return Reconstruction(input_image, damaged_image, images.transpose(0, 2, 3, 1), errors, latent_distance)

    def cost(self, trial: Trial) -> Cost:
        """Return the cost of a trial: measured time and memory, and bounds on the number of evaluations."""
        scorer, n_rows = self.likelihood.scorer, self._n_rows(trial)
        with explained_memory_errors():
            seconds, n_bytes = measure_cost(scorer, trial, self._condition_choices(trial), n_rows)
        schedule = self._schedule if scorer.n_draws is None else Exhaustive(scorer.n_draws)
        groups = self._conditions_of(trial.choices)[1]
        if isinstance(self.likelihood, HasConditions) and groups is not None:
            bounds = JoinedSchedule(schedule, self.likelihood.join).bounds_of(np.bincount(groups.numbers).tolist())
        else:
            bounds = schedule.bounds(len(trial.choices))
        return Cost(seconds / n_rows, n_rows, bounds, n_bytes)

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the unit of the evidence."""
        scorer = self.likelihood.scorer
        return scorer.provenance() | {"evidence": scorer.unit}


def _parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    """Parse the option `stages`: the text 50x16,500x5 becomes ((50, 16), (500, 5))."""
    try:
        pairs = [tuple(int(number) for number in part.split("x")) for part in text.split(",")]
        stages = tuple((n, k) for n, k in pairs)
    except ValueError:
        raise ObserverError(
            f"stages must be written as DRAWSxCHOICES,DRAWSxCHOICES,…, such as 25x16,250x5, got {text!r}"
        ) from None
    return stages


def _print_n_rows(n_rows: int) -> None:
    print(f"out of memory: continuing with {n_rows} rows per forward pass", file=sys.stderr, flush=True)


def _stack(conditionings: list[Conditioning]) -> Conditioning:
    return tuple(torch.stack(part) for part in zip(*conditionings, strict=True))
