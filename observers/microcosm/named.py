"""The observers of the microcosm by name. Their weights come with the installation; `-o weights=FOLDER` takes others."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from observers.discriminative import Classifier
from observers.generative.autoregressive import Autoregressive
from observers.generative.latent import LatentDiffusion
from observers.generative.masked import Masked
from observers.generative.named import observer_factory
from observers.generative.pixel import PixelDiffusion
from observers.protocol import Observer

WEIGHTS = Path(__file__).parent / "weights"
GENERATIVE: dict[str, tuple[type, dict[str, Any]]] = {
    "microcosm-latent": (LatentDiffusion, {"draws": 64, "batch_size": 64}),
    "microcosm-pixel": (PixelDiffusion, {"draws": 64, "batch_size": 64}),
    "microcosm-masked": (Masked, {"draws": 64, "batch_size": 64}),
    "microcosm-ar": (Autoregressive, {"perturbations": 4, "batch_size": 64}),
}
CLASSIFIERS: dict[str, tuple[str, dict[str, Any]]] = {  # whose weights, and options
    "microcosm-cnn": ("microcosm-cnn", {}),
    "microcosm-cnn-noise-train": ("microcosm-cnn-noise-train", {}),
    "microcosm-cnn-noise-eval": ("microcosm-cnn-noise-train", {"noise_draws": 16}),
}
NAMES = (*GENERATIVE, *CLASSIFIERS)


def named(name: str) -> Callable[..., Observer]:
    """A function that makes the observer of one of NAMES, with that observer's options."""
    if name in GENERATIVE:
        likelihood, fixed = GENERATIVE[name]
        return observer_factory(likelihood, model=name, weights=WEIGHTS / name, name=name, **fixed)
    trained, fixed = CLASSIFIERS[name]
    return _with_defaults(Classifier, model=trained, weights=WEIGHTS / trained, name=name, **fixed)


def _with_defaults(cls: Any, **fixed: Any) -> Callable[..., Observer]:
    """A function that makes an object of the class and says that its options have those defaults."""

    def make(**given: Any) -> Observer:
        made: Observer = cls(**(fixed | given))
        return made

    parameters = inspect.signature(cls).parameters.values()
    make.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        p.replace(default=fixed.get(p.name, p.default), kind=p.KEYWORD_ONLY) for p in parameters
    ])  # fmt: skip
    make.__annotations__ = {k: v for k, v in get_type_hints(cls.__init__).items() if k != "return"}
    return make


def __getattr__(name: str) -> Callable[..., Observer]:
    """`named:microcosm_latent` and so on, with an underscore for a hyphen, which no Python name has."""
    plain = name.replace("_", "-")
    if plain not in NAMES:
        raise AttributeError(name)
    return named(plain)
