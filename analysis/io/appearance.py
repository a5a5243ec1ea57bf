"""How figures and reports show observers: their order and colors, and the groups to which they belong.

`label_observers` stores the appearance in the attributes of the frame, from which tables, figures and the report take it.
The attributes contain only texts, lists and dictionaries, so that pandas can write the frame as Parquet.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from attrs import evolve, field, frozen

APPEARANCE = "appearance"  # key of `frame.attrs`


class Shared(dict[str, Any]):
    """A dictionary in the attributes of a frame that all copies of the frame share.

    pandas copies the attributes of a frame in almost every operation, which would take long for many observers.
    """

    def __deepcopy__(self, _: dict[int, Any]) -> "Shared":
        """Return the same dictionary, which is never changed."""
        return self


@frozen
class Appearance:
    """How observers are shown; all keys are names of observers as the frame has them.

    Attributes:
        order: Observers in the order in which they are shown. All others follow in the usual order.
        is_chosen: Whether the user chose the order, so that figures do not sort observers by a measure.
        colors: The color of observers that do not have the color of their kind, as "#RRGGBB".
        groups: The group of observers, which the legend shows if several observers have the same color.
    """

    order: tuple[str, ...] = ()
    is_chosen: bool = False
    colors: Mapping[str, str] = field(factory=dict)
    groups: Mapping[str, str] = field(factory=dict)

    def ranks(self) -> dict[str, int]:
        """Return the position of every observer in the order."""
        return {name: rank for rank, name in enumerate(self.order)}


USUAL = Appearance()


def appearance_of(frame: pd.DataFrame) -> Appearance:
    """Return the appearance that is stored in a frame, or the usual one."""
    stored = frame.attrs.get(APPEARANCE)
    if stored is None:
        return USUAL
    return Appearance(tuple(stored["order"]), stored["is_chosen"], stored["colors"], stored["groups"])


def store_appearance(frame: pd.DataFrame, appearance: Appearance) -> None:
    """Store an appearance in the attributes of a frame."""
    values = {"is_chosen": appearance.is_chosen, "colors": dict(appearance.colors), "groups": dict(appearance.groups)}
    frame.attrs[APPEARANCE] = Shared({"order": list(appearance.order)} | values)


def rename(appearance: Appearance, names: Mapping[str, Iterable[str]]) -> Appearance:
    """Return the appearance after every observer in `names` has been replaced by others, which are shown in the same way."""
    if not names:
        return appearance
    expand = {old: tuple(new) for old, new in names.items()}
    return evolve(
        appearance,
        order=tuple(new for old in appearance.order for new in expand.get(old, (old,))),
        colors={new: color for old, color in appearance.colors.items() for new in expand.get(old, (old,))},
        groups={new: group for old, group in appearance.groups.items() for new in expand.get(old, (old,))},
    )
