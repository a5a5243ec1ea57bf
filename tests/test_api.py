"""The public API: what the four packages export, that importing them costs nothing, and that the documentation lists it."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

import analysis
import experiments
import observers
import stimuli
from core.lazy import attach
from tests.test_layers import HEAVY

ROOT = Path(__file__).parents[1]
PACKAGES = {package.__name__: package for package in (observers, experiments, stimuli, analysis)}
NAMES = [(package, name) for package, module in PACKAGES.items() for name in module.__all__]
REQUIRED = {
    "observers": "Observer Trial Response make_observer check_observer",
    "experiments": "Experiment make_experiment run",
    "stimuli": "Stimulus StimulusSet make_distortion read_folder UserError",
    "analysis": "read_trials accuracy shape_bias error_consistency kappa_matrix thresholds benchmark_table write_report",
}


@pytest.mark.parametrize("package", REQUIRED)
def test_packages_export_the_required_names(package: str) -> None:
    assert set(REQUIRED[package].split()) <= set(PACKAGES[package].__all__) == set(dir(PACKAGES[package]))


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_function_and_class_has_the_same_name_everywhere(package: str, name: str) -> None:
    thing = getattr(PACKAGES[package], name)
    if name == "RUNTIME":  # the only constant
        assert thing == {"runtime": True}
        return
    assert thing.__name__ == name and inspect.getdoc(thing)
    assert thing.__module__ != package and getattr(import_module(thing.__module__), name) is thing


def test_every_name_is_exported_by_one_package_only() -> None:
    names = [name for _, name in NAMES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_public_name_is_the_name_of_a_module(package: str) -> None:
    """Importing a module of the same name would replace the function."""
    modules = {path.stem for path in (ROOT / package).iterdir()}
    assert "__init__" in modules and not modules & set(PACKAGES[package].__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_docstring_says_what_the_package_is_for_with_an_example(package: str) -> None:
    text = PACKAGES[package].__doc__
    assert text is not None and f">>> from {package} import " in text


def test_names_that_do_not_exist() -> None:
    with pytest.raises(AttributeError, match=r"module 'analysis' .* attribute 'kapa'"):
        analysis.kapa  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'kapa'"):
        from analysis import kapa  # noqa: F401


def test_attach_reads_only_exported_names(tmp_path: Path) -> None:
    (tmp_path / "__init__.pyi").write_text('"""Names."""\nfrom math import pi as pi\nfrom math import e\nimport os\n')
    load, names, exported = attach("package", str(tmp_path / "__init__.py"))
    assert exported == names() == ["pi"]
    assert load("pi") == 3.141592653589793
    with pytest.raises(AttributeError, match="attribute 'e'"):
        load("e")


def test_importing_the_packages_loads_almost_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import analysis, experiments, observers, stimuli\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    new = {name.split(".")[0] for name in done.stdout.split()}
    assert set(PACKAGES) <= new and new.isdisjoint({*HEAVY, "numpy", "attrs", "rich", "typer"})
    assert len(done.stdout.split()) < 20, done.stdout


def test_documentation_lists_exactly_the_exported_names() -> None:
    """docs/api.md has one row for each name, and docs/reference.md one entry."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    rows = re.findall(r"^\| `from (\S+) import (\w+)` \| [^|]+ \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(NAMES)
    reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert re.findall(r"^::: (\S+)$", reference, re.MULTILINE) == [f"{package}.{name}" for package, name in rows]


def test_types_are_visible_to_users() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in (*PACKAGES, "core"))


def test_the_notebook_in_readme(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines run word for word with a small data folder, and each gives what README says."""
    monkeypatch.chdir(tmp_path)
    section = (ROOT / "README.md").read_text("utf-8").split("## In Python")[1]
    code = section.split("```python\n")[1].split("```")[0]
    assert len(code.split("\n\n")[1].splitlines()) <= 7
    names: dict[str, Any] = {}
    results = []
    for statement in ast.parse(code).body:  # one after the other, as in a notebook
        if isinstance(statement, ast.Expr):
            results.append(eval(compile(ast.Expression(statement.value), "README.md", "eval"), names))
        else:
            exec(compile(ast.Module([statement], []), "README.md", "exec"), names)
    bias, kappas, figure = results
    assert names["log"] == Path("logs/cue-conflict/cue-conflict_biased-0.9_session-1.csv")
    overall = bias[bias["category"] == "all"].set_index("observer")["shape_bias"]
    assert list(overall.index) == ["subject-01", "subject-02", "biased-0.9"]
    assert overall["biased-0.9"] == pytest.approx(0.9, abs=0.15)
    assert len(kappas) == 3 and (kappas["low"] <= kappas["kappa"]).all() and (kappas["kappa"] <= kappas["high"]).all()
    assert isinstance(figure, Figure) and isinstance(bias, pd.DataFrame)
