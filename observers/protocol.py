"""The contract of an observer: it takes trials and gives one response to each, in the same order.

N is the number of trials and K the number of choices of a trial. `Observer.observe(trials)` follows these rules, which
`observers.check` tests:
- It is lazy. It takes as many trials as it needs for one batch, responds to them, and only then takes the next ones. A
  person takes one trial at a time.
- It gives one Response per trial, in the order of the trials. `choice` is one of the trial's choices, or None if the
  observer did not choose.
- The response of a machine depends only on the observer and on the image, the choices and the instruction of the trial. It
  does not depend on the trial number, the block, earlier trials, the batch or the worker. Resuming, sharding and any batch
  size therefore give the same responses.
- The options of an observer are the fields of a frozen attrs class. The weights are loaded when they are first needed. A
  field with `metadata=RUNTIME` changes how responses are computed (a device, a batch size) but not the responses
  themselves; its value may change when a run is resumed. Any other class works too, if it stores the arguments of
  `__init__` in attributes with the same names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from attrs import frozen

from core.errors import ObserverError as ObserverError
from core.kinds import KINDS as KINDS
from core.kinds import Kind as Kind
from observers.instructions import DEFAULT_INSTRUCTION
from stimuli.stimulus import Stimulus

RUNTIME: Mapping[str, Any] = {"runtime": True}
"""Metadata of an option that does not change responses, such as the device: `device: str = field(metadata=RUNTIME)`."""
MAX_STEPS, MAX_GUIDANCE = 1000, 100
MAX_COUNT = 2**53  # whole numbers below this remain exact in programs that read all numbers as float64


@frozen
class Presentation:
    """How a trial is presented to a person. Machines ignore it.

    A trial shows the outline of a fixation square, the stimulus, a noise mask and then the response grid. The mask is pink
    noise m that is rescaled to 0..1, then to (m − 0.5) · mask_contrast + 0.5, and clipped to 0..1. The defaults are those of
    the second batch of experiments of Geirhos et al. (2018, arXiv 1808.08750).

    Attributes:
        fixation: Duration of the fixation square in seconds.
        stimulus: Duration of the stimulus in seconds.
        mask: Duration of the noise mask in seconds.
        response: Duration of the response grid in seconds, which is the time limit for a response.
        size: Width of the stimulus in degrees of visual angle.
        background: Gray level of the screen in 0..1.
        mask_contrast: Contrast of the mask, relative to noise that fills the range 0..1.
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
    """One trial: a stimulus and the choices among which the observer decides (a K-alternative forced choice).

    Attributes:
        number: Position of the trial in its session; the first trial is 1.
        block: Number of the block to which the trial belongs; the first block is 1. There is a break between two
            blocks.
        stimulus: The image. `stimulus.pixels()` returns it as a (height, width, 3) uint8 array.
        choices: The K possible responses, in the order of the evidence.
        presentation: Timing and size of the presentation to a person.
        instruction: The question about the image, which people and vision-language models get as text. Other observers
            ignore it.

    Example:
        >>> trial = experiment.trials(seed=0)[0]
        >>> trial.stimulus.pixels().shape, trial.stimulus.category, len(trial.choices)
        ((224, 224, 3), 'bear', 16)
    """

    number: int
    block: int
    stimulus: Stimulus
    choices: tuple[str, ...]
    presentation: Presentation = Presentation()
    instruction: str = DEFAULT_INSTRUCTION


@frozen(eq=False)
class Response:
    """The response of an observer to one trial. Only `choice` is required.

    Attributes:
        choice: One of the trial's choices, or None if the observer did not choose.
        rt: Response time in seconds from the onset of the response grid; None for machines.
        evidence: Support for each choice, of shape (K,), in the order of `Trial.choices`, or None. The response should be a
            choice with the highest evidence. Each observer documents the unit (a probability, a log-likelihood, …).
        n_evaluations: Number of model evaluations (forward passes of one row) spent on the trial, or None if the
            observer does not count them.
        measured: Further measurements of the trial, by name; `HasMeasures.measures` lists the names.
        texts: Further texts of the trial, such as the reply of a language model, by name; `HasTexts.text_names` lists the
            names.

    Example:
        >>> Response("cat")
        >>> Response("cat", evidence=np.array([0.7, 0.2, 0.1]))
    """

    choice: str | None
    rt: float | None = None
    evidence: np.ndarray | None = None
    n_evaluations: int | None = None
    measured: Mapping[str, float] | None = None
    texts: Mapping[str, str] | None = None


