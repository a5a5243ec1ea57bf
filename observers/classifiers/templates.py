"""Templates that turn a choice into a sentence for contrastive observers.

TEMPLATES[n] is a tuple of n templates, each with one `{}` for the choice. The 80 templates were written for this project.
Their wording differs from that of Radford et al. (2021), so they give similar but not identical results. The choice is
inserted unchanged, even after "a" ("a airplane"), as is usual for such templates, so that all choices get the same words.
"""

from pathlib import Path

from core.files import read_text
from observers.protocol import ObserverError

_EIGHTY = """
a photo of a {}.
a snapshot of a {}.
a picture showing a {}.
an image with a {} in it.
a photograph of one {}.
a photo of several {} together.
a photo of our {}.
a photo of someone's {}.
a photo of an old {}.
a photo of a brand-new {}.
a photo of a typical {}.
a photo of an unusual {}.
a photo of a beautiful {}.
a photo of an ugly {}.
a photo of a dirty {}.
a photo of a spotless {}.
a photo of a tiny {}.
a photo of a huge {}.
a photo of the {} nearby.
a photo of the {} far away.
a close-up of a {}.
an extreme close-up of part of a {}.
a wide shot with a {}.
a {} seen from the front.
a {} seen from behind.
a {} seen from the side.
a {} seen from above.
a {} seen from below.
a photo of half of a {}.
a {} hidden behind something.
a {} in the middle of the picture.
a {} at the edge of the picture.
a {} turned upside down.
a tilted view of a {}.
a blurred picture of a {}.
a sharp picture of a {}.
a grainy picture of a {}.
a noisy picture of a {}.
a picture of a {} at low resolution.
a {} photographed with a cheap camera.
a professional photograph of a {}.
an overexposed photo of a {}.
an underexposed photo of a {}.
a low-contrast picture of a {}.
a black-and-white photo of a {}.
a gray-scale image of a {}.
a picture of a {} in false colors.
a faded photograph of a {}.
a scratched print of a {}.
a compressed image of a {}.
a distorted image of a {}.
a {} in bright sunlight.
a {} at night.
a {} in fog.
a {} in the rain.
a {} in the snow.
a {} outdoors.
a {} indoors.
a {} in front of a plain background.
a {} cut out and pasted on gray.
a chalk drawing of a {}.
a pencil sketch of a {}.
a child's drawing of a {}.
a line drawing of the outline of a {}.
the edges of a {}.
the black silhouette of a {}.
the shadow of a {}.
a painted {} on canvas.
a watercolor of a {}.
a {} painted in oil.
a {} in the style of another artist.
a cartoon of a {}.
an icon of a {}.
a woodcut of a {}.
a mosaic of a {}.
a clay figure of a {}.
a {} made of paper.
a toy in the shape of a {}.
a computer rendering of a {}.
a {} covered with a strange texture.
"""

TEMPLATES: dict[int, tuple[str, ...]] = {1: ("a photo of a {}.",), 80: tuple(_EIGHTY.split("\n")[1:-1])}


def read_templates(path: Path) -> tuple[str, ...]:
    """Read templates from a UTF-8 text file with one template per line. Empty lines are ignored.

    Raises ObserverError if the file cannot be read or has no templates, or if a template does not have exactly one `{}`.
    """
    try:
        lines = read_text(path, "utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ObserverError(f"the templates file {path} cannot be read: {error}") from None
    templates = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and line.count("{}") != 1:
            raise ObserverError(
                f"{path}, line {number}: a template must contain one {{}} for the choice, got {line.strip()!r}"
            )
        templates += [line.strip()] if line.strip() else []
    if not templates:
        raise ObserverError(f"{path} contains no templates: write one per line, such as {TEMPLATES[1][0]}")
    return tuple(templates)
