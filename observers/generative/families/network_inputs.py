"""What the networks of the families take as input: one table of the settings that change it, and checks of its widths.

The config.json of a network can require more than an image with noise, a timestep and the conditioning of its family:
class labels, image embeddings, bounding boxes, a guidance scale. Such a network would fail at its first input, or compute
something else without an error. `check_inputs` refuses it before its weights are loaded. A setting that the installed
diffusers does not know is refused as well if its name suggests an input. `check_width` compares a width of the network
with those of the text encoders that feed it.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from observers.generative.components import Components
from observers.protocol import ObserverError


@frozen
class Setting:
    """A setting of a network that changes its input.

    Attributes:
        key: Its name in config.json.
        supported: The supported values. A setting that config.json does not contain is always supported.
        meaning: What the network also takes, or does, with other values.
    """

    key: str
    supported: tuple[object, ...]
    meaning: str


_LABELS = "takes class labels or embeddings of images, as unCLIP models and upscalers do"
_UNET = (
    Setting("class_embed_type", (None,), _LABELS),
    Setting("num_class_embeds", (None,), _LABELS),
    Setting("class_embeddings_concat", (None, False), _LABELS),
    Setting("time_cond_proj_dim", (None,), "takes the guidance scale, as latent consistency models do"),
    Setting("attention_type", (None, "default"), "takes bounding boxes or images, as GLIGEN does"),
    Setting("dual_cross_attention", (None, False), "takes the embeddings of two prompts"),
)
# The settings of each kind of network, in the order in which they are checked.
NETWORKS: dict[str, tuple[Setting, ...]] = {
    "latent": (
        *_UNET,
        Setting("addition_embed_type", (None, "text_time"), "takes further texts or images"),
        Setting("encoder_hid_dim_type", (None,), "takes projected texts or images"),
        Setting("encoder_hid_dim", (None,), "takes projected texts or images"),
    ),
    "pixel": (
        *_UNET,
        Setting("addition_embed_type", (None, "text"), "takes further images or sizes"),
        Setting("encoder_hid_dim_type", (None, "text_proj"), "takes images"),
    ),
    "edm": (Setting("class_embed_type", (None,), "takes embeddings in place of the numbers of classes"),),
    "dit": (
        Setting("num_vector_embeds", (None,), "takes tokens in place of latents"),
        Setting("cross_attention_dim", (None,), "takes the embeddings of prompts"),
        Setting("caption_channels", (None,), "takes the embeddings of prompts"),
    ),
    "sd3": (),
    "flux": (Setting("guidance_embeds", (None, False, True), "takes guidance in an unknown form"),),
    "masked": (),
}
# Names of settings that suggest an input.
_ASKS = re.compile(r"cond|embed|guid|addition|class|caption|hid_dim|image_proj|control|adapter|_ids")


def check_inputs(components: Components, kind: str, part: str, model_class: Any) -> None:
    """Check that a network takes only the inputs of its family, before its weights are loaded.

    Args:
        components: The files of the model.
        kind: Key of NETWORKS.
        part: Folder of the network.
        model_class: Class of the network in diffusers.

    Raises:
        ObserverError: If a setting has a value that is not supported, or if the name of an unknown setting suggests an
            input.
    """
    settings = components.read_settings(f"{part}/config.json")
    where = f"{components.model_name}: its {part}/config.json has"
    advice = "expected a model that takes only what the models of this family take; use another model"
    for row in NETWORKS[kind]:
        value = settings.get(row.key)
        # The types are compared as well, because False equals 0.
        if value is not None and not any(type(value) is type(v) and value == v for v in row.supported):
            raise ObserverError(f"{where} {row.key} {value!r:.80}, so that it also {row.meaning}: {advice}")
    known = inspect.signature(model_class.__init__).parameters
    checked = {row.key for row in NETWORKS[kind]}
    for key, value in settings.items():
        is_set = value is not None and value is not False
        if is_set and key not in known and key not in checked and not key.startswith("_") and _ASKS.search(key):
            raise ObserverError(
                f"{where} {key} {value!r:.80}, which the installed diffusers does not know and which may require a further "
                f"input: {advice}, or a newer diffusers"
            )


def check_width(
    components: Components, part: str, key: str, value: Any, sources: Mapping[str, str], more: int = 0
) -> None:
    """Compare a width of a network with the sum of the widths of the text encoders that feed it.

    Args:
        components: The files of the model.
        part: Folder of the network.
        key: Name of the width in its config.json.
        value: The width, or one width for each block.
        sources: Folders of text encoders, each with the name of its width in its config.json.
        more: Width of the other inputs of the network.

    Raises:
        ObserverError: If the widths differ.
    """
    widths = [_find(components.read_settings(f"{folder}/config.json"), name) for folder, name in sources.items()]
    if any(type(width) is not int for width in widths):
        return  # the default of the class of the text encoder; the first pass compares the widths
    expected = sum(widths) + more
    if any(v != expected for v in (value if isinstance(value, list | tuple) else [value])):
        listed = " and ".join(f"{folder}/config.json has {name}" for folder, name in sources.items())
        raise ObserverError(
            f"{components.model_name}: its {part}/config.json has {key} {value!r:.80}, expected {expected}, because "
            f"{listed} {' and '.join(map(str, widths))}: get all files from the same model"
        )


def _find(settings: Mapping[str, Any], name: str) -> Any:
    """Return a setting, which can be part of the text_config of a whole CLIP."""
    nested = settings.get("text_config")
    return settings.get(name, nested.get(name) if isinstance(nested, dict) else None)
