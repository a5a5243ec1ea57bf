"""The files of a text-to-image model in the layout of diffusers: one folder per component.

    unet/config.json              unet/diffusion_pytorch_model.safetensors           or sharded, with an index
    text_encoder/config.json      text_encoder/model.safetensors
    tokenizer/…                   scheduler/scheduler_config.json

The caller gives the class of each component. For safety, the classes that model_index.json names are not used, code in
the repository is not run, and pickle files are not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from attrs import field, frozen

from observers.checkpoints import TOKENIZER, Checkpoint, find_checkpoint, load_pretrained
from observers.generative.noise_levels import (
    SCHEDULE_DEFAULTS,
    NoiseLevels,
    Prediction,
    diffusion_levels,
    read_prediction,
)
from observers.generative.options import Source
from observers.loading.foreign_errors import explained_computation
from observers.loading.settings import read_settings

TIMEOUT = 10.0  # seconds to wait for an answer of the Hugging Face Hub
INDEX = "model_index.json"
DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model", "model"  # names of weight files in each library, without extension


@frozen(eq=False)
class Components:
    """The component folders of a model.

    Attributes:
        files: The files of the model.
        variants: Variant of each component's weight files, as it appears in their names: "fp16" or None.
        model_name: Name of the model in error messages.
        assumed: Settings that affect the results and that the files read so far do not state, with the values that
            are assumed.
    """

    files: Checkpoint
    variants: Mapping[str, str | None]
    model_name: str
    assumed: dict[str, object] = field(factory=dict)

    def folder(self, part: str) -> Path:
        """Return the folder of a component."""
        return self.files.folder / part

    def has(self, part: str) -> bool:
        """Return whether the model has the component."""
        return (self.folder(part) / "config.json").is_file()

    def read_settings(self, path: str) -> dict[str, Any]:
        """Read a JSON file of the model. Raises ObserverError if it cannot be read or is not an object."""
        return read_settings(self.files.folder / path, self.model_name)

    def assume(self, settings: Mapping[str, Any], defaults: Mapping[str, object]) -> None:
        """Record the defaults of all settings that are missing from the settings in a file."""
        self.assumed.update({key: value for key, value in defaults.items() if key not in settings})

    def facts(self) -> dict[str, str]:
        """Return the entry of the sidecar with the assumed settings; empty if all settings are stated."""
        listed = ", ".join(f"{key} {value}" for key, value in self.assumed.items())
        return {"assumed": listed} if listed else {}

    def computing(self, part: str) -> AbstractContextManager[None]:
        """Return a context for a pass of a component, which raises ObserverError if the component cannot compute."""
        return explained_computation(f"{self.model_name}: the network in {self.folder(part)}")

    def load_diffuser(self, model_class: Any, part: str, dtype: torch.dtype, device: torch.device) -> Any:
        """Load a component with a class of diffusers. Raises ObserverError if it does not load."""
        return self._load(model_class, part, device, torch_dtype=dtype)

    def load_transformer(self, model_class: Any, part: str, dtype: torch.dtype, device: torch.device) -> Any:
        """Load a component with a class of transformers. Raises ObserverError if it does not load."""
        return self._load(model_class, part, device, dtype=dtype, trust_remote_code=False)

    def _load(self, model_class: Any, part: str, device: torch.device, **options: Any) -> Any:
        return load_pretrained(
            model_class, self.folder(part), device, f"the {model_class.__name__}", self.model_name,
            variant=self.variants.get(part), **options,
        ).requires_grad_(False)  # fmt: skip


def find_components(
    source: Source, *, diffusers: Sequence[str], transformers: Sequence[str], tokenizers: Sequence[str],
    scheduler: bool = True, optional: Sequence[str] = (), half: bool = False, exact: Sequence[str] = (),
    index: bool = False,
) -> Components:  # fmt: skip
    """Find the files of a model in its local folder or the Hugging Face cache, and download them if necessary.

    Args:
        source: Repository, revision and local folder of the model.
        diffusers: Components whose classes are in diffusers.
        transformers: Components whose classes are in transformers.
        tokenizers: Folders of tokenizers.
        scheduler: Whether the scheduler_config.json is needed.
        optional: Components and tokenizers that the model may lack.
        half: Whether to use fp16 files if all components have them. This halves the download. A component that has only
            fp16 files is loaded from them in any case.
        exact: Components that keep their float32 files if `half` is set, because they compute in float32.
        index: Whether the model_index.json is needed if the model has one. It is only read, and does not choose
            classes.

    Returns:
        The components, with the variant of the weight files to load.

    Raises:
        ObserverError: If a file is missing and cannot be downloaded.
    """
    stems = dict.fromkeys(diffusers, DIFFUSERS) | dict.fromkeys(transformers, TRANSFORMERS)
    available, offline = _list_files(source)
    variants: dict[str, str | None] = dict.fromkeys(stems)
    if available is not None:
        present = [p for p in stems if p not in optional or any(f.startswith(f"{p}/") for f in available)]
        plain, fp16 = ({p for p in present if _has_weights(available, p, stems[p], v)} for v in (None, "fp16"))
        if fp16 == set(present) and (half or plain != fp16):
            variants = {p: None if p in exact and p in plain else "fp16" for p in stems}
        else:  # each component has the files that it has
            variants = {p: "fp16" if p in fp16 - plain else None for p in stems}
    required: list[tuple[str, ...]] = [("scheduler/scheduler_config.json",)] if scheduler else []
    wanted: list[str] = ["scheduler/scheduler_config.json"] if scheduler else []
    wanted += [INDEX] if index else []
    for part, stem in stems.items():
        names = tuple(f"{part}/{name}" for name in _weight_names(stem, variants[part]))
        wanted += [f"{part}/config.json", *names, f"{part}/{_shard_pattern(stem, variants[part])}"]
        if part not in optional:
            required += [(f"{part}/config.json",), names]
    for part in tokenizers:
        wanted += [f"{part}/{name}" for name in TOKENIZER]
        if part not in optional:
            required += [tuple(f"{part}/{name}" for name in TOKENIZER)]
    files = find_checkpoint(source.model, source.revision, source.weights, required, wanted, offline)
    return Components(files, variants, source.model)


def read_schedule(components: Components, prediction_type: str | None) -> tuple[NoiseLevels, Prediction]:
    """Return the noise levels of a diffusion model, and what its network predicts.

    Args:
        components: The files of the model. The settings that its scheduler_config.json does not state are recorded there.
        prediction_type: The prediction type that replaces the one in the scheduler_config.json, or None.

    Raises:
        ObserverError: If the scheduler_config.json does not define a noise schedule or a known prediction type.
    """
    settings = components.read_settings("scheduler/scheduler_config.json")
    levels, prediction = diffusion_levels(settings), read_prediction(settings, prediction_type)
    unused = ["prediction_type"] if prediction_type else []
    if settings.get("trained_betas"):
        unused += ["num_train_timesteps", "beta_start", "beta_end"]
    elif settings.get("beta_schedule") == "squaredcos_cap_v2":
        unused += ["beta_start", "beta_end"]
    components.assume(settings, {key: value for key, value in SCHEDULE_DEFAULTS.items() if key not in unused})
    return levels, prediction


def find_layout(source: Source, networks: Sequence[str]) -> Components:
    """Find the settings of a model without its weights, to recognize its family.

    Args:
        source: Repository, revision and local folder of the model.
        networks: Components that may contain the network. The model must have one of them.

    Returns:
        The files model_index.json, config.json of the networks, and scheduler_config.json, as far as they exist.

    Raises:
        ObserverError: If the model does not have any of the networks, or if its files cannot be downloaded.
    """
    configs = tuple(f"{part}/config.json" for part in networks)
    wanted = (*configs, INDEX, "scheduler/scheduler_config.json")
    files = find_checkpoint(source.model, source.revision, source.weights, [configs], wanted, _list_files(source)[1])
    return Components(files, {}, source.model)


def _weight_names(stem: str, variant: str | None) -> tuple[str, ...]:
    """Return the file name of unsharded weights, and those of the index of sharded weights."""
    if variant is None:
        return f"{stem}.safetensors", f"{stem}.safetensors.index.json"
    names = f"{stem}.{variant}.safetensors", f"{stem}.safetensors.index.{variant}.json"
    # Earlier versions of diffusers wrote the index with another name.
    return (*names, f"{stem}.safetensors.{variant}.index.json") if stem == DIFFUSERS else names


def _shard_pattern(stem: str, variant: str | None) -> str:
    return f"{stem}{f'.{variant}' if variant else ''}-*-of-*.safetensors"


def _has_weights(available: set[str], part: str, stem: str, variant: str | None) -> bool:
    return any(f"{part}/{name}" in available for name in _weight_names(stem, variant))


def _list_files(source: Source) -> tuple[set[str] | None, str]:
    """Return the names of the model's files (None if unknown), and why they cannot be downloaded ("" if they can).

    The Hugging Face Hub is asked only once, because each retry can take a minute. If it does not answer, the files in
    the cache are listed.
    """
    if source.weights is not None:
        folder = Path(source.weights).expanduser()
        return (set(_files_in(folder)) if folder.is_dir() else None), ""
    from huggingface_hub import HfApi, constants, errors, try_to_load_from_cache

    path = try_to_load_from_cache(source.model, "scheduler/scheduler_config.json", revision=source.revision)
    cached = set(_files_in(Path(path).parents[1])) if isinstance(path, str) else None
    connection_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        files = HfApi().model_info(source.model, revision=source.revision, timeout=TIMEOUT).siblings or []
    except errors.HfHubHTTPError:
        return cached, ""  # the download will raise the same error, with an explanation
    except (OSError, connection_error) as error:
        reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"no connection, {type(error).__name__}"
        return cached, reason
    return {file.rfilename for file in files}, ""


def _files_in(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
