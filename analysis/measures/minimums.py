"""The smallest amounts of data for which the report makes a claim, in one table with reasons.

Below a minimum the report shows the data and says what is missing, instead of a p value, a cluster or a maximum. The tables
of the measures and their CSV files do not depend on these minimums.
"""

from typing import Literal

from attrs import frozen

from core.names import abbreviate

Name = Literal[
    "trials_per_level", "images_of_claim", "errors_in_common", "observers_of_correlation", "smallest_p", "responses"
]


@frozen
class Minimum:
    """The smallest amount of data for one kind of claim.

    Attributes:
        n: The smallest number; for `smallest_p`, the largest value.
        what: What is counted, in the plural.
        reason: Why this number was chosen, and its source.
    """

    n: float
    what: str
    reason: str


MINIMUMS: dict[Name, Minimum] = {
    "trials_per_level": Minimum(
        12, "trials per level",
        "With fewer trials, the 95 % Wilson interval of an accuracy of .5 is wider than half of the axis: it is .51 wide "
        "for 11 trials and .49 wide for 12.",
    ),
    "images_of_claim": Minimum(
        100, "images that observers have in common",
        "The standard error of κ near 0 is about 1 / sqrt(n) when half of the responses are correct (Fleiss, Cohen & "
        "Everitt 1969), so the 95 % interval of κ is wider than ± .2 with fewer images. Trees, clusters and tests on them "
        "then mostly show noise.",
    ),
    "errors_in_common": Minimum(
        30, "images that both observers got wrong",
        "The standard error of the agreement of the wrong responses is about sqrt(p (1 - p) / n) (Cohen 1960), so its 95 % "
        "interval can be wider than ± .18 with fewer images, and the largest of many such values is large by chance.",
    ),
    "observers_of_correlation": Minimum(
        10, "observers",
        "With fewer observers, a correlation of 0 has a 95 % interval (Fisher's z) wider than ± .63, and a single observer "
        "can determine its sign.",
    ),
    "smallest_p": Minimum(
        0.05, "as the smallest p value that the test can reach",
        "A permutation test over few observers has few permutations. If even its smallest p value is above .05, the test "
        "cannot show anything, whatever the data are.",
    ),
    "responses": Minimum(
        30, "responses of an observer, or common images of two observers",
        "A finding at the start of the report needs an interval that is not wider than about ± .18.",
    ),
}  # fmt: skip


def minimum(name: Name) -> int:
    """Return the smallest number of the row `name`."""
    return int(MINIMUMS[name].n)


def describe_missing(claim: str, n: int, name: Name) -> str:
    """Return a sentence that says why a claim is not made.

    Example:
        >>> describe_missing("Clusters are not described", 16, "images_of_claim")
        'Clusters are not described: these data have 16 images that observers have in common, and at least 100 are needed.'
    """
    return f"{claim}: these data have {n:,} {MINIMUMS[name].what}, and at least {minimum(name):,} are needed."


def describe_excluded(labels: list[str], name: Name) -> str:
    """Return a sentence about the levels that a figure does not show, or "" if it shows all of them."""
    if not labels:
        return ""
    levels = f"The level {labels[0]} is" if len(labels) == 1 else f"The levels {abbreviate(labels, 6)} are"
    return (
        f"{levels} not drawn for observers with fewer than {minimum(name)} {MINIMUMS[name].what}; the table shows them."
    )
