"""The parts of a session with a participant: codes, monitor profiles, the response grid, icons, masks and setup checks."""

import json
import math
import sys

import numpy as np
import pytest

from observers.people.card_calibration import measure_width
from observers.people.codes import check_code, new_code
from observers.people.grid import PUBLISHED_ORDER, choice_for_event, response_grid
from observers.people.icons import ICONS, draw_icon
from observers.people.monitor import Monitor, read_monitor, write_monitor
from observers.people.participant import Participant
from observers.people.screens.psychopy_screen import PsychoPyScreen
from observers.people.screens.screen import Click, Key, Scene
from observers.people.screens.simulated_screen import SimulatedScreen
from observers.people.setup_checks import check_setup
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES
from stimuli.masks import pink_mask


@pytest.mark.parametrize("code", ["S01", "ab", "K7Q2XZ", "x" * 16, "12345", "99999999"])
def test_valid_codes(code):
    check_code(code)
    assert Participant(code=code, simulate="ideal").name == code


@pytest.mark.parametrize("code", ["", "a", "a b", "a@b.de", "../x", "x" * 17, "S_1", "Zoë", "S01\n"])
def test_invalid_codes(code):
    with pytest.raises(ObserverError, match="is not a valid participant code: expected 2 to 16 letters and digits"):
        check_code(code)


@pytest.mark.parametrize("code", ["20261126", "26111990", "11261990", "901126", "261190"])
def test_dates_are_refused_as_codes(code):
    with pytest.raises(ObserverError, match=f"'{code}' reads like a date"):
        check_code(code)


def test_new_codes_are_valid_and_differ():
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    for code in codes:
        check_code(code)


def test_pixels_per_degree_and_round_trip_of_a_profile(tmp_path):
    """An image of 3 degrees at 107 cm is 5.603 cm wide (224 pixels in Geirhos et al.)."""
    monitor = Monitor("lab", 48.0, 107.0, (1920, 1200))
    assert monitor.degrees_to_pixels(3) == pytest.approx(2 * 107 * math.tan(math.radians(1.5)) * 40)
    assert monitor.degrees_to_pixels(3) == pytest.approx(224.2, abs=0.1)
    write_monitor(monitor, tmp_path / "lab.json")
    assert read_monitor(tmp_path / "lab.json") == monitor


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "null", '{"name": "x", "width_cm": "wide", "distance_cm": 57, "pixels": [1, 2]}', "[" * 100_000,
     '{"name": "x", "width_cm": 50, "distance_cm": 57, "pixels": 3}',
     '{"name": "x", "width_cm": 50, "distance_cm": 57, "pixels": [1, 2, 3]}'],
)  # fmt: skip
def test_invalid_profile(content, tmp_path):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(ObserverError, match=r"m\.json is not a valid monitor profile \(.*`observers calibrate-monitor"):
        read_monitor(tmp_path / "m.json")
    with pytest.raises(ObserverError, match=r"none\.json is not a valid monitor profile"):
        read_monitor(tmp_path / "none.json")


def test_implausible_monitor():
    with pytest.raises(ObserverError, match=r"has a width of 0 cm, a viewing distance of 57 cm and 800 × 600 pixels"):
        Monitor("m", 0, 57, (800, 600))
    with pytest.raises(ObserverError, match="expected a width of 1 to 1000 cm"):
        Monitor("m", float("nan"), 57, (800, 600))


def test_the_published_grid():
    """The grid is filled column by column from the top; for images of 224 pixels, cells have 129 pixels and gaps 10."""
    cells = {cell.choice: cell for cell in response_grid(CATEGORIES, 224)}
    assert [cells[c].x for c in PUBLISHED_ORDER[:4]] == pytest.approx([-208.5] * 4)
    assert [cells[c].y for c in PUBLISHED_ORDER[:4]] == pytest.approx([208.5, 69.5, -69.5, -208.5])
    assert cells["dog"].x == pytest.approx(208.5) and cells["dog"].y == pytest.approx(-208.5)
    assert {cell.side for cell in cells.values()} == {129}
    assert [cell.choice for cell in response_grid(CATEGORIES, 224)] == list(CATEGORIES)
    assert "".join(cells[c].key for c in ("knife", "bicycle", "bear", "truck", "airplane")) == "1234q"


@pytest.mark.parametrize("n", [2, 3, 5, 10, 16, 40])
def test_any_number_of_choices(n):
    cells = response_grid([f"c{i}" for i in range(n)], 200)
    assert len({(cell.x, cell.y) for cell in cells}) == n
    for cell in cells:
        assert choice_for_event(cells, Click(cell.x, cell.y, 0)) == cell.choice
        assert choice_for_event(cells, Click(cell.x + cell.side / 2 - 0.1, cell.y, 0)) == cell.choice
        assert choice_for_event(cells, Key(cell.key, 0)) == (cell.choice if cell.key else None)
        assert max(abs(cell.x), abs(cell.y)) + cell.side / 2 <= 2 * (129 + 10) / 224 * 200
    assert choice_for_event(cells, Click(9999, 0, 0)) is None
    assert choice_for_event(cells, Key("f1", 0)) is None


