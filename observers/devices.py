"""How observers made of torch compute: where, in which number format, in batches of one size, from which files.

B images of a batch. An answer may not depend on its neighbors or on where a resumed run starts, and the same image can
round differently in batches of another size: so every forward pass has the same B, and what is lacking in the last
batch is filled with its last image. With B, device and threads fixed, answers are equal bit for bit (measured on CPUs).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from attrs import field, frozen

from observers.protocol import RUNTIME, ObserverError, Response, Trial

Dtype = Literal["float32", "float16", "bfloat16"]
DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")  # either will do
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
_TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "spiece.model",
)  # fmt: skip
_FETCHED = ("config.json", *PROCESSOR, *_TOKENIZER, *WEIGHTS, "model-*-of-*.safetensors")
_PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl")


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` is the best of this machine: cuda, mps, cpu. Raises ObserverError."""
    here = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    here += ["mps"] if torch.backends.mps.is_available() else []
    here += ["cpu"]
    if name == "auto":
        return torch.device(here[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ObserverError(f"there is no device named {name!r}: expected auto, cpu, cuda, cuda:N or mps") from None
    types = {there.partition(":")[0] for there in here}
    if device.type not in types or (device.index and str(device) not in here):
        raise ObserverError(f"this machine has no device {name}: it has {', '.join(here)}; auto takes {here[0]}")
    return device


def pick_dtype(name: str) -> torch.dtype:
    """The number format of that name. Raises ObserverError."""
    if name not in DTYPES:
        raise ObserverError(f"there is no dtype named {name!r}: expected {', '.join(DTYPES)}")
    return DTYPES[name]


def device_option() -> Any:
    """The field of an observer that says where to compute: auto, cpu, cuda, cuda:N or mps."""
    return field(default="auto", metadata=RUNTIME)


def batch_size_option() -> Any:
    """The field of an observer that says how many images a forward pass holds, 1 or more."""
    return field(default=16, metadata=RUNTIME, validator=_at_least_one)


def _at_least_one(instance: object, attribute: Any, value: int) -> None:
    if value < 1:
        raise ObserverError(f"{attribute.name} must be 1 or more, got {value}")


def batches(
    trials: Iterable[Trial], prepare: Callable[[np.ndarray], torch.Tensor], size: int
) -> Iterator[tuple[list[Trial], torch.Tensor]]:
    """Trials as they come, `size` at a time, with their prepared images (B, 3, height, width), always B = `size`.

    `prepare` makes (3, height, width) of a stimulus's pixels. Raises ObserverError where it makes different sizes.
    """
    trials = iter(trials)
    while batch := list(islice(trials, size)):
        images = [prepare(trial.stimulus.pixels()) for trial in batch]
        for trial, image in zip(batch, images, strict=True):
            if image.shape != images[0].shape:
                raise ObserverError(
                    f"the model's own preprocessing makes {_size(image)} pixels of {trial.stimulus.id} and "
                    f"{_size(images[0])} of others, which fit no one batch; -o whole=true shows all at one size"
                )
        yield batch, torch.stack(images + images[-1:] * (size - len(images)))


def _size(image: torch.Tensor) -> str:
    return f"{image.shape[2]} × {image.shape[1]}"


def evaluate(
    trials: Iterable[Trial],
    prepare: Callable[[np.ndarray], torch.Tensor],
    forward: Callable[[torch.Tensor], torch.Tensor],
    size: int,
) -> Iterator[tuple[Trial, np.ndarray]]:
    """Each trial with its row, in float64, of what `forward` makes of a batch: (B, 3, height, width) -> (B, n).

    On CUDA, convolutions are computed in the dtype that was asked for, not in TF32, and by repeatable algorithms.
    """
    cudnn = torch.backends.cudnn
    for batch, images in batches(trials, prepare, size):
        # Not around the yield, which would leave these on for whoever asks.
        with torch.inference_mode(), cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            rows = forward(images).float().cpu().numpy().astype(np.float64)
        yield from zip(batch, rows[: len(batch)], strict=True)


def respond(trial: Trial, evidence: np.ndarray) -> Response:
    """The choice of the highest evidence, the first of equals."""
    return Response(trial.choices[int(np.argmax(evidence))], evidence=evidence)


@frozen
class Checkpoint:
    """A folder that holds a model's files, and where they come from."""

    folder: Path
    source: Mapping[str, str]  # for the log's sidecar: repository and revision, or the folder's name
    local: bool

    def provenance(self, device: torch.device, dtype: str) -> dict[str, str]:
        """For the log's sidecar; of a local folder with the sha256 over its safetensors files in order of name."""
        facts = dict(self.source)
        if self.local:
            digest = hashlib.sha256()
            for path in sorted(self.folder.glob("model*.safetensors")):
                with open(path, "rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            facts["sha256"] = digest.hexdigest()
        return facts | {"device": str(device), "dtype": dtype}


def checkpoint(
    repository: str, revision: str | None, weights: Path | None, needs: Sequence[tuple[str, ...]]
) -> Checkpoint:
    """The model's files: in the local folder `weights`, else in the hub's cache, where they are fetched to if need be.

    Of every group in `needs`, and of WEIGHTS, one file must be there. Raises ObserverError for what cannot be had.
    """
    if weights is not None:
        weights = Path(weights).expanduser()
        if not weights.is_dir():
            raise ObserverError(f"the weights of {repository}: there is no folder {weights} (option weights)")
        found = Checkpoint(weights, {"repository": repository, "weights": weights.resolve().name}, local=True)
        where = f"the folder {weights}"
    else:
        where = f"the repository {repository} at revision {revision or 'main'}"
        folder = _snapshot(repository, revision, where, needs)
        found = Checkpoint(folder, {"repository": repository, "revision": folder.name}, local=False)
    for group in (*needs, WEIGHTS):
        if not any((found.folder / name).is_file() for name in group):
            raise ObserverError(_lacking(where, found, group))
    return found


def _lacking(where: str, found: Checkpoint, group: tuple[str, ...]) -> str:
    said = f"{where} has no {' or '.join(group)}" + ("" if found.local else " (or the cache lacks it, without network)")
    if WEIGHTS[0] not in group:
        return f"{said}: name a folder that holds it, -o weights=DIR"
    pickles = sorted(path.name for path in found.folder.iterdir() if path.suffix in _PICKLES)
    beside = f", only {pickles[0]}" if pickles else ""
    return (
        f"{said}{beside}: only safetensors are loaded, since reading a pickle can run code; convert the weights and "
        f"name their folder, -o weights=DIR" + ("" if found.local else ", or take another revision, -o revision=…")
    )


def _snapshot(repository: str, revision: str | None, where: str, needs: Sequence[tuple[str, ...]]) -> Path:
    """The repository's files in the hub's cache; the folder is named by the commit."""
    from huggingface_hub import constants, errors, snapshot_download

    wanted = ", ".join(" or ".join(group) for group in (*needs, WEIGHTS))
    # A connection lost in the middle of a file is no OSError but one of the HTTP client, whose name changes.
    lost: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(_FETCHED)))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise ObserverError(
            f"{where} is not on the hub, or not for you ({type(error).__name__}): check its name and revision, log in "
            f"with `hf auth login`, or name a local folder that holds {wanted}: -o weights=DIR"
        ) from None
    except (OSError, lost) as error:
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else why
        raise ObserverError(
            f"{where}: its {wanted} are not all in the cache and cannot be fetched ({why}): connect once, or name a "
            f"local folder that holds them: -o weights=DIR"
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars and remarks of transformers, which loads in a second; its errors are raised all the same."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