@runtime_checkable
class Observer(Protocol):
    """Anything that responds to trials: a person, a recording, a classifier, a generative model or a simulation.

    Any class with these three members is an observer; it does not have to inherit from a base class. The function
    `observers.check.check_observer` tests whether an observer follows the contract (see `help(observers.protocol)`).

    Example:
        A classifier in a file mine.py, run with `observers run-experiment EXPERIMENT --observer mine.py:Mine`:

        >>> @attrs.frozen
        ... class Mine:
        ...     name: str = "mine"
        ...     kind: str = "discriminative"
        ...
        ...     def observe(self, trials):
        ...         for trial in trials:
        ...             evidence = my_network(trial.stimulus.pixels(), trial.choices)  # (K,)
        ...             yield Response(trial.choices[evidence.argmax()], evidence=evidence)
    """

    @property
    def name(self) -> str:
        """The name of the observer in logs, tables and figures."""
        ...

    @property
    def kind(self) -> Kind:
        """The kind of observer, one of KINDS. Tables and figures are grouped by it."""
        ...

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield one response per trial, in the order of the trials.

        Args:
            trials: The trials, possibly an endless or lazy iterator. Take no more trials at a time than one batch needs.

        Returns:
            An iterator that yields one response per trial.
        """
        ...


@runtime_checkable
class HasProvenance(Protocol):
    """Optional part of an observer: facts that are known once its weights are loaded, for the log's sidecar.

    Any class with the method `provenance` has this part; it does not have to inherit from a base class.
    """

    def provenance(self) -> Mapping[str, str]:
        """Return the facts by name, such as repository, revision, device and dtype.

        A session can only be resumed if all facts except device and batch_size are unchanged.
        """
        ...


@runtime_checkable
class HasMeasures(Protocol):
    """Optional part of an observer: further measurements of each trial, such as the times of screen frames.

    Any class with the property `measures` has this part.
    """

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the measurements in `Response.measured`. Each gets a column `measured_NAME` in the log."""
        ...


@runtime_checkable
class HasTexts(Protocol):
    """Optional part of an observer: further texts of each trial, such as the reply of a language model.

    Any class with the property `text_names` has this part.
    """

    @property
    def text_names(self) -> tuple[str, ...]:
        """The names of the texts in `Response.texts`. Each gets a column `info_NAME` in the log."""
        ...


def measures_of(observer: Observer) -> tuple[str, ...]:
    """Return the names of the observer's further measurements, which most observers do not have."""
    return tuple(observer.measures) if isinstance(observer, HasMeasures) else ()


def texts_of(observer: Observer) -> tuple[str, ...]:
    """Return the names of the observer's further texts, which most observers do not have."""
    return tuple(observer.text_names) if isinstance(observer, HasTexts) else ()


