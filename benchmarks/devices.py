"""Does a device answer as the CPU does, and how much faster? The microcosm's observers, float32 and bfloat16.

    python benchmarks/devices.py [--device cuda]     # two minutes

48 trials of microcosm-cue-conflict; evidence is compared, as a share of its range over the choices, where as many
evaluations were spent. Then one ambiguous object is restored under two prompts on both, in one step and in ten.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.registry import make_experiment
from observers.protocol import Response, Restoration
from observers.registry import make_observer

NAMES = ("microcosm-latent", "microcosm-pixel", "microcosm-masked", "microcosm-ar")


def answers(name: str, **options: str) -> tuple[list[Response], float]:
    one, trials = make_observer(name, options), make_experiment("microcosm-cue-conflict").trials(0)[:48]
    list(one.observe(iter(trials[:2])))  # loads it
    begin = time.monotonic()
    return list(one.observe(iter(trials))), time.monotonic() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    for name in NAMES:
        cpu, seconds = answers(name, device="cpu", dtype="float32")
        for dtype in ("float32", "bfloat16"):
            there, seconds_there = answers(name, device=device, dtype=dtype)
            same = np.mean([a.choice == b.choice for a, b in zip(cpu, there, strict=True)])
            off = [
                np.abs(a.evidence - b.evidence).max() / np.ptp(a.evidence)
                for a, b in zip(cpu, there, strict=True)
                if a.n_evaluations == b.n_evaluations
            ]
            print(
                f"{name} {dtype}: same answers {same:.3f}; evidence off by {np.median(off) if off else np.nan:.2g} in the "
                f"median of {len(off)}; {seconds:.1f} s on the CPU, {seconds_there:.1f} s on {device}"
            )
    stimulus = make_experiment("microcosm-ambiguous").stimuli.stimuli[2]
    for name in NAMES[:3]:
        for how in (Restoration(0.5), Restoration(0.5, 10, 4.0)):
            found = []
            for where in ("cpu", device):
                one = make_observer(name, {"device": where, "dtype": "float32"})
                found.append(one.reconstruct(stimulus, one.prompts(["cat", "car"]), how).images)
            print(f"{name}, {how.steps} steps: pixels differ by up to {np.abs(found[0] - found[1]).max():.2g}")


if __name__ == "__main__":
    main()
