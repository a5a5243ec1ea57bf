"""Compare responses and speed of the microcosm's observers on a device and on the CPU, in float32 and in bfloat16.

    python benchmarks/devices.py [--device cuda]     # two minutes

The observers respond to 48 trials of microcosm-cue-conflict, once on the CPU in float32 and then on the device in both
formats. For each trial that takes the same number of evaluations on both devices, the largest difference in evidence is
divided by the range of the evidence over the choices. Then an ambiguous object is restored under two prompts, in one
step and in ten, on both devices.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.sets.registry import make_experiment
from observers.protocol import Response, Restoration
from observers.registry import make_observer

NAMES = ("microcosm-latent", "microcosm-pixel", "microcosm-masked", "microcosm-ar")


def measure_responses(name: str, **options: str) -> tuple[list[Response], float]:
    """Return the responses of an observer to 48 trials, and how long the 48 trials take in seconds."""
    observer, trials = make_observer(name, options), make_experiment("microcosm-cue-conflict").trials(0)[:48]
    list(observer.observe(iter(trials[:2])))  # loads the model
    start = time.monotonic()
    return list(observer.observe(iter(trials))), time.monotonic() - start


def main() -> None:
    """Print the differences between the device and the CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="torch device to compare with the CPU (default: %(default)s)")
    device = parser.parse_args().device
    for name in NAMES:
        cpu_responses, cpu_seconds = measure_responses(name, device="cpu", dtype="float32")
        for dtype in ("float32", "bfloat16"):
            responses, seconds = measure_responses(name, device=device, dtype=dtype)
            same = np.mean([a.choice == b.choice for a, b in zip(cpu_responses, responses, strict=True)])
            differences = [
                np.abs(a.evidence - b.evidence).max() / np.ptp(a.evidence)
                for a, b in zip(cpu_responses, responses, strict=True)
                if a.n_evaluations == b.n_evaluations
            ]
            median = np.median(differences) if differences else np.nan
            print(
                f"{name} {dtype}: same responses {same:.3f}; median difference of the evidence {median:.2g} "
                f"({len(differences)} trials); {cpu_seconds:.1f} s on the CPU, {seconds:.1f} s on {device}"
            )
    stimulus = make_experiment("microcosm-ambiguous").stimuli.stimuli[2]
    for name in NAMES[:3]:
        for settings in (Restoration(0.5), Restoration(0.5, 10, 4.0)):
            images = []
            for where in ("cpu", device):
                observer = make_observer(name, {"device": where, "dtype": "float32"})
                images.append(observer.reconstruct(stimulus, observer.prompts(["cat", "car"]), settings).images)
            difference = np.abs(images[0] - images[1]).max()
            print(f"{name}, {settings.steps} steps: pixels differ by up to {difference:.2g}")


if __name__ == "__main__":
    main()
