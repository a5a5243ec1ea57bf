"""Rows of the benchmark that can be compared with each other, and rows that cannot.

The means of an observer cover only the conditions that it responded to. Rows can be compared if they are means over the
same conditions of the same datasets. They form a block; the first block has the most conditions, and the row of all people
belongs to it. Groups whose observers responded to different conditions are in the last block.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.benchmark.benchmark import DIFFERENT, TESTED
from analysis.io.tables import RowBlock
from core.names import abbreviate

PEOPLE_SENTENCE = "Means of people, which cannot be compared with the rows below."
DIFFERENT_SENTENCE = (
    "Means over observers that responded to different conditions, which cannot be compared with each other or with the rows "
    "above."
)


def divide_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, list[RowBlock]]:
    """Return the rows of a table of the benchmark in blocks of comparable rows, and the blocks.

    Args:
        table: The result of `benchmark_table`, `benchmark_intervals`, `benchmark_by_group` or `table_1`, with all of its
            rows.

    Returns:
        The table, in which the rows of a block follow each other and keep their order, and its blocks. The list of blocks is
        empty if all rows can be compared.
    """
    tested: dict[tuple[str, str], tuple[tuple[str, str], ...]] = table.attrs.get(TESTED, {})
    keys = list(zip(table["observer" if "observer" in table else "group"], table["kind"], strict=True))
    n_rows = Counter(conditions for conditions in tested.values() if conditions != DIFFERENT)
    order = sorted(n_rows, key=lambda conditions: (-len(conditions), -n_rows[conditions]))
    sentences = [_sentence(conditions, k) for k, conditions in enumerate(order)] or [PEOPLE_SENTENCE]
    block_of = {DIFFERENT: len(sentences)} | {conditions: k for k, conditions in enumerate(order)}
    number = [block_of[tested[key]] if key in tested else 0 for key in keys]
    counts = Counter(number)
    if len(counts) < 2:
        return table, []
    blocks = [RowBlock(counts[k], text) for k, text in enumerate([*sentences, DIFFERENT_SENTENCE]) if k in counts]
    arranged = table.iloc[np.argsort(number, kind="stable")].reset_index(drop=True)
    arranged.attrs = table.attrs
    return arranged, blocks


def _sentence(conditions: Sequence[tuple[str, str]], k: int) -> str:
    """Return the sentence above block k."""
    datasets = list(dict.fromkeys(dataset for dataset, _ in conditions))
    plurals = ["s" * (len(items) != 1) for items in (conditions, datasets)]
    which = f"Means over {len(conditions)} condition{plurals[0]} of {len(datasets)} dataset{plurals[1]}"
    if k == 0:
        return f"{which}, which cannot be compared with the rows below."
    return f"{which} ({abbreviate(datasets)}), which cannot be compared with the other rows."
