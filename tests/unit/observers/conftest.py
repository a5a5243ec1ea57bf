"""Trials for tiny classifiers."""

import pytest
from attrs import evolve


@pytest.fixture
def pets(small):
    """Return trials whose choices are classes of `tests.unit.observers.tiny.PETS`."""
    return [evolve(trial, choices=("dog", "cat")) for trial in small.trials(0)]
