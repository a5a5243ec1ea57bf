"""A model's files, in a local folder or the cache of the Hugging Face Hub, and how they are loaded with transformers.

The files may come from anyone, so only safetensors are loaded and no code in a repository is run. If something cannot be
loaded, an ObserverError says which file of which repository and revision was expected, and what to do.
"""

import hashlib
import importlib
import importlib.util
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from core.extras import install_command, pip
from observers.catalog import describe_download, safe_revision
from observers.loading.foreign_errors import explained_errors
from observers.loading.tokenizer_trial import try_tokenizer
from observers.loading.weight_sizes import check_sizes
from observers.protocol import ObserverError

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")  # one of the two is enough
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt", "spiece.model",
)  # fmt: skip
_DEFAULT_PATTERNS = ("config.json", *PROCESSOR, *TOKENIZER, *WEIGHTS, "model-*-of-*.safetensors")
_PICKLE_SUFFIXES = (".bin", ".pth", ".pt", ".ckpt", ".pkl")
_SHARD = re.compile(r"[\w.-]+\.safetensors")
# Buffers that a model always computes in the same way; some checkpoints include them and others do not.
_COMPUTED_BUFFERS = ("num_batches_tracked", "position_ids", "relative_position_index")


@frozen
class Checkpoint:
    """A folder with a model's files.

    Attributes:
        folder: The folder.
        source: What the log's sidecar says about the files: their repository and revision or, for a local folder, their
            repository and the name of the folder.
        local: Whether the folder belongs to the user, instead of being in the cache of the Hub.
        weight_patterns: Glob patterns of the files with weights.
    """

    folder: Path
    source: Mapping[str, str]
    local: bool
    weight_patterns: tuple[str, ...] = ("model*.safetensors",)

    def provenance(self, device: torch.device, dtype: str) -> dict[str, str]:
        """Return source, device and dtype for the log's sidecar.

        For a local folder, also return one SHA-256 over all safetensors files in the order of their names.
        """
        facts = dict(self.source)
        if self.local:
            digest = hashlib.sha256()
            for path in sorted({path for pattern in self.weight_patterns for path in self.folder.glob(pattern)}):
                with open(path, "rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            facts["sha256"] = digest.hexdigest()
        return facts | {"device": str(device), "dtype": dtype}


def check_torchvision() -> None:
    """Raise ObserverError if torchvision is installed and was built for another torch.

    transformers, diffusers and timm import torchvision if it is installed, and fail if it cannot be imported.
    """
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:
        raise ObserverError(
            f"torchvision {version('torchvision')} does not work with torch {torch.__version__} "
            f"({str(error).strip().partition(chr(10))[0]}), and no model can be loaded beside it: {pip()} uninstall "
            f"torchvision; only the models of timm need it, and for them, torch and torchvision must come from the same "
            f"package index (docs/installing.md)"
        ) from None


def find_checkpoint(
    repository: str,
    revision: str | None,
    weights: Path | None,
    required: Sequence[tuple[str, ...]],
    patterns: Sequence[str] = _DEFAULT_PATTERNS,
    offline_reason: str = "",
) -> Checkpoint:
    """Find a model's files in a local folder or in the cache of the Hugging Face Hub, and download them if necessary.

    Args:
        repository: Repository on the Hub, such as "microsoft/resnet-50".
        revision: Branch, tag or commit; None for the main branch.
        weights: A local folder to use instead of the Hub, or None.
        required: Groups of file names. At least one file of each group must exist.
        patterns: Glob patterns of the files to download.
        offline_reason: Why nothing can be downloaded; "" if it can.

    Raises:
        ObserverError: If the folder or the repository does not exist, if the download failed, or if a required file is
            missing, or if the installed torchvision prevents models from being loaded.
    """
    check_torchvision()
    weight_patterns = tuple(pattern for pattern in patterns if pattern.endswith(".safetensors"))
    if weights is not None:
        weights = Path(weights).expanduser()
        if not weights.is_dir():
            raise ObserverError(f"the weights of {repository}: the folder {weights} does not exist (option weights)")
        source = {"repository": repository, "weights": weights.resolve().name}
        checkpoint = Checkpoint(weights, source, True, weight_patterns)
        where = f"the folder {weights}"
    else:
        where = f"the repository {repository} at revision {revision or 'main'}"
        folder = _download_snapshot(repository, revision, where, required, patterns, offline_reason)
        source = {"repository": repository, "revision": folder.name}
        checkpoint = Checkpoint(folder, source, False, weight_patterns)
    for group in required:
        if not any((checkpoint.folder / name).is_file() for name in group):
            known = safe_revision(repository)
            raise ObserverError(_describe_missing(where, checkpoint, group, known if known != revision else None))
    return checkpoint


def _describe_missing(where: str, checkpoint: Checkpoint, group: tuple[str, ...], revision: str | None) -> str:
    """Return the error message for a checkpoint that contains none of the files of a group.

    `revision` is another revision, which is known to contain safetensors, or None.
    """
    missing = f"{where} has no {' or '.join(group)}"
    if not checkpoint.local:
        missing += " (or it is not in the cache and cannot be downloaded)"
    if not group[0].endswith(".safetensors"):
        return f"{missing}: give a folder that contains it with -o weights=FOLDER"
    folder = (checkpoint.folder / group[0]).parent
    others = sorted(path.relative_to(checkpoint.folder).as_posix() for path in folder.glob("*.safetensors"))
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        return (
            f"{missing}, only {others[0]}{more}: to use these weights, copy the folder, give "
            f"them the expected name in the copy, and set -o weights=FOLDER"
        )
    pickles = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLE_SUFFIXES)
    only = f", only {pickles[0]}" if pickles else ""
    return (
        f"{missing}{only}: only safetensors are loaded, because reading a pickle can run code; convert the weights and "
        f"give their folder with -o weights=FOLDER"
        + ("" if checkpoint.local else f", or use another revision, -o revision={revision or '…'}")
    )


