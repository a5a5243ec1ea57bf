"""The classes of a class-conditional model, and which of them belong to a choice.

A choice is interpreted as the first of these that applies:
1. one of the sixteen categories of Geirhos et al. (2018), if the model has the classes of ImageNet. The category then
   has the classes of the published mapping (`stimuli.categories`): dog has 109, bird 49, and airplane, knife and oven
   have one;
2. the WordNet id of a class of ImageNet, such as n02099601, again for a model with the classes of ImageNet;
3. the number of a class, such as 207;
4. the whole label of one class in model_index.json, such as "maillot, tank suit";
5. one of the synonyms in a label, which are separated by commas, if only one class has it.

A model with 1000 classes has those of ImageNet, in the order of ILSVRC 2012, unless its labels contradict this: as far as
they exist, they must be WordNet ids in this order, LABEL_0, LABEL_1, …, or names (see `stimuli.imagenet_labels`). A model
without labels cannot be checked.

Names are compared without regard to case. A name that several classes share, such as crane (a bird and a machine), is
refused, because these classes are different objects, and the choice would not say which of them is meant. Two choices
must not share a class, because both could then be correct.
"""

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property

from attrs import frozen

from observers.protocol import ObserverError
from stimuli.categories import IMAGENET_CLASSES
from stimuli.imagenet import WORDNET_IDS
from stimuli.imagenet_labels import MIN_SHARE, NAMES, ImageNetOrder, compare_names, imagenet_order

N_IMAGENET = len(WORDNET_IDS)


