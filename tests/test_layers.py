"""The layers of the project: which packages a module may import, and what `--help` must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OWN = ("stimuli", "observers", "experiments", "analysis", "commands", "cli")
# Package -> prefixes of our own modules it may import.
ALLOWED = {
    "stimuli": ("stimuli",),
    "observers": ("observers", "stimuli"),
    "experiments": (
        "experiments", "observers.protocol", "observers.validation", "observers.registry", "observers.paper_models",
        "observers.people", "stimuli",
    ),
    "analysis": (
        "analysis", "experiments.log", "experiments.reconstruction_table", "stimuli.attribution", "stimuli.categories",
        "stimuli.datasets", "stimuli.dialect", "stimuli.drawn", "stimuli.errors", "stimuli.illusion_cues", "stimuli.images",
         "stimuli.level_scales", "stimuli.stimulus",
    ),
    "commands": ("commands", "analysis", "experiments", "observers", "stimuli"),
}  # fmt: skip
# Heavy library -> the only files and folders that may import it.
HEAVY = {
    "torch": ("observers/devices.py", "observers/checkpoints.py", "observers/efficientnet.py", "observers/discriminative.py",
              "observers/contrastive.py", "observers/zoo.py", "observers/generative/", "observers/noise_training.py",
              "observers/diffusion_noise.py", "observers/training_checkpoint.py", "observers/microcosm/",
              "stimuli/texture_synthesis.py"),
    "transformers": ("observers/discriminative.py", "observers/contrastive.py", "observers/checkpoints.py",
                     "observers/noise_training.py", "observers/microcosm/", "observers/generative/"),
    "diffusers": ("observers/generative/", "observers/checkpoints.py", "observers/microcosm/"),
    "plenoptic": ("stimuli/texture_synthesis.py",),
    "timm": ("observers/zoo.py",),
    "torchvision": ("observers/zoo.py",),
    "psychopy": ("observers/people/psychopy_screen.py", "observers/people/dialog.py"),
    "dask": ("experiments/cluster.py",),
    "distributed": ("experiments/cluster.py",),
    "pandas": ("analysis/", "commands/"),
    "statsmodels": ("analysis/",),
    "scipy": ("analysis/", "stimuli/", "observers/generative/racing.py"),
    "matplotlib": ("analysis/",),
}  # fmt: skip
FILES = [path.relative_to(ROOT).as_posix() for package in OWN[:-1] for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("file", FILES)
def test_imports_follow_the_layers(file: str) -> None:
    package = file.split("/")[0]
    for name in imported(ROOT / file):
        top = name.split(".")[0]
        if top in OWN:
            assert name.startswith(ALLOWED[package]), f"{file} imports {name}"
        if top in HEAVY:
            assert file.startswith(HEAVY[top]), f"{file} imports {name}"


def test_imports_inside_functions_are_found(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f():\n    from observers import registry\n    import torch.nn\n")
    assert imported(path) == ["observers.registry", "torch.nn"]


def test_no_file_exceeds_350_lines() -> None:
    lengths = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in [*FILES, "cli.py"]}
    assert {file: n for file, n in lengths.items() if n > 350} == {}


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['observers', '--help']; import cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print([m for m in {[*HEAVY, 'numpy', 'rich', 'requests']} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
