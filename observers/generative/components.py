"""A text-to-image model's files in the layout of diffusers: a folder a component, each loaded by its class.

    unet/config.json              unet/diffusion_pytorch_model.safetensors           or sharded, with an index
    text_encoder/config.json      text_encoder/model.safetensors
    tokenizer/…                   scheduler/scheduler_config.json

Nothing is loaded by what model_index.json says, no code that lies beside the weights is run, and pickles are not read.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from observers.checkpoints import TOKENIZER, Checkpoint, checkpoint, pretrained
from observers.generative.options import Source
from observers.protocol import ObserverError

DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model", "model"  # what their weights are called


@frozen(eq=False)
class Components:
    """A model's folders. `variant` is what stands in the names of its weights, fp16 or nothing."""

    files: Checkpoint
    variant: str | None
    who: str

    def folder(self, part: str) -> Path:
        return self.files.folder / part

    def has(self, part: str) -> bool:
        return (self.folder(part) / "config.json").is_file()

    def settings(self, path: str) -> dict[str, Any]:
        """What a .json of the model holds. Raises ObserverError."""
        where = self.files.folder / path
        try:
            found = json.loads(where.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ObserverError(f"{self.who}: {where} cannot be read ({error}): get it anew") from None
        if not isinstance(found, dict):
            raise ObserverError(
                f"{self.who}: {where} is no configuration: expected an object, got {type(found).__name__}"
            )
        return found

    def diffuser(self, make: Any, part: str, dtype: torch.dtype, device: torch.device) -> Any:
        """The component `part`, of the class `make` of diffusers. Raises ObserverError."""
        what = f"the {make.__name__}"
        self.settings(f"{part}/config.json")
        return pretrained(
            make, self.folder(part), device, what, self.who, torch_dtype=dtype, variant=self.variant
        ).requires_grad_(False)

    def transformer(self, make: Any, part: str, dtype: torch.dtype, device: torch.device) -> Any:
        """The component `part`, of the class `make` of transformers. Raises ObserverError."""
        what = f"the {make.__name__}"
        self.settings(f"{part}/config.json")
        return pretrained(
            make, self.folder(part), device, what, self.who, dtype=dtype, variant=self.variant, trust_remote_code=False
        ).requires_grad_(False)


def components(
    source: Source, *, diffusers: Sequence[str], transformers: Sequence[str], tokenizers: Sequence[str],
    scheduler: bool = True, optional: Sequence[str] = (), half: bool = False,
) -> Components:  # fmt: skip
    """The files of a model with those parts, those in `optional` only where it has them. Raises ObserverError.

    With `half` the fp16 files are taken where every part has them, which halves the download.
    """
    stems = dict.fromkeys(diffusers, DIFFUSERS) | dict.fromkeys(transformers, TRANSFORMERS)
    there = _listing(source)
    variant = None
    if there is not None:
        present = [p for p in stems if p not in optional or any(f.startswith(f"{p}/") for f in there)]
        plain, fp16 = (all(_has(there, p, stems[p], v) for p in present) for v in (None, "fp16"))
        variant = "fp16" if fp16 and (half or not plain) else None
    needs: list[tuple[str, ...]] = [("scheduler/scheduler_config.json",)] if scheduler else []
    fetched: list[str] = ["scheduler/scheduler_config.json"] if scheduler else []
    for part, stem in stems.items():
        names = tuple(f"{part}/{name}" for name in _names(stem, variant))
        fetched += [f"{part}/config.json", *names, f"{part}/{_shards(stem, variant)}"]
        if part not in optional:
            needs += [(f"{part}/config.json",), names]
    for part in tokenizers:
        fetched += [f"{part}/{name}" for name in TOKENIZER]
        if part not in optional:
            needs += [tuple(f"{part}/{name}" for name in TOKENIZER)]
    files = checkpoint(source.model, source.revision, source.weights, needs, fetched, source.about)
    return Components(files, variant, source.model)


def _names(stem: str, variant: str | None) -> tuple[str, str]:
    """The file of weights, or the index of several."""
    v = f".{variant}" if variant else ""
    return f"{stem}{v}.safetensors", f"{stem}.safetensors.index{v}.json"


def _shards(stem: str, variant: str | None) -> str:
    return f"{stem}{f'.{variant}' if variant else ''}-*-of-*.safetensors"


def _has(there: set[str], part: str, stem: str, variant: str | None) -> bool:
    return any(f"{part}/{name}" in there for name in _names(stem, variant))


def _listing(source: Source) -> set[str] | None:
    """Names of the model's files; None where nothing is known of them, which is said when they are fetched."""
    if source.weights is not None:
        folder = Path(source.weights).expanduser()
        return set(_inside(folder)) if folder.is_dir() else None
    from huggingface_hub import HfApi, errors, try_to_load_from_cache

    cached = try_to_load_from_cache(source.model, "scheduler/scheduler_config.json", revision=source.revision)
    lost: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return set(HfApi().list_repo_files(source.model, revision=source.revision))
    except (OSError, lost, errors.HFValidationError):
        return set(_inside(Path(cached).parents[1])) if isinstance(cached, str) else None


def _inside(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
