"""Observers by name. An observer is named `NAME`, or `SCHEME:ARGUMENT` where a family has many members
(`hf:microsoft/resnet-50`); `stimuli.names` says what else a name may be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from observers.protocol import KINDS, Observer, ObserverError
from stimuli.names import load, options_of, parse_options, resolve

OBSERVERS: dict[str, str] = {
    "ideal": "observers.simulated:Ideal",
    "chance": "observers.simulated:Chance",
    "biased": "observers.simulated:Biased",
    "correlated": "observers.simulated:Correlated",
    "psychometric": "observers.simulated:Psychometric",
    "fooled": "observers.fooled:Fooled",
    "efficientnet-lite0": "observers.efficientnet:EfficientNetLite0",
    "microcosm-latent": "observers.microcosm.named:microcosm_latent",
    "microcosm-pixel": "observers.microcosm.named:microcosm_pixel",
    "microcosm-masked": "observers.microcosm.named:microcosm_masked",
    "microcosm-ar": "observers.microcosm.named:microcosm_ar",
    "microcosm-cnn": "observers.microcosm.named:microcosm_cnn",
    "microcosm-cnn-noise-train": "observers.microcosm.named:microcosm_cnn_noise_train",
    "microcosm-cnn-noise-eval": "observers.microcosm.named:microcosm_cnn_noise_eval",
    "sd14": "observers.generative.named:sd14",
    "sdxl": "observers.generative.named:sdxl",
    "if-m": "observers.generative.named:if_m",
    "if-l": "observers.generative.named:if_l",
    "if-xl": "observers.generative.named:if_xl",
    "sd3": "observers.generative.named:sd3",
    "sd35": "observers.generative.named:sd35",
    "flux-dev": "observers.generative.named:flux_dev",
    "flux-schnell": "observers.generative.named:flux_schnell",
    "janus": "observers.generative.named:janus",
    "emu3": "observers.generative.named:emu3",
    "anole": "observers.generative.named:anole",
    "amused-256": "observers.generative.named:amused_256",
    "amused-512": "observers.generative.named:amused_512",
}
# What stands behind the colon becomes the observer's first option.
SCHEMES: dict[str, str] = {
    "human": "observers.people.participant:Participant",
    "recorded": "observers.recorded:Recorded",
    "hf": "observers.discriminative:Classifier",
    "clip": "observers.contrastive:Contrastive",
    "siglip": "observers.contrastive:Contrastive",
    "timm": "observers.zoo:Timm",
    "latent": "observers.generative.named:latent",
    "pixel": "observers.generative.named:pixel",
    "flow": "observers.generative.named:flow",
    "autoregressive": "observers.generative.named:autoregressive",
    "masked": "observers.generative.named:masked",
}


def make_observer(name: str, options: Mapping[str, str] | None = None) -> Observer:
    """The observer of that name with its options, given as text and turned into the types the class declares.

    Raises UnknownName and ObserverError (an option that it has not, or that is no such type; no name, kind or observe).
    """
    make, positional = _maker(name)
    if not callable(make):
        observer = make
        if options:
            raise ObserverError(f"{name} is an object ready made; it takes no options")
    else:
        observer = make(*positional, **parse_options(make, name, options or {}, n_positional=len(positional)))
    if not isinstance(observer, Observer) or observer.kind not in KINDS:
        raise ObserverError(f"{name} is no observer: it needs a name, a kind ({', '.join(KINDS)}) and observe(trials)")
    return observer


def make_observers(
    names: Sequence[str], options: Mapping[str, str], *, notify: Callable[[str], None] = lambda sentence: None
) -> list[Observer]:
    """The observers of those names, each with the options that it has; `notify` gets a sentence where only some have one.

    Raises what `make_observer` does. An option that nobody has goes to the first, which refuses it and says what it has.
    """
    takers = {key: [name for name in names if accepts_option(name, key)] for key in options}
    for key, who in takers.items():
        if who and len(who) < len(names):
            notify(f"only {', '.join(who)} has the option {key}")
    return [
        make_observer(name, {key: value for key, value in options.items() if name in (takers[key] or names)})
        for name in names
    ]


def accepts_option(name: str, option: str) -> bool:
    """Does the observer of that name have that option?"""
    make, _ = _maker(name)
    return callable(make) and option in options_of(make)


def _maker(name: str) -> tuple[Any, tuple[str, ...]]:
    """What makes the observer of that name, and the argument that its name carries."""
    scheme, _, argument = name.partition(":")
    if argument and scheme in SCHEMES:
        return load(SCHEMES[scheme]), (argument,)
    if name.rstrip(":") in SCHEMES:
        raise ObserverError(f"{name} needs to know which one: {name.rstrip(':')}:NAME (see `observers list observers`)")
    hint = f"A model is given with where it is from, as {', '.join(f'{scheme}:' for scheme in SCHEMES)} and NAME."
    return resolve(name, OBSERVERS, "observers", "observer", hint), ()
