"""Distortions from a user's file: they are tested first, failures name file and line, and code changes are noticed."""

import subprocess
import sys
import types

import numpy as np
import pytest

from core.errors import StimulusError
from core.plugins import code_version
from stimuli.build.distorted_set import DistortionSettings
from stimuli.folder import read_folder
from tests.unit.stimuli.build.set_building import build, cli, file_contents


@pytest.mark.slow
def test_a_set_does_not_depend_on_the_folder_of_the_code_but_on_its_content(source, tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("def noise(image, level, rng, *, monitor: str = 'lab'):\n    return rng.random(image.shape)\n")
    monkeypatch.chdir(tmp_path)
    relative, absolute = (
        cli("make-stimuli", name, source, out, "--levels", "1", "--quiet", "--workers", workers, "-o", "monitor=x")
        for name, out, workers in (("mine.py:noise", "a/set", 1), (f"{path}:noise", "b/set", 2))
    )
    assert (relative.exit_code, absolute.exit_code) == (0, 0), relative.output + absolute.output
    assert file_contents(tmp_path / "a/set") == file_contents(tmp_path / "b/set")
    assert str(tmp_path) not in (tmp_path / "a/set/made-of.json").read_text()
    path.write_text(path.read_text() + "\n")
    again = cli("make-stimuli", "mine.py:noise", source, "a/set", "--levels", "1", "--quiet", "-o", "monitor=x")
    assert "contains a set with other settings: code was" in again.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("image * 255", "mine.py:f gave values from 0 to 255: expected floats in 0..1"),
        ("image[:5]", r"mine.py:f gave float64 of the shape \(5, 60, 3\)"),
        ("None", "mine.py:f gave NoneType"),
        ("(255 * image).astype('uint8')", "mine.py:f gave uint8"),
        ("1 / 0", r"mine\.py:f failed: ZeroDivisionError: division by zero \(mine\.py, line 3\)"),
        ("image * float('nan')", "mine.py:f gave values from nan to nan"),
    ],
)
def test_an_invalid_result_is_an_error_before_a_folder_is_created(body, message, source, tmp_path):
    (tmp_path / "mine.py").write_text(f"def f(image, level, rng):\n    image[0, 0] = 0\n    return {body}\n")
    with pytest.raises(StimulusError, match=message):
        build(DistortionSettings(f"{tmp_path}/mine.py:f"), read_folder(source), tmp_path / "set", ["1"])
    assert not (tmp_path / "set").exists()


def test_the_code_version_depends_on_imported_files_of_the_same_folder(source, tmp_path):
    (tmp_path / "imported_by_mine.py").write_text("def f(image, level, rng):\n    return image * level\n")
    (tmp_path / "importing.py").write_text("from imported_by_mine import f\n")
    codes = []
    for factor in (1, 0.5):
        (tmp_path / "imported_by_mine.py").write_text(
            f"def f(image, level, rng):\n    return image * level * {factor}\n"
        )
        script = "import sys; from core.plugins import code_version; print(code_version(sys.argv[1], 'distortions'))"
        done = subprocess.run(
            [sys.executable, "-c", script, f"{tmp_path}/importing.py:f"], capture_output=True, text=True, check=True
        )
        codes.append(done.stdout)
    assert codes[0].startswith("sha256:")
    assert codes[0] != codes[1]


@pytest.mark.slow
def test_modules_with_unusual_files_do_not_change_the_code_version(tmp_path, monkeypatch):
    (tmp_path / "single.py").write_text("def f(image, level, rng):\n    return image\n")
    monkeypatch.chdir(tmp_path)
    before = code_version("single.py:f", "distortions")
    for name, file in (("odd_one", "_classes.py"), ("odd_two", None), ("odd_three", 3)):
        module = types.ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "odd_four", None)
    assert code_version("single.py:f", "distortions") == before


@pytest.mark.slow
def test_the_test_image_has_the_size_of_the_images(source, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef half(image, level, rng):\n    return image * np.full((32, 32, 1), level)\n"
    )
    settings = DistortionSettings(f"{tmp_path}/mine.py:half", size=32)
    assert len(build(settings, read_folder(source), tmp_path / "set", ["0.5"]).stimuli) == 34
    np.save(tmp_path / "s.npy", np.ones((40, 40)))
    settings = DistortionSettings("power-equalisation", {"spectrum": str(tmp_path / "s.npy")}, size=32)
    with pytest.raises(StimulusError, match="the mean spectrum has 40 × 40 pixels and the image has 32 × 32"):
        build(settings, read_folder(source), tmp_path / "other", ["pow"])
    assert not (tmp_path / "other").exists()
