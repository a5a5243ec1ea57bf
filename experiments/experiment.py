"""An experiment: a stimulus set and choices, from which it makes trials in an order that depends on a random seed."""

from collections.abc import Iterable

import numpy as np
from attrs import field, frozen

from core.errors import StimulusError
from core.names import name_problem, normalize
from core.trial_columns import TOTAL
from observers.instructions import DEFAULT_INSTRUCTION, check_instruction
from observers.protocol import Presentation, Trial
from stimuli.naming import show
from stimuli.published.datasets import DATASETS, describe_difference
from stimuli.stimulus import StimulusSet

TRIALS_PER_BLOCK = 256  # as in the published experiments
MAX_HEADER = 500_000  # bytes of the names of all choices and cues, which are columns of the log


def _to_nfc(name: str) -> str:
    """Return a name in the normalization form NFC. `Experiment` refuses names that are not text."""
    return normalize(name) if isinstance(name, str) else name


def _choices_to_nfc(choices: Iterable[str]) -> tuple[str, ...]:
    """Return the choices as a tuple of names in the normalization form NFC. A single text is refused."""
    if isinstance(choices, str) or not isinstance(choices, Iterable):
        raise StimulusError(f"the choices must be a tuple of names, got {choices!r:.80}")
    return tuple(map(_to_nfc, choices))


@frozen
class Experiment:
    """An experiment that shows every stimulus once, in random order, in blocks of equal length (Geirhos et al. 2018).

    Attributes:
        name: Name of the experiment in logs and figures.
        stimuli: The stimulus set.
        choices: The choices of every trial.
        n_blocks: Number of blocks. People can take a break between two blocks.
        presentation: Timing and size of the presentation to people.
        instruction: The question about each image, which people and vision-language models get as text.

    Raises:
        UserError: If the instruction is empty, too long or not printable.
        StimulusError: If the set is empty, if there are fewer than two choices, if a choice occurs twice, if a name breaks
            the rule of `core.names`, if the experiment has the name of a published dataset but other choices, categories or
            conditions, or if there are more blocks than trials.

    Example:
        >>> experiment = Experiment("mine", StimulusSet.read(Path("mine/stimuli.csv")), ("cat", "dog"))
        >>> trials = experiment.trials(seed=0)
    """

    name: str = field(converter=_to_nfc)
    stimuli: StimulusSet
    choices: tuple[str, ...] = field(converter=_choices_to_nfc)
    n_blocks: int = 1
    presentation: Presentation = Presentation()
    instruction: str = DEFAULT_INSTRUCTION

    def __attrs_post_init__(self) -> None:
        check_instruction(self.instruction)
        if not len(self.stimuli):
            raise StimulusError(f"the experiment {self.name} has no stimuli")
        if problem := name_problem(self.name):
            raise StimulusError(f"the name of the experiment, {show(self.name)}, {problem}; choose another name")
        if len(set(self.choices)) < 2 or len(set(self.choices)) != len(self.choices) or "" in self.choices:
            raise StimulusError(
                f"the experiment {self.name} needs two or more different choices, got {self.choices!r:.200}"
            )
        for choice in self.choices:
            problem = "is reserved for totals over all choices" if choice == TOTAL else name_problem(choice)
            if problem:
                raise StimulusError(
                    f"the experiment {self.name}: the choice {show(choice)} {problem}; choose another name"
                )
        n_bytes = sum(len(name.encode()) for name in (*self.choices, *self.stimuli.cue_names))
        if n_bytes > MAX_HEADER:
            raise StimulusError(
                f"the experiment {self.name}: the names of its {len(self.choices):,} choices have {n_bytes:,} bytes, but "
                f"the header of a trial log has room for {MAX_HEADER:,}; use shorter names"
            )
        if self.name in DATASETS and (difference := describe_difference(self.name, self.stimuli, self.choices)):
            raise StimulusError(
                f"the experiment {self.name} is named like a published dataset and would be analyzed like it, but "
                f"{difference}; choose another name"
            )
        if not 1 <= self.n_blocks <= len(self.stimuli):
            raise StimulusError(
                f"the experiment {self.name} has {len(self.stimuli)} trials, which cannot be divided into {self.n_blocks} "
                f"blocks"
            )

    def trials(self, seed: int) -> list[Trial]:
        """Return all trials in random order.

        Args:
            seed: Random seed of the order. The same seed gives the same order.
        """
        order = np.random.default_rng(seed).permutation(len(self.stimuli))
        blocks = np.concatenate(
            [np.full(len(part), i) for i, part in enumerate(np.array_split(order, self.n_blocks), 1)]
        )
        return [
            Trial(number, int(block), self.stimuli.stimuli[index], self.choices, self.presentation, self.instruction)
            for number, (index, block) in enumerate(zip(order, blocks, strict=True), start=1)
        ]


def default_n_blocks(n_trials: int) -> int:
    """Return the number of blocks that gives about TRIALS_PER_BLOCK trials per block."""
    return max(1, round(n_trials / TRIALS_PER_BLOCK))
