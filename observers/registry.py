"""The table of observers, and the functions that make an observer from its name.

The name of an observer is `NAME`, or `SCHEME:ARGUMENT` for a family with many members (`hf:microsoft/resnet-50`).
`core.plugins` describes the other forms: plugins, `module:attribute` and `FILE.py:NAME`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.options import options_of, parse_options
from core.plugins import load, resolve
from observers.protocol import KINDS, Observer, ObserverError

OBSERVERS: dict[str, str] = {
    "ideal": "observers.simulated:Ideal",
    "chance": "observers.simulated:Chance",
    "biased": "observers.simulated:Biased",
    "correlated": "observers.simulated:Correlated",
    "psychometric": "observers.simulated:Psychometric",
    "fooled": "observers.fooled:Fooled",
    "efficientnet-lite0": "observers.classifiers.efficientnet:EfficientNetLite0",
    "microcosm-latent": "observers.microcosm.named:microcosm_latent",
    "microcosm-pixel": "observers.microcosm.named:microcosm_pixel",
    "microcosm-masked": "observers.microcosm.named:microcosm_masked",
    "microcosm-ar": "observers.microcosm.named:microcosm_ar",
    "microcosm-cnn": "observers.microcosm.named:microcosm_cnn",
    "microcosm-cnn-noise-train": "observers.microcosm.named:microcosm_cnn_noise_train",
    "microcosm-cnn-noise-eval": "observers.microcosm.named:microcosm_cnn_noise_eval",
    "sd14": "observers.generative.families.published:sd14",
    "sdxl": "observers.generative.families.published:sdxl",
    "if-m": "observers.generative.families.published:if_m",
    "if-l": "observers.generative.families.published:if_l",
    "if-xl": "observers.generative.families.published:if_xl",
    "sd3": "observers.generative.families.published:sd3",
    "sd35": "observers.generative.families.published:sd35",
    "flux-dev": "observers.generative.families.published:flux_dev",
    "flux-schnell": "observers.generative.families.published:flux_schnell",
    "janus": "observers.generative.families.published:janus",
    "emu3": "observers.generative.families.published:emu3",
    "anole": "observers.generative.families.published:anole",
    "amused-256": "observers.generative.families.published:amused_256",
    "amused-512": "observers.generative.families.published:amused_512",
}
# For a name such as hf:REPOSITORY, the text after the colon becomes the first option of the observer.
SCHEMES: dict[str, str] = {
    "human": "observers.people.participant:Participant",
    "recorded": "observers.recorded:Recorded",
    "hf": "observers.classifiers.discriminative:Classifier",
    "clip": "observers.classifiers.contrastive:Contrastive",
    "siglip": "observers.classifiers.contrastive:Contrastive",
    "timm": "observers.classifiers.zoo:Timm",
    "latent": "observers.generative.families.published:latent",
    "pixel": "observers.generative.families.published:pixel",
    "flow": "observers.generative.families.published:flow",
    "autoregressive": "observers.generative.families.published:autoregressive",
    "masked": "observers.generative.families.published:masked",
}


def make_observer(name: str, options: Mapping[str, str] | None = None) -> Observer:
    """Make an observer by name.

    Args:
        name: A built-in name ("sd14"), the name of a plugin, a scheme with its argument ("hf:microsoft/resnet-50"),
            "module:attribute", or "FILE.py:NAME".
        options: Options by name, as text. Each text is converted to the type that the observer's class declares.

    Returns:
        The observer. Its weights are loaded when it responds to its first trial.

    Raises:
        UnknownName: If the observer does not exist, or does not have one of the options.
        ObserverError: If the name refers to an object that lacks a name, a kind or `observe`, or to an object that already
            exists although options are given.
        UserError: If an option is missing or cannot be converted to its type.

    Example:
        >>> make_observer("biased", {"shape_bias": "0.9", "seed": "3"})
        >>> make_observer("hf:microsoft/resnet-50", {"whole": "true"})
    """
    factory, arguments = _load_factory(name)
    if not callable(factory):
        observer = factory
        if options:
            raise ObserverError(
                f"{name} takes no options, because it is a finished object: omit -o, or name a class or function"
            )
    else:
        observer = factory(*arguments, **parse_options(factory, name, options or {}, n_positional=len(arguments)))
    if not isinstance(observer, Observer) or observer.kind not in KINDS:
        raise ObserverError(
            f"{name} is not an observer: expected an object with a name, a kind ({', '.join(KINDS)}) and observe(trials)"
        )
    return observer


def make_observers(
    names: Sequence[str], options: Mapping[str, str], *, notify: Callable[[str], None] = lambda sentence: None
) -> list[Observer]:
    """Make several observers, and pass each option to the observers that have it.

    Args:
        names: Names as for `make_observer`.
        options: Options by name, as text. An option that none of the observers has is passed to all of them, so that
            the first observer raises an error that lists the options of this observer.
        notify: Function that is called with a sentence for each option that only some of the observers have.

    Returns:
        The observers in the order of the names.

    Raises:
        UnknownName, ObserverError, UserError: If `make_observer` raises the error for one of the observers.
    """
    takers = {key: [name for name in names if accepts_option(name, key)] for key in options}
    for key, accepting in takers.items():
        if accepting and len(accepting) < len(names):
            verb = "has" if len(accepting) == 1 else "have"
            notify(f"only {', '.join(accepting)} {verb} the option {key}")
    return [
        make_observer(name, {key: value for key, value in options.items() if name in (takers[key] or names)})
        for name in names
    ]


def accepts_option(name: str, option: str) -> bool:
    """Return whether the observer of that name has this option. Raises UnknownName if the observer does not exist."""
    factory, _ = _load_factory(name)
    return callable(factory) and option in options_of(factory)


def _load_factory(name: str) -> tuple[Any, tuple[str, ...]]:
    """Load the class, function or object that a name refers to, and the argument that follows the name of a scheme."""
    scheme, _, argument = name.partition(":")
    if argument and scheme in SCHEMES:
        return load(SCHEMES[scheme]), (argument,)
    if name.rstrip(":") in SCHEMES:
        raise ObserverError(
            f"{name} is incomplete: name the model or file as {name.rstrip(':')}:NAME (see `observers list observers`)"
        )
    schemes = ", ".join(f"{scheme}:NAME" for scheme in SCHEMES)
    return resolve(name, OBSERVERS, "observers", "observer", f"A model or recording is named {schemes}."), ()
