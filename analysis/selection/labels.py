"""The labels file: names, colors, an order and groups of observers for tables, figures and reports.

The file is a table with a header and one row per observer. Its columns are
    observer   the name in the trial logs (required)
    label      the name to show (default: the name in the logs)
    color      the color in figures and reports: "#RRGGBB" or a name that matplotlib knows, such as "teal"
    order      a number by which observers are sorted; observers without a number follow in the usual order
    group      the name of a group, for `--group-by group`
    dataset    the dataset to which the row applies, because `subject-01` is a different person in each dataset
Other columns are ignored with a note, and an empty cell means the default. The file may be separated by commas,
semicolons or tabs, and encoded in UTF-8, UTF-16 or Windows-1252, as spreadsheet programs write it.
"""

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import evolve

from analysis.io.appearance import Appearance, appearance_of, store_appearance
from analysis.io.check_frame import check_frame
from analysis.io.frame import observer_order
from analysis.selection.observer_notes import renew_notes
from core.errors import LogError
from core.files import read_bytes
from core.names import abbreviate, is_readable
from core.trial_columns import INFO

GROUP = f"{INFO}group"  # the column of the frame with the groups
COLUMNS = ("observer", "label", "color", "order", "group", "dataset")
DELIMITERS = (",", ";", "\t")
RESERVED = ("humans", "people", "simulated people")  # names of rows that combine several people
SPACES = r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]"  # spaces of other widths, which word processors insert


def label_observers(
    frame: pd.DataFrame, labels: Path | str | pd.DataFrame, *, known: Collection[str] = ()
) -> pd.DataFrame:
    """Give observers other names, colors, an order and groups, which all tables, figures and reports then show.

    Args:
        frame: Trials as returned by `read_trials`.
        labels: The path of a labels file, or a table with the same columns (see `analysis.selection.labels`).
        known: Further observers that the labels may name without a note, such as those that were excluded before.

    Returns:
        A frame with the new names in `observer`, and with a column `info_group` if the table has groups. Rows for observers
        that the frame does not contain are noted.

    Raises:
        LogError: If the file cannot be read as such a table, if an observer occurs twice, if a color or number cannot be
            read, if two observers would have the same name, or if no row is about an observer of the frame.

    Example:
        >>> labeled = label_observers(frame, "labels.csv")
        >>> accuracy_figure(labeled)
    """
    frame = check_frame(frame)
    table, source, notes = _read(labels)
    _validate(table, source)
    pairs = frame[["dataset", "observer"]].drop_duplicates().astype("str").reset_index(drop=True)
    row = _row_of_each(pairs, table)
    absent = table.loc[~table.index.isin(row), "observer"]
    if len(absent) == len(table):
        known = ", ".join(sorted(set(pairs["observer"]))[:10])
        raise LogError(f"no row of {source} is about an observer in these logs; the observers are {known}")
    absent = absent[~absent.isin(list(known))]
    if len(absent):
        notes.append(f"{source} also names observers that are not in these logs: {abbreviate([*absent])}")
    of_pair = table.reindex(row)
    label = of_pair["label"].fillna("").to_numpy(object)
    new = np.where(label != "", label, pairs["observer"].to_numpy(object))
    _check_names(pairs, new, (of_pair["dataset"] == "").to_numpy(), label != "", source)
    # The groups have the order in which they first occur, which is that of `pairs`.
    number = frame.groupby(["dataset", "observer"], sort=False, observed=True).ngroup().to_numpy()
    labeled = frame.assign(observer=_categories(new, number))
    if (table["group"] != "").any():
        groups = of_pair["group"].fillna("").to_numpy(object)
        if GROUP in frame:
            notes.append(f"the column group of the trials is replaced by that of {source}")
        labeled[GROUP] = _categories(groups, number)
    before = observer_order(frame)["observer"].drop_duplicates()
    store_appearance(labeled, _appearance(appearance_of(frame), pairs, new, of_pair, list(before), source))
    return renew_notes(frame, labeled, notes)


