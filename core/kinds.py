"""The kinds of observers, in the order in which tables and figures show them.

To add a kind, add it to `Kind` here, and give it a color and a marker in `analysis.figures.style`. Everything else reads
these two tables.
"""

from typing import Literal, get_args

Kind = Literal["human", "generative", "vision-language", "contrastive", "discriminative", "simulated"]
KINDS: tuple[Kind, ...] = get_args(Kind)
