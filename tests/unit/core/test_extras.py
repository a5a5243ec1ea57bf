"""The extras of the installation: their packages are those of pyproject.toml, and a missing package is one sentence."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import core.extras
from core.errors import UserError
from core.extras import EXTRAS, MissingExtra, explain_missing_module, pip, require_extra
from core.lazy import attach
from core.plugins import load

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Names of the distributions of some requirements."""
    return {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}


def test_packages_of_every_extra_are_those_of_pyproject():
    tools = {"all", "docs", "dev"}  # extras that no module of the project imports, and the extra of all others
    declared = {extra: names(rows) for extra, rows in PROJECT["optional-dependencies"].items() if extra not in tools}
    distributions = {"PyTorch": "torch", "PsychoPy": "psychopy-lib"}
    indirect = {"tokenizers"}  # a package that transformers requires
    listed = {e: {distributions.get(p, p) for p in rows.values()} - indirect for e, rows in EXTRAS.items()}
    assert listed == declared
    assert not names(PROJECT["dependencies"]) & set().union(*listed.values())


def test_page_on_installing_lists_every_extra():
    page = (ROOT / "docs" / "installing.md").read_text("utf-8")
    assert {*re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)} == {*EXTRAS, "all"}


@pytest.mark.slow
def test_modules_belong_to_the_named_distributions():
    installed = packages_distributions()
    for module, package in EXTRAS["models"].items():
        if "." not in module:
            assert package.lower().removeprefix("py") in {name.lower().replace("_", "-") for name in installed[module]}


@pytest.fixture
def base(monkeypatch):
    """Hide the modules of all extras."""
    for module in [module for packages in EXTRAS.values() for module in packages]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(core.extras, "pip", lambda: "pip")


def test_missing_extra_is_one_sentence_with_the_command(base):
    with pytest.raises(MissingExtra, match=r'^observer sd14 needs PyTorch: pip install "observers\[models\]"$'):
        require_extra("models", "observer sd14")


def test_installed_extra_is_not_imported(monkeypatch, tmp_path):
    (tmp_path / "psychopy.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "psychopy", raising=False)
    require_extra("people", "a session")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("torch", 'x needs PyTorch: pip install "observers[models]"'),
        ("torch.nn", 'x needs PyTorch: pip install "observers[models]"'),
        ("google.protobuf", 'x needs protobuf: pip install "observers[models]"'),
        ("psychopy.visual", 'x needs PsychoPy: pip install "observers[people]"'),
        ("torchmetrics", None),
        ("nobody", None),
        (None, None),
    ],
)
def test_a_failed_import_is_explained_if_an_extra_has_the_module(module, message, base):
    assert explain_missing_module(ModuleNotFoundError("no module", name=module), "x") == message


def test_a_missing_submodule_of_an_installed_package_is_not_explained():
    assert explain_missing_module(ModuleNotFoundError("no module", name="torch.nothing"), "x") is None


def test_public_name_that_needs_an_extra(base, tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import torch\nModel = 1\n")
    (tmp_path / "package.pyi").write_text("from needy import Model as Model\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_name, _, _ = attach("package", str(tmp_path / "package.py"))
    with pytest.raises(MissingExtra, match=r'^package\.Model needs PyTorch: pip install "observers\[models\]"$'):
        load_name("Model")


def test_users_file_that_imports_a_package_of_an_extra(base, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import torch\n")
    message = r"mine\.py cannot be imported: ModuleNotFoundError: .* line 1\); mine\.py needs PyTorch: pip install"
    with pytest.raises(UserError, match=message):
        load(f"{path}:Mine")


@pytest.mark.parametrize(
    ("active", "prefix", "expected"),
    [("/env", "/env", "pip"), ("", "/usr", "pip"), ("", "/env", "'/my env/python' -m pip")],
)
def test_pip_is_that_of_the_environment(active, prefix, expected, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", active)
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "executable", "/my env/python")
    assert pip() == expected
