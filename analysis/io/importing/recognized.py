"""Import of files whose layout every analysis reads directly, such as those of model-vs-human."""

import hashlib
from pathlib import Path

from analysis.io.importing.checks import notes_of_times, notes_of_words
from analysis.io.importing.convert import Imported
from analysis.io.importing.options import ImportOptions, Source
from analysis.io.importing.people import check_one_observer, numbers_of_trials
from analysis.io.importing.tables import NoRowsError
from core.errors import LogError
from core.files import read_bytes
from core.trial_columns import NAMES
from stimuli.categories import CATEGORIES
from stimuli.published.layouts.files import read_own_cells
from stimuli.published.layouts.layout import Layout
from stimuli.published.layouts.table import LAYOUTS

OURS = (LAYOUTS["own"], LAYOUTS["bids"])


def convert_recognized(path: Path, layout: Layout, options: ImportOptions) -> Imported | None:
    """Convert the trials of a file with a recognized layout, or return None if the file lacks a column of it.

    Raises:
        LogError: If the file is one of our own logs or tables, or is damaged or empty.
        UserError: If the options name a single observer, but the file has several.
    """
    if layout in OURS:
        raise LogError(f"{path} is a trial log already (layout {layout.name}): pass it to any analysis")
    content = read_bytes(path)
    constants = {"experiment": options.dataset} | ({} if options.kind is None else {"kind": options.kind})
    changes: list[str] = []
    try:
        read = read_own_cells(content, path, layout, constants=constants, notes=changes)
    except KeyError:
        return None
    if not read:
        raise NoRowsError(f"{path} has a header but no rows")
    check_one_observer(read["observer"], options.observer, path, f"the layout {layout.name}")
    n = len(read["observer"])
    cells = {name: list(read.get(name, [""] * n)) for name in (*NAMES, *(name for name in read if name not in NAMES))}
    cells["experiment"] = [options.dataset] * n  # one log, also of an older dataset whose trials belong to several
    cells |= {} if options.observer is None else {"observer": [options.observer] * n}
    places = [f"{path}, row {number}" for number in range(1, n + 1)]
    cells["session"] = [cell or "1" for cell in cells["session"]]
    keys = list(zip(cells["observer"], cells["session"], strict=True))
    cells["trial"], decision = numbers_of_trials(cells["trial"], keys, places, "the column of trials", is_chosen=False)
    form = f"layout {layout.name}"
    observers = ", ".join(dict.fromkeys(cells["observer"]))
    lines = [
        f"{path.name}: {form}, {n} trial{'s' if n > 1 else ''}, which every analysis also reads without import",
        f"  observers: {observers}; kinds: {', '.join(dict.fromkeys(cells['kind']))}; trials ← {decision}",
        f"  missing responses: {cells['response'].count('')} of {n}",
    ]
    notes = [*changes, *notes_of_words(cells, set(CATEGORIES)), *notes_of_times(cells["rt"])]
    lines += [f"  note: {note}" for note in notes]
    source = Source(path, hashlib.sha256(content).hexdigest(), form, "", {})
    return Imported(source, cells, places, lines)
