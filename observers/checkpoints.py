"""A model's files, in a local folder or the hub's cache, and what transformers makes of them.

The files may come from anyone. Only safetensors are loaded and no code that lies beside them is run; what does not load is
an ObserverError that says which file of which repository at which revision was expected, and what to do.
"""

import hashlib
import importlib.util
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from observers.protocol import ObserverError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")  # either will do
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "spiece.model",
)  # fmt: skip
_FETCHED = ("config.json", *PROCESSOR, *TOKENIZER, *WEIGHTS, "model-*-of-*.safetensors")
_PICKLES = (".bin", ".pth", ".pt", ".ckpt", ".pkl")
# What settings that somebody else wrote make transformers raise, besides its own StrictDataclassError.
_UNFIT = (
    OSError, ValueError, RuntimeError, ImportError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    MemoryError,
)  # fmt: skip
_SHARD = re.compile(r"[\w.-]+\.safetensors")
# What a model makes itself, always in the same way; older checkpoints hold some of it and newer ones do not.
_FIXED = ("num_batches_tracked", "position_ids", "relative_position_index")


@frozen
class Checkpoint:
    """A folder that holds a model's files, and where they come from."""

    folder: Path
    source: Mapping[str, str]  # for the log's sidecar: repository and revision, or the folder's name
    local: bool
    loaded: tuple[str, ...] = ("model*.safetensors",)  # patterns of the weights in it

    def provenance(self, device: torch.device, dtype: str) -> dict[str, str]:
        """For the log's sidecar; of a local folder with the sha256 over its safetensors files in order of name."""
        facts = dict(self.source)
        if self.local:
            digest = hashlib.sha256()
            for path in sorted({path for pattern in self.loaded for path in self.folder.glob(pattern)}):
                with open(path, "rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            facts["sha256"] = digest.hexdigest()
        return facts | {"device": str(device), "dtype": dtype}


def find_checkpoint(
    repository: str,
    revision: str | None,
    weights: Path | None,
    needs: Sequence[tuple[str, ...]],
    fetched: Sequence[str] = _FETCHED,
    about: str = "",
    offline: str = "",
) -> Checkpoint:
    """The model's files: in the local folder `weights`, else in the hub's cache, where they are fetched to if need be.

    Of every group in `needs` one file must be there; `fetched` are the patterns of what is loaded. `about` says in an error
    how large they are and under which terms; `offline` why nothing can be fetched, if so. Raises ObserverError.
    """
    loaded = tuple(pattern for pattern in fetched if pattern.endswith(".safetensors"))
    if weights is not None:
        weights = Path(weights).expanduser()
        if not weights.is_dir():
            raise ObserverError(f"the weights of {repository}: there is no folder {weights} (option weights)")
        found = Checkpoint(weights, {"repository": repository, "weights": weights.resolve().name}, True, loaded)
        where = f"the folder {weights}"
    else:
        where = f"the repository {repository} at revision {revision or 'main'}"
        folder = _snapshot(repository, revision, where, needs, fetched, about, offline)
        found = Checkpoint(folder, {"repository": repository, "revision": folder.name}, False, loaded)
    for group in needs:
        if not any((found.folder / name).is_file() for name in group):
            raise ObserverError(_lacking(where, found, group))
    return found


def _lacking(where: str, found: Checkpoint, group: tuple[str, ...]) -> str:
    said = f"{where} has no {' or '.join(group)}" + ("" if found.local else " (or the cache lacks it, without network)")
    if not group[0].endswith(".safetensors"):
        return f"{said}: name a folder that holds it, -o weights=DIR"
    beside_it = (found.folder / group[0]).parent
    pickles = sorted(path.name for path in beside_it.glob("*") if path.suffix in _PICKLES)
    beside = f", only {pickles[0]}" if pickles else ""
    return (
        f"{said}{beside}: only safetensors are loaded, since reading a pickle can run code; convert the weights and "
        f"name their folder, -o weights=DIR" + ("" if found.local else ", or take another revision, -o revision=…")
    )


def _snapshot(
    repository: str,
    revision: str | None,
    where: str,
    needs: Sequence[tuple[str, ...]],
    fetched: Sequence[str],
    about: str,
    offline: str,
) -> Path:
    """The repository's files in the hub's cache; the folder is named by the commit."""
    from huggingface_hub import constants, errors, snapshot_download

    wanted = ", ".join(group[0] if len(needs) > 4 else " or ".join(group) for group in needs)
    about = f" ({about})" if about else ""
    # A connection lost in the middle of a file is no OSError but one of the HTTP client, whose name changes.
    lost: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=list(fetched), local_files_only=bool(offline)
            )
        )
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise ObserverError(
            f"{where}{about} is not on the hub, or not for you ({type(error).__name__}): check its name and revision, log "
            f"in with `hf auth login`, or name a local folder that holds {wanted}: -o weights=DIR"
        ) from None
    except (OSError, lost) as error:
        why = offline or f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else why
        raise ObserverError(
            f"{where}{about}: its {wanted} are not all in the cache and cannot be fetched ({why}): connect once, or name a "
            f"local folder that holds them: -o weights=DIR"
        ) from None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the progress bars and remarks of transformers and diffusers; their errors are raised all the same."""
    from transformers.utils import logging

    talkers = [logging]
    if "diffusers" in sys.modules:  # which takes seconds to import
        from diffusers.utils import logging as its_logging

        talkers.append(its_logging)
    before = [(talker, talker.get_verbosity(), talker.is_progress_bar_enabled()) for talker in talkers]
    for talker in talkers:
        talker.set_verbosity_error()
        talker.disable_progress_bar()
    try:
        yield
    finally:
        for talker, level, bars in before:
            talker.set_verbosity(level)
            if bars:
                talker.enable_progress_bar()


@contextmanager
def explained_load_errors(start: str, end: str = "") -> Iterator[None]:
    """Quiet; what transformers raises becomes an ObserverError: `start` does not load (why)`end`."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        with quiet_libraries():
            yield
    except (*_UNFIT, StrictDataclassError) as error:
        said = " ".join(str(error).strip().partition("\n\n")[0].split()) or type(error).__name__
        # How transformers says that something it imports is broken; what is only missing it names.
        if isinstance(error, ImportError) and ("Could not import module" in said or "torchvision" in said):
            end = torchvision_hint() or end
        raise ObserverError(f"{start} does not load ({said[:300]}){end}") from None


