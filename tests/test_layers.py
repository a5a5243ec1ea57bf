"""The layers of the project: which modules a package may import, that folders do not import one another in circles, and what
`--help` must not load."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("core", "stimuli", "observers", "experiments", "analysis", "commands")
OWN = (*PACKAGES, "cli")
# Package -> prefixes of our own modules it may import.
ALLOWED = {
    "core": ("core",),
    "stimuli": ("stimuli", "core"),
    "observers": ("observers", "stimuli", "core"),
    "experiments": (
        "experiments", "observers.protocol", "observers.spec", "observers.validation", "observers.registry",
        "observers.catalog", "observers.instructions", "observers.people", "stimuli", "core",
    ),
    "analysis": (
        "analysis", "experiments.log", "experiments.exclusion_rules",
        "experiments.reconstruction.reconstruction_table", "stimuli.categories", "stimuli.cues",
        "stimuli.images", "stimuli.stimulus", "stimuli.published", "stimuli.draw.drawn", "core",
    ),
    "commands": PACKAGES,
}  # fmt: skip
# Heavy library -> the only files and folders that may import it.
HEAVY = {
    "torch": ("observers/devices.py", "observers/checkpoints.py", "observers/classifiers/", "observers/generative/",
              "observers/loading/", "observers/training/", "observers/microcosm/", "observers/vision_language/",
              "stimuli/distort/texture_synthesis.py"),
    "accelerate": ("observers/training/",),
    "transformers": ("observers/checkpoints.py", "observers/classifiers/", "observers/generative/", "observers/loading/",
                     "observers/training/", "observers/microcosm/", "observers/vision_language/"),
    "diffusers": ("observers/checkpoints.py", "observers/generative/", "observers/microcosm/"),
    "plenoptic": ("stimuli/distort/texture_synthesis.py",),
    "timm": ("observers/classifiers/zoo.py",),
    "torchvision": ("observers/classifiers/zoo.py",),
    "psychopy": (
        "observers/people/screens/psychopy_screen.py", "observers/people/screens/psychopy_setup.py",
        "observers/people/dialog.py",
    ),
    "dask": ("experiments/executors/",),
    "distributed": ("experiments/executors/",),
    "pandas": ("analysis/", "commands/"),
    "pyarrow": ("analysis/io/archive.py", "analysis/io/archive_export.py"),
    "statsmodels": ("analysis/",),
    "scipy": ("analysis/", "stimuli/", "observers/generative/racing.py", "observers/generative/elimination.py"),
    "matplotlib": ("analysis/",),
}  # fmt: skip
FILES = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def folder_of(name: str) -> str | None:
    """Return the folder of the module that an imported name belongs to, or None if it is not one of our modules."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:n])
        if path.with_suffix(".py").is_file():
            return path.parent.relative_to(ROOT).as_posix()
        if (path / "__init__.py").is_file():
            return path.relative_to(ROOT).as_posix()
    return None


@pytest.mark.parametrize("file", FILES)
def test_imports_follow_the_layers(file: str) -> None:
    package = file.split("/")[0]
    for name in imported(ROOT / file):
        top = name.split(".")[0]
        if top in OWN:
            assert any(f"{name}.".startswith(f"{prefix}.") for prefix in ALLOWED[package]), f"{file} imports {name}"
        if top in HEAVY:
            assert file.startswith(HEAVY[top]), f"{file} imports {name}"


def test_folders_do_not_import_one_another_in_circles() -> None:
    """The folders can be put in an order in which each imports only earlier ones, even with imports inside functions."""
    graph: dict[str, set[str]] = {}
    for file in FILES:
        folder = str(Path(file).parent)
        imports = {target for name in imported(ROOT / file) if (target := folder_of(name)) is not None}
        graph.setdefault(folder, set()).update(imports - {folder})
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))
    assert graph["stimuli/distort"] >= {"core", "stimuli"}


def test_imports_inside_functions_are_found(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f():\n    from observers import registry\n    import torch.nn\n")
    assert imported(path) == ["observers.registry", "torch.nn"]
    assert folder_of("observers.registry.make_observer") == "observers"
    assert folder_of("stimuli.draw") == "stimuli/draw" and folder_of("numpy") is None


def test_no_file_exceeds_350_lines() -> None:
    lengths = {file: len((ROOT / file).read_text("utf-8").splitlines()) for file in [*FILES, "cli.py"]}
    assert {file: n for file, n in lengths.items() if n > 350} == {}
    assert lengths["cli.py"] < 80


def test_no_folder_has_more_than_twenty_modules() -> None:
    counts: dict[str, int] = {}
    for file in FILES:
        counts[str(Path(file).parent)] = counts.get(str(Path(file).parent), 0) + 1
    assert {folder: n for folder, n in counts.items() if n > 20} == {}


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['observers', '--help']; import cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"print([m for m in {[*HEAVY, 'numpy', 'rich', 'requests']} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
