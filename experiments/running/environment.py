"""The environment of a run for the sidecar of a log: versions of Python, of packages and of this project, and devices."""

import hashlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.parallel.gpus import gpu_models

PACKAGES = ("observers", "numpy", "pillow", "torch", "transformers", "timm", "diffusers", "psychopy-lib")


def describe_environment() -> dict[str, Any]:
    """Return the versions of Python, the system, the packages and the project, without host or user name."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": package_versions(),
        "commit": _commit(),
    }


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages of PACKAGES."""
    packages = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return packages


def worker_packages() -> dict[str, str]:
    """Return the versions of Python and of the packages, as a worker reports them."""
    return {"python": platform.python_version(), **package_versions()}


def _commit() -> str | None:
    """Return the commit of the project's Git checkout, with a + if files were changed; None outside of a checkout."""
    folder = Path(__file__).resolve().parent
    # This file must be tracked: the project may be installed inside the checkout of another project.
    tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name]
    try:
        subprocess.run(tracked, capture_output=True, timeout=5, check=True)
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None


def describe_device(provenance: Mapping[str, str]) -> str:
    """Return the model of the device on which an observer computes, and for a CPU the number of threads.

    Args:
        provenance: The provenance of the observer, whose entry `device` is the name of a PyTorch device. If it has an
            entry `service`, a service with this address computes the responses.

    Returns:
        A text such as "NVIDIA H200", "Intel(R) Xeon(R) Platinum 8481C, 2 threads", or "service at api.openai.com/v1".
    """
    if service := provenance.get("service"):
        return f"service at {service}"
    name, torch = provenance.get("device", ""), sys.modules.get("torch")
    if name.startswith("cuda") and torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(name))
    n_threads = torch.get_num_threads() if torch is not None else 1
    threads = f", {n_threads} thread{'s' if n_threads > 1 else ''}" if name == "cpu" else ""
    return f"{name} of {_cpu_model()}" if name and name != "cpu" else f"{_cpu_model()}{threads}"


@cache
def describe_hardware() -> str:
    """Return the models of the GPUs that this process may use, or that of the processor, without importing torch."""
    return ", ".join(gpu_models()) or _cpu_model()


def _cpu_model() -> str:
    """Return the model of the processor, or its architecture if the model is unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@cache
def code_digest() -> str:
    """Return the SHA-256 of the code that determines responses. It shows whether a worker has a different version."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in ("core", "stimuli", "observers", "experiments"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
