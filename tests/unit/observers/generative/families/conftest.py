"""Tiny class-conditional models, and a trial whose choices are three of their classes."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.unit.observers.generative import tiny_classes


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_classes.save_dit(folder / "dit")
    tiny_classes.save_edm(folder / "edm")
    return folder


@pytest.fixture
def trial(small):
    return evolve(small.trials(0)[0], choices=tuple(map(str, tiny_classes.CLASSES)))
