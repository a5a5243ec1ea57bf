"""The differences between workers, on which the last digits of the evidence can depend."""

from collections.abc import Mapping

from attrs import define, field


@define(eq=False)
class WorkerKinds:
    """The kinds of workers of a run, that is, the different combinations of device and packages.

    Attributes:
        first: The first worker of each kind, with its facts by name: "device", "python", and the packages.
    """

    first: dict[str, Mapping[str, str]] = field(factory=dict)

    def add(self, worker: str, device: str, packages: Mapping[str, str]) -> str | None:
        """Add a worker. Return a sentence if it is the first of its kind and differs from the first worker of all."""
        facts = {"device": device, **packages}
        if facts in self.first.values():
            return None
        self.first[worker] = facts
        reference, expected = next(iter(self.first.items()))
        if reference == worker:
            return None
        theirs, own = describe_differences(expected, facts)
        return (
            f"the workers differ: {reference} has {theirs}; {worker} has {own}; the last digits of the evidence can depend "
            f"on this"
        )


def describe_differences(first: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, str]:
    """Return the facts in which two workers differ, as a text for each of them, such as "torch 2.13, numpy 2.4"."""
    keys = [key for key in {**first, **other} if first.get(key) != other.get(key)]
    texts = [
        ", ".join(
            facts[key] if key == "device" and key in facts else f"{key} {facts.get(key, 'missing')}" for key in keys
        )
        for facts in (first, other)
    ]
    return texts[0], texts[1]
