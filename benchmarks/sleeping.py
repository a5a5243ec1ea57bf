"""An observer that sleeps instead of computing, so that a few cores can simulate many machines."""

import hashlib
import math
import time
from collections.abc import Iterable, Iterator

import numpy as np
from attrs import frozen

from observers.protocol import Kind, Response, Trial

MEAN_EVALUATIONS = 601.0  # mean of 2·10⁶ samples from the distribution in `relative_time`


@frozen
class Sleeping:
    """An observer that sleeps during each trial, for a time that may depend on the stimulus.

    Attributes:
        seconds: Mean time per trial, in seconds.
        spread: Whether the times vary like the number of evaluations in a race: from 100 to 8,000, with a median of 400.
        name: Name of the observer.
        kind: Kind of the observer.
    """

    seconds: float = 0.0
    spread: bool = False
    name: str = "sleeping"
    kind: Kind = "simulated"

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield a response that depends on the id of the stimulus, after the time of the trial."""
        for trial in trials:
            digest = hashlib.sha256(trial.stimulus.id.encode()).digest()
            time.sleep(self.seconds * (relative_time(digest) if self.spread else 1))
            evidence = np.frombuffer(digest, dtype=np.uint8)[: len(trial.choices)] / 255
            yield Response(trial.choices[int(evidence.argmax())], evidence=evidence)


def relative_time(digest: bytes) -> float:
    """Return the time of a trial relative to the mean, for a log-normal number of evaluations between 100 and 8,000."""
    uniform = [(int.from_bytes(digest[i : i + 6], "big") + 0.5) / 2**48 for i in (16, 22)]
    normal = math.sqrt(-2 * math.log(uniform[0])) * math.cos(2 * math.pi * uniform[1])
    return min(max(400 * math.exp(0.9 * normal), 100), 8000) / MEAN_EVALUATIONS