def torchvision_hint() -> str:
    """What to do about a torchvision made for another torch, which breaks whatever imports it; "" where there is none."""
    if importlib.util.find_spec("torchvision") is None:
        return ""
    return (
        f", most often because torchvision was made for another torch than {torch.__version__}: install the torchvision of "
        f"that torch from where the torch came from; only timm: needs one, so otherwise pip uninstall torchvision"
    )


def load_pretrained(make: Any, folder: Path, device: torch.device, what: str, who: str, **how: Any) -> Any:
    """The model that `make`, a class of transformers or diffusers, finds in `folder`, ready to answer.

    `how` is handed on. Raises ObserverError if it is no such model, is damaged, holds weights that are no numbers, or lacks
    some, which would be drawn at random.
    """
    from safetensors import SafetensorError

    _only_safetensors(folder, who)
    try:
        with explained_load_errors(f"{who}: {what} in {folder}"):
            model, report = make.from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are said below
                **how,
            )
    except SafetensorError as error:
        raise ObserverError(f"{who}: a safetensors file in {folder} is damaged ({error}); get it anew") from None
    misfits = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"])
    if misfits:
        raise ObserverError(
            f"{who}: {len(misfits)} weights in {folder} have another shape than its config.json says "
            f"({', '.join(misfits[:2])}, …); get both of one model"
        )
    lacking = sorted(key for key in report["missing_keys"] if not key.endswith(_FIXED))
    if lacking:
        raise ObserverError(
            f"{who} is not a whole {what.partition(' ')[2]}: its checkpoint lacks {len(lacking)} weights "
            f"({', '.join(lacking[:2])}, …); take one that was trained as such"
        )
    model = model.to(device).eval()
    for name, weight in itertools.chain(model.named_parameters(), model.named_buffers()):
        # A mask that a model makes for itself may hold −∞.
        if torch.isnan(weight).any() or (isinstance(weight, torch.nn.Parameter) and torch.isinf(weight).any()):
            raise ObserverError(
                f"{who}: the weight {name} in {folder} holds NaN or infinite values; the checkpoint is damaged, or does not "
                f"fit into this dtype: get it anew, or take --dtype float32"
            )
    return model


def _only_safetensors(folder: Path, who: str) -> None:
    """Raises ObserverError where an index of several files names others than safetensors beside it."""
    for path in folder.glob("*.index*.json"):
        try:
            names = set(json.loads(path.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ObserverError(f"{who}: {path} is no index of weights ({type(error).__name__}): get it anew") from None
        odd = sorted(str(name) for name in names if not isinstance(name, str) or not _SHARD.fullmatch(name))
        if odd and ".safetensors." in path.name:
            raise ObserverError(
                f"{who}: {path} names {odd[0]}: only safetensors in the same folder are loaded; get the files anew"
            )


def load_transformer(make: Any, folder: Path, dtype: torch.dtype, device: torch.device, what: str, who: str) -> Any:
    """The model that `make`, a class of transformers, finds in `folder`. Raises ObserverError as `pretrained` does."""
    return load_pretrained(make, folder, device, what, who, dtype=dtype, trust_remote_code=False)


def load_image_processor(folder: Path, who: str) -> Any:
    """The preprocessing that belongs to the model, through Pillow. Raises ObserverError."""
    from transformers import AutoImageProcessor

    with explained_load_errors(f"{who}: its preprocessing in {folder}"):
        return AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True, trust_remote_code=False)


def load_tokenizer(folder: Path, who: str) -> Any:
    """The model's tokenizer: its tokenizer.json as it stands, else made from its older files. Raises ObserverError."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # SigLIP's own class would want sentencepiece even where tokenizer.json is there.
    make = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    wanted = (
        "expected tokenizer.json, or vocab.json and merges.txt; for spiece.model, pip install sentencepiece protobuf"
    )
    with explained_load_errors(f"{who}: its tokenizer in {folder}", f": {wanted}"):
        return make.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