@frozen
class Restoration:
    """How an image is damaged and restored when a generative observer shows a reconstruction.

    The evidence of a trial compares images that are restored in one step without guidance. With a guidance scale g the
    restored image is x̂_empty + g (x̂_text − x̂_empty), where x̂_text is restored under the text and x̂_empty under the empty
    prompt (Ho & Salimans 2022, arXiv 2207.12598). Guidance takes two evaluations per step.

    Attributes:
        strength: Noise level or fraction of masked tokens, above 0 and at most 1.
        steps: Number of denoising steps, 1 to MAX_STEPS.
        guidance: Classifier-free guidance scale, 0 to MAX_GUIDANCE; 1 switches guidance off.
        draw: Number of the noise sample or mask; the first is 0. Every text gets the same noise sample or mask.

    Raises:
        ObserverError: If a value is outside its range.
    """

    strength: float = 0.5
    steps: int = 1
    guidance: float = 1.0
    draw: int = 0

    def __attrs_post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise ObserverError(
                f"the strength (noise level or fraction of masked tokens) must be above 0 and up to 1, got {self.strength}"
            )
        if self.draw < 0:
            raise ObserverError(f"the draw must be a whole number, 0 or more, got {self.draw}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise ObserverError(f"the number of steps must be 1 to {MAX_STEPS}, got {self.steps}")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise ObserverError(f"the guidance scale must be 0 to {MAX_GUIDANCE} (1 = off), got {self.guidance}")


@frozen(eq=False)
class Reconstruction:
    """One image as a generative observer restores it under each of K texts.

    All images are float32 in 0..1 with height h and width w.

    Attributes:
        input_image: The image as the model receives it, which is the resized central square, of shape (h, w, 3).
        damaged_image: The image after noise was added or tokens were masked, of shape (h, w, 3).
        images: The restored images, of shape (K, h, w, 3).
        errors: Squared distance between each restored image and the input, of shape (K,), in the space in which the
            observer scores images. The observer chooses the text with the smallest error. Observers that score tokens
            are an exception: they report the distance in pixels, and may choose another text.
        latent_distance: Root mean square distance between each restored image and the input over the elements of the
            latent, of shape (K,); NaN for models without a latent.
    """

    input_image: np.ndarray
    damaged_image: np.ndarray
    images: np.ndarray
    errors: np.ndarray
    latent_distance: np.ndarray

    @property
    def pixel_distance(self) -> np.ndarray:
        """The root mean square distance of each restored image to the input over pixels and channels, of shape (K,)."""
        return np.asarray(np.sqrt(np.square(self.images - self.input_image).mean(axis=(1, 2, 3), dtype=float)))


@runtime_checkable
class Reconstructor(Protocol):
    """Optional part of an observer: it can show how it restores an image under different texts.

    Any class with these three members has this part. Diffusion and masked models can restore images.
    """

    @property
    def restores(self) -> bool:
        """Whether this observer's model can restore images."""
        ...

    def reconstruct(
        self,
        stimulus: Stimulus,
        prompts: Sequence[str],
        restoration: Restoration = Restoration(),
    ) -> Reconstruction:
        """Damage the image and restore it under each text.

        Args:
            stimulus: The image.
            prompts: The K texts, which must not be empty.
            restoration: How the image is damaged and restored.

        Returns:
            The K restored images and their distances to the input.

        Raises:
            ObserverError: If the model cannot restore images, or if a text is empty.
        """
        ...

    def prompts(self, choices: Sequence[str]) -> list[str]:
        """Return one text per choice of a trial, under which the model evaluates the choice."""
        ...


@frozen
class Cost:
    """The cost of a trial on this machine.

    Attributes:
        seconds: Seconds per model evaluation (one row), measured in forward passes of `batch_size` rows.
        batch_size: Number of rows in a forward pass.
        n_evaluations: Smallest and largest number of model evaluations per trial.
        n_bytes: Peak memory of the device in bytes, or None if it is unknown.
        requests: Sentences about the requests to a service that may cost money. If there are any, `--dry-run` shows
            these sentences instead of the other values, and does not present trials.
    """

    seconds: float
    batch_size: int
    n_evaluations: tuple[int, int]
    n_bytes: int | None = None
    requests: tuple[str, ...] = ()


@runtime_checkable
class HasCost(Protocol):
    """Optional part of an observer: the cost of a trial, measured without responding to it, for `--dry-run`.

    Any class with the method `cost` has this part. For other observers, the time of a few trials is measured.
    """

    def cost(self, trial: Trial) -> Cost:
        """Return the cost of this trial. The weights may be loaded, and forward passes may be timed."""
        ...
