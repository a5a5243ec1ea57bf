"""Published generative observers by name, and observers of each family for any repository or folder.

`observers.registry` refers to the names in this module. The options of an observer and of its likelihood, source,
objective and computation form one flat list on the command line: `-o weighting=uniform -o draws=100 -o device=cpu`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import attrs
from attrs import frozen

from observers.generative.classifier import GenerativeClassifier
from observers.generative.families.autoregressive import Autoregressive
from observers.generative.families.flow import FlowMatching
from observers.generative.families.latent import LatentDiffusion
from observers.generative.families.masked import Masked
from observers.generative.families.pixel import PixelDiffusion

_HUB = "https://huggingface.co"


@frozen
class PublishedModel:
    """A published model on the Hugging Face Hub.

    Attributes:
        family: Class of the model's likelihood.
        model: Name of the repository.
        revision: Commit of the repository; None for the newest one.
        gigabytes: Size of the download.
        gated: Whether users must accept terms before they can download it.
    """

    family: type
    model: str
    revision: str | None
    gigabytes: float
    gated: bool = False

    def describe_download(self) -> str:
        """Return the size, license and page of the download, for error messages."""
        terms = "terms to accept first" if self.gated else "license"
        return f"about {self.gigabytes:g} GB, {terms}: {_HUB}/{self.model}"


SD14_COMMIT = "133a221b8aa7292a167afc5127cb63fb5005638b"
# fmt: off
PUBLISHED_MODELS: dict[str, PublishedModel] = {
    "sd14": PublishedModel(LatentDiffusion, "CompVis/stable-diffusion-v1-4", SD14_COMMIT, 4.3),
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


Options = dict[str, tuple[Any, Any, tuple[str, ...]]]  # name -> (type, default, path of fields to the option)


def flat_options(cls: type) -> Options:
    """Return the options of an attrs class, including those of the attrs classes in its fields."""
    options: Options = {}
    hints = get_type_hints(cls)
    for a in attrs.fields(cls):
        hint = hints[a.name]
        if attrs.has(hint):
            new = {name: (t, default, (a.name, *path)) for name, (t, default, path) in flat_options(hint).items()}
        else:
            new = {a.name: (hint, a.default, (a.name,))} if a.init else {}
        assert not options.keys() & new.keys(), f"two options of {cls.__name__} have the same name"
        options |= new
    return options


def _build(cls: type, options: Mapping[tuple[str, ...], Any]) -> Any:
    """Build an object of `cls` and the attrs objects in its fields. `options` maps paths of fields to values."""
    hints, values = get_type_hints(cls), {}
    for a in attrs.fields(cls):
        nested = {path[1:]: value for path, value in options.items() if path[0] == a.name}
        if attrs.has(hints[a.name]):
            values[a.name] = _build(hints[a.name], nested)
        elif nested:
            values[a.name] = nested[()]
    return cls(**values)


def observer_factory(likelihood: type, **defaults: Any) -> Callable[..., GenerativeClassifier]:
    """Return a function that builds an observer with a likelihood of the given class.

    Args:
        likelihood: Class of the likelihood, such as LatentDiffusion.
        **defaults: Defaults of options that differ from those of the classes.

    Returns:
        A function whose parameters are the options of the observer and its likelihood, as one flat list. `model` may be
        given by position; `name` defaults to the last part of `model`.
    """
    likelihood_options, observer_options = flat_options(likelihood), flat_options(GenerativeClassifier)
    del observer_options["likelihood"]
    assert not likelihood_options.keys() & observer_options.keys()
    options = likelihood_options | observer_options

    def make(*model: str, **overrides: Any) -> GenerativeClassifier:
        values = defaults | dict(zip(["model"], model, strict=False)) | overrides
        values.setdefault("name", str(values["model"]).rstrip("/").rpartition("/")[2])
        for_likelihood, for_observer = (
            {options[name][2]: value for name, value in values.items() if name in part}
            for part in (likelihood_options, observer_options)
        )
        return GenerativeClassifier(
            _build(likelihood, for_likelihood), **{path[0]: value for path, value in for_observer.items()}
        )

    all_defaults = {name: default for name, (_, default, _) in options.items() if default is not attrs.NOTHING}
    all_defaults |= {"name": None} | defaults
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if name == "model" else inspect.Parameter.KEYWORD_ONLY,
            default=all_defaults.get(name, inspect.Parameter.empty),
        )
        for name in options
    ]
    make.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    make.__annotations__ = {name: hint for name, (hint, _, _) in options.items()}
    return make


def published_observer(name: str) -> Callable[..., GenerativeClassifier]:
    """Return a function that builds the published observer with this name from its options."""
    model = PUBLISHED_MODELS[name]
    return observer_factory(
        model.family, model=model.model, revision=model.revision, about=model.describe_download(), name=name
    )


latent = observer_factory(LatentDiffusion)
pixel = observer_factory(PixelDiffusion)
flow = observer_factory(FlowMatching)
autoregressive = observer_factory(Autoregressive)
masked = observer_factory(Masked)


def __getattr__(name: str) -> Callable[..., GenerativeClassifier]:
    """Return the factory of a published observer, for example `flux_dev` for flux-dev."""
    plain = name.replace("_", "-")
    if plain not in PUBLISHED_MODELS:
        raise AttributeError(name)
    return published_observer(plain)
