"""Are objects between two categories restored as either on demand, and controls not?

    python benchmarks/illusions.py [--pick]     # about two minutes of two cores; with --pick how the settings were picked

Pictures of `microcosm-ambiguous` in the middle between two categories, and as a control the object of the first
category that it was made from, are restored under both percepts; a classifier that saw none of them, microcosm-cnn, says
what the result shows. Strength and guidance were picked on other pictures of the same set (every fourth), which are left out
of what is reported. By chance a classifier of sixteen says what was asked in 6 %.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.accuracy import wilson
from experiments.registry import make_experiment
from observers.protocol import Observer, Restoration, Trial
from observers.registry import make_observer
from stimuli.images import save_image, to_uint8
from stimuli.stimulus import Stimulus

SETTINGS = {"microcosm-latent": (0.2, 4.0), "microcosm-pixel": (0.3, 4.0), "microcosm-masked": (0.9, 4.0)}
GRID = {
    "microcosm-latent": [(0.2, 4.0), *((s, 6.0) for s in (0.3, 0.4, 0.5))],
    "microcosm-pixel": [(s, g) for s in (0.3, 0.5) for g in (1.0, 4.0, 8.0)],
    "microcosm-masked": [(s, g) for s in (0.5, 0.7, 0.9) for g in (1.0, 4.0)],
}
STEPS = 10


def said(one, judge: Observer, stimuli: list[Stimulus], cue: str, how: Restoration) -> tuple[int, int]:
    """In how many of the restored pictures the classifier sees the percept that was asked for."""
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for stimulus in stimuli:
            wanted = stimulus.cues[cue]
            found = one.reconstruct(stimulus, one.prompts([wanted]), how)
            path = Path(folder) / f"{len(trials)}.png"
            save_image(to_uint8(np.clip(found.images[0], 0, 1)), path)
            trials.append(Trial(len(trials) + 1, 1, Stimulus(path.name, path, wanted), CHOICES))
        answers = list(judge.observe(iter(trials)))
    return sum(r.choice == t.stimulus.category for r, t in zip(answers, trials, strict=True)), len(trials)


def row(name: str, setting: tuple[float, float], pictures: dict[str, list[Stimulus]], judge: Observer) -> str:
    one, how = make_observer(name), Restoration(setting[0], STEPS, setting[1])
    cells, begin = [], time.monotonic()
    for which in ("ambiguous", "control"):
        for cue in ("percept_a", "percept_b"):
            k, n = said(one, judge, pictures[which], cue, how)
            low, high = (float(end[0]) for end in wilson(np.array([k]), np.array([n])))
            cells.append(f"{k / n:.2f} [{low:.2f}, {high:.2f}]")
    setting_ = f"{setting[0]:.1f}      {setting[1]:.0f}"
    return f"{name:17s} {setting_}     " + "   ".join(cells) + f"   {time.monotonic() - begin:4.0f} s"


EXPERIMENT = make_experiment("microcosm-ambiguous")
CHOICES = EXPERIMENT.choices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pick", action="store_true")
    pick = parser.parse_args().pick
    of = {level: [s for s in EXPERIMENT.stimuli if s.condition == level] for level in ("0", "0.5")}
    chosen = (lambda i: i % 4 == 0) if pick else (lambda i: i % 4 != 0)
    pictures = {
        name: [s for i, s in enumerate(of[level]) if chosen(i)]
        for name, level in (("ambiguous", "0.5"), ("control", "0"))
    }
    judge = make_observer("microcosm-cnn")
    print(f"{len(pictures['ambiguous'])} pictures of each; share seen as asked, Wilson 95 %, a as asked and b as asked")
    print(
        "observer      strength guidance   ambiguous as a      ambiguous as b      control of a as a   control of a as b"
    )
    for name, settings in GRID.items():
        for setting in settings if pick else [SETTINGS[name]]:
            print(row(name, setting, pictures, judge), flush=True)


if __name__ == "__main__":
    main()
