"""Measure whether restoring an ambiguous object under a prompt turns it into the category that the prompt names.

    python benchmarks/illusions.py [--pick]     # about two minutes on two cores

Images of `microcosm-ambiguous` halfway between two categories are restored under the prompts of both percepts. As a
control, unambiguous objects of the first category are restored in the same way. The classifier microcosm-cnn, which was
not trained on any of these images, responds to the restored images. Strength and guidance scale were chosen on every
fourth image of the set. These images are excluded from the results; with `--pick`, all settings are evaluated on them
instead. With sixteen categories, chance is 6 %.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.measures.accuracy import wilson_interval
from experiments.sets.registry import make_experiment
from observers.protocol import Observer, Restoration, Trial
from observers.registry import make_observer
from stimuli.images import save_image, to_uint8
from stimuli.stimulus import Stimulus

SETTINGS = {  # strength and guidance scale
    "microcosm-latent": (0.2, 4.0),
    "microcosm-pixel": (0.3, 4.0),
    "microcosm-masked": (0.9, 4.0),
}
GRID = {  # settings from which those above were chosen
    "microcosm-latent": [(0.2, 4.0), *((s, 6.0) for s in (0.3, 0.4, 0.5))],
    "microcosm-pixel": [(s, g) for s in (0.3, 0.5) for g in (1.0, 4.0, 8.0)],
    "microcosm-masked": [(s, g) for s in (0.5, 0.7, 0.9) for g in (1.0, 4.0)],
}
STEPS = 10
EXPERIMENT = make_experiment("microcosm-ambiguous")


def count_percepts(
    observer, classifier: Observer, stimuli: list[Stimulus], cue: str, settings: Restoration
) -> tuple[int, int]:
    """Return how many restored images the classifier assigns to the percept in the prompt, and the total number."""
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for stimulus in stimuli:
            percept = stimulus.cues[cue]
            restored = observer.reconstruct(stimulus, observer.prompts([percept]), settings)
            path = Path(folder) / f"{len(trials)}.png"
            save_image(to_uint8(np.clip(restored.images[0], 0, 1)), path)
            trials.append(Trial(len(trials) + 1, 1, Stimulus(path.name, path, percept), EXPERIMENT.choices))
        responses = list(classifier.observe(iter(trials)))
    return sum(r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True)), len(trials)


def table_row(name: str, setting: tuple[float, float], stimuli: dict[str, list[Stimulus]], classifier: Observer) -> str:
    """Return the table row of an observer with one setting: proportions with intervals, and the time in seconds."""
    observer, settings = make_observer(name), Restoration(setting[0], STEPS, setting[1])
    cells, start = [], time.monotonic()
    for kind in ("ambiguous", "control"):
        for cue in ("percept_a", "percept_b"):
            k, n = count_percepts(observer, classifier, stimuli[kind], cue, settings)
            low, high = (float(end[0]) for end in wilson_interval(np.array([k]), np.array([n])))
            cells.append(f"{k / n:.2f} [{low:.2f}, {high:.2f}]")
    columns = f"{setting[0]:.1f}      {setting[1]:.0f}"
    return f"{name:17s} {columns}     " + "   ".join(cells) + f"   {time.monotonic() - start:4.0f} s"


def main() -> None:
    """Print the table of all observers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pick", action="store_true", help="evaluate all settings on the images used to choose them")
    pick = parser.parse_args().pick
    by_level = {level: [s for s in EXPERIMENT.stimuli if s.condition == level] for level in ("0", "0.5")}
    stimuli = {
        kind: [s for i, s in enumerate(by_level[level]) if (i % 4 == 0) == pick]
        for kind, level in (("ambiguous", "0.5"), ("control", "0"))
    }
    classifier = make_observer("microcosm-cnn")
    print(
        f"{len(stimuli['ambiguous'])} images of each kind; share seen as in the prompt, a or b, and 95 % Wilson interval"
    )
    print(
        "observer      strength guidance   ambiguous as a      ambiguous as b      control of a as a   control of a as b"
    )
    for name, settings in GRID.items():
        for setting in settings if pick else [SETTINGS[name]]:
            print(table_row(name, setting, stimuli, classifier), flush=True)


if __name__ == "__main__":
    main()
