"""Tables for a paper, in Markdown and in LaTeX: readable names, intervals in brackets, escaped texts, a caption.

The two columns with the ends of an interval, `low` and `high`, are joined with the column before them, as in
"0.412 [0.380, 0.445]"; `share_low` and `share_high` are joined with `share`. Numbers are those of `number_format`.
A table can have several blocks of rows that must not be compared with each other. A sentence stands above each block.
LaTeX uses the package booktabs, and longtable for tables with more than MAX_FLOAT_ROWS rows; both compile with
pdflatex, without further packages.
"""

import re
from collections.abc import Sequence

import pandas as pd
from attrs import frozen

from analysis.io.number_format import P_COLUMNS, UNDEFINED, format_interval, format_value
from analysis.io.tables import RowBlock

MAX_FLOAT_ROWS = 40  # longer tables do not fit on a page
LABELS = {
    "n": "*n*", "p": "*p*", "r": "*r*", "kappa": "κ", "kappa_1": "κ (1)", "kappa_2": "κ (2)", "unbiased": "unbiased κ",
    "expected": "expected agreement", "observed": "observed agreement", "p_holm": "*p* (Holm)", "smallest_p": "smallest *p*",
    "null_low": "κ under independence", "ood_accuracy": "OOD accuracy", "ood_rank": "OOD rank",
    "x": "*x*", "y": "*y*", "ceiling": "κ among people", "share": "share of κ among people",
}  # fmt: skip
"""Headings of columns whose names need more than spaces in place of underscores. A text between asterisks is italic."""
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "κ": r"$\kappa$", "−": "$-$", "–": "--", "—": "---", "×": r"$\times$", "≤": r"$\le$", "≥": r"$\ge$", "±": r"$\pm$",
    "²": r"\textsuperscript{2}", "°": r"\textdegree{}", "½": r"\textonehalf{}",
    "`": r"\textasciigrave{}", "“": "``", "”": "''", '"': r"\textquotedbl{}",
}  # fmt: skip
MARKDOWN = re.compile(r"([\\`*_<>|~\[\]])")


@frozen
class _Column:
    """A column as texts: its heading, its cells, and whether it has numbers, which are aligned to the right."""

    heading: str
    cells: list[str]
    is_numeric: bool


def to_markdown(
    table: pd.DataFrame, caption: str = "", notes: Sequence[str] = (), blocks: Sequence[RowBlock] = ()
) -> str:
    """Return a table in Markdown.

    Args:
        table: The table.
        caption: What the table shows, with units and rules; a paragraph above the table.
        notes: Sentences about the data; a list below the table.
        blocks: Blocks of rows that must not be compared. Each becomes a table of its own below its sentence.

    Returns:
        The text, which ends with a line end.
    """
    columns = _columns(table)
    headings = [column.heading for column in columns]
    texts = (column.cells if column.is_numeric else map(escape_markdown, column.cells) for column in columns)
    rows = list(zip(*texts, strict=True))
    rule = ["---:" if column.is_numeric else "---" for column in columns]
    parts = [_one_line(caption)] if caption else []
    for block, part in _divide(rows, blocks):
        lines = [f"| {' | '.join(cells)} |" for cells in (headings, rule, *part)]
        parts += [block.sentence] * bool(block.sentence) + ["\n".join(lines)]
    if notes:
        parts.append("\n".join(f"- {escape_markdown(_one_line(note))}" for note in notes))
    return "\n\n".join(parts) + "\n"


