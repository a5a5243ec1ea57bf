"""The kinds of models whose files are damaged: tiny models in the layouts of all families, and how each answers a trial."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from observers.protocol import Trial
from observers.registry import make_observer
from tests.unit.observers import tiny
from tests.unit.observers.classifiers import test_contrastive
from tests.unit.observers.generative import (
    tiny_autoregressive,
    tiny_classes,
    tiny_flow,
    tiny_latent,
    tiny_masked,
    tiny_pixel,
)
from tests.unit.observers.vision_language import tiny_models


@frozen
class Kind:
    """A kind of model.

    Attributes:
        scheme: The scheme of its observers, such as latent.
        save: Writes a model into a folder.
        options: Options of the observer.
        choices: The choices of its trials.
    """

    scheme: str
    save: Callable[[Path], object]
    options: Mapping[str, Any] = {}
    choices: tuple[str, ...] = ("cat", "dog")

    def answer(self, folder: Path, trial: Trial) -> str:
        """Return the choice and evidence of the model in the folder."""
        observer = make_observer(f"{self.scheme}:{folder}", device="cpu", batch_size=4, **self.options)
        response = next(iter(observer.observe([trial])))
        return f"{response.choice} {response.evidence}"


_FEW = {"draws": 4}
KINDS: dict[str, Kind] = {
    **{k: Kind("latent", lambda p, k=k: tiny_latent.save(p, k), _FEW) for k in ("sd1", "sd2", "xl")},
    **{k: Kind("flow", lambda p, k=k: tiny_flow.save(p, k), {**_FEW, "size": 16}) for k in ("sd3", "flux-dev")},
    "pixel": Kind("pixel", tiny_pixel.save, _FEW),
    "masked": Kind("masked", tiny_masked.save, _FEW),
    "dit": Kind("class-conditional", tiny_classes.save_dit, _FEW, ("bear", "bicycle")),
    "edm": Kind("class-conditional", tiny_classes.save_edm, _FEW, ("bear", "bicycle")),
    **{
        k: Kind("autoregressive", lambda p, k=k: tiny_autoregressive.save(p, k), {"size": size, "max_prompt": 60})
        for k, size in tiny_autoregressive.SIZES.items()
    },
    **{
        f"vlm-{k}": Kind("vlm", lambda p, k=k: tiny_models.save(p, k)) for k in ("llava", "qwen2_5_vl", "idefics3", "gemma3")
    },
    "vlm-generate": Kind("vlm", lambda p: tiny_models.save(p, "internvl"), {"answer": "generate", "max_tokens": 4}),
    **{f"hf-{k}": Kind("hf", lambda p, k=k: tiny.save(p, k, ["cat", "dog", "truck"])) for k in ("vit", "convnext")},
    "clip": Kind("clip", test_contrastive.save_clip),
    "siglip": Kind("siglip", test_contrastive.save_siglip),
}  # fmt: skip
