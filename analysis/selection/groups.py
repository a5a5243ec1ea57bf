"""Groups of observers that have the same value of a column.

The column can be `kind`, `group` (of a labels file), `session` or another column of the trials, such as `info_age`, which
may be called `age`. If the value differs between the trials of one observer, as that of `session` does, the observer
belongs to several groups, each of which contains its trials with the value of the group. Trials without a value are
excluded.
"""

from collections.abc import Sequence

import pandas as pd
from attrs import evolve, frozen

from analysis.io.appearance import Appearance, appearance_of
from analysis.io.columns import as_text
from analysis.io.frame import observer_order
from analysis.selection.columns import column_texts, natural_order, short_name
from analysis.selection.split import split_with_parts
from core.errors import LogError

MIXED = "mixed"  # the kind of a group with observers of several kinds
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8c510a", "#333333")


@frozen(eq=False)
class Groups:
    """The observers of a frame, each of which belongs to one group.

    Attributes:
        by: The short name of the column, such as "age".
        frame: The trials that belong to a group. Observers that belong to several groups are split.
        members: A table with the columns `dataset`, `observer`, `kind` and `group`, with one row per observer of a dataset.
        names: The groups in the order in which they are shown.
        is_split: Whether an observer belongs to several groups, so that its parts are different observers.
        notes: Sentences about excluded trials.
    """

    by: str
    frame: pd.DataFrame
    members: pd.DataFrame
    names: tuple[str, ...]
    is_split: bool
    notes: tuple[str, ...]

    def kinds(self) -> dict[str, str]:
        """Return the kind of the observers of each group, or MIXED."""
        kinds = self.members.groupby("group", sort=False)["kind"].agg(lambda kinds: "\n".join(sorted(set(kinds))))
        return {str(group): kind if "\n" not in kind else MIXED for group, kind in kinds.items()}

    def labels(self) -> dict[str, str]:
        """Return the name of each group for figures. A number is preceded by the name of the column, as in "age 4"."""
        return {name: f"{self.by} {name}" if _is_number(name) else name for name in self.names}

    def as_observers(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table of groups as figures draw it, with the labels of the groups in the column `observer`."""
        names = table["group"].map(self.labels()).fillna(table["group"])  # the row of all people is not a group
        return table.assign(group=names).rename(columns={"group": "observer"})

    def appearance(self) -> Appearance:
        """Return how groups are shown under their labels: in their order, in the color that all of their observers share.

        Groups whose observers have different colors, and groups of the same kind, have the colors of `group_colors`.
        """
        colors, kinds, shown, labels = {}, self.kinds(), appearance_of(self.frame), self.labels()
        usual = group_colors(self.names)
        for i, group in enumerate(self.names):
            names = self.members.loc[self.members["group"] == group, "observer"]
            own = {shown.colors.get(name, "") for name in names}
            if len(own) == 1 and own != {""}:
                colors[labels[group]] = own.pop()
            elif kinds[group] == MIXED or sum(kind == kinds[group] for kind in kinds.values()) > 1:
                colors[labels[group]] = usual[i]
        return evolve(Appearance(), order=tuple(labels[name] for name in self.names), is_chosen=True, colors=colors)


def _is_number(name: str) -> bool:
    return name.replace(".", "", 1).isdigit()


def group_colors(names: Sequence[str]) -> list[str]:
    """Return a color for each group: from dark to light if all names are numbers, such as ages, and otherwise COLORS."""
    if not all(map(_is_number, names)):
        return [COLORS[i % len(COLORS)] for i in range(len(names))]
    from matplotlib import colormaps  # loaded here because tables do not need matplotlib
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](0.9 * i / max(len(names) - 1, 1))) for i in range(len(names))]


def group_observers(frame: pd.DataFrame, by: str) -> Groups:
    """Return the groups of observers with the same value of a column.

    Raises UnknownName if the frame does not have the column, and LogError if it does not have values.
    """
    texts = column_texts(frame, by)
    has_value = (texts != "").to_numpy()
    name, notes = short_name(by), []
    if not has_value.any():
        raise LogError(
            f"the column {name} is empty in these trials and cannot be used to group observers: choose another column"
        )
    if not has_value.all():
        n_observers = len(frame.loc[~has_value, ["dataset", "observer"]].drop_duplicates())
        n_trials = int((~has_value).sum())
        notes.append(
            f"trials without {name} do not belong to a group and are excluded: {n_trials:,} trials of {n_observers} "
            f"observer{'s' * (n_observers > 1)}"
        )
        frame, texts = frame[has_value], texts[has_value]
    keys = ["dataset", "observer", "kind"]
    members = as_text(frame[keys].assign(group=texts).drop_duplicates()).reset_index(drop=True)
    is_chosen = appearance_of(frame).is_chosen and name == "group"
    is_split = bool(members.duplicated(["dataset", "observer"]).any())
    if is_split:
        frame, parts = split_with_parts(frame, by)
        members = as_text(frame[keys].drop_duplicates()).reset_index(drop=True)
        members["group"] = members["observer"].map(parts.set_index("observer")["value"])
    group_of = dict(zip(members["observer"], members["group"], strict=True))
    names = [group_of[observer] for observer in observer_order(frame)["observer"]] if is_chosen else members["group"]
    order = list(dict.fromkeys(names)) if is_chosen else natural_order(names)
    return Groups(name, frame, members, tuple(order), is_split, tuple(notes))
