"""Generative observers by name, and by family for any repository or folder: what `observers.registry` makes.

The options of an observer and of its likelihood, source, objective and computation are one flat list on the command line:
`-o weighting=uniform -o draws=100 -o device=cpu`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import attrs
from attrs import frozen

from observers.generative.autoregressive import Autoregressive
from observers.generative.classifier import GenerativeClassifier
from observers.generative.flow import FlowMatching
from observers.generative.latent import LatentDiffusion
from observers.generative.masked import Masked
from observers.generative.pixel import PixelDiffusion

_HUB = "https://huggingface.co"


@frozen
class PublishedModel:
    """A published model: where it is, how large what is fetched of it, and what it needs."""

    family: type
    model: str
    revision: str | None
    gigabytes: float
    gated: bool = False

    def about(self) -> str:
        terms = "terms to accept first" if self.gated else "license"
        return f"about {self.gigabytes:g} GB, {terms}: {_HUB}/{self.model}"


# fmt: off
PUBLISHED_MODELS: dict[str, PublishedModel] = {
    "sd14": PublishedModel(LatentDiffusion, "CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b", 4.3),
    "sdxl": PublishedModel(LatentDiffusion, "stabilityai/stable-diffusion-xl-base-1.0", None, 13.9),
    "if-m": PublishedModel(PixelDiffusion, "DeepFloyd/IF-I-M-v1.0", None, 21, gated=True),
    "if-l": PublishedModel(PixelDiffusion, "DeepFloyd/IF-I-L-v1.0", None, 23, gated=True),
    "if-xl": PublishedModel(PixelDiffusion, "DeepFloyd/IF-I-XL-v1.0", None, 36, gated=True),
    "sd3": PublishedModel(FlowMatching, "stabilityai/stable-diffusion-3-medium-diffusers", None, 16, gated=True),
    "sd35": PublishedModel(FlowMatching, "stabilityai/stable-diffusion-3.5-medium", None, 17, gated=True),
    "flux-dev": PublishedModel(FlowMatching, "black-forest-labs/FLUX.1-dev", None, 34, gated=True),
    "flux-schnell": PublishedModel(FlowMatching, "black-forest-labs/FLUX.1-schnell", None, 34, gated=True),
    "janus": PublishedModel(Autoregressive, "deepseek-community/Janus-Pro-1B", None, 4.2),
    "emu3": PublishedModel(Autoregressive, "BAAI/Emu3-Gen-hf", None, 35),
    "anole": PublishedModel(Autoregressive, "leloy/Anole-7b-v0.1-hf", None, 14),
    "amused-256": PublishedModel(Masked, "amused/amused-256", None, 3.5),
    "amused-512": PublishedModel(Masked, "amused/amused-512", None, 3.5),
}
# fmt: on


Options = dict[str, tuple[Any, Any, tuple[str, ...]]]  # name -> (type, default, the fields it lies in)


def flat_options(cls: type) -> Options:
    """Options of an attrs class and of the attrs classes in its fields."""
    found: Options = {}
    hints = get_type_hints(cls)
    for a in attrs.fields(cls):
        kind = hints[a.name]
        if attrs.has(kind):
            new = {name: (k, default, (a.name, *path)) for name, (k, default, path) in flat_options(kind).items()}
        else:
            new = {a.name: (kind, a.default, (a.name,))} if a.init else {}
        assert not found.keys() & new.keys(), f"two options of {cls.__name__} have one name"
        found |= new
    return found


def _built(cls: type, options: Mapping[tuple[str, ...], Any]) -> Any:
    """An object of `cls` and of the attrs classes in its fields, with the options at their places."""
    hints, given = get_type_hints(cls), {}
    for a in attrs.fields(cls):
        inside = {path[1:]: value for path, value in options.items() if path[0] == a.name}
        if attrs.has(hints[a.name]):
            given[a.name] = _built(hints[a.name], inside)
        elif inside:
            given[a.name] = inside[()]
    return cls(**given)


def family(likelihood: type, **fixed: Any) -> Callable[..., GenerativeClassifier]:
    """A function that makes an observer of a flat list of options with a likelihood of that class; `fixed` has defaults."""
    its_own, common = flat_options(likelihood), flat_options(GenerativeClassifier)
    del common["likelihood"]
    assert not its_own.keys() & common.keys()
    options = its_own | common

    def make(*model: str, **given: Any) -> GenerativeClassifier:
        given = fixed | dict(zip(["model"], model, strict=False)) | given
        given.setdefault("name", str(given["model"]).rstrip("/").rpartition("/")[2])
        mine, shared = (
            {options[name][2]: value for name, value in given.items() if name in part} for part in (its_own, common)
        )
        return GenerativeClassifier(_built(likelihood, mine), **{path[0]: value for path, value in shared.items()})

    defaults = {name: default for name, (_, default, _) in options.items() if default is not attrs.NOTHING}
    defaults |= {"name": None} | fixed
    one = inspect.Parameter
    parameters = [
        one(
            name,
            one.POSITIONAL_OR_KEYWORD if name == "model" else one.KEYWORD_ONLY,
            default=defaults.get(name, one.empty),
        )
        for name in options
    ]
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    make.__annotations__ = {name: kind for name, (kind, _, _) in options.items()}
    return make


def known(name: str) -> Callable[..., GenerativeClassifier]:
    """A function that makes the published observer of that name."""
    it = PUBLISHED_MODELS[name]
    return family(it.family, model=it.model, revision=it.revision, about=it.about(), name=name)


latent = family(LatentDiffusion)
pixel = family(PixelDiffusion)
flow = family(FlowMatching)
autoregressive = family(Autoregressive)
masked = family(Masked)


def __getattr__(name: str) -> Callable[..., GenerativeClassifier]:
    """`named:sd14` and so on, with an underscore for a hyphen, which no Python name has."""
    plain = name.replace("_", "-")
    if plain not in PUBLISHED_MODELS:
        raise AttributeError(name)
    return known(plain)
