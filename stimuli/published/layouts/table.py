"""The table of layouts, in the order in which the header of a file is compared with them."""

from stimuli.published.layouts.bids import BIDS
from stimuli.published.layouts.huber import HUBER
from stimuli.published.layouts.layout import Layout
from stimuli.published.layouts.model_vs_human import MODEL_VS_HUMAN
from stimuli.published.layouts.own import OWN
from stimuli.published.layouts.vlm_shapebias import VLM_SHAPEBIAS

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (OWN, BIDS, HUBER, MODEL_VS_HUMAN, VLM_SHAPEBIAS)}
# The ends of the names of files that may contain trials, in lower case.
SUFFIXES = tuple(dict.fromkeys(layout.suffix for layout in LAYOUTS.values()))


def is_ours(layout: Layout) -> bool:
    """Return whether this project writes files of a layout, so that their texts were checked before they were written."""
    return layout in (OWN, BIDS)
