"""Distortions from a user's file: looked at first, failures in words, code that counts."""

import subprocess
import sys
import types

import numpy as np
import pytest

from stimuli.distorted_set import DistortionSettings
from stimuli.errors import StimulusError
from stimuli.folder import read_folder
from stimuli.names import code_of
from tests.stimuli.made import cli, content, made_of


def test_a_distortion_of_ones_own(source, tmp_path, monkeypatch):
    own = tmp_path / "mine.py"
    own.write_text("def noise(image, level, rng, *, monitor: str = 'lab'):\n    return rng.random(image.shape)\n")
    monkeypatch.chdir(tmp_path)
    one, two = (
        cli("make-stimuli", name, source, out, "--levels", "1", "--quiet", "--workers", workers, "-o", "monitor=x")
        for name, out, workers in (("mine.py:noise", "a/set", 1), (f"{own}:noise", "b/set", 2))
    )
    assert (one.exit_code, two.exit_code) == (0, 0), one.output + two.output
    assert content(tmp_path / "a/set") == content(tmp_path / "b/set")  # wherever the file lies
    assert str(tmp_path) not in (tmp_path / "a/set/made-of.json").read_text()
    own.write_text(own.read_text() + "\n")
    again = cli("make-stimuli", "mine.py:noise", source, "a/set", "--levels", "1", "--quiet", "-o", "monitor=x")
    assert "holds a set made otherwise: code was" in again.output


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("image * 255", "mine.py:f gave values from 0 to 255: expected floats in 0..1"),
        ("image[:5]", r"mine.py:f gave float64 of the shape \(5, 60, 3\)"),
        ("None", "mine.py:f gave NoneType"),
        ("(255 * image).astype('uint8')", "mine.py:f gave uint8"),
        ("1 / 0", r"mine\.py:f failed: ZeroDivisionError: division by zero \(mine\.py, line 3\)"),
        ("image * float('nan')", "mine.py:f gave values from nan to nan"),
    ],
)
def test_what_ones_own_distortion_gives_is_looked_at_first(body, said, source, tmp_path):
    (tmp_path / "mine.py").write_text(f"def f(image, level, rng):\n    image[0, 0] = 0\n    return {body}\n")
    with pytest.raises(StimulusError, match=said):
        made_of(DistortionSettings(f"{tmp_path}/mine.py:f"), read_folder(source), tmp_path / "set", ["1"])
    assert not (tmp_path / "set").exists()


def test_code_beside_ones_own_counts(source, tmp_path):
    (tmp_path / "inner_of_mine.py").write_text("def f(image, level, rng):\n    return image * level\n")
    (tmp_path / "outer.py").write_text("from inner_of_mine import f\n")
    codes = []
    for factor in (1, 0.5):
        (tmp_path / "inner_of_mine.py").write_text(f"def f(image, level, rng):\n    return image * level * {factor}\n")
        run = "import sys; from stimuli.names import code_of; print(code_of(sys.argv[1], 'distortions'))"
        done = subprocess.run(
            [sys.executable, "-c", run, f"{tmp_path}/outer.py:f"], capture_output=True, text=True, check=True
        )
        codes.append(done.stdout)
    assert codes[0].startswith("sha256:")
    assert codes[0] != codes[1]


def test_modules_with_odd_files_do_no_harm(tmp_path, monkeypatch):
    (tmp_path / "alone.py").write_text("def f(image, level, rng):\n    return image\n")
    monkeypatch.chdir(tmp_path)
    before = code_of("alone.py:f", "distortions")
    for name, file in (("odd_one", "_classes.py"), ("odd_two", None), ("odd_three", 3)):
        module = types.ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "odd_four", None)
    assert code_of("alone.py:f", "distortions") == before


def test_a_size_that_ones_own_needs_is_that_of_the_images(source, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef half(image, level, rng):\n    return image * np.full((32, 32, 1), level)\n"
    )
    plan = DistortionSettings(f"{tmp_path}/mine.py:half", size=32)
    assert len(made_of(plan, read_folder(source), tmp_path / "set", ["0.5"]).stimuli) == 34
    np.save(tmp_path / "s.npy", np.ones((40, 40)))
    plan = DistortionSettings("power-equalisation", {"spectrum": str(tmp_path / "s.npy")}, size=32)
    with pytest.raises(StimulusError, match="one of 40 × 40 pixels and the image has 32 × 32"):
        made_of(plan, read_folder(source), tmp_path / "other", ["pow"])
    assert not (tmp_path / "other").exists()