@frozen(eq=False)
class ClassNames:
    """The names of the classes of a model.

    Attributes:
        n_classes: Number of classes.
        labels: Label of each class: a name or several names that are separated by commas. Empty if the model does not
            have labels.
        model_name: Name of the model in error messages.
    """

    n_classes: int
    labels: Mapping[int, str]
    model_name: str

    @cached_property
    def is_imagenet(self) -> bool:
        """Whether the classes are those of ImageNet in the usual order, as far as the labels show."""
        if self._order is not None:
            return self._order.outputs == tuple(range(N_IMAGENET))
        if self.n_classes != N_IMAGENET:
            return False
        n_known, contradictions = compare_names(self.labels)
        return not contradictions and n_known >= MIN_SHARE * len(NAMES.keys() & self.labels.keys())

    @cached_property
    def _order(self) -> ImageNetOrder | None:
        """What all labels of 1000 classes, or their absence, say about their order; None for other models."""
        if self.n_classes != N_IMAGENET or len(self.labels) not in (0, N_IMAGENET):
            return None
        return imagenet_order(tuple(self.labels[number] for number in sorted(self.labels)))

    @property
    def facts(self) -> dict[str, str]:
        """The entry of the sidecar on classes whose order is assumed; empty if their labels show it."""
        if not self.is_imagenet or (self._order is not None and self._order.basis == "checked"):
            return {}
        reason = f"the model has labels for {len(self.labels)} of them" if self._order is None else self._order.reason
        return {"assumed_classes": f"those of ImageNet in the order of ILSVRC 2012, since {reason}"}

    def of_choices(self, choices: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the numbers of the classes of each choice.

        Raises:
            ObserverError: If a choice does not name a class, if several classes share its name, or if two choices have
                a class in common.
        """
        groups = [self.of_choice(choice) for choice in choices]
        owner: dict[int, str] = {}
        for choice, group in zip(choices, groups, strict=True):
            for number in group:
                other = owner.setdefault(number, choice)
                if other != choice:
                    raise ObserverError(
                        f"{self.model_name}: the choices {other!r} and {choice!r} have the class "
                        f"{self._describe(number)} in common: use choices that do not overlap"
                    )
        return groups

    def of_choice(self, choice: str) -> tuple[int, ...]:
        """Return the numbers of the classes of a choice.

        Raises:
            ObserverError: If the choice does not name a class, or if several classes share its name.
        """
        name = _normalize(choice)
        if self.is_imagenet and name in IMAGENET_CLASSES:
            return IMAGENET_CLASSES[name]
        if name in self._numbers:
            return (self._numbers[name],)
        for table in (self._by_label, self._by_synonym):
            numbers = table.get(name, ())
            if len(numbers) > 1:
                meanings = " or ".join(self._describe(number) for number in numbers)
                raise ObserverError(
                    f"{self.model_name}: {choice!r} is the name of {len(numbers)} classes, {meanings}: use the number "
                    f"or another name of the class that is meant"
                )
            if numbers:
                return tuple(numbers)
        raise ObserverError(self._describe_unknown(choice, name))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The numbers of the classes by their numbers as text and, for ImageNet, by their WordNet ids."""
        ids = WORDNET_IDS if self.is_imagenet else ()
        return {name: i for i, name in enumerate(ids)} | {str(i): i for i in range(self.n_classes)}

    @cached_property
    def _by_label(self) -> dict[str, list[int]]:
        table: dict[str, list[int]] = {}
        for number, label in self.labels.items():
            table.setdefault(_normalize(label), []).append(number)
        return table

    @cached_property
    def _by_synonym(self) -> dict[str, list[int]]:
        table: dict[str, list[int]] = {}
        for number, label in self.labels.items():
            for synonym in dict.fromkeys(map(_normalize, label.split(","))):
                table.setdefault(synonym, []).append(number)
        return table

    def _describe(self, number: int) -> str:
        """Describe a class by its number, its WordNet id if it has one, and its label if it has one."""
        wordnet_id = f", {WORDNET_IDS[number]}" if self.is_imagenet else ""
        label = f" ({self.labels[number]})" if number in self.labels else ""
        return f"{number}{wordnet_id}{label}"

    def _describe_unknown(self, choice: str, name: str) -> str:
        """Return the error message for a choice that does not name a class."""
        words = {**self._by_synonym, **(IMAGENET_CLASSES if self.is_imagenet else {})}
        known = list(words or self._numbers)
        if self.is_imagenet and name[:1] == "n" and name[1:].isdigit():
            known = list(WORDNET_IDS)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        ways = [f"by its number (0 to {self.n_classes - 1})"]
        ways += ["by its WordNet id (such as n02099601)"] if self.is_imagenet else []
        ways += ["by a name in its model_index.json"] if self.labels else []
        more = "" if self.labels else "; the files of the model do not name its classes"
        if self.is_imagenet:
            more += "; the sixteen categories are also possible choices"
        elif self.n_classes == N_IMAGENET:
            more += "; its labels are not those of ImageNet in the usual order, so neither WordNet ids nor the sixteen "
            more += "categories are possible choices"
        return (
            f"{self.model_name}: no class is named {choice!r}; the nearest name is {nearest!r}. The model has "
            f"{self.n_classes:,} classes. Name a class {' or '.join(ways)}{more}"
        )


def _normalize(name: str) -> str:
    return " ".join(name.lower().split())


def read_labels(settings: Mapping[str, object], n_classes: int, model_name: str) -> dict[int, str]:
    """Return the labels of classes from `id2label` in the model_index.json of a model; empty if it does not have them.

    Args:
        settings: The content of model_index.json.
        n_classes: Number of classes of the model.
        model_name: Name of the model in error messages.

    Raises:
        ObserverError: If `id2label` is not a table from the numbers of classes to labels.
    """
    table = settings.get("id2label")
    if table is None:
        return {}
    items = table.items() if isinstance(table, dict) else ()
    labels = {int(number): label for number, label in items if str(number).isdecimal() and isinstance(label, str)}
    if not isinstance(table, dict) or len(labels) < len(table) or any(number >= n_classes for number in labels):
        raise ObserverError(
            f"{model_name}: the id2label in its model_index.json is not a table from the numbers 0 to {n_classes - 1} "
            f"to names of classes: download the file again"
        )
    return labels
