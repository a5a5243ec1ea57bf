"""What an observer is: it takes trials and gives one response to each, in order.

Declared once: N trials, K choices of a trial. Contract of `Observer.observe(trials)`:
- lazy on both sides: take as many trials as one batch needs, answer them, take the next; a person takes one;
- one Response a trial, in the order of the trials; `choice` is one of the trial's choices, or None for no answer;
- a machine's answer depends on (observer, trial) alone, never on earlier trials, the batch or the worker, so that resuming,
  sharding and any batch size give the same answers. The trial's number is no part of that: only what is shown and asked is.
- options are the fields of a frozen attrs class; weights load on first use. A field with `metadata=RUNTIME` says how to
  compute, not what (a device, a batch size), and may change between a run and its resumption. Another class will do; its
  options are what it is made with and keeps as attributes of that name.
"""

import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from attrs import frozen

from stimuli.errors import ObserverError as ObserverError
from stimuli.stimulus import Stimulus

Kind = Literal["human", "generative", "discriminative", "contrastive", "simulated"]
KINDS: tuple[str, ...] = get_args(Kind)
RUNTIME: Mapping[str, Any] = {"runtime": True}
MAX_NAME = 1000  # characters
MAX_STEPS, MAX_GUIDANCE = 1000, 100
MAX_COUNT = 2**53  # the whole numbers that every reader of a log keeps exactly


@frozen
class Presentation:
    """How a person is shown a trial; machines ignore it. Times in seconds, size in degrees of visual angle, grays in 0..1.

    The mask is pink noise stretched to 0..1, then (m − 0.5) · mask_contrast + 0.5, clipped. Defaults are those of Geirhos et
    al. (2018), second batch.
    """

    fixation: float = 0.3
    stimulus: float = 0.2
    mask: float = 0.2
    response: float = 1.5
    size: float = 3.0
    background: float = 0.4423
    mask_contrast: float = 1.0


@frozen
class Trial:
    number: int  # from 1
    block: int  # from 1
    stimulus: Stimulus
    choices: tuple[str, ...]
    presentation: Presentation = Presentation()


@frozen(eq=False)
class Response:
    choice: str | None  # None: no answer
    rt: float | None = None  # seconds from the onset of the response grid; None for machines
    evidence: np.ndarray | None = (
        None  # (K,) support of each choice, aligned with them; the observer documents its unit
    )
    n_evaluations: int | None = None  # model evaluations spent, where that has a meaning
    measured: Mapping[str, float] | None = None  # by the names in `Measuring.measures`


@runtime_checkable
class Observer(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]: ...


@runtime_checkable
class HasProvenance(Protocol):
    """Optional: facts for the log's sidecar that are known once the weights are loaded (repository, revision, device)."""

    def provenance(self) -> Mapping[str, str]: ...


@runtime_checkable
class HasMeasures(Protocol):
    """Optional: what else is measured in a trial, such as times of frames. Each has a column `measured_NAME` in the log."""

    @property
    def measures(self) -> tuple[str, ...]: ...


def measures_of(observer: Observer) -> tuple[str, ...]:
    return tuple(observer.measures) if isinstance(observer, HasMeasures) else ()


