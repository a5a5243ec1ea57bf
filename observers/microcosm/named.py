"""The observers of the microcosm by name. Their weights are part of the package; `-o weights=FOLDER` loads others."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from observers.classifiers.discriminative import Classifier
from observers.generative.families.autoregressive import Autoregressive
from observers.generative.families.latent import LatentDiffusion
from observers.generative.families.masked import Masked
from observers.generative.families.pixel import PixelDiffusion
from observers.generative.families.published import observer_factory
from observers.protocol import Observer

WEIGHTS = Path(__file__).parent / "weights"
GENERATIVE: dict[str, tuple[type, dict[str, Any]]] = {  # likelihood and default options
    "microcosm-latent": (LatentDiffusion, {"draws": 64, "batch_size": 64}),
    "microcosm-pixel": (PixelDiffusion, {"draws": 64, "batch_size": 64}),
    "microcosm-masked": (Masked, {"draws": 64, "batch_size": 64}),
    "microcosm-ar": (Autoregressive, {"perturbations": 4, "batch_size": 64}),
}
CLASSIFIERS: dict[str, tuple[str, dict[str, Any]]] = {  # folder of the weights and default options
    "microcosm-cnn": ("microcosm-cnn", {}),
    "microcosm-cnn-noise-train": ("microcosm-cnn-noise-train", {}),
    "microcosm-cnn-noise-eval": ("microcosm-cnn-noise-train", {"noise_draws": 16}),
}
NAMES = (*GENERATIVE, *CLASSIFIERS)


def microcosm_factory(name: str) -> Callable[..., Observer]:
    """Return a function that builds the observer with a name in NAMES from its options."""
    if name in GENERATIVE:
        likelihood, defaults = GENERATIVE[name]
        return observer_factory(likelihood, model=name, weights=WEIGHTS / name, name=name, **defaults)
    folder, defaults = CLASSIFIERS[name]
    return _with_defaults(Classifier, model=folder, weights=WEIGHTS / folder, name=name, **defaults)


def _with_defaults(cls: Any, **defaults: Any) -> Callable[..., Observer]:
    """Return a function that builds an object of the class, with these defaults in its signature."""

    def make(**options: Any) -> Observer:
        observer: Observer = cls(**(defaults | options))
        return observer

    parameters = inspect.signature(cls).parameters.values()
    make.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        p.replace(default=defaults.get(p.name, p.default), kind=p.KEYWORD_ONLY) for p in parameters
    ])  # fmt: skip
    make.__annotations__ = {k: v for k, v in get_type_hints(cls.__init__).items() if k != "return"}
    return make


def __getattr__(name: str) -> Callable[..., Observer]:
    """Return the factory of an observer, for example `microcosm_latent` for `microcosm-latent`."""
    observer = name.replace("_", "-")
    if observer not in NAMES:
        raise AttributeError(name)
    return microcosm_factory(observer)
