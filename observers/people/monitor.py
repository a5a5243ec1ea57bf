"""A monitor's profile: how large a degree of visual angle is on it. A JSON file with the fields of Monitor."""

import json
import math
from pathlib import Path

from attrs import asdict, fields, frozen

from stimuli.atomic import write_atomically
from stimuli.errors import ObserverError

CARD_CM = 8.56  # ISO/IEC 7810 ID-1: the longer side of a bank card


@frozen
class Monitor:
    """Raises ObserverError for what no monitor has."""

    name: str
    width_cm: float  # of the picture
    distance_cm: float  # from the eyes
    pixels: tuple[int, int]  # width, height

    def __attrs_post_init__(self) -> None:
        w, h = self.pixels
        ok = 1 <= self.width_cm <= 1000 and 1 <= self.distance_cm <= 10000 and 1 <= w <= 100_000 and 1 <= h <= 100_000
        if not ok:
            raise ObserverError(
                f"the monitor {self.name} has a width of {self.width_cm} cm, {self.distance_cm} cm from the eyes, and "
                f"{w} × {h} pixels: expected 1 to 1000 cm, 1 to 10000 cm, and pixels from 1 on"
            )

    def length(self, degrees: float) -> float:
        """Pixels that span `degrees` of visual angle in the middle: 2 · distance · tan(degrees / 2)."""
        return 2 * self.distance_cm * math.tan(math.radians(degrees) / 2) * self.pixels[0] / self.width_cm


def read_monitor(path: Path) -> Monitor:
    """Raises ObserverError naming what is wrong."""
    try:
        found = json.loads(path.read_text("utf-8"))
        names = {field.name for field in fields(Monitor)}
        if not isinstance(found, dict) or set(found) != names:
            raise ValueError(f"expected an object of {', '.join(sorted(names))}")
        width, height = found["pixels"]
        return Monitor(
            str(found["name"]), float(found["width_cm"]), float(found["distance_cm"]), (int(width), int(height))
        )
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ObserverError(
            f"{path} is no profile of a monitor ({error}): `observers calibrate-monitor {path}` writes one"
        ) from None


def write_monitor(monitor: Monitor, path: Path) -> None:
    write_atomically(path, (json.dumps(asdict(monitor), indent=2) + "\n").encode())
