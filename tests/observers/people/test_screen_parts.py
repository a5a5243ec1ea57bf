"""Codes, monitors, the grid, icons and masks: what a session with a person is made of."""

import json
import math

import numpy as np
import pytest

from observers.people.card_calibration import measured_width
from observers.people.codes import check_code, new_code
from observers.people.grid import PUBLISHED, grid, meant
from observers.people.icons import ICONS, icon
from observers.people.monitor import Monitor, read_monitor, write_monitor
from observers.people.screen import Click, Key, Scene
from observers.people.setup_checks import check_setup
from observers.people.simulated_screen import SimulatedScreen
from observers.protocol import ObserverError
from stimuli.categories import CATEGORIES
from stimuli.masks import pink_mask


@pytest.mark.parametrize("code", ["S01", "ab", "K7Q2XZ", "x" * 16, "12345", "99999999"])
def test_codes(code):
    check_code(code)


@pytest.mark.parametrize("code", ["", "a", "a b", "a@b.de", "../x", "x" * 17, "S_1", "Zoë", "S01\n"])
def test_no_codes(code):
    with pytest.raises(ObserverError, match="is no participant code: expected 2 to 16 letters and digits"):
        check_code(code)


@pytest.mark.parametrize("code", ["20261126", "26111990", "11261990", "901126", "261190"])
def test_dates_are_no_codes(code):
    with pytest.raises(ObserverError, match=f"'{code}' reads like a date"):
        check_code(code)


def test_new_codes_are_codes_and_differ():
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    for code in codes:
        check_code(code)


def test_a_degree_on_a_monitor(tmp_path):
    """3 degrees at 107 cm are 5.603 cm (Geirhos et al.: 224 pixels)."""
    monitor = Monitor("lab", 48.0, 107.0, (1920, 1200))
    assert monitor.length(3) == pytest.approx(2 * 107 * math.tan(math.radians(1.5)) * 40)
    assert monitor.length(3) == pytest.approx(224.2, abs=0.1)
    write_monitor(monitor, tmp_path / "lab.json")
    assert read_monitor(tmp_path / "lab.json") == monitor


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "null", '{"name": "x", "width_cm": "wide", "distance_cm": 57, "pixels": [1, 2]}', "[" * 100_000,
     '{"name": "x", "width_cm": 50, "distance_cm": 57, "pixels": 3}',
     '{"name": "x", "width_cm": 50, "distance_cm": 57, "pixels": [1, 2, 3]}'],
)  # fmt: skip
def test_no_profile(content, tmp_path):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(ObserverError, match=r"m\.json is no profile of a monitor \(.*`observers calibrate-monitor"):
        read_monitor(tmp_path / "m.json")
    with pytest.raises(ObserverError, match=r"none\.json is no profile of a monitor"):
        read_monitor(tmp_path / "none.json")


def test_no_monitor():
    with pytest.raises(ObserverError, match=r"has a width of 0 cm, 57 cm from the eyes, and 800 × 600 pixels"):
        Monitor("m", 0, 57, (800, 600))
    with pytest.raises(ObserverError, match="expected 1 to 1000 cm"):
        Monitor("m", float("nan"), 57, (800, 600))


def test_the_published_grid():
    """Column by column from the top; 129 pixels and gaps of 10 where images are of 224."""
    cells = {cell.choice: cell for cell in grid(CATEGORIES, 224)}
    assert [cells[c].x for c in PUBLISHED[:4]] == pytest.approx([-208.5] * 4)
    assert [cells[c].y for c in PUBLISHED[:4]] == pytest.approx([208.5, 69.5, -69.5, -208.5])
    assert cells["dog"].x == pytest.approx(208.5) and cells["dog"].y == pytest.approx(-208.5)
    assert {cell.side for cell in cells.values()} == {129}
    assert [cell.choice for cell in grid(CATEGORIES, 224)] == list(CATEGORIES)
    assert "".join(cells[c].key for c in ("knife", "bicycle", "bear", "truck", "airplane")) == "1234q"