def _download_snapshot(
    repository: str,
    revision: str | None,
    where: str,
    required: Sequence[tuple[str, ...]],
    patterns: Sequence[str],
    offline_reason: str,
) -> Path:
    """Return the folder in the cache that contains the repository's files. The name of the folder is the commit.

    Raises ObserverError if the repository does not exist or cannot be downloaded.
    """
    from huggingface_hub import constants, errors, snapshot_download

    file_names = ", ".join(group[0] if len(required) > 4 else " or ".join(group) for group in required)
    download = describe_download(repository)
    note = f" ({download})" if download else ""
    local = f"; to load the local folder {repository}, write ./{repository}" if Path(repository).is_dir() else ""
    # A connection lost in the middle of a file is not an OSError but an error of the HTTP client, whose class varies.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=list(patterns), local_files_only=bool(offline_reason)
            )
        )
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise ObserverError(
            f"{where}{note} was not found on the Hugging Face Hub, or you do not have access to it "
            f"({type(error).__name__}): check its name and revision, log in with `hf auth login`, or give a local folder "
            f"that contains {file_names} with -o weights=FOLDER{local}"
        ) from None
    except (OSError, http_error) as error:
        message = f"{type(error).__name__}: {error}".partition("\n")[0]
        # The message of LocalEntryNotFoundError is "Got: " and the error of the connection.
        reason = offline_reason or message.removeprefix("LocalEntryNotFoundError: Got: ")
        reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else reason
        raise ObserverError(
            f"{where}{note} cannot be downloaded ({reason}), and the cache does not contain all of its files "
            f"({file_names}): connect to the internet once, or give a local folder that contains them with -o "
            f"weights=FOLDER{local}"
        ) from None


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the progress bars and warnings of transformers and diffusers. Their errors are still raised."""
    from transformers.utils import logging

    loggers = [logging]
    if "diffusers" in sys.modules:  # importing diffusers takes seconds
        from diffusers.utils import logging as diffusers_logging

        loggers.append(diffusers_logging)
    before = [(logger, logger.get_verbosity(), logger.is_progress_bar_enabled()) for logger in loggers]
    for logger in loggers:
        logger.set_verbosity_error()
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, level, has_progress_bar in before:
            logger.set_verbosity(level)
            if has_progress_bar:
                logger.enable_progress_bar()


@contextmanager
def explained_load_errors(subject: str, advice: str = "") -> Iterator[None]:
    """Convert the errors of transformers and diffusers to ObserverError, and silence their other messages.

    The error reads "`subject` cannot be loaded (reason)`advice`".
    """
    with explained_errors(subject, "cannot be loaded", advice), quiet_libraries():
        yield


def load_pretrained(
    model_class: Any, folder: Path, device: torch.device, model_kind: str, observer: str, **options: Any
) -> Any:
    """Load a model of transformers or diffusers, in evaluation mode, on a device.

    Args:
        model_class: Class with a `from_pretrained` method.
        folder: The folder with the model's files.
        device: The device to put the model on.
        model_kind: What the model should be, with an article, such as "an image classifier", for error messages.
        observer: Name of the observer or repository, for error messages.
        **options: Further arguments of `from_pretrained`.

    Raises:
        ObserverError: If the files are damaged or belong to another type of model, or if weights are missing (they would be
            initialized at random), have the wrong shape, contain NaN or infinite values, or are all 0.
    """
    _require_safetensors(folder, observer)
    with quiet_libraries():
        check_sizes(model_class, folder, options.get("config"), model_kind, observer)
    with explained_load_errors(f"{observer}: {model_kind} in {folder}"):
        model, report = model_class.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # the check below has a clearer message
            **options,
        )
    mismatched = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"])
    if mismatched:
        raise ObserverError(
            f"{observer}: {len(mismatched)} weights in {folder} have a different shape than its config.json says "
            f"({', '.join(mismatched[:2])}, …): use the config.json and the weights of the same model"
        )
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(_COMPUTED_BUFFERS))
    if missing:
        raise ObserverError(
            f"{observer} is not a complete {model_kind.partition(' ')[2]}: its checkpoint lacks {len(missing)} weights "
            f"({', '.join(missing[:2])}, …), which would be random: use a checkpoint that was trained for this task"
        )
    model = model.to(device).eval()
    for name, weight in itertools.chain(model.named_parameters(), model.named_buffers()):
        # Buffers such as attention masks may contain −∞.
        if torch.isnan(weight).any() or (isinstance(weight, torch.nn.Parameter) and torch.isinf(weight).any()):
            raise ObserverError(
                f"{observer}: the weight {name} in {folder} contains NaN or infinite values: the checkpoint is damaged, or "
                f"its values overflow this dtype; download it again, or use --dtype float32"
            )
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    if matrices and not any(weight.any() for weight in matrices):
        raise ObserverError(
            f"{observer}: all weights of the {model_kind.partition(' ')[2]} in {folder} are 0, such as after an interrupted "
            f"download: download the file again"
        )
    return model


def _require_safetensors(folder: Path, observer: str) -> None:
    """Raise ObserverError if an index of sharded weights lists anything but safetensors files in the same folder."""
    for path in folder.glob("*.index*.json"):
        try:
            names = set(json.loads(path.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ObserverError(
                f"{observer}: {path} is not an index of weights ({type(error).__name__}): download it again"
            ) from None
        refused = sorted(str(name) for name in names if not isinstance(name, str) or not _SHARD.fullmatch(name))
        if refused and ".safetensors." in path.name:
            raise ObserverError(
                f"{observer}: {path} refers to {refused[0]}, but only safetensors files in the same folder are loaded: "
                f"download the files again"
            )


def load_transformer(
    model_class: Any, folder: Path, dtype: torch.dtype, device: torch.device, model_kind: str, observer: str
) -> Any:
    """Load a model of transformers without running code from its repository. Raises the errors of `load_pretrained`."""
    return load_pretrained(model_class, folder, device, model_kind, observer, dtype=dtype, trust_remote_code=False)


def load_image_processor(folder: Path, observer: str) -> Any:
    """Load the model's own preprocessing, which uses Pillow. Raises ObserverError if it cannot be loaded."""
    from transformers import AutoImageProcessor

    with explained_load_errors(f"{observer}: its preprocessing in {folder}"):
        return AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True, trust_remote_code=False)


def load_tokenizer(folder: Path, observer: str) -> Any:
    """Load the tokenizer from tokenizer.json or older files. Raises ObserverError if it cannot be loaded."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # The tokenizer class of SigLIP requires sentencepiece even if there is a tokenizer.json.
    tokenizer_class = PreTrainedTokenizerFast if (folder / "tokenizer.json").is_file() else AutoTokenizer
    advice = f": expected tokenizer.json, or vocab.json and merges.txt; for spiece.model, {install_command('models')}"
    try_tokenizer(folder / "tokenizer.json", observer)
    with explained_load_errors(f"{observer}: its tokenizer in {folder}", advice):
        return tokenizer_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
