"""A session on a real PsychoPy window, with a mouse that xdotool moves; test_psychopy.py runs it under Xvfb.

    python psychopy_session.py OUT [LANGUAGE CONSENT]

The response to trial n is choice n modulo the number of choices, and every eighth trial gets no response. The script writes
the trial log, scenes.txt with one letter per frame, and a screenshot of each kind of scene. With a language, it runs three
trials with practice, consent and debriefing, and CONSENT is 1 or 2, the number of the button that is clicked.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

from PIL import Image

from core.errors import ObserverError
from experiments.experiment import Experiment
from experiments.people.collecting import collect
from experiments.running.session import run
from experiments.sets.drawn import cue_conflict
from observers.people.participant import Participant
from observers.people.screens.psychopy_screen import PsychoPyScreen
from observers.people.screens.screen import ImageItem, OutlineItem, Scene, TextItem
from observers.people.texts.reading import load_texts

N_TRIALS, N_BLOCKS, MISS_EVERY = 32, 2, 8


def make_experiment() -> Experiment:
    drawn = cue_conflict()
    ids = {s.id for s in drawn.stimuli.stimuli[:N_TRIALS]}
    return Experiment("small", drawn.stimuli.where(lambda s: s.id in ids), drawn.choices, N_BLOCKS)


def planned_choice(number: int, choices: tuple[str, ...]) -> str | None:
    return None if number % MISS_EVERY == 0 else choices[number % len(choices)]


class RecordingScreen:
    """A PsychoPy screen on which the mouse clicks the planned choice in a grid, and the center to continue after a text."""

    def __init__(self, out: Path, *, button: int = 1, sound: bool = False) -> None:
        self.screen, self.out, self.button = PsychoPyScreen(fullscreen=True, rate=60.0, sound=sound), out, button
        self.scenes, self.previous, self.n_grids = "", "", 0
        self.scene: Scene | None = None
        self.rate, self.size = self.screen.rate, self.screen.size
        self.load, self.warm_up = self.screen.load, self.screen.warm_up
        self.center_pointer = self.screen.center_pointer
        self.beep, self.close = self.screen.beep, self.screen.close

    @property
    def sound_problem(self) -> str | None:
        return self.screen.sound_problem

    def flip(self, scene: Scene):
        kind = kind_of(scene, self.previous)
        path = self.out / f"{kind}.png"
        if not path.exists():
            Image.fromarray(self.screen.screenshot(scene)).save(path)
        flip = self.screen.flip(scene)
        if kind != self.previous or (kind == "words" and scene is not self.scene):
            if kind == "grid":
                self.n_grids += 1
                self.click_planned_choice(scene)
            elif kind == "words" and (buttons := [i for i in scene.items if isinstance(i, OutlineItem)]):
                button = buttons[self.button - 1]
                x, y = self.size[0] / 2 + button.x, self.size[1] / 2 - button.y
                threading.Thread(target=click, args=(round(x), round(y))).start()
            elif kind == "words":
                threading.Thread(target=click, args=(self.size[0] // 2, self.size[1] // 2)).start()
        self.previous, self.scene = kind, scene
        self.scenes += kind[0]
        return flip

    def click_planned_choice(self, scene: Scene) -> None:
        choices = make_experiment().choices
        choice = planned_choice(self.n_grids, choices)
        if choice is not None:
            item = scene.items[choices.index(choice)]
            x, y = self.size[0] / 2 + item.x, self.size[1] / 2 - item.y
            threading.Thread(target=click, args=(round(x), round(y))).start()


def kind_of(scene: Scene, previous: str) -> str:
    if not scene.items:
        return "blank"
    if isinstance(scene.items[0], TextItem):
        return "words"
    if isinstance(scene.items[0], OutlineItem):
        return "fixation"
    assert isinstance(scene.items[0], ImageItem)
    if len(scene.items) > 1:
        return "grid"
    return "image" if previous in ("fixation", "image") else "mask"


def click(x: int, y: int) -> None:
    time.sleep(0.2)
    for words in (["mousemove", x, y], ["mousedown", 1], ["mouseup", 1]):
        subprocess.run(["xdotool", *map(str, words)], check=True)
        time.sleep(0.05)


def run_lab_session(out: Path, language: str, button: int) -> None:
    screen = RecordingScreen(out, button=button, sound=True)
    try:
        participant = Participant(code="S01", pilot=True, screen=screen, texts=load_texts(language))
        collect(make_experiment(), participant, out, n_practice=2, limit=3, notify=print)
    except ObserverError as error:
        print(error)
    finally:
        screen.close()


if __name__ == "__main__":
    out = Path(sys.argv[1])
    if len(sys.argv) > 2:
        run_lab_session(out, sys.argv[2], int(sys.argv[3]))
        sys.exit()
    screen = RecordingScreen(out)
    try:
        run(make_experiment(), Participant(code="S01", pilot=True, screen=screen), out)
    finally:
        screen.close()
        (out / "scenes.txt").write_text(screen.scenes)