def _read(labels: Path | str | pd.DataFrame) -> tuple[pd.DataFrame, str, list[str]]:
    """Return the table with COLUMNS as text, the name of its source, and notes."""
    if isinstance(labels, pd.DataFrame):
        source, raw = "the table of labels", labels.astype(object).where(labels.notna(), "").astype("str")
    else:
        source, raw = str(labels), _read_file(Path(labels))
    raw.columns = [str(name).strip().casefold() for name in raw.columns]
    raw = raw.rename(columns={"colour": "color"})
    if "observer" not in raw.columns:
        names = ", ".join(name for name in raw.columns if name) or "none"
        raise LogError(
            f"{source} needs the column observer and any of {', '.join(COLUMNS[1:])}; its columns are {names}"
        )
    repeated = [name for name in COLUMNS if list(raw.columns).count(name) > 1]
    if repeated:
        raise LogError(f"{source} has two columns {repeated[0]}: remove one of them")
    ignored = [name for name in raw.columns if name and name not in COLUMNS]
    notes = [f"columns of {source} are ignored: {', '.join(ignored)}"] if ignored else []
    raw = raw.apply(lambda column: column.str.normalize("NFC"))
    cells = {name: raw[name].str.replace(SPACES, " ", regex=True).str.strip() for name in COLUMNS if name in raw}
    table = pd.DataFrame({name: cells.get(name, "") for name in COLUMNS}, index=raw.index).astype("str")
    return table[(table != "").any(axis=1)].reset_index(drop=True), source, notes


def _read_file(path: Path) -> pd.DataFrame:
    data = read_bytes(path)
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = None
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or "\0" in text:
        raise LogError(f"{path} is not a text file: save it as CSV in UTF-8")
    lines = text.splitlines()
    delimiter = ""
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:  # the first line of some Excel files
        delimiter, text = lines[0][4], "\n".join(lines[1:])
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = delimiter or max(DELIMITERS, key=header.count)
    # With newline=None, the line breaks of all systems are recognized.
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise LogError(f"{path} is not a table of labels ({error}): save it as CSV in UTF-8") from None
    if len(rows) < 2:
        raise LogError(
            f"{path} contains {'only a header' if rows else 'nothing'}: expected a header and one row per observer"
        )
    n = len(rows[0])
    for row in rows[1:]:
        if any(cell.strip() for cell in row[n:]):
            raise LogError(
                f"{path} has a row with {len(row)} cells, but the header has {n}: {delimiter.join(row)[:80]!r}"
            )
    return pd.DataFrame([(row + [""] * n)[:n] for row in rows[1:]], columns=rows[0], dtype="str")


def _validate(table: pd.DataFrame, source: str) -> None:
    """Raise LogError for rows that cannot be used."""
    if (table["observer"] == "").any():
        raise LogError(
            f"{source} has a row without the name of an observer: fill in the column observer or remove the row"
        )
    is_repeated = table.duplicated(["observer", "dataset"])
    if is_repeated.any():
        raise LogError(f"{source} has two rows for {table.loc[is_repeated, 'observer'].iloc[0]}: remove one of them")
    for color in table.loc[table["color"] != "", "color"]:
        _to_hex(color, source)
    for column in ("label", "group"):
        for text in table[column]:
            if not is_readable(text):
                raise LogError(f"{source} has the {column} {text!r}: expected text without unprintable characters")
            if text in RESERVED:
                raise LogError(
                    f"{source} has the {column} {text}, the name of a row for all people: choose another name"
                )
    numbers = pd.to_numeric(table["order"].where(table["order"] != ""), errors="coerce")
    invalid = table.loc[(table["order"] != "") & ~np.isfinite(numbers.to_numpy(float)), "order"]
    if len(invalid):
        raise LogError(f"{source} has the order {invalid.iloc[0]!r}: expected a number")
    names = table[table["dataset"] == ""]
    shown = names["label"].where(names["label"] != "", names["observer"])
    if shown.duplicated().any():
        label = shown[shown.duplicated()].iloc[0]
        first, second = names.loc[shown == label, "observer"].iloc[:2]
        raise LogError(f"{source} gives the name {label} to both {first} and {second}: choose different labels")


