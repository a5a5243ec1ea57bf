"""Make all findings of a report, in the order of the page."""

from pathlib import Path

import pandas as pd

from analysis.report.findings.error_similarity import error_similarity
from analysis.report.findings.finding import Finding, MakeFinding
from analysis.report.findings.robustness import robustness
from analysis.report.findings.shape_or_texture import shape_or_texture

FINDINGS: tuple[MakeFinding, ...] = (shape_or_texture, error_similarity, robustness)


def make_findings(frame: pd.DataFrame, out: Path | None = None) -> list[Finding]:
    """Return the findings that the data allow, and write their figures.

    Simulated observers are excluded, because their responses are not measurements.

    Args:
        frame: Trials whose image has a correct response.
        out: The folder of the report; without it, no figure is written.
    """
    measured = frame[frame["kind"] != "simulated"]
    if measured.empty:
        return []
    return [finding for make in FINDINGS if (finding := make(measured, out)) is not None]
