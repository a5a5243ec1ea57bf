"""The wheel, installed without any extra into a fresh environment: it contains every file, and its commands run there.

The test is skipped if neither a package registry nor a folder of wheels can be reached.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import pytest

from core.extras import EXTRAS
from observers.people.jspsych import cache_folder
from stimuli.images import save_image

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
# The project's folder must not be importable, because the modules of the wheel are tested. uv does not read pip's settings.
OUTSIDE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OBSERVERS_DATA")} | {
    "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""),
}


def uv(*words: object) -> subprocess.CompletedProcess[str]:
    program = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("uv, which builds and installs the wheel, is not installed")
    return subprocess.run([program, *map(str, words)], env=OUTSIDE, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel, or skip the tests if the tool that builds it can be neither downloaded nor read from a folder."""
    folder = tmp_path_factory.mktemp("wheel")
    available = uv("pip", "install", "-q", "--target", folder / "tools", "--python", sys.executable, "hatchling")
    if available.returncode:
        pytest.skip(f"no package registry can be reached: {available.stderr.strip().splitlines()[-1]}")
    done = uv("build", "-q", "--wheel", "--out-dir", folder, ROOT)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel):
    """Install the wheel into a fresh environment without extras, and return the folder of its programs."""
    folder = wheel.parent / "environment"
    for words in (
        ("venv", "-q", "--python", sys.executable, folder),
        ("pip", "install", "-q", "--python", folder / "bin" / "python", "-c", ROOT / "constraints.txt", wheel),
    ):
        done = uv(*words)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_wheel_contains_every_file_of_the_packages(wheel):
    done = subprocess.run(
        ["git", "-C", ROOT, "ls-files", *PACKAGES["only-include"]], capture_output=True, text=True, check=False
    )
    files = set(done.stdout.splitlines())
    if not files:
        pytest.skip("this folder is not a clone of the repository")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {path for path in files if (ROOT / path).exists()} <= names
    assert {"cli.py", "stimuli/published/registry.txt", "analysis/report/page/index.html"} <= names


def test_the_base_has_the_packages_of_no_extra(environment, tmp_path):
    modules = [module for packages in EXTRAS.values() for module in packages if "." not in module]
    code = f"import importlib.util as i; print([m for m in {modules} if i.find_spec(m)])"
    done = subprocess.run(
        [environment / "python", "-c", code], cwd=tmp_path, env=OUTSIDE, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


def test_public_names_are_importable_unless_they_need_an_extra(environment, tmp_path):
    code = (
        "import sys, analysis, experiments, observers, stimuli\nfrom core.extras import MissingExtra\n"
        "for package in (analysis, experiments, observers, stimuli):\n"
        "    for name in package.__all__:\n"
        "        try: getattr(package, name)\n"
        "        except MissingExtra: print(name)\n"
    )
    done = subprocess.run(
        [environment / "python", "-c", code], cwd=tmp_path, env=OUTSIDE, capture_output=True, text=True
    )
    stub = (ROOT / "observers" / "__init__.pyi").read_text("utf-8")
    generative = sorted(re.findall(r"from observers\.generative\S* import (\w+) as", stub))
    assert done.stdout.split() == ["DaskExecutor", *generative], done.stderr


@pytest.fixture(scope="module")
def reader(tmp_path_factory, drawn):
    """The folder of a user, with two images."""
    folder = tmp_path_factory.mktemp("reader")
    for stimulus in drawn.stimuli.stimuli[:2]:
        save_image(stimulus.pixels(), folder / "photos" / stimulus.category / f"{Path(stimulus.id).stem}.png")
    return folder


COMMANDS = (
    "--help",
    "--version",
    "list",
    "show cue-conflict",
    "show contrast",
    "make-stimuli contrast photos pale --levels c100,c10 --size 64",
    "run-experiment drawn-cue-conflict --observer biased --limit 64",
    "run-experiment muller-lyer --observer fooled --limit 8",
    "check-observer biased",
    "collect drawn-cue-conflict --participant K7Q2 --simulate biased --practice 4 --limit 32",
    "analyze accuracy logs",
    "analyze shape-bias logs",
    "analyze consistency logs",
    "report logs/drawn-cue-conflict --out report",
    "figures logs/drawn-cue-conflict --out figures",
    "export logs/drawn-cue-conflict --out exported",
    "export logs/drawn-cue-conflict --format bids --out bids",
)


def test_commands_of_the_base_run(environment, reader):
    for command in COMMANDS:
        done = subprocess.run(
            [environment / "observers", *command.split()], cwd=reader, env=OUTSIDE, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert str(ROOT) not in done.stdout + done.stderr
    assert (reader / "report" / "index.html").is_file() and list((reader / "figures").glob("*.pdf"))
    assert len(list((reader / "pale").rglob("*.png"))) == 2


def test_page_of_an_experiment_is_served(environment, reader, scripts):
    process = subprocess.Popen(
        [environment / "observers", "serve", "drawn-cue-conflict", "--participant", "M3XP", "--assets",
         cache_folder() / "jspsych", "--quiet"],
        cwd=reader, env=OUTSIDE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    try:
        code, address = process.stdout.readline().split()
        page = urllib.request.urlopen(address, timeout=20).read().decode()
        trials = urllib.request.urlopen(f"{address.partition('?')[0].rstrip('/')}/trials.json", timeout=20).read()
    finally:
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=20)
    assert code == "M3XP" and "<script" in page and b'"trials"' in trials
    assert process.returncode == 3 and "Traceback" not in messages


def test_missing_extra_is_one_sentence(environment, reader):
    for command, need, extra in (
        ("run-experiment drawn-cue-conflict --observer sd14", "observer sd14 needs PyTorch", "models"),
        ("demo", "observer microcosm-cnn needs PyTorch", "models"),
        (
            "collect drawn-cue-conflict --participant K7Q3 --pilot",
            "a session at the screen needs PsychoPy",
            "people",
        ),
    ):
        done = subprocess.run(
            [environment / "observers", *command.split()], cwd=reader, env=OUTSIDE, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert re.fullmatch(rf'observers: {need}: .*pip install "observers\[{extra}\]"\n', done.stderr)
