"""A text-to-image model's files in the layout of diffusers: a folder a component, each loaded by its class.

    unet/config.json              unet/diffusion_pytorch_model.safetensors           or sharded, with an index
    text_encoder/config.json      text_encoder/model.safetensors
    tokenizer/…                   scheduler/scheduler_config.json

Nothing is loaded by what model_index.json says, no code that lies beside the weights is run, and pickles are not read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from observers.checkpoints import TOKENIZER, Checkpoint, find_checkpoint, load_pretrained
from observers.generative.options import Source
from observers.protocol import ObserverError

PATIENCE = 10.0  # seconds for the hub's answer
DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model", "model"  # what their weights are called


@frozen(eq=False)
class Components:
    """A model's folders. `variants` is what stands in the names of each one's weights, fp16 or nothing."""

    files: Checkpoint
    variants: Mapping[str, str | None]
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
        return load_pretrained(
            make, self.folder(part), device, what, self.who, torch_dtype=dtype, variant=self.variants.get(part)
        ).requires_grad_(False)

    def transformer(self, make: Any, part: str, dtype: torch.dtype, device: torch.device) -> Any:
        """The component `part`, of the class `make` of transformers. Raises ObserverError."""
        what = f"the {make.__name__}"
        self.settings(f"{part}/config.json")
        return load_pretrained(
            make,
            self.folder(part),
            device,
            what,
            self.who,
            dtype=dtype,
            variant=self.variants.get(part),
            trust_remote_code=False,
        ).requires_grad_(False)


def components(
    source: Source, *, diffusers: Sequence[str], transformers: Sequence[str], tokenizers: Sequence[str],
    scheduler: bool = True, optional: Sequence[str] = (), half: bool = False, exact: Sequence[str] = (),
) -> Components:  # fmt: skip
    """The files of a model with those parts, those in `optional` only where it has them. Raises ObserverError.

    With `half` the fp16 files are taken where every part has them, which halves the download, but not of those in `exact`.
    """
    stems = dict.fromkeys(diffusers, DIFFUSERS) | dict.fromkeys(transformers, TRANSFORMERS)
    there, offline = _listing(source)
    variants: dict[str, str | None] = dict.fromkeys(stems)
    if there is not None:
        present = [p for p in stems if p not in optional or any(f.startswith(f"{p}/") for f in there)]
        plain, fp16 = ({p for p in present if _has(there, p, stems[p], v)} for v in (None, "fp16"))
        if fp16 == set(present) and (half or plain != fp16):
            # Parts that compute in float32 whatever the rest does are read unrounded where they can be.
            variants = {p: None if p in exact and p in plain else "fp16" for p in stems}
    needs: list[tuple[str, ...]] = [("scheduler/scheduler_config.json",)] if scheduler else []
    fetched: list[str] = ["scheduler/scheduler_config.json"] if scheduler else []
    for part, stem in stems.items():
        names = tuple(f"{part}/{name}" for name in _names(stem, variants[part]))
        fetched += [f"{part}/config.json", *names, f"{part}/{_shards(stem, variants[part])}"]
        if part not in optional:
            needs += [(f"{part}/config.json",), names]
    for part in tokenizers:
        fetched += [f"{part}/{name}" for name in TOKENIZER]
        if part not in optional:
            needs += [tuple(f"{part}/{name}" for name in TOKENIZER)]
    files = find_checkpoint(source.model, source.revision, source.weights, needs, fetched, source.about, offline)
    return Components(files, variants, source.model)


def _names(stem: str, variant: str | None) -> tuple[str, str]:
    """The file of weights, or the index of several."""
    v = f".{variant}" if variant else ""
    return f"{stem}{v}.safetensors", f"{stem}.safetensors.index{v}.json"


def _shards(stem: str, variant: str | None) -> str:
    return f"{stem}{f'.{variant}' if variant else ''}-*-of-*.safetensors"


def _has(there: set[str], part: str, stem: str, variant: str | None) -> bool:
    return any(f"{part}/{name}" in there for name in _names(stem, variant))


def _listing(source: Source) -> tuple[set[str] | None, str]:
    """Names of the model's files, None where nothing is known of them; and why nothing can be fetched, or "".

    The hub is asked once, since what tries again takes a minute; without an answer, what the cache holds is all there is.
    """
    if source.weights is not None:
        folder = Path(source.weights).expanduser()
        return (set(_inside(folder)) if folder.is_dir() else None), ""
    from huggingface_hub import HfApi, constants, errors, try_to_load_from_cache

    found = try_to_load_from_cache(source.model, "scheduler/scheduler_config.json", revision=source.revision)
    cached = set(_inside(Path(found).parents[1])) if isinstance(found, str) else None
    lost: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        files = HfApi().model_info(source.model, revision=source.revision, timeout=PATIENCE).siblings or []
    except errors.HfHubHTTPError:
        return cached, ""  # the hub's own answer is said when the files are asked for
    except (OSError, lost) as error:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"no connection, {type(error).__name__}"
        return cached, why
    return {file.rfilename for file in files}, ""


def _inside(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
