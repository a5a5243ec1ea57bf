"""A session with a person, on a screen without a display: what is shown when, what counts as an answer, what is logged."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from experiments.experiment import Experiment
from experiments.session import run
from observers.check import check_observer
from observers.people import paradigm
from observers.people.grid import grid
from observers.people.monitor import Monitor, write_monitor
from observers.people.participant import Participant
from observers.people.screen import Click, ImageItem, Key, OutlineItem, Scene, TextItem
from observers.people.simulated_screen import SimulatedScreen, drawn
from observers.protocol import ObserverError, Presentation
from observers.registry import make_observer
from stimuli.categories import CATEGORIES
from tests.experiments.logs import rows, sidecar
from tests.observers.people.answering import Answering


def kinds(scenes):
    """f fixation, i image, b blank, m mask, g grid, w words, o feedback; with how many frames each was there."""
    found, pictures = [], 0
    for scene, _ in scenes:
        items = scene.items
        letter = (
            "b"
            if not items
            else "w"
            if isinstance(items[0], TextItem)
            else "f"
            if isinstance(items[0], OutlineItem)
            else ""
        )
        if len(items) > 1 and not letter:
            letter = "o" if isinstance(items[-1], OutlineItem) else "g"
        if not letter:
            pictures += found[-1] not in ("i", "m")
            letter = "i" if found[-1] in ("f", "i") else "m"
        found.append(letter)
    return [(letter, len(list(group))) for letter, group in itertools.groupby(found)]


CELLS = {cell.choice: cell for cell in grid(CATEGORIES, 224)}


def click(choice, delay):
    return delay, Click(CELLS[choice].x + 5, CELLS[choice].y - 5, 0)


def person(presses, **options):
    screen = Answering(presses, **{k: v for k, v in options.items() if k in ("rate", "drop", "size")})
    rest = {k: v for k, v in options.items() if k not in ("rate", "drop", "size")}
    return Participant(code="S01", pilot=True, screen=screen, **rest), screen


def test_frames_of_a_session(small):
    """32 trials at 60 Hz: 18 frames of fixation, 12 of the image, a blank, 12 of the mask, a blank, the grid for 90 more."""
    who, screen = person(lambda n: [])
    responses = list(who.observe(small.trials(0)))
    trial = [("f", 18), ("i", 12), ("b", 1), ("m", 12), ("b", 1), ("g", 90)]
    shown = [(letter, n) for letter, n in kinds(screen.scenes) if letter != "w"]
    assert [pair for pair in shown if pair[0] != "b"] == [pair for pair in trial if pair[0] != "b"] * 32
    assert [letter for letter, _ in kinds(screen.scenes)].count("w") == 3  # before, between, after
    assert {r.choice for r in responses} == {None}
    assert {r.measured["n_frames"] for r in responses} == {12}
    assert {round(r.measured["offset"] - r.measured["onset"], 4) for r in responses} == {0.2}


def test_times_in_frames_are_rounded_up():
    assert [paradigm.n_frames(0.2, rate) for rate in (60, 75, 85, 144, 100)] == [12, 15, 17, 29, 20]
    assert paradigm.n_frames(0.3, 60) == 18
    assert [paradigm.n_frames(0.2, rate) for rate in (59.94, 60.02, 60.3)] == [12, 12, 12]  # as screens are measured
    assert [paradigm.n_frames(0.2, 62), paradigm.n_frames(0.001, 60)] == [13, 1]


def test_the_last_click_on_a_choice_counts(small):
    presses = {
        1: [click("cat", 0.3)],
        2: [click("cat", 0.3), click("dog", 0.8)],
        3: [click("cat", 0.3), (0.5, Click(0, 0, 0))],  # between the icons
        4: [(0.4, Click(5000, 0, 0))],
        5: [click("dog", 1.499)],
        6: [click("dog", 1.6)],
        7: [(0.4, Key("1", 0))],  # keys do not count here
    }
    who, _ = person(lambda n: presses.get(n, []))
    responses = list(itertools.islice(who.observe(small.trials(0)), 8))
    assert [r.choice for r in responses] == ["cat", "dog", "cat", None, "dog", None, None, None]
    assert [r.rt for r in responses[:5]] == pytest.approx([0.3, 0.8, 0.3, None, 1.499])
    assert responses[7].rt is None


def test_a_late_click_is_none_of_the_next_trial(small):
    who, _ = person(lambda n: [click("cat", 1.8)] if n == 1 else [])
    assert [r.choice for r in itertools.islice(who.observe(small.trials(0)), 3)] == [None] * 3


def test_by_keys(small):
    who, screen = person(lambda n: [(0.5, Key("q", 0)), click("dog", 0.9)], keys=True)
    response = next(who.observe(small.trials(0)))
    assert (response.choice, response.rt) == ("airplane", 0.5)
    words = {item.text for scene, _ in screen.scenes for item in scene.items if isinstance(item, TextItem)}
    assert {"1", "q", "a", "z", "4", "v"} <= words
    assert not any(scene.pointer for scene, _ in screen.scenes)


def test_feedback(small):
    """A beep and the right box after an error, the box alone after a right answer."""
    trials = small.trials(0)
    right = trials[0].stimulus.category
    wrong = next(c for c in CATEGORIES if c != trials[1].stimulus.category)
    who, screen = person(lambda n: [click(right if n == 1 else wrong, 0.3)], feedback=True)
    list(itertools.islice(who.observe(trials), 3))
    assert len(screen.beeps) == 2 and screen.beeps[0] == (300.0, 0.25)
    boxes = [n for letter, n in kinds(screen.scenes) if letter == "o"]
    assert boxes == [18] * 3
    box = next(s.items[-1] for s, _ in screen.scenes if len(s.items) > 16 and isinstance(s.items[-1], OutlineItem))
    assert (box.x, box.y) == (CELLS[right].x, CELLS[right].y)


def test_dropped_frames_are_counted(small):
    who, _ = person(lambda n: [], drop=0.05)
    responses = list(who.observe(small.trials(0)))
    dropped = [r.measured["n_dropped"] for r in responses]
    assert 0.03 * 45 < np.mean(dropped) < 0.07 * 45  # of 44 intervals from fixation to grid
    exact, _ = person(lambda n: [])
    assert {r.measured["n_dropped"] for r in exact.observe(small.trials(0))} == {0}


def test_escape_at_any_frame(small, tmp_path):
    for at in (3, 30, 60, 200, 500):
        who, screen = person(lambda n: [click("cat", 0.3)])
        plain, count = screen.flip, itertools.count()

        def flip(scene, plain=plain, count=count, at=at):
            found = plain(scene)
            return evolve(found, keys=(Key("escape", found.time),)) if next(count) == at else found

        screen.flip = flip
        out = tmp_path / str(at)
        with pytest.raises(KeyboardInterrupt):
            run(small, who, out)
        path = out / "small" / "small_S01-pilot_session-1.csv"
        n = len(rows(path))
        assert n == max(0, (at - 32) // 134)  # blank, 30 frames of greeting, a moment; then 134 a trial
        again, _ = person(lambda n: [click("dog", 0.3)])
        run(small, again, out)
        logged = rows(path)
        assert [row["trial"] for row in logged] == [str(i) for i in range(1, 33)]
        assert [row["response"] for row in logged] == ["cat"] * n + ["dog"] * (32 - n)


def test_what_is_logged(small, tmp_path):
    who, _ = person(lambda n: [click("cat", 0.3)])
    path = run(small, who, tmp_path)
    assert path.name == "small_S01-pilot_session-1.csv"
    row = rows(path)[0]
    assert (row["observer"], row["kind"], row["response"], row["rt"]) == ("S01-pilot", "human", "cat", "0.3")
    assert [name for name in row if name.startswith("measured_")] == [f"measured_{m}" for m in paradigm.MEASURES]
    assert float(row["measured_grid_onset"]) > float(row["measured_offset"]) > float(row["measured_onset"])
    facts = sidecar(path)
    assert facts["provenance"] == {"platform": "psychopy"}
    assert facts["identity"]["observer"]["options"]["pilot"] is True
    assert "screen" not in facts["identity"]["observer"]["options"]


def test_breaks_say_how_it_went(small):
    who, screen = person(lambda n: [click("cat", 0.3)] if n % 2 else [], n_blocks=2)
    list(who.observe(small.trials(0)))
    said = [item.text for scene, _ in screen.scenes for item in scene.items if isinstance(item, TextItem)]
    assert any(text.startswith("Block 1 of 2 is done: ") and text.endswith("% correct.") for text in said)
    assert "8 of 16 images had no answer in time: please answer each." in said
    assert "That was all. Thank you!" in said and "PILOT: this session does not count." in said


def test_sizes_in_degrees(small, tmp_path):
    write_monitor(Monitor("lab", 40.0, 57.0, (1280, 1024)), tmp_path / "lab.json")
    screen = Answering(lambda n: [])
    who = Participant(code="S01", monitor=tmp_path / "lab.json", screen=screen)
    next(who.observe(small.trials(0)))
    image = next(s.items[0] for s, _ in screen.scenes if len(s.items) == 1 and isinstance(s.items[0], ImageItem))
    assert image.width == image.height == pytest.approx(Monitor("lab", 40.0, 57.0, (1280, 1024)).length(3.0))
    assert who.provenance()["monitor"] == "lab, 1280 × 1024 pixels on 40 cm at 57 cm"
    assert who.name == "S01"


def test_what_cannot_be_shown(small, tmp_path):
    with pytest.raises(ObserverError, match=r"give its profile \(--monitor FILE"):
        next(Participant(code="S01").observe(small.trials(0)))
    write_monitor(Monitor("lab", 40.0, 57.0, (1920, 1080)), tmp_path / "lab.json")
    with pytest.raises(ObserverError, match=r"is of a screen of 1920 × 1080 pixels, and this one has 1280 × 1024"):
        next(Participant(code="S01", monitor=tmp_path / "lab.json", screen=SimulatedScreen()).observe(small.trials(0)))
    with pytest.raises(ObserverError, match=r"the choices take 546 pixels and the screen has 480"):
        next(Participant(code="S01", pilot=True, screen=SimulatedScreen(size=(640, 480))).observe(small.trials(0)))
    with pytest.raises(ObserverError, match="is no participant code"):
        make_observer("human:psychopy", {"code": "a b"})


def test_two_choices(small):
    experiment = Experiment("two", small.stimuli, ("left", "right"), presentation=Presentation(response=3.0))
    screen = SimulatedScreen()
    who = Participant(code="S01", pilot=True, screen=screen, simulate="chance")
    responses = list(who.observe(experiment.trials(0)))
    assert {r.choice for r in responses} <= {"left", "right", None} and {"left", "right"} <= {
        r.choice for r in responses
    }


def test_a_simulated_person(small):
    who = make_observer("human:psychopy", {"code": "S01", "simulate": "biased"})
    assert who.kind == "simulated"
    assert [f for f in check_observer(who, small.trials(0)) if not f.passed] == []
    expected = make_observer("biased", {"seed": "0"})
    trials = small.trials(0)
    pairs = list(zip(who.observe(trials), expected.observe(trials), strict=True))
    assert all(a.choice == b.choice for a, b in pairs if a.choice is not None)
    assert sum(a.choice is None for a, _ in pairs) <= 4  # too late
    assert all(0 < a.rt <= 1.52 for a, _ in pairs if a.rt is not None)


def test_scenes_can_be_looked_at(small):
    who, screen = person(lambda n: [])
    next(who.observe(small.trials(0)))
    stimulus = small.trials(0)[0].stimulus.pixels()
    scene = next(s for s, _ in screen.scenes if len(s.items) == 1 and isinstance(s.items[0], ImageItem))
    picture = drawn(scene, (400, 300))
    assert np.array_equal(picture[38:262, 88:312], stimulus)
    assert tuple(picture[0, 0]) == (113, 113, 113)
    assert drawn(Scene(1.0), (4, 3)).shape == (3, 4, 3)


def test_pictures_keep_their_shape(tmp_path):
    screen = SimulatedScreen()
    look = paradigm.look(screen, ("a", "b"), Presentation(), 100.0)
    from observers.protocol import Trial
    from stimuli.images import save_image
    from stimuli.stimulus import Stimulus

    path = tmp_path / "wide.png"
    save_image(np.zeros((20, 40, 3), np.uint8), path)
    prepared = paradigm.prepare(screen, Trial(1, 1, Stimulus("wide.png", Path(path), "a"), ("a", "b")), look,
                                np.random.default_rng(0))  # fmt: skip
    assert (prepared.image.width, prepared.image.height) == (100, 50)