def _row_of_each(pairs: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Return the position of the row for every observer of a dataset, or -1. A row with the dataset has priority."""
    exact = {(d, o): i for i, (d, o) in enumerate(zip(table["dataset"], table["observer"], strict=True))}
    rows = [exact.get((d, o), exact.get(("", o), -1)) for d, o in pairs.itertuples(index=False, name=None)]
    return np.array(rows, int)


def _check_names(
    pairs: pd.DataFrame, new: np.ndarray, is_general: np.ndarray, is_labeled: np.ndarray, source: str
) -> None:
    """Raise LogError if two observers would have the same name by mistake.

    Observers of different datasets may get the same name, because `subject-01` of one dataset may be `subject-07` of
    another one. But a label in a row about all datasets cannot be the name of an observer without a label.

    Args:
        pairs: The columns `dataset` and `observer`, with one row per observer of a dataset.
        new: Their new names.
        is_general: Whether the row of each of them is about all datasets.
        is_labeled: Whether each of them has a label.
        source: Name of the file.
    """
    named = pairs.assign(new=new)
    clash = named[named.duplicated(["dataset", "new"], keep=False)]
    if len(clash):
        of_name = clash[(clash["new"] == clash["new"].iloc[0]) & (clash["dataset"] == clash["dataset"].iloc[0])]
        names = " and ".join(of_name["observer"].iloc[:2])
        raise LogError(
            f"{source} gives the name {clash['new'].iloc[0]} to two observers of {clash['dataset'].iloc[0]}, {names}: "
            "choose different labels"
        )
    is_same = (
        (is_general & is_labeled) & (named["new"] != named["observer"]) & named["new"].isin(named["new"][~is_labeled])
    )
    if is_same.any():
        first = named[is_same].iloc[0]
        dataset = named.loc[~is_labeled & (named["new"] == first["new"]), "dataset"].iloc[0]
        raise LogError(
            f"{source} gives {first['observer']} of {first['dataset']} the name {first['new']}, which is an observer of "
            f"{dataset}: choose another label, or fill in the column dataset if they are the same observer"
        )


def _categories(words: np.ndarray, number: np.ndarray) -> pd.Categorical:
    """Return a column of text, as the frame stores it; `words` has the text for each number."""
    codes, unique = pd.factorize(words, sort=True)
    return pd.Categorical.from_codes(codes[number], categories=pd.Index(unique, dtype="str"))


def _appearance(
    before: Appearance, pairs: pd.DataFrame, new: np.ndarray, rows: pd.DataFrame, usual: list[str], source: str
) -> Appearance:
    """Return the appearance of the observers with their new names.

    If the labels have numbers, the observers are sorted by them, and observers without a number follow in the usual order.
    """
    colors: dict[str, str] = {}
    groups: dict[str, str] = {}
    ranks: dict[str, float] = {}
    position = {name: rank for rank, name in enumerate(usual)}
    columns: Mapping[str, list[str]] = {name: rows[name].fillna("").tolist() for name in ("color", "group", "order")}
    for k, (old, name) in enumerate(zip(pairs["observer"], new, strict=True)):
        color, group, order = (columns[column][k] for column in ("color", "group", "order"))
        color = _to_hex(color, source) if color else before.colors.get(old, "")
        if color and colors.setdefault(name, color) != color:
            raise LogError(f"{source} gives two colors to {name}: give its rows the same color or different labels")
        if group:
            groups[name] = group
        ranks[name] = min(ranks.get(name, np.inf), float(order) if order else np.inf)
    old_of = dict(zip(new, pairs["observer"], strict=True))
    order_of_names = sorted(ranks, key=lambda name: (ranks[name], position[old_of[name]]))
    is_chosen = any(np.isfinite(rank) for rank in ranks.values())
    return evolve(before, order=tuple(order_of_names), is_chosen=is_chosen, colors=colors, groups=groups)


def _to_hex(color: str, source: str) -> str:
    """Return a color as "#rrggbb". Raise LogError if matplotlib does not know it."""
    from matplotlib.colors import is_color_like, to_hex  # loaded here because most commands do not need matplotlib

    if not is_color_like(color) or color.lower() == "none":
        raise LogError(f"{source} has the color {color!r}: expected #RRGGBB or a color name such as teal or tab:blue")
    return to_hex(color)
