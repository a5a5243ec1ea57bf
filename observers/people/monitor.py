"""A monitor profile, stored as JSON: the sizes that convert degrees of visual angle to pixels."""

import json
import math
from pathlib import Path

from attrs import asdict, fields, frozen

from core.atomic import write_atomically
from core.errors import ObserverError
from core.json_files import JsonError, check_types, read_json

MAX_BYTES = 1 << 20  # largest size of a profile
CARD_CM = 8.56  # the longer side of a bank card (ISO/IEC 7810 ID-1)


@frozen
class Monitor:
    """The profile of a monitor at a viewing distance.

    Attributes:
        name: Name of the monitor.
        width_cm: Width of the visible area of the screen, in cm (1 to 1000).
        distance_cm: Distance from the eyes to the screen, in cm (1 to 10000).
        pixels: Width and height of the screen, in pixels.

    Raises:
        ObserverError: If one of the sizes is not plausible.
    """

    name: str
    width_cm: float
    distance_cm: float
    pixels: tuple[int, int]

    def __attrs_post_init__(self) -> None:
        width, height = self.pixels
        if not (
            1 <= self.width_cm <= 1000
            and 1 <= self.distance_cm <= 10000
            and 1 <= width <= 100_000
            and 1 <= height <= 100_000
        ):
            raise ObserverError(
                f"the monitor {self.name} has a width of {self.width_cm} cm, a viewing distance of {self.distance_cm} cm "
                f"and {width} × {height} pixels: expected a width of 1 to 1000 cm, a distance of 1 to 10000 cm and 1 to "
                f"100000 pixels in each direction"
            )

    def degrees_to_pixels(self, degrees: float) -> float:
        """Return how many pixels span an angle at the center of the screen.

        Args:
            degrees: Visual angle, in degrees.

        Returns:
            The length 2 · distance · tan(degrees / 2), in pixels.
        """
        return 2 * self.distance_cm * math.tan(math.radians(degrees) / 2) * self.pixels[0] / self.width_cm


def read_monitor(path: Path) -> Monitor:
    """Read a monitor profile.

    Args:
        path: A JSON file that `write_monitor` or `observers calibrate-monitor` wrote.

    Returns:
        The profile.

    Raises:
        ObserverError: If the file cannot be read or is not a monitor profile.
    """
    try:
        profile = read_json(path, MAX_BYTES)
        names = {field.name for field in fields(Monitor)}
        if not isinstance(profile, dict) or set(profile) != names:
            raise JsonError(f"expected a JSON object with the fields {', '.join(sorted(names))}")
        number = (int, float)
        check_types(profile, {"name": str, "width_cm": number, "distance_cm": number, "pixels": list})
        if [type(side) for side in profile["pixels"]] != [int, int]:
            raise JsonError(f"its pixels are {str(profile['pixels'])[:80]}, expected two whole numbers")
        width, height = profile["pixels"]
        return Monitor(profile["name"], float(profile["width_cm"]), float(profile["distance_cm"]), (width, height))
    except (OSError, JsonError, OverflowError) as error:
        raise ObserverError(
            f"{path} is not a valid monitor profile ({error}): run `observers calibrate-monitor {path}` to write one"
        ) from None


def write_monitor(monitor: Monitor, path: Path) -> None:
    """Write a monitor profile to a JSON file; an existing file is replaced.

    Args:
        monitor: The profile.
        path: The file to write.
    """
    write_atomically(path, (json.dumps(asdict(monitor), indent=2) + "\n").encode())
