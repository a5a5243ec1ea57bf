"""Check that a config.json does not describe a larger model than its weights, before memory is allocated for the model.

A damaged config.json can ask for 10¹² layers or for a matrix of terabytes. The headers of the safetensors files say how
many numbers the weights hold, and this bounds the model: it is built once on the meta device, which allocates nothing,
and the attempt ends as soon as it has many more modules than there are weights.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch.nn.modules import module as torch_module

from core.errors import ObserverError
from observers.loading.foreign_errors import explained_errors
from observers.loading.settings import check_numbers, read_settings

MAX_HEADER = 2**27  # bytes
MAX_FACTOR, MORE_MODULES, MORE_NUMBERS = 4, 2000, 2**26  # a model may compute some tensors instead of reading them
MEMORY = 2**30  # bytes that building a model on the meta device may take


@frozen
class WeightSizes:
    """The size of the weights in a folder.

    Attributes:
        n_tensors: Number of tensors in all safetensors files.
        n_numbers: Number of numbers in all tensors.
    """

    n_tensors: int
    n_numbers: int


def read_sizes(folder: Path, observer: str) -> WeightSizes:
    """Read the size of the weights from the headers of the safetensors files in a folder.

    Raises:
        ObserverError: If a header is damaged.
    """
    n_tensors = n_numbers = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with open(path, "rb") as file:
                n_bytes = int.from_bytes(file.read(8), "little")
                if n_bytes > MAX_HEADER:
                    raise ValueError(f"its header has {n_bytes:,} bytes")
                header = json.loads(file.read(n_bytes))
            shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
            n_numbers += sum(torch.Size(shape).numel() for shape in shapes)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, RecursionError) as error:
            raise ObserverError(
                f"{observer}: a safetensors file in {folder} is damaged ({path.name}: {error}): download it again"
            ) from None
        n_tensors += len(shapes)
    return WeightSizes(n_tensors, n_numbers)


def check_sizes(model_class: Any, folder: Path, config: Any, model_kind: str, observer: str) -> None:
    """Compare the model that a config.json describes with the weights in the same folder.

    Args:
        model_class: Class of transformers or diffusers.
        folder: The folder with the config.json and the safetensors files.
        config: The config object to use instead of the config.json, or None.
        model_kind: What the model is, for error messages.
        observer: Name of the observer, for error messages.

    Raises:
        ObserverError: If the config.json describes more than the weights hold, or a model that cannot be built.
    """
    sizes, path = read_sizes(folder, observer), folder / "config.json"
    check_numbers(read_settings(path, observer), sizes.n_tensors, path, observer)

    def build() -> torch.nn.Module:
        options: dict[str, Any] = {"local_files_only": True}
        model: torch.nn.Module
        if hasattr(model_class, "load_config"):  # a class of diffusers
            model = model_class.from_config(model_class.load_config(folder, **options))
        elif hasattr(model_class, "config_class"):
            model = model_class._from_config(config or model_class.config_class.from_pretrained(folder, **options))
        else:
            from transformers import AutoConfig

            model = model_class.from_config(AutoConfig.from_pretrained(folder, trust_remote_code=False, **options))
        return model

    check_model(build, sizes, folder, model_kind, observer)


def check_model(
    build: Callable[[], torch.nn.Module], sizes: WeightSizes, folder: Path, model_kind: str, observer: str
) -> None:
    """Build a model on the meta device and compare its size with that of its weights.

    Args:
        build: Function that returns the model with the settings of its config.json.
        sizes: The size of its weights.
        folder: The folder of the model, for error messages.
        model_kind: What the model is, for error messages.
        observer: Name of the observer, for error messages.

    Raises:
        ObserverError: If the model is much larger than its weights, or cannot be built.
    """
    most = MAX_FACTOR * sizes.n_tensors + MORE_MODULES
    explained = explained_errors(f"{observer}: {model_kind} in {folder}", "cannot be loaded")
    with limited_memory(MEMORY), limited_modules(most, folder, observer), torch.device("meta"), explained:
        model = build()
    tensors = {
        name: tensor.numel() for part in (model.named_parameters(), model.named_buffers()) for name, tensor in part
    }
    if (n := sum(tensors.values())) > MAX_FACTOR * sizes.n_numbers + MORE_NUMBERS:
        largest = max(tensors, key=lambda name: tensors[name])
        raise ObserverError(
            f"{observer}: the config.json in {folder} describes a model of {n:.3g} numbers (such as {tensors[largest]:.3g} "
            f"in {largest}), but the weights hold {sizes.n_numbers:,}: use the config.json and the weights of the same model"
        )


@contextmanager
def limited_modules(most: int, folder: Path, observer: str) -> Iterator[None]:
    """Raise ObserverError as soon as more than `most` modules or parameters are added to the networks that are built."""
    n = 0

    def count(*registered: object) -> None:
        nonlocal n
        n += 1
        if n > most:
            raise ObserverError(
                f"{observer}: the config.json in {folder} describes a model with more than {most:,} modules and "
                f"parameters, which is more than its weights have: use the config.json and the weights of the same model"
            )

    handles = [
        torch_module.register_module_module_registration_hook(count),
        torch_module.register_module_parameter_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def limited_memory(n_bytes: int) -> Iterator[None]:
    """Limit the memory that this process may allocate in addition to what it has; beyond it, allocations fail.

    Only Linux can limit it. Elsewhere this context does nothing.
    """
    try:
        import resource

        status = Path("/proc/self/status").read_text("utf-8")
    except (ImportError, OSError):
        yield
        return
    used = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:")), None)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
    if used is None or any(n <= used + n_bytes for n in limits):  # there is a stricter limit
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (used + n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