def to_latex(table: pd.DataFrame, caption: str = "", notes: Sequence[str] = (), blocks: Sequence[RowBlock] = ()) -> str:
    """Return a table in LaTeX, with the rules of booktabs.

    Args:
        table: The table.
        caption: The caption, with units and rules.
        notes: Sentences about the data, which become comments above the table.
        blocks: Blocks of rows that must not be compared. A rule and the sentence of a block separate it from the others.

    Returns:
        The text, which ends with a line end.
    """
    columns = _columns(table)
    headings = [re.sub(r"\*(\w+)\*", r"\\textit{\1}", escape_latex(column.heading)) for column in columns]
    texts = (map(_latex_number if column.is_numeric else escape_latex, column.cells) for column in columns)
    rows = list(zip(*texts, strict=True))
    alignment = "".join("r" if column.is_numeric else "l" for column in columns)
    body: list[str] = []
    for block, part in _divide(rows, blocks):
        if body:
            body.append(r"\midrule")
        if block.sentence:
            width = rf"\multicolumn{{{len(columns)}}}{{l}}"
            body.append(rf"{width}{{\textit{{{escape_latex(block.sentence)}}}}} \\")
        body += [" & ".join(cells) + r" \\" for cells in part]
    packages = "booktabs, longtable" if len(rows) > MAX_FLOAT_ROWS else "booktabs"
    lines = [f"% needs \\usepackage{{{packages}}}", *(f"% {_one_line(note)}" for note in notes)]
    title = rf"\caption{{{escape_latex(_one_line(caption))}}}"
    heading = " & ".join(headings) + r" \\"
    if len(rows) > MAX_FLOAT_ROWS:
        lines += [rf"\begin{{longtable}}{{{alignment}}}", *([title + r" \\"] if caption else []), r"\toprule", heading,
                  r"\midrule", r"\endhead", *body, r"\bottomrule", r"\end{longtable}"]  # fmt: skip
    else:
        lines += [r"\begin{table}", r"\centering", *([title] if caption else []), rf"\begin{{tabular}}{{{alignment}}}",
                  r"\toprule", heading, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", r"\end{table}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Return a text in which the characters that Markdown interprets have a backslash."""
    return MARKDOWN.sub(r"\\\1", text)


def escape_latex(text: str) -> str:
    """Return a text with the characters that LaTeX interprets, and those that need a command, in escaped form."""
    escaped = "".join(LATEX.get(character, character) for character in text)
    return re.sub(r"(?<=\d) (?=\\%)", "~", escaped)  # a line does not end between a number and its percent sign


def _latex_number(text: str) -> str:
    """Return a number, an interval or a p value with the signs of mathematics."""
    signs = {"<": "$<$", ">": "$>$", UNDEFINED: "--"}
    return re.sub(r"-(?=\d)", "$-$", " ".join(signs.get(part, part) for part in text.split(" ")))


def _columns(table: pd.DataFrame) -> list[_Column]:
    """Return the columns as texts, in which intervals are joined with their values."""
    names = [str(name) for name in table.columns]
    ends = _interval_columns(names)
    hidden = {name for pair in ends.values() for name in pair} - set(ends)
    columns = []
    for name in names:
        if name in hidden:
            continue
        values = table[name]
        is_numeric = name in ends or pd.api.types.is_numeric_dtype(values)
        cells = [_one_line(format_value(value, name)) for value in values]
        if name == "measure":  # names of columns
            cells = [LABELS.get(cell, cell.replace("_", " ")) for cell in cells]
        heading = LABELS.get(name, name.replace("_", " "))
        if name in ends:
            low, high = (table[end].to_numpy(float) for end in ends[name])
            intervals = [format_interval(*pair) for pair in zip(low, high, strict=True)]
            is_own_column = name == ends[name][0]  # an interval without a value, such as null_low to null_high
            cells = [
                (interval or UNDEFINED) if is_own_column else f"{cell} {interval}".rstrip()
                for cell, interval in zip(cells, intervals, strict=True)
            ]
            heading = LABELS.get(name, heading.removesuffix(" low")) if is_own_column else heading
            heading += " [95 % CI]" if any(intervals) and not is_own_column else ""
        columns.append(_Column(heading, cells, is_numeric))
    return columns


def _interval_columns(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the names of the two columns with the ends of an interval, by the name of the column that shows it."""
    ends = {}
    for index, name in enumerate(names):
        high = f"{name[:-3]}high"
        if not (name == "low" or name.endswith("_low")) or high not in names:
            continue
        value = name.removesuffix("_low") if name != "low" else names[index - 1] if index else ""
        ends[value if value in names and value not in P_COLUMNS else name] = (name, high)
    return ends


def _divide(rows: list[tuple[str, ...]], blocks: Sequence[RowBlock]) -> list[tuple[RowBlock, list[tuple[str, ...]]]]:
    """Return every block with its rows; a table without blocks is one block without a sentence."""
    parts, start = [], 0
    for block in blocks or (RowBlock(len(rows)),):
        parts.append((block, rows[start : start + block.n_rows]))
        start += block.n_rows
    return parts


def _one_line(text: str) -> str:
    return " ".join(text.split())
