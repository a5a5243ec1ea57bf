"""Experiment: a stimulus set, the choices, and the order of trials that a seed gives."""

import numpy as np
from attrs import frozen

from observers.protocol import Presentation, Trial
from stimuli.errors import StimulusError
from stimuli.stimulus import StimulusSet

TRIALS_PER_BLOCK = 256  # trials between two breaks, as in the published experiments


@frozen
class Experiment:
    """Every stimulus once, fully shuffled over `n_blocks` blocks of equal length, as in Geirhos et al. 2018.

    Raises StimulusError for an empty set, fewer than two different choices, or a number of blocks that cannot be.
    """

    name: str
    stimuli: StimulusSet
    choices: tuple[str, ...]
    n_blocks: int = 1
    presentation: Presentation = Presentation()

    def __attrs_post_init__(self) -> None:
        if not len(self.stimuli):
            raise StimulusError(f"the experiment {self.name} has no stimuli")
        if len(set(self.choices)) < 2 or len(set(self.choices)) != len(self.choices) or "" in self.choices:
            raise StimulusError(f"the experiment {self.name} needs two or more different choices, got {self.choices}")
        if not 1 <= self.n_blocks <= len(self.stimuli):
            raise StimulusError(
                f"the experiment {self.name} has {len(self.stimuli)} trials, which make no {self.n_blocks} blocks"
            )

    def trials(self, seed: int) -> list[Trial]:
        """All trials in the order of that seed: the same seed, the same order."""
        order = np.random.default_rng(seed).permutation(len(self.stimuli))
        blocks = np.concatenate(
            [np.full(len(part), i) for i, part in enumerate(np.array_split(order, self.n_blocks), 1)]
        )
        return [
            Trial(number, int(block), self.stimuli.stimuli[index], self.choices, self.presentation)
            for number, (index, block) in enumerate(zip(order, blocks, strict=True), start=1)
        ]


def default_n_blocks(n_trials: int) -> int:
    """Blocks of about TRIALS_PER_BLOCK trials."""
    return max(1, round(n_trials / TRIALS_PER_BLOCK))