@frozen
class Restoration:
    """How an image is damaged and restored: a share of noise or masks, by which draw, in how many steps.

    One step without guidance is what scores compare. With guidance g what is restored is x̂_empty + g (x̂_text − x̂_empty)
    (Ho & Salimans 2022, arXiv 2207.12598), which takes two evaluations a step. Raises ObserverError for what cannot be.
    """

    strength: float = 0.5  # above 0, up to 1
    steps: int = 1
    guidance: float = 1.0  # 1: none
    draw: int = 0

    def __attrs_post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise ObserverError(f"the strength is a share of noise or masks, above 0 and up to 1, got {self.strength}")
        if self.draw < 0:
            raise ObserverError(f"the draw is a number from 0, got {self.draw}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ObserverError(f"an image is restored in 1 to {MAX_STEPS} steps, got {self.steps}")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise ObserverError(f"guidance is a number from 0 to {MAX_GUIDANCE}, 1 for none, got {self.guidance}")


@frozen(eq=False)
class Reconstruction:
    """What a generative observer makes of one image under each of K texts. Images are (h, w, 3) float32 in 0..1."""

    input_image: np.ndarray  # the image as the model takes it: its middle square, resized
    damaged_image: np.ndarray  # what was left of it once it was noised or masked
    images: np.ndarray  # (K, h, w, 3)
    # (K,) squared distance to the image where the observer scores it; the least wins. Of the pixels where tokens are scored:
    # another choice may win the trial then.
    errors: np.ndarray
    latent_distance: np.ndarray  # (K,) root mean square over the elements of the latent; NaN without a latent

    @property
    def pixel_distance(self) -> np.ndarray:
        """(K,) L2 distance of each to the image as shown, root mean square over pixels and channels in 0..1."""
        return np.asarray(np.sqrt(np.square(self.images - self.input_image).mean(axis=(1, 2, 3), dtype=float)))


@runtime_checkable
class Reconstructor(Protocol):
    """Optional: shows what it makes of an image under texts. Raises ObserverError where its model cannot."""

    @property
    def restores(self) -> bool: ...  # can it?

    def reconstruct(
        self,
        stimulus: Stimulus,
        prompts: Sequence[str],
        restoration: Restoration = Restoration(),
    ) -> Reconstruction: ...

    def prompts(self, choices: Sequence[str]) -> list[str]:
        """What it reads for each choice of a trial."""
        ...


@frozen
class Cost:
    """What answering a trial takes on this machine."""

    seconds: float  # a model evaluation, in passes of `batch_size`
    batch_size: int
    n_evaluations: tuple[int, int]  # fewest and most for a trial
    n_bytes: int | None = None  # of memory at the peak


@runtime_checkable
class HasCost(Protocol):
    """Optional: the cost of a trial, measured without answering it, for `--dry-run`."""

    def cost(self, trial: Trial) -> Cost: ...


def check_name(name: object) -> None:
    """Raises ObserverError for what cannot be written into a log as the name of an observer or experiment."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise ObserverError(
            f"{str(name)[:80]!r} is no name for a log: expected 1 to {MAX_NAME} characters, without line breaks or others "
            f"that cannot be seen"
        )


def iter_responses(observer: Observer, trials: Iterable[Trial]) -> Iterator[object]:
    """What `observer.observe` gives for the trials. Raises ObserverError if that is nothing to go through one by one."""
    given: object = observer.observe(iter(trials))
    if not isinstance(given, Iterable):
        raise ObserverError(
            f"observer {observer.name}: observe(trials) must yield a Response a trial, it returned {type(given).__name__}"
        )
    return iter(given)


def validate_response(response: object, trial: Trial, observer: str) -> Response:
    """The door through which every response comes. Raises ObserverError naming observer, trial and what was expected."""
    where = f"observer {observer}, trial {trial.number} ({trial.stimulus.id})"
    if not isinstance(response, Response):
        raise ObserverError(f"{where}: expected a Response, got {type(response).__name__}")
    if response.choice is not None and response.choice not in trial.choices:
        raise ObserverError(f"{where}: {response.choice!r} is none of the choices {', '.join(trial.choices)}")
    if response.rt is not None and not (_is(response.rt, numbers.Real) and 0 <= response.rt < float("inf")):
        raise ObserverError(f"{where}: rt must be in seconds from 0 on, got {response.rt!r}")
    n = response.n_evaluations
    if n is not None and not (_is(n, numbers.Integral) and 0 <= n < MAX_COUNT):
        raise ObserverError(f"{where}: n_evaluations must be a whole number from 0 on, got {n!r}")
    for what, number in (response.measured or {}).items():
        if not (_is(number, numbers.Real) and abs(number) < float("inf")):
            raise ObserverError(f"{where}: what is measured must be numbers, got {what} {number!r}")
    if response.evidence is not None:
        try:
            evidence = np.asarray(response.evidence)
        except ValueError:  # lists of unequal length
            raise ObserverError(f"{where}: evidence must be {len(trial.choices)} numbers, got a ragged list") from None
        if evidence.shape != (len(trial.choices),) or evidence.dtype.kind not in "fiu":
            raise ObserverError(
                f"{where}: evidence must be {len(trial.choices)} numbers, got {evidence.dtype} {evidence.shape}"
            )
        if np.isnan(evidence).any():
            raise ObserverError(f"{where}: evidence holds NaN")
    return response


def _is(value: object, kind: type) -> bool:
    """Is it a number of that kind? True and False are none here, though Python counts with them."""
    return isinstance(value, kind) and not isinstance(value, bool)
