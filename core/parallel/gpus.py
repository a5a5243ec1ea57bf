"""The GPUs of this machine, and the environment variables that assign one of them to each worker process.

A GPU is named by its index or its UUID, as in CUDA_VISIBLE_DEVICES. This variable has to be set before a process imports
torch.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from core.errors import UserError
from core.parallel.processes import thread_variables

_COUNT = "import torch; print(torch.cuda.device_count())"


def listed_gpus() -> list[str] | None:
    """Return the names of the GPUs in CUDA_VISIBLE_DEVICES, or None if this variable is not set."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return None
    return [name for part in visible.split(",") if (name := part.strip()) and name != "-1"]


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use.

    If CUDA_VISIBLE_DEVICES is set, as in a SLURM job, it lists these GPUs; otherwise they are the GPUs that PyTorch finds.
    PyTorch runs in a separate process, so that this process allocates no memory on a GPU.
    """
    listed = listed_gpus()
    if listed is not None:
        return listed
    result = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=False)
    return [str(index) for index in range(int(result.stdout))] if result.returncode == 0 else []


def gpu_models() -> list[str]:
    """Return the models of the GPUs that this process may use, such as "NVIDIA H200", according to nvidia-smi.

    The list is empty if nvidia-smi is missing or fails.
    """
    command = ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",", 2)] for line in lines if line.count(",") >= 2]
    listed = listed_gpus()
    if listed is None:
        return [model for _, _, model in rows]
    return [model for name in listed for index, uuid, model in rows if name == index or uuid.startswith(name)]


def choose_gpus(text: str) -> list[str]:
    """Return the names of the GPUs that a user has chosen.

    Args:
        text: "all", or names separated by commas, such as 0,1,3.

    Raises:
        UserError: If this process may not use one of them, or cannot use any GPU.
    """
    visible = visible_gpus()
    if not visible:
        raise UserError(
            "PyTorch cannot use any GPU on this machine: omit --gpus, or use --workers N to compute in N processes on CPUs"
        )
    if text == "all":
        return visible
    chosen = [part.strip() for part in text.split(",")]
    if len(set(chosen)) < len(chosen) or not set(chosen) <= set(visible):
        raise UserError(f"--gpus must be all, or some of {','.join(visible)}, separated by commas; got {text!r}")
    return chosen


def gpu_environments(gpus: Sequence[str], n_workers: int) -> list[dict[str, str]]:
    """Return the environment variables of each worker. Worker i uses GPU i modulo the number of GPUs.

    The workers divide the CPU cores of this machine.
    """
    # With this order, the indices of the GPUs are the same as in nvidia-smi.
    order = {} if "CUDA_DEVICE_ORDER" in os.environ else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return [
        thread_variables(n_workers) | order | {"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]}
        for index in range(n_workers)
    ]
