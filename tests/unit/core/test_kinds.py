"""The table of kinds of observers, and that everything that depends on the kind covers every kind in the table."""

import re
from pathlib import Path

import pandas as pd

from analysis.figures import style
from analysis.io.frame import observer_order
from core.kinds import KINDS
from observers import protocol
from stimuli.published import dialect

ROOT = Path(__file__).parents[3]


def test_every_kind_has_a_style_in_the_order_of_figures():
    assert tuple(style.KIND_STYLES) == KINDS == protocol.KINDS


def test_the_report_draws_a_shape_for_every_kind():
    script = (ROOT / "analysis" / "report" / "page" / "svg.js").read_text("utf-8")
    shapes = {*re.findall(r'"(.)": `M', script), "●"}
    glyphs = [kind_style.glyph for kind_style in style.KIND_STYLES.values()]
    assert set(glyphs) <= shapes and len(set(glyphs)) == len(KINDS)


def test_observers_are_sorted_by_the_table():
    frame = pd.DataFrame({"kind": KINDS[::-1], "observer": list("xyzuvw")})
    assert tuple(observer_order(frame)["kind"]) == KINDS


def test_kinds_that_are_inferred_from_published_names_are_in_the_table():
    assert set(dialect._KINDS) < set(KINDS)


def test_no_other_module_lists_the_kinds():
    kind = rf"""["']({"|".join(KINDS)})["']"""
    literal = re.compile(rf"{kind},\s+{kind},\s+{kind}")
    files = [path for name in ("core", "stimuli", "observers", "experiments", "analysis", "commands", "benchmarks")
             for path in (ROOT / name).rglob("*.py")]  # fmt: skip
    lists = [path.relative_to(ROOT).as_posix() for path in files if literal.search(path.read_text("utf-8"))]
    assert lists == ["core/kinds.py"]


def test_the_documentation_names_every_kind():
    for page, beginning in (("glossary.md", "**Kind**"), ("trial-log.md", "| `kind` |")):
        (line,) = [x for x in (ROOT / "docs" / page).read_text("utf-8").splitlines() if x.startswith(beginning)]
        assert [kind for kind in KINDS if kind not in line] == []
