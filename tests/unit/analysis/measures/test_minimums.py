"""The minimums of the report have the properties that their reasons state."""

import numpy as np

from analysis.measures.accuracy import wilson_interval
from analysis.measures.minimums import MINIMUMS, describe_excluded, describe_missing, minimum


def test_the_interval_of_a_level_covers_at_most_half_of_the_axis():
    def width(n):
        low, high = wilson_interval(np.array([n / 2]), np.array([n]))
        return float(high[0] - low[0])

    n = minimum("trials_per_level")
    assert width(n) <= 0.5 < width(n - 1)


def test_the_intervals_of_correlations_agreements_and_kappas_are_as_wide_as_stated():
    n = minimum("observers_of_correlation")
    assert np.tanh(1.96 / np.sqrt(n - 3)) < 0.64 and np.tanh(1.96 / np.sqrt(n - 4)) > 0.63
    assert round(1.96 / np.sqrt(minimum("images_of_claim")), 1) == 0.2
    assert round(1.96 * np.sqrt(0.25 / minimum("errors_in_common")), 2) == 0.18


def test_every_minimum_has_a_reason_in_whole_sentences():
    for row in MINIMUMS.values():
        assert row.reason[0].isupper() and row.reason.endswith(".") and row.n > 0


def test_sentences_say_what_is_missing():
    text = describe_missing("Clusters are not shown", 1016, "images_of_claim")
    assert (
        text
        == "Clusters are not shown: these data have 1,016 images that observers have in common, and at least 100 are needed."
    )
    assert describe_excluded([], "trials_per_level") == ""
    assert describe_excluded(["5"], "trials_per_level").startswith(
        "The level 5 is not drawn for observers with fewer than 12"
    )
    assert describe_excluded(["5", "10"], "trials_per_level").startswith("The levels 5, 10 are")
