"""People whom exclusion rules leave out of an analysis, and attention checks, which only these rules use.

`experiments.exclusion_rules` describes the rules. The sidecar of a session contains those that were declared before it.
Rules are applied to each session of a person; sessions of models are always kept. If a session lacks the data for a
rule, such as response times, the rule cannot be applied to it, and a note says so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from attrs import frozen

from core.errors import LogError
from core.participants import is_practice_name
from experiments.exclusion_rules import ExclusionRules, read_exclusion_rules
from stimuli.categories import ATTENTION_CHECK

DROPPED = "measured_n_dropped"
MAX_NAMED = 12  # number of people whom a note names
# Rule -> what it limits, the unit, and whether the limit is the smallest value.
_LIMITS: Mapping[str, tuple[str, Literal["%", "s"], bool]] = {
    "min_attention_accuracy": ("accuracy in attention checks", "%", True),
    "max_missed": ("missed", "%", False),
    "min_median_rt": ("median rt", "s", True),
    "max_median_rt": ("median rt", "s", False),
    "min_completed": ("completed", "%", True),
    "max_dropped_frames": ("trials with a dropped frame", "%", False),
}


@frozen
class SessionFacts:
    """What the sidecar of a log contains besides the trials.

    Attributes:
        n_trials: Number of trials of a complete session, or None if it is unknown.
        rules: The exclusion rules that were declared before the session, or None.
    """

    n_trials: int | None = None
    rules: ExclusionRules | None = None


def apply_exclusions(
    frame: pd.DataFrame, facts: Mapping[str, SessionFacts], exclusions: Path | str, *, attention_checks: bool = False
) -> pd.DataFrame:
    """Return the trials of the people who are not excluded, without attention checks.

    Args:
        frame: Trials with the columns of a frame; its notes are kept.
        facts: The facts of each log, by the text in the column `source`.
        exclusions: "declared" for the rules in the sidecars, "none" to keep everybody, or a file of rules that replaces
            those in the sidecars.
        attention_checks: Keep the attention checks.

    Returns:
        The trials. Its notes name the people who are excluded and the rules that exclude them.

    Raises:
        LogError: If everybody is excluded, or if only attention checks remain.
        UserError: If the file of rules is not valid.
    """
    notes: list[str] = []
    is_check = (frame["condition"] == ATTENTION_CHECK).to_numpy(bool)
    is_kept = np.ones(len(frame), bool)
    own_rules = None if exclusions in ("declared", "none") else read_exclusion_rules(exclusions)
    if own_rules is not None or any(session.rules is not None for session in facts.values()):
        judged, problems = _judge(frame, facts, own_rules, is_check)
        if exclusions != "none":
            for session in judged:
                if session.reason:
                    is_kept[session.rows] = False
        notes += [_note(judged, exclusions, own_rules), *problems]
        if not is_kept.any():
            raise LogError(f"{notes[0]}, so that no trials remain; --no-exclusions keeps everybody")
    if is_check.any() and not attention_checks:
        n = int((is_check & is_kept).sum())
        is_kept &= ~is_check
        if not is_kept.any():
            raise LogError(
                f"all trials are attention checks (their condition is {ATTENTION_CHECK}), which are not measured"
            )
        notes.append(f"{n:,} attention {'check is' if n == 1 else 'checks are'} not part of any measure")
    if not is_kept.all():
        attributes = frame.attrs
        frame = frame[is_kept].reset_index(drop=True)
        frame.attrs = attributes
    frame.attrs["notes"] = [*frame.attrs.get("notes", []), *notes]
    return frame


@frozen(eq=False)
class _JudgedSession:
    """A session to which rules are applied. `reason` says why it is excluded, or is empty; `rows` are positions."""

    name: str
    observer: str
    declared: ExclusionRules | None
    reason: str
    rows: np.ndarray


def _judge(
    frame: pd.DataFrame, facts: Mapping[str, SessionFacts], own_rules: ExclusionRules | None, is_check: np.ndarray
) -> tuple[list[_JudgedSession], list[str]]:
    """Return the sessions to which rules are applied, and notes on rules that lack data."""
    keys = ["dataset", "observer", "session"]
    groups = frame.groupby(keys, sort=False, observed=True, dropna=False).indices
    sessions = pd.DataFrame(list(groups), columns=keys)
    is_repeated = sessions.duplicated(["dataset", "observer"], keep=False)
    has_datasets = sessions["dataset"].nunique() > 1
    judged: list[_JudgedSession] = []
    lacking: dict[str, list[str]] = {}
    for place, rows in enumerate(np.asarray(positions) for positions in groups.values()):
        dataset, observer, session = sessions.iloc[place]
        sources = [facts.get(str(source), SessionFacts()) for source in frame["source"].iloc[rows].unique()]
        declared = next((about.rules for about in sources if about.rules is not None), None)
        is_person = frame["kind"].iloc[rows[0]] == "human" and not is_practice_name(str(dataset))
        rules = declared if own_rules is None else own_rules if is_person or declared is not None else None
        if rules is None:
            continue
        name = f"{observer}{f', session {session}' if is_repeated[place] else ''}{f' in {dataset}' if has_datasets else ''}"
        n_trials = [about.n_trials for about in sources if about.n_trials]
        values = _measure(frame.iloc[rows], is_check[rows], sum(n_trials) if len(n_trials) == len(sources) else None)
        reasons = []
        for rule, limit in rules.limits().items():
            value = values[rule.partition("_")[2]]
            label, unit, is_smallest = _LIMITS[rule]
            if value is None:
                lacking.setdefault(rule, []).append(name)
            elif value < limit if is_smallest else value > limit:
                than = "less than" if is_smallest else "more than"
                reasons.append(f"{label} {_number(value, unit)}, {than} {_number(limit, unit)}")
        judged.append(_JudgedSession(name, str(observer), declared, "; ".join(reasons), rows))
    problems = [
        f"the exclusion rule {rule} could not be applied to {_names(names)}, because the logs lack the data for it"
        for rule, names in lacking.items()
    ]
    return judged, problems


def _measure(trials: pd.DataFrame, is_check: np.ndarray, n_trials: int | None) -> dict[str, float | None]:
    """Return what the rules limit, for one session. None stands for data that are missing."""
    measured, checks = trials[~is_check], trials[is_check]
    rts = measured["rt"].dropna()
    dropped = trials[DROPPED].dropna() if DROPPED in trials else trials["rt"].iloc[:0]
    return {
        "attention_accuracy": float(checks["correct"].astype(float).mean()) if len(checks) else None,
        "missed": float((measured["response"] == "").mean()) if len(measured) else None,
        "median_rt": float(rts.median()) if len(rts) else None,
        "completed": len(trials) / n_trials if n_trials else None,
        "dropped_frames": float((dropped > 0).mean()) if len(dropped) else None,
    }


def _number(value: float, unit: Literal["%", "s"]) -> str:
    """Return a proportion in percent or a time in seconds, with three digits."""
    return f"{100 * value:.3g} %" if unit == "%" else f"{value:.3g} s"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} others" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _note(judged: list[_JudgedSession], exclusions: Path | str, own_rules: ExclusionRules | None) -> str:
    """Return the sentence that says who is excluded, and whether the rules were declared before data collection."""
    n_sessions, excluded = len(judged), [session for session in judged if session.reason]
    is_each_one_person = len({session.observer for session in judged}) == n_sessions
    one, several = ("person", "people") if is_each_one_person else ("session", "sessions")
    noun = one if n_sessions == 1 else several
    rules = "rules declared before data collection"
    if own_rules is not None:
        declared = [session.declared.sha256 for session in judged if session.declared is not None]
        n_same = declared.count(own_rules.sha256)
        if n_same < n_sessions:
            rules = f"rules that were not declared before data collection ({Path(exclusions).name})"
            rules += ", which replace the declared ones" if len(declared) > n_same else ""
            rules += f", except for {n_same} of these {several}" if n_same else ""
    listed = _names([f"{session.name} ({session.reason})" for session in excluded])
    n = len(excluded)
    if exclusions == "none":
        would = (
            f"would exclude {n} of {n_sessions} {noun}: {listed}"
            if n
            else f"would not exclude any of {n_sessions} {noun}"
        )
        return f"{rules} are not applied; they {would}"
    if not n:
        return f"{rules} do not exclude {f'the only {noun}' if n_sessions == 1 else f'any of {n_sessions} {noun}'}"
    return f"{n} of {n_sessions} {noun} {'is' if n == 1 else 'are'} excluded by {rules}: {listed}"
