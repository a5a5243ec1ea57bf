"""Sessions with a participant on a virtual screen: what is shown when, what counts as a response, and what is logged."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from experiments.experiment import Experiment
from experiments.running.session import run
from observers.check import check_observer
from observers.people import paradigm
from observers.people.grid import response_grid
from observers.people.monitor import Monitor, write_monitor
from observers.people.paradigm import CORRECT_GRAY, MARK_GRAY
from observers.people.participant import Participant
from observers.people.screens.screen import Click, ImageItem, Key, OutlineItem, Scene, TextItem
from observers.people.screens.simulated_screen import SimulatedScreen, render
from observers.people.texts.reading import load_texts
from observers.protocol import ObserverError, Presentation, Trial
from observers.registry import make_observer
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.experiments.logs import rows, sidecar
from tests.unit.observers.people.scripted_screen import ScriptedScreen


def phases(scenes):
    """Return the kind of each phase with its number of frames.

    The kinds are f (fixation), i (image), b (blank), m (mask), g (grid), w (text) and o (feedback).
    """
    letters = []
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
            letter = "o" if isinstance(items[-1], OutlineItem) and items[-1].gray == CORRECT_GRAY else "g"
        if not letter:
            letter = "i" if letters[-1] in ("f", "i") else "m"
        letters.append(letter)
    return [(letter, len(list(group))) for letter, group in itertools.groupby(letters)]


CELLS = {cell.choice: cell for cell in response_grid(CATEGORIES, 224)}


def click(choice, delay):
    return delay, Click(CELLS[choice].x + 5, CELLS[choice].y - 5, 0)


def make_pilot(events_for, **options):
    """Return a participant in a pilot session and the virtual screen of the session."""
    screen = ScriptedScreen(events_for, **{k: v for k, v in options.items() if k in ("rate", "drop", "size")})
    participant_options = {k: v for k, v in options.items() if k not in ("rate", "drop", "size")}
    return Participant(code="S01", pilot=True, screen=screen, **participant_options), screen


@pytest.mark.slow
def test_frames_of_a_session(small):
    """At 60 Hz, fixation has 18 frames, the image 12, the mask 12 and the response grid 90."""
    participant, screen = make_pilot(lambda n: [])
    responses = list(participant.observe(small.trials(0)))
    expected = [("f", 18), ("i", 12), ("m", 12), ("g", 90)]
    assert [phase for phase in phases(screen.scenes) if phase[0] not in ("w", "b")] == expected * 32
    assert [letter for letter, _ in phases(screen.scenes)].count("w") == 3  # before, between and after the two blocks
    assert {r.choice for r in responses} == {None}
    assert {r.measured["n_frames"] for r in responses} == {12}
    assert {round(r.measured["offset"] - r.measured["onset"], 4) for r in responses} == {0.2}


def test_durations_are_rounded_up_to_frames():
    assert [paradigm.n_frames(0.2, rate) for rate in (60, 75, 85, 144, 100)] == [12, 15, 17, 29, 20]
    assert paradigm.n_frames(0.3, 60) == 18
    # A measured rate is slightly off, which does not change the number of frames.
    assert [paradigm.n_frames(0.2, rate) for rate in (59.94, 60.02, 60.3)] == [12, 12, 12]
    assert [paradigm.n_frames(0.2, 62), paradigm.n_frames(0.001, 60)] == [13, 1]


def test_the_last_click_on_a_choice_counts(small):
    events = {
        1: [click("cat", 0.3)],
        2: [click("cat", 0.3), click("dog", 0.8)],
        3: [click("cat", 0.3), (0.5, Click(0, 0, 0))],  # between the icons
        4: [(0.4, Click(5000, 0, 0))],
        5: [click("dog", 1.499)],
        6: [click("dog", 1.6)],
        7: [(0.4, Key("1", 0))],  # keys do not count without the option `keys`
    }
    participant, _ = make_pilot(lambda n: events.get(n, []))
    responses = list(itertools.islice(participant.observe(small.trials(0)), 8))
    assert [r.choice for r in responses] == ["cat", "dog", "cat", None, "dog", None, None, None]
    assert [r.rt for r in responses[:5]] == pytest.approx([0.3, 0.8, 0.3, None, 1.499])
    assert responses[7].rt is None


def test_late_click_does_not_count_in_the_next_trial(small):
    participant, _ = make_pilot(lambda n: [click("cat", 1.8)] if n == 1 else [])
    assert [r.choice for r in itertools.islice(participant.observe(small.trials(0)), 3)] == [None] * 3


def test_responses_with_keys(small):
    participant, screen = make_pilot(lambda n: [(0.5, Key("q", 0)), click("dog", 0.9)], keys=True)
    response = next(participant.observe(small.trials(0)))
    assert (response.choice, response.rt) == ("airplane", 0.5)
    texts = {item.text for scene, _ in screen.scenes for item in scene.items if isinstance(item, TextItem)}
    assert {"1", "q", "a", "z", "4", "v"} <= texts
    assert not any(scene.pointer for scene, _ in screen.scenes)


def test_feedback(small):
    """The correct choice has a white frame after every response, and a beep sounds after an error, which is shown longer."""
    trials = small.trials(0)
    correct = trials[0].stimulus.category
    wrong = next(c for c in CATEGORIES if c != trials[1].stimulus.category)
    participant, screen = make_pilot(lambda n: [click(correct if n == 1 else wrong, 0.3)], feedback=True)
    list(itertools.islice(participant.observe(trials), 3))
    assert len(screen.beeps) == 2 and screen.beeps[0] == (300.0, 0.25)
    durations = [n for letter, n in phases(screen.scenes) if letter == "o"]
    assert durations == [18, 60, 60]
    outline = next(s.items[-1] for s, _ in screen.scenes if len(s.items) > 16 and isinstance(s.items[-1], OutlineItem))
    assert (outline.x, outline.y) == (CELLS[correct].x, CELLS[correct].y)


def test_the_chosen_icon_has_a_frame_from_the_next_frame_on(small):
    """The frame moves with a second choice; the grid lasts as long as without a choice."""
    participant, screen = make_pilot(lambda n: [click("cat", 0.29), click("dog", 0.79)])
    next(participant.observe(small.trials(0)))
    grids = [scene.items[16:] for scene, _ in screen.scenes if len(scene.items) >= 16]
    marks = [(len(items), items[0] if items else None) for items in grids]
    groups = [(mark, len(list(group))) for mark, group in itertools.groupby(marks)]
    assert sum(n for _, n in groups) == 90
    assert [(n_marks, mark and (mark.x, mark.y, mark.gray)) for (n_marks, mark), _ in groups] == [
        (0, None),
        (1, (CELLS["cat"].x, CELLS["cat"].y, MARK_GRAY)),
        (1, (CELLS["dog"].x, CELLS["dog"].y, MARK_GRAY)),
    ]
    assert [n for _, n in groups][:2] == [19, 30]  # the click at 0.29 s is reported with the 18th flip after the onset


def test_feedback_frames_the_wrong_and_the_correct_choice_and_says_so_in_german(small):
    trials = small.trials(0)
    correct = [trial.stimulus.category for trial in trials]
    wrong = next(c for c in CATEGORIES if c not in correct[:3])
    events = {1: [click(correct[0], 0.3)], 2: [click(wrong, 0.3)], 3: []}
    participant, screen = make_pilot(lambda n: events[n], feedback=True, texts=load_texts("de"))
    list(itertools.islice(participant.observe(trials), 3))
    shown = [s.items[16:] for s, _ in screen.scenes if len(s.items) > 17 or (s.items[16:] and s.items[-1].gray == 1)]
    outcomes = list(dict.fromkeys(shown))
    words = [[item.text for item in items if isinstance(item, TextItem)] for items in outcomes]
    assert words == [["Richtig"], ["Nicht richtig"], ["Zu spät"]]
    frames = [[(f.x, f.y, f.gray) for f in items if isinstance(f, OutlineItem)] for items in outcomes]
    white = [(CELLS[c].x, CELLS[c].y, CORRECT_GRAY) for c in correct[:3]]
    assert frames == [[white[0]], [(CELLS[wrong].x, CELLS[wrong].y, MARK_GRAY), white[1]], [white[2]]]


def test_dropped_frames_are_counted(small):
    participant, _ = make_pilot(lambda n: [], drop=0.05)
    responses = list(participant.observe(small.trials(0)))
    dropped = [r.measured["n_dropped"] for r in responses]
    assert 0.03 * 45 < np.mean(dropped) < 0.07 * 45  # 44 intervals between fixation and grid
    exact, _ = make_pilot(lambda n: [])
    assert {r.measured["n_dropped"] for r in exact.observe(small.trials(0))} == {0}


@pytest.mark.slow
def test_escape_stops_at_any_frame_and_the_session_can_be_resumed(small, tmp_path):
    for frame in (3, 30, 60, 200, 500):
        participant, screen = make_pilot(lambda n: [click("cat", 0.3)])
        original_flip, count = screen.flip, itertools.count()

        def flip_with_escape(scene, original_flip=original_flip, count=count, frame=frame):
            flip = original_flip(scene)
            return evolve(flip, keys=(Key("escape", flip.time),)) if next(count) == frame else flip

        screen.flip = flip_with_escape
        out = tmp_path / str(frame)
        with pytest.raises(KeyboardInterrupt):
            run(small, participant, out)
        path = out / "small" / "small_S01-pilot_session-1.csv"
        n = len(rows(path))
        # One blank frame, 30 frames of instructions and the wait message come first; then each trial has 134 frames.
        assert n == max(0, (frame - 32) // 134)
        resumed, _ = make_pilot(lambda n: [click("dog", 0.3)])
        run(small, resumed, out)
        logged = rows(path)
        assert [row["trial"] for row in logged] == [str(i) for i in range(1, 33)]
        assert [row["response"] for row in logged] == ["cat"] * n + ["dog"] * (32 - n)


def test_log_and_sidecar(small, tmp_path):
    participant, _ = make_pilot(lambda n: [click("cat", 0.3)])
    path = run(small, participant, tmp_path)
    assert path.name == "small_S01-pilot_session-1.csv"
    row = rows(path)[0]
    assert (row["observer"], row["kind"], row["response"], row["rt"]) == ("S01-pilot", "human", "cat", "0.3")
    assert [name for name in row if name.startswith("measured_")] == [f"measured_{m}" for m in paradigm.MEASURES]
    assert float(row["measured_grid_onset"]) > float(row["measured_offset"]) > float(row["measured_onset"])
    facts = sidecar(path)
    assert facts["provenance"] == {"platform": "psychopy"}
    assert facts["identity"]["observer"]["options"]["pilot"] is True
    assert "screen" not in facts["identity"]["observer"]["options"]


def test_texts_of_breaks(small):
    participant, screen = make_pilot(lambda n: [click("cat", 0.3)] if n % 2 else [], n_blocks=2)
    list(participant.observe(small.trials(0)))
    texts = [item.text for scene, _ in screen.scenes for item in scene.items if isinstance(item, TextItem)]
    assert {"Block 1 of 2 is done.", "Block 2 of 2 is done."} <= set(texts)
    assert any(re.fullmatch(r"\d+ % of your answers in this block were correct\.", text) for text in texts)
    assert "You did not respond in time to 8 of 16 pictures. Please respond to every picture." in " ".join(texts)
    assert "This was the last picture. Thank you!" in texts and "PILOT: this session will not be analyzed." in texts


@pytest.mark.parametrize("instruction", ["x " * 999 + "x", "何が見えますか。" * 60, "What is it?"])
def test_all_lines_of_the_instruction_fit_on_the_screen(instruction, small):
    participant, screen = make_pilot(lambda n: [click("cat", 0.3)])
    list(participant.observe(evolve(small, instruction=instruction).trials(0)[:1]))
    scene = next(scene for scene, _ in screen.scenes if any(isinstance(item, TextItem) for item in scene.items))
    texts = [item for item in scene.items if isinstance(item, TextItem)]
    width, height = screen.size
    assert all(abs(item.y) + item.height / 2 < height / 2 for item in texts)
    assert len({item.y for item in texts}) == len(texts)
    # Letters are at most about 0.6 times as wide as high, and Chinese characters as wide as high.
    n_columns = [sum(1.0 if ord(character) > 0x2FFF else 0.6 for character in item.text) for item in texts]
    assert max(n * item.height for n, item in zip(n_columns, texts, strict=True)) < 0.95 * width
    assert instruction.replace(" ", "") in "".join(item.text for item in texts).replace(" ", "")


def test_sizes_in_degrees(small, tmp_path):
    write_monitor(Monitor("lab", 40.0, 57.0, (1280, 1024)), tmp_path / "lab.json")
    screen = ScriptedScreen(lambda n: [])
    participant = Participant(code="S01", monitor=tmp_path / "lab.json", screen=screen)
    next(participant.observe(small.trials(0)))
    image = next(s.items[0] for s, _ in screen.scenes if len(s.items) == 1 and isinstance(s.items[0], ImageItem))
    assert image.width == image.height == pytest.approx(Monitor("lab", 40.0, 57.0, (1280, 1024)).degrees_to_pixels(3.0))
    assert participant.provenance()["monitor"] == "lab, 1280 × 1024 pixels on 40 cm at 57 cm"
    assert participant.name == "S01"


def test_unsuitable_screens_and_invalid_options_are_refused(small, tmp_path):
    with pytest.raises(ObserverError, match=r"requires a monitor profile: give it with --monitor FILE"):
        next(Participant(code="S01").observe(small.trials(0)))
    write_monitor(Monitor("lab", 40.0, 57.0, (1920, 1080)), tmp_path / "lab.json")
    with pytest.raises(ObserverError, match=r"is for a screen of 1920 × 1080 pixels, but this screen has 1280 × 1024"):
        next(Participant(code="S01", monitor=tmp_path / "lab.json", screen=SimulatedScreen()).observe(small.trials(0)))
    with pytest.raises(ObserverError, match=r"the response grid needs 546 pixels, but the screen has only 480"):
        next(Participant(code="S01", pilot=True, screen=SimulatedScreen(size=(640, 480))).observe(small.trials(0)))
    with pytest.raises(ObserverError, match="is not a valid participant code"):
        make_observer("human:psychopy", {"code": "a b"})


def test_two_choices(small):
    experiment = Experiment("two", small.stimuli, ("left", "right"), presentation=Presentation(response=3.0))
    screen = SimulatedScreen()
    participant = Participant(code="S01", pilot=True, screen=screen, simulate="chance")
    responses = list(participant.observe(experiment.trials(0)))
    assert {r.choice for r in responses} <= {"left", "right", None} and {"left", "right"} <= {
        r.choice for r in responses
    }


@pytest.mark.slow
def test_simulated_participant_responds_as_the_observer(small):
    participant = make_observer("human:psychopy", {"code": "S01", "simulate": "biased"})
    assert participant.kind == "simulated"
    assert [result for result in check_observer(participant, small.trials(0)) if not result.passed] == []
    expected = make_observer("biased", {"seed": "0"})
    trials = small.trials(0)
    pairs = list(zip(participant.observe(trials), expected.observe(trials), strict=True))
    assert all(a.choice == b.choice for a, b in pairs if a.choice is not None)
    assert sum(a.choice is None for a, _ in pairs) <= 4  # an rt longer than the response grid is a miss
    assert all(0 < a.rt <= 1.52 for a, _ in pairs if a.rt is not None)


def test_render_draws_a_scene(small):
    participant, screen = make_pilot(lambda n: [])
    next(participant.observe(small.trials(0)))
    stimulus = small.trials(0)[0].stimulus.pixels()
    scene = next(s for s, _ in screen.scenes if len(s.items) == 1 and isinstance(s.items[0], ImageItem))
    rendered = render(scene, (400, 300))
    assert np.array_equal(rendered[38:262, 88:312], stimulus)
    assert tuple(rendered[0, 0]) == (113, 113, 113)
    assert render(Scene(1.0), (4, 3)).shape == (3, 4, 3)


def test_images_keep_their_aspect_ratio(tmp_path):
    screen = SimulatedScreen()
    layout = paradigm.make_layout(screen, ("a", "b"), Presentation(), 100.0)
    path = tmp_path / "wide.png"
    save_image(np.zeros((20, 40, 3), np.uint8), path)
    trial = Trial(1, 1, Stimulus("wide.png", Path(path), "a"), ("a", "b"))
    prepared = paradigm.prepare_trial(screen, trial, layout, np.random.default_rng(0))
    assert (prepared.image.width, prepared.image.height) == (100, 50)
