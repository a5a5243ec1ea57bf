"""Exclusion rules: which people an analysis leaves out, decided before the data are collected.

A file of rules is a TOML file with one or more of the keys in RULES, such as

    min_attention_accuracy = 0.75   # proportion of correct responses in attention checks
    max_missed = 0.05               # proportion of trials without a response

`observers collect` and `observers serve` store the rules and the SHA-256 of their file in the sidecar of the session (entry
`exclusions`). `analysis.io.frame.read_trials` applies them. An attention check is a trial whose condition is
`stimuli.categories.ATTENTION_CHECK`. It is not part of any measure.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from core.errors import LogError, UserError
from core.files import read_bytes

MAX_BYTES = 100_000  # of a file of rules
MAX_SECONDS = 3600.0


@frozen
class ExclusionRules:
    """Limits that the data of one session of a person must meet. A limit of None does not exclude anybody.

    Attributes:
        min_attention_accuracy: Least proportion of correct responses in attention checks, 0 to 1. A missing response is
            not correct.
        max_missed: Greatest proportion of trials without a response, 0 to 1, not counting attention checks.
        min_median_rt: Least median response time, in seconds.
        max_median_rt: Greatest median response time, in seconds.
        min_completed: Least proportion of the trials of the session that were presented, 0 to 1.
        max_dropped_frames: Greatest proportion of trials with a dropped frame, 0 to 1.
        sha256: SHA-256 of the file that contains the rules, or "".

    Raises:
        UserError: If a limit is outside its range, if no limit is set, or if the limits of the median contradict each other.

    Example:
        >>> ExclusionRules(max_missed=0.05, min_median_rt=0.2)
    """

    min_attention_accuracy: float | None = None
    max_missed: float | None = None
    min_median_rt: float | None = None
    max_median_rt: float | None = None
    min_completed: float | None = None
    max_dropped_frames: float | None = None
    sha256: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        for name, limit in self.limits().items():
            largest = MAX_SECONDS if name.endswith("_rt") else 1.0
            if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= largest:
                raise UserError(f"the exclusion rule {name} is {limit!r}, expected a number from 0 to {largest:g}")
        if not self.limits():
            raise UserError(f"exclusion rules are missing: set one or more of {', '.join(RULES)}")
        if (
            self.min_median_rt is not None
            and self.max_median_rt is not None
            and self.min_median_rt > self.max_median_rt
        ):
            raise UserError(
                f"min_median_rt is {self.min_median_rt:g} s and max_median_rt is {self.max_median_rt:g} s, so that "
                f"everybody would be excluded: expected a smaller minimum than maximum"
            )

    def limits(self) -> dict[str, float]:
        """Return the limits that are set, by name."""
        values = {name: getattr(self, name) for name in RULES}
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the rules for the sidecar of a log."""
        return {"rules": self.limits(), "sha256": self.sha256}


RULES = tuple(name.name for name in attrs.fields(ExclusionRules) if name.name != "sha256")


def read_exclusion_rules(path: Path | str) -> ExclusionRules:
    """Read a file of exclusion rules.

    Args:
        path: A TOML file with one or more of the keys in RULES.

    Returns:
        The rules, with the SHA-256 of the file.

    Raises:
        UserError: If the file cannot be read or is not a TOML file, if a key is unknown, or if a limit is not valid.

    Example:
        >>> rules = read_exclusion_rules("exclusions.toml")
    """
    try:
        content = read_bytes(path)
    except OSError as error:
        raise UserError(f"the exclusion rules {path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{path} has {len(content):,} bytes, expected a file of exclusion rules with up to {MAX_BYTES:,}"
        )
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise UserError(f"{path} is not a file of exclusion rules: its values are nested too deeply") from None
    except ValueError as error:  # also text that is not UTF-8, and a whole number that Python does not convert
        raise UserError(f"{path} is not a TOML file: {error}") from None
    return _make(values, str(path), hashlib.sha256(content).hexdigest())


def declared_rules(sidecar: Mapping[str, Any], path: Path) -> ExclusionRules | None:
    """Return the exclusion rules in the sidecar of the log `path`, or None if no rules were declared.

    Raises LogError if the entry is damaged.
    """
    entry = sidecar.get("exclusions")
    if entry is None:
        return None
    rules = entry.get("rules") if isinstance(entry, Mapping) else None
    sha256 = entry.get("sha256") if isinstance(entry, Mapping) else None
    if not isinstance(rules, Mapping) or not isinstance(sha256, str):
        raise LogError(
            f"the sidecar of {path} is damaged: expected exclusion rules with their SHA-256; restore the original"
        )
    try:
        return _make(rules, f"the sidecar of {path}", sha256)
    except UserError as error:
        raise LogError(f"{error}; restore the original") from None


def _make(values: Mapping[str, Any], source: str, sha256: str) -> ExclusionRules:
    unknown = [key for key in values if key not in RULES]
    if unknown:
        raise UserError(f"{source}: {unknown[0]!r} is not an exclusion rule; the rules are {', '.join(RULES)}")
    try:
        return ExclusionRules(**values, sha256=sha256)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
