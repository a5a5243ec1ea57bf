"""Prompts and options of generative observers, and a likelihood in a user's file."""

from typing import Any

import pytest

from core.errors import UnknownName, UserError
from experiments.identity import observer_options
from observers.catalog.generative import MODELS
from observers.generative.classifier import GenerativeClassifier, fill_template
from observers.generative.options import Compute
from observers.protocol import ObserverError
from observers.registry import make_observer, options_of_observer
from tests.unit.observers.generative.toy import Toy


def test_prompts_are_filled_templates():
    assert fill_template("A bad photo of a {}", "airplane") == "A bad photo of a airplane"  # exactly as in the paper
    assert fill_template("a sketch of {an}.", "oven") == "a sketch of an oven."
    assert fill_template("a sketch of {an}.", "cat") == "a sketch of a cat."
    for bad in ("a photo", "{} and {}", "{} or {an}"):
        with pytest.raises(
            ObserverError, match=r"a template must contain exactly one \{\} for the choice, or one \{an\}"
        ):
            GenerativeClassifier(Toy(), "toy", template=bad)


def test_every_published_observer_is_made_with_the_options_of_its_row():
    for row in MODELS:
        observer: Any = make_observer(row.name)
        assert isinstance(observer, GenerativeClassifier)
        assert (observer.name, observer.likelihood.source.model) == (row.name, row.options["model"])
        assert observer.likelihood.source.revision == row.options["revision"]
        common = {"model", "device", "dtype", "batch_size", "template", "weights", "revision", "draws"}
        assert common <= options_of_observer(row.name).keys()
        assert observer_options(observer)["name"] == row.name


def test_the_options_of_nested_classes_are_one_flat_list():
    options = options_of_observer("sd14")
    assert (options["weighting"].default, options["weighting"].path) == (
        "exp",
        ("likelihood", "objective", "weighting"),
    )
    assert options["device"].path == ("likelihood", "compute", "device")
    assert [n for n, option in options.items() if option.runtime] == ["device", "compile", "batch_size"]
    observer = make_observer("latent:me/mine", {"loss": "l1", "size": "64", "template": "{}", "compile": "yes"})
    assert (observer.name, observer.likelihood.objective.loss, observer.likelihood.size) == ("mine", "l1", 64)
    assert observer.likelihood.compute.compile
    with pytest.raises(UnknownName, match="no option of latent:me/mine is named 'wieghting': did you mean weighting"):
        make_observer("latent:me/mine", {"wieghting": "uniform"})
    with pytest.raises(UnknownName, match="no option of latent:me/mine is named 'model'"):
        make_observer("latent:me/mine", {"model": "me/other"})


def test_a_likelihood_in_a_user_file_is_an_observer(tmp_path):
    """A family of models can be tried before it is part of the project."""
    (tmp_path / "family.py").write_text(
        "from attrs import field, frozen\nfrom observers.generative.options import Compute, Source\n\n@frozen\n"
        "class Mine:\n    source: Source\n    compute: Compute = Compute(dtype='float16')\n    temperature: float = 1.0\n"
        "    n_draws: int | None = field(default=None, init=False)\n"
        "    @property\n    def scorer(self): return self\n"
    )
    name = f"{tmp_path / 'family.py'}:Mine"
    observer = make_observer(name, name="mine", model="me/mine", temperature=2, device="cpu", draws=8)
    assert (observer.name, observer.draws, observer.likelihood.temperature) == ("mine", 8, 2.0)
    assert observer.likelihood.compute == Compute(device="cpu", dtype="float16")
    with pytest.raises(UserError, match="needs the option model"):
        make_observer(name, name="mine")