def test_two_choices_are_side_by_side():
    left, right = response_grid(["left", "right"], 224)
    assert left.x == -right.x < 0 == left.y
    assert (left.key, right.key) == ("left", "right")


def test_icons():
    assert set(ICONS) == set(CATEGORIES)
    drawings = [draw_icon(choice) for choice in CATEGORIES]
    assert {drawing.shape for drawing in drawings} == {(256, 256, 3)}
    assert len({drawing.tobytes() for drawing in drawings}) == 16
    for drawing in drawings:
        dark = np.argwhere(drawing[..., 0] < 128)
        assert 180 < np.max(np.ptp(dark, axis=0)) < 210
    assert draw_icon("duck") is None


def test_masks_are_pink():
    """The power is proportional to 1/f: the slope of log power against log frequency is −1."""
    rng = np.random.default_rng(0)
    masks = [pink_mask(128, 1.0, rng)[..., 0] / 255 for _ in range(20)]
    assert all(mask.min() == 0 and mask.max() == 1 for mask in masks)
    assert not np.array_equal(masks[0], masks[1])
    power = np.mean([np.abs(np.fft.fft2(mask - mask.mean())) ** 2 for mask in masks], axis=0)
    f = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None, :])
    in_range = (f > 0) & (f < 0.4)
    slope = np.polyfit(np.log(f[in_range]), np.log(power[in_range]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_mask_contrast_of_four():
    standard = pink_mask(64, 1.0, np.random.default_rng(1))[..., 0] / 255
    strong = pink_mask(64, 4.0, np.random.default_rng(1))[..., 0] / 255
    assert np.allclose(strong, np.clip((standard - 0.5) * 4 + 0.5, 0, 1), atol=0.01)


def test_card_calibration_measures_the_width():
    """If a card is as wide as 402 of 1608 pixels, the screen is four cards wide."""
    screen = SimulatedScreen(size=(1608, 1000))
    keys = [Key("up", 0)] * 14 + [Key("left", 0)] * 7 + [Key("right", 0)] + [Key("f5", 0), Key("return", 0)]
    flips = iter([[], *([key] for key in keys)])
    original_flip = screen.flip
    screen.flip = lambda scene: type(original_flip(scene))(0.0, (), tuple(next(flips)))
    assert measure_width(screen) == pytest.approx(1608 * 8.56 / (268 + 140 - 7 + 1))


def test_escape_stops_the_card_calibration():
    screen = SimulatedScreen()
    original_flip = screen.flip
    screen.flip = lambda scene: type(original_flip(scene))(0.0, (), (Key("escape", 0),))
    with pytest.raises(KeyboardInterrupt):
        measure_width(screen)


def test_setup_checks(tmp_path):
    write_monitor(Monitor("lab", 48.0, 57.0, (1280, 1024)), tmp_path / "lab.json")
    good = list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))
    assert all(check.passed for check in good)
    assert good[-1].message.startswith("monitor profile lab: 1 degree is 26.5 pixels")
    assert "trial logs are written to logs, whose disk has" in good[0].message
    assert good[1].message == "the screen has 1280 × 1024 pixels and shows 60.00 frames per second"
    late = list(check_setup(None, screen=SimulatedScreen(drop=0.1)))
    assert [check.label for check in late] == ["ok", "ok", "FAIL", "FAIL"]
    assert "frames were late: close other programs" in late[2].message
    write_monitor(Monitor("lab", 48.0, 57.0, (1920, 1080)), tmp_path / "lab.json")
    other_size = list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))[-1]
    assert not other_size.passed
    assert "is for a screen of 1920 × 1080 pixels: run `observers calibrate-monitor`" in other_size.message
    (tmp_path / "lab.json").write_text(json.dumps({}))
    invalid = list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))[-1]
    assert "is not a valid monitor profile" in invalid.message


def test_virtual_clock_advances_by_one_frame_per_flip():
    screen = SimulatedScreen(rate=100.0)
    assert [screen.flip(Scene(0.5)).time for _ in range(3)] == pytest.approx([0.01, 0.02, 0.03])


def test_psychopy_that_cannot_be_imported(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "psychopy"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "psychopy.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":99")
    message = (
        r"^PsychoPy is installed but cannot be imported \(libGL.* object file\): install what is missing, then run"
    )
    with pytest.raises(ObserverError, match=message):
        PsychoPyScreen()


def test_psychopy_without_a_screen(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "psychopy"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "psychopy.py").write_text("raise RuntimeError('Cannot connect to \"None\"')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":99")
    message = (
        r"^PsychoPy cannot open a window \(RuntimeError: Cannot connect to \"None\"\): "
        r"run the command on a computer with a screen"
    )
    with pytest.raises(ObserverError, match=message):
        PsychoPyScreen()
