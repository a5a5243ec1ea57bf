"""An experiment: a stimulus set and choices, from which it makes trials in an order that depends on a random seed."""

import numpy as np
from attrs import frozen

from core.errors import StimulusError
from observers.instructions import DEFAULT_INSTRUCTION, check_instruction
from observers.protocol import Presentation, Trial
from stimuli.stimulus import StimulusSet

TRIALS_PER_BLOCK = 256  # as in the published experiments


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
        StimulusError: If the set is empty, if there are fewer than two choices, if a choice is empty or occurs twice, or if
            there are more blocks than trials.

    Example:
        >>> experiment = Experiment("mine", StimulusSet.read(Path("mine/stimuli.csv")), ("cat", "dog"))
        >>> trials = experiment.trials(seed=0)
    """

    name: str
    stimuli: StimulusSet
    choices: tuple[str, ...]
    n_blocks: int = 1
    presentation: Presentation = Presentation()
    instruction: str = DEFAULT_INSTRUCTION

    def __attrs_post_init__(self) -> None:
        check_instruction(self.instruction)
        if not len(self.stimuli):
            raise StimulusError(f"the experiment {self.name} has no stimuli")
        if len(set(self.choices)) < 2 or len(set(self.choices)) != len(self.choices) or "" in self.choices:
            raise StimulusError(f"the experiment {self.name} needs two or more different choices, got {self.choices}")
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
