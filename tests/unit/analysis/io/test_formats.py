"""Tables in Markdown and LaTeX: joined intervals, escaped names, blocks of rows, captions and notes."""

import numpy as np
import pandas as pd
import pytest

from analysis.io.tables import RowBlock, print_table
from analysis.io.writing.formats import MAX_FLOAT_ROWS, escape_latex, to_latex, to_markdown

NAME = "net_1 & co|50%"


def table():
    return pd.DataFrame({
        "dataset": ["edge", "edge"], "observer": [NAME, "b"], "n": [160, 80], "kappa": [-0.1234, np.nan],
        "low": [-0.2, np.nan], "high": [0.05, np.nan], "null_low": [-0.1, -0.2], "null_high": [0.1, 0.2],
        "p": [1e-9, 0.04], "share": [0.5, 1.25], "share_low": [0.4, 1.0], "share_high": [0.6, 1.5],
    })  # fmt: skip


def test_markdown_joins_intervals_and_escapes_names():
    assert to_markdown(table(), "κ of *pairs*.", ["a note about <x>"]).splitlines() == [
        "κ of *pairs*.", "",
        "| dataset | observer | *n* | κ [95 % CI] | κ under independence | *p* | share of κ among people [95 % CI] |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        r"| edge | net\_1 & co\|50% | 160 | -0.123 [-0.200, 0.050] | [-0.100, 0.100] | < .001 | 0.500 [0.400, 0.600] |",
        "| edge | b | 80 | – | [-0.200, 0.200] | .040 | 1.250 [1.000, 1.500] |", "",
        r"- a note about \<x\>",
    ]  # fmt: skip


def test_latex_joins_intervals_and_escapes_names():
    assert to_latex(table(), "κ of 50 % {x}.", ["a note"]).splitlines() == [
        r"% needs \usepackage{booktabs}", "% a note", r"\begin{table}", r"\centering",
        r"\caption{$\kappa$ of 50~\% \{x\}.}", r"\begin{tabular}{llrrrrr}", r"\toprule",
        r"dataset & observer & \textit{n} & $\kappa$ [95~\% CI] & $\kappa$ under independence & \textit{p} & "
        r"share of $\kappa$ among people [95~\% CI] \\",
        r"\midrule",
        r"edge & net\_1 \& co\textbar{}50\% & 160 & $-$0.123 [$-$0.200, 0.050] & [$-$0.100, 0.100] & $<$ .001 & "
        r"0.500 [0.400, 0.600] \\",
        r"edge & b & 80 & -- & [$-$0.200, 0.200] & .040 & 1.250 [1.000, 1.500] \\",
        r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip


def test_every_special_character_of_latex_is_escaped():
    special = "\\&%$#_{}~^<>|"
    escaped = escape_latex(special)
    for character in "&%$#_":
        assert f"\\{character}" in escaped
    assert escaped.count("\\textbackslash{}") == 1 and "~" not in escaped.replace("\\textasciitilde{}", "")


def test_a_name_that_looks_like_a_number_keeps_its_characters():
    names = pd.DataFrame({"observer": ["-1", "1 < 2", "< .5"], "n": [1, 2, 3]})
    cells = [line.split(" & ")[0] for line in to_latex(names).splitlines()[7:10]]
    assert cells == ["-1", r"1 \textless{} 2", r"\textless{} .5"]


BLOCKS = (RowBlock(1, "Means over 17 datasets."), RowBlock(1, "Means over 1 dataset (edge)."))


def test_blocks_stand_apart(capsys):
    rows = table()[["observer", "n"]]
    print_table(rows, BLOCKS)
    first, heading, a, empty, second, heading_again, b = capsys.readouterr().out.splitlines()
    assert (first, second, empty) == ("Means over 17 datasets.", "Means over 1 dataset (edge).", "")
    assert heading == heading_again and NAME in a and b.startswith("b ")
    assert to_markdown(rows, blocks=BLOCKS).count("| observer | *n* |") == 2
    latex = to_latex(rows, blocks=BLOCKS).splitlines()
    middle = latex.index(r"\multicolumn{2}{l}{\textit{Means over 1 dataset (edge).}} \\")
    assert latex[middle - 1] == r"\midrule" and latex[middle + 1] == r"b & 80 \\"


def test_a_long_table_can_break_between_pages():
    rows = pd.DataFrame({"observer": [f"o{i}" for i in range(MAX_FLOAT_ROWS + 1)], "n": 1})
    text = to_latex(rows, "Many.")
    assert r"\usepackage{booktabs, longtable}" in text and text.count("longtable}") == 3 and r"\endhead" in text
    assert r"\caption{Many.} \\" in text and "tabular" not in text
    assert "longtable" not in to_latex(rows[:-1], "Fewer.")


@pytest.mark.parametrize("write", [to_markdown, to_latex])
def test_an_empty_table_has_its_headings(write):
    assert "observer" in write(table()[:0])


def test_percent_signs_backticks_and_names_of_measures():
    assert escape_latex("95 % of `a`") == r"95~\% of \textasciigrave{}a\textasciigrave{}"
    table = pd.DataFrame({"measure": ["ood_accuracy", "mean_rank"], "value": [0.5, 1.5]})
    assert "OOD accuracy & 0.500" in to_latex(table) and "| mean rank | 1.500 |" in to_markdown(table)
