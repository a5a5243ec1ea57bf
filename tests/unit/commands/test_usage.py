"""Messages for values that an option does not accept."""

import pytest

from tests.commands import observers


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run-experiment", "x", "--limit", "x"], "'--limit': expected a whole number, got 'x'"),
        (["run-experiment", "x", "--limit", "0"], "'--limit': expected 1 or more, got '0'"),
        (["analyze", "thresholds", "x", "--max-lapse", "3"], "'--max-lapse': expected 0.99 or less, got '3'"),
        (["analyze", "thresholds", "x", "--scale", "x"], "'--scale': expected 'linear' or 'log10', got 'x'"),
        (["serve", "x", "--distance", "far"], "'--distance': expected a number, got 'far'"),
        (["list", "things"], "expected 'observers' or 'experiments' or 'models' or 'distortions', got 'things'"),
        (["run-experiment", "x"], "name at least one observer, such as --observer ideal"),
    ],
)
def test_values_that_are_not_accepted(words, message):
    assert message in observers(*words, code=2).stderr
