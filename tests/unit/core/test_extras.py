"""The extras of the installation: their packages are those of pyproject.toml, and a missing package is one sentence."""

import json
import os
import re
import subprocess
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
from experiments.session import run
from observers.simulated import Biased
from stimuli.images import save_image

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


# Extra -> commands that need it.
COMMANDS = {
    "models": (
        "run-experiment drawn-cue-conflict --observer sd14",
        "run-experiment drawn-cue-conflict --observer sd14 --dry-run",
        "run-experiment drawn-cue-conflict --observer microcosm-cnn",
        "run-experiment drawn-cue-conflict --observer efficientnet-lite0",
        "run-experiment drawn-cue-conflict --observer hf:x",
        "run-experiment drawn-cue-conflict --observer clip:x",
        "run-experiment drawn-cue-conflict --observer observers.generative.families.flow:Flow",
        "reconstruct microcosm-ambiguous --observer microcosm-pixel",
        "estimate-allocation drawn-cue-conflict --observer sd14",
        "explain-trial drawn-cue-conflict/drawn-cue-conflict_biased-0.5_session-1.csv --observer microcosm-latent",
        "collect drawn-cue-conflict --participant K7Q2 --simulate microcosm-cnn",
        "check-observer sd14",
        "demo",
    ),
    "people": (
        "collect drawn-cue-conflict --participant K7Q2 --pilot",
        "collect drawn-cue-conflict --pilot",
        "calibrate-monitor lab.json --distance 57",
        "doctor",
    ),
    "textures": ("make-cue-conflict photos photos conflicts --method plenoptic",),
    "psychometrics": ("analyze thresholds contrast --fitter psignifit",),
}
# Runs commands, which are given as JSON, in an environment without the packages of any extra. Prints their results as JSON.
WITHOUT_EXTRAS = """
import json, sys
from core.extras import EXTRAS

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{module}.") for packages in EXTRAS.values() for module in packages):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
from typer.testing import CliRunner
from cli import app
results = [CliRunner().invoke(app, command.split()) for command in json.load(sys.stdin)]
print(json.dumps([(r.exit_code, r.output, repr(r.exception)) for r in results]))
"""


def test_no_command_shows_a_traceback_if_an_extra_is_missing(tmp_path, drawn):
    picture = drawn.stimuli.stimuli[0]
    for i in range(2):
        save_image(picture.pixels(), tmp_path / "photos" / "bear" / f"bear{i}.png")
    log = run(drawn, Biased(), tmp_path, limit=2)
    for path in (log, log.with_suffix(".json")):
        path.write_text(path.read_text("utf-8").replace("simulated", "generative"))
    header = "subj,session,trial,rt,object_response,category,condition,imagename\n"
    levels = ("c03", "c05", "c10", "c30", "c50")
    rows = [
        f"s,1,{i},0.5,{'bear' if i % 5 >= i % 4 else 'cat'},bear,{levels[i % 5]},0_{i}_bear.png" for i in range(100)
    ]
    (tmp_path / "contrast").mkdir()
    (tmp_path / "contrast" / "contrast_s_session_1.csv").write_text(header + "\n".join(rows) + "\n")
    commands = [command for group in COMMANDS.values() for command in group]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": sys.prefix}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS], input=json.dumps(commands), cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    results = dict(zip(commands, json.loads(done.stdout.splitlines()[-1]), strict=True))
    for extra, group in COMMANDS.items():
        for command in group:
            code, output, error = results[command]
            sentence = rf'needs [\w-]+: .*pip install "observers\[{extra}\]"'
            assert code == 1 and re.search(sentence, output) and error == "SystemExit(1)", f"{command}: {output}{error}"
