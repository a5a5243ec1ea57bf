"""A session at a real screen whose mouse is moved by xdotool: run by test_psychopy.py under Xvfb.

    python psychopy_session.py OUT

Answers trial n with choice n modulo K, every eighth not at all. Writes the log, scenes.txt (a letter a frame), screenshots.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from PIL import Image

from experiments.drawn import cue_conflict
from experiments.experiment import Experiment
from experiments.session import run
from observers.people.participant import Participant
from observers.people.psychopy_screen import PsychoPyScreen
from observers.people.screen import ImageItem, OutlineItem, Scene, TextItem

N_TRIALS, N_BLOCKS, NONE_EVERY = 32, 2, 8


def experiment() -> Experiment:
    drawn = cue_conflict()
    kept = {s.id for s in drawn.stimuli.stimuli[:N_TRIALS]}
    return Experiment("small", drawn.stimuli.where(lambda s: s.id in kept), drawn.choices, N_BLOCKS)


def answer(number: int, choices: tuple[str, ...]) -> str | None:
    return None if number % NONE_EVERY == 0 else choices[number % len(choices)]


class Watched:
    """A PsychoPy screen that presses the mouse where the answer is when the grid appears, and anywhere to go on."""

    def __init__(self, out: Path) -> None:
        self.screen, self.out = PsychoPyScreen(full=True, rate=60.0), out
        self.scenes, self.before, self.n_grids = "", "", 0
        self.rate, self.size = self.screen.rate, self.screen.size
        self.load, self.rehearse = self.screen.load, self.screen.rehearse
        self.center_pointer = self.screen.center_pointer
        self.beep, self.close = self.screen.beep, self.screen.close

    def flip(self, scene: Scene):
        kind = kind_of(scene, self.before)
        path = self.out / f"{kind}.png"
        if not path.exists():
            Image.fromarray(self.screen.picture(scene)).save(path)
        flip = self.screen.flip(scene)
        if kind != self.before:
            if kind == "grid":
                self.n_grids += 1
                self.press(scene)
            elif kind == "words":
                threading.Thread(target=press, args=(self.size[0] // 2, self.size[1] // 2)).start()
        self.before = kind
        self.scenes += kind[0]
        return flip

    def press(self, scene: Scene) -> None:
        choices = experiment().choices
        wanted = answer(self.n_grids, choices)
        if wanted is not None:
            item = scene.items[choices.index(wanted)]
            x, y = self.size[0] / 2 + item.x, self.size[1] / 2 - item.y
            threading.Thread(target=press, args=(round(x), round(y))).start()


def kind_of(scene: Scene, before: str) -> str:
    if not scene.items:
        return "blank"
    if isinstance(scene.items[0], TextItem):
        return "words"
    if isinstance(scene.items[0], OutlineItem):
        return "fixation"
    assert isinstance(scene.items[0], ImageItem)
    if len(scene.items) > 1:
        return "grid"
    return "image" if before in ("fixation", "image") else "mask"


def press(x: int, y: int) -> None:
    time.sleep(0.2)
    for words in (["mousemove", x, y], ["mousedown", 1], ["mouseup", 1]):
        subprocess.run(["xdotool", *map(str, words)], check=True)
        time.sleep(0.05)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    screen = Watched(out)
    try:
        run(experiment(), Participant(code="S01", pilot=True, screen=screen), out)
    finally:
        screen.close()
        (out / "scenes.txt").write_text(screen.scenes)