@pytest.mark.parametrize("n", [2, 3, 5, 10, 16, 40])
def test_any_number_of_choices(n):
    cells = grid([f"c{i}" for i in range(n)], 200)
    assert len({(cell.x, cell.y) for cell in cells}) == n
    for one in cells:
        assert meant(cells, Click(one.x, one.y, 0)) == one.choice
        assert meant(cells, Click(one.x + one.side / 2 - 0.1, one.y, 0)) == one.choice
        assert meant(cells, Key(one.key, 0)) == (one.choice if one.key else None)
        assert max(abs(one.x), abs(one.y)) + one.side / 2 <= 2 * (129 + 10) / 224 * 200
    assert meant(cells, Click(9999, 0, 0)) is None
    assert meant(cells, Key("f1", 0)) is None


def test_two_choices_lie_side_by_side():
    left, right = grid(["left", "right"], 224)
    assert left.x == -right.x < 0 == left.y
    assert (left.key, right.key) == ("left", "right")


def test_icons():
    assert set(ICONS) == set(CATEGORIES)
    drawings = [icon(choice) for choice in CATEGORIES]
    assert {drawing.shape for drawing in drawings} == {(256, 256, 3)}
    assert len({drawing.tobytes() for drawing in drawings}) == 16
    for drawing in drawings:
        dark = np.argwhere(drawing[..., 0] < 128)
        assert 180 < np.max(np.ptp(dark, axis=0)) < 210
    assert icon("duck") is None


def test_masks_are_pink():
    """Power falls as 1/f: the slope of log power over log frequency is −1."""
    rng = np.random.default_rng(0)
    masks = [pink_mask(128, 1.0, rng)[..., 0] / 255 for _ in range(20)]
    assert all(mask.min() == 0 and mask.max() == 1 for mask in masks)
    assert not np.array_equal(masks[0], masks[1])
    power = np.mean([np.abs(np.fft.fft2(mask - mask.mean())) ** 2 for mask in masks], axis=0)
    f = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)[None, :])
    kept = (f > 0) & (f < 0.4)
    slope = np.polyfit(np.log(f[kept]), np.log(power[kept]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_newer_masks_have_four_times_the_contrast():
    plain = pink_mask(64, 1.0, np.random.default_rng(1))[..., 0] / 255
    strong = pink_mask(64, 4.0, np.random.default_rng(1))[..., 0] / 255
    assert np.allclose(strong, np.clip((plain - 0.5) * 4 + 0.5, 0, 1), atol=0.01)


def test_a_card_tells_the_width():
    """A screen on which a card is 402 pixels wide, of 1608, is four cards wide."""
    screen = SimulatedScreen(size=(1608, 1000))
    presses = [Key("up", 0)] * 14 + [Key("left", 0)] * 7 + [Key("right", 0)] + [Key("f5", 0), Key("return", 0)]
    flips = iter([[], *([key] for key in presses)])
    plain = screen.flip
    screen.flip = lambda scene: type(plain(scene))(0.0, (), tuple(next(flips)))
    assert measured_width(screen) == pytest.approx(1608 * 8.56 / (268 + 140 - 7 + 1))


def test_calibrating_ends_by_escape():
    screen = SimulatedScreen()
    plain = screen.flip
    screen.flip = lambda scene: type(plain(scene))(0.0, (), (Key("escape", 0),))
    with pytest.raises(KeyboardInterrupt):
        measured_width(screen)


def test_checkup(tmp_path):
    write_monitor(Monitor("lab", 48.0, 57.0, (1280, 1024)), tmp_path / "lab.json")
    fine = list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))
    assert all(finding.fine for finding in fine)
    assert fine[-1].said.startswith("lab: a degree is 26.5 pixels")
    assert fine[0].said == "a screen of 1280 × 1024 pixels, 60.00 frames a second"
    late = list(check_setup(None, screen=SimulatedScreen(drop=0.1)))
    assert [finding.fine for finding in late] == [True, False, False]
    assert "frames were late: close other programs" in late[1].said
    write_monitor(Monitor("lab", 48.0, 57.0, (1920, 1080)), tmp_path / "lab.json")
    other = list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))[-1]
    assert not other.fine and "is of 1920 × 1080 pixels: calibrate this screen" in other.said
    (tmp_path / "lab.json").write_text(json.dumps({}))
    assert "is no profile of a monitor" in list(check_setup(tmp_path / "lab.json", screen=SimulatedScreen()))[-1].said


def test_an_empty_scene_is_its_background():
    screen = SimulatedScreen(rate=100.0)
    assert [screen.flip(Scene(0.5)).time for _ in range(3)] == pytest.approx([0.01, 0.02, 0.03])
