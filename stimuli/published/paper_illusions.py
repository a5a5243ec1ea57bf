"""The four ambiguous images of section 3.4 of Jaini et al. (2024), with their credits.

The repository does not contain the images. `observers fetch illusions` downloads them into the cache, from the
addresses in Appendix D of the paper. Each is saved as a PNG of at most MAX_SIDE pixels per side on a white background,
and `attribution.csv` in the same folder has the credits. For an SVG file, the PNG that Wikimedia renders is downloaded.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from attrs import frozen
from PIL import Image

from core.errors import StimulusError
from stimuli.categories import AMBIGUOUS
from stimuli.cues import PERCEPTS
from stimuli.images import DECODING_ERRORS, FORMATS, MAX_PIXELS, save_image
from stimuli.published.attribution import Credit, write_credits
from stimuli.published.datasets import cache_folder
from stimuli.published.download import Downloader, Progress, explain_write_errors, fetching, no_progress
from stimuli.stimulus import Stimulus, StimulusSet

COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
MAX_SIDE = 1024  # pixels
PUBLIC_DOMAIN = "public domain, via Wikimedia Commons"


@frozen
class PaperImage:
    """One ambiguous image of the paper."""

    file: str  # file name on Wikimedia Commons
    percepts: tuple[str, str]  # the two things that can be seen
    credit: Credit


IMAGES: Mapping[str, PaperImage] = {
    "paper-duck-rabbit": PaperImage("Duck-Rabbit.png", ("duck", "rabbit"), Credit(
        "Unknown source", PUBLIC_DOMAIN, "https://upload.wikimedia.org/wikipedia/commons/9/96/Duck-Rabbit.png")),
    "paper-rock-face": PaperImage("Visage_dans_un_rocher.jpg", ("face", "rock"), Credit(
        "Mirabeau", "CC BY-SA 3.0, via Wikimedia Commons",
        "https://commons.wikimedia.org/wiki/File:Visage_dans_un_rocher.jpg")),
    "paper-vegetable-face": PaperImage("Arcimboldo_Vegetables.jpg", ("face", "bowl of vegetables"), Credit(
        "Giuseppe Arcimboldo", PUBLIC_DOMAIN,
        "https://upload.wikimedia.org/wikipedia/commons/4/49/Arcimboldo_Vegetables.jpg")),
    "paper-woman": PaperImage("My_Wife_and_My_Mother-In-Law_(Hill).svg", ("young woman", "old woman"), Credit(
        "W. E. Hill", PUBLIC_DOMAIN,
        "https://upload.wikimedia.org/wikipedia/commons/5/5f/My_Wife_and_My_Mother-In-Law_%28Hill%29.svg")),
}  # fmt: skip


def image_folder() -> Path:
    """Return the folder of the images in the cache."""
    return cache_folder() / "illusions"


def paper_set(name: str) -> StimulusSet:
    """Return a set with the image `name`, one of IMAGES. Raise StimulusError if the image has not been downloaded."""
    image, path = IMAGES[name], image_folder() / f"{name}.png"
    if not path.is_file():
        raise StimulusError(
            f"the image of {name} is missing: run `observers fetch illusions`; without a network, save "
            f"{image.credit.link} as {path}"
        )
    cues = dict(zip(PERCEPTS, image.percepts, strict=True))
    return StimulusSet(name, (Stimulus(path.name, path, AMBIGUOUS, "", cues),), image.credit.caption())


def fetch_illusions(*, progress: Progress = no_progress, base_url: str | None = None) -> Path:
    """Download those of the four ambiguous images of Jaini et al. (2024) that are not yet in the cache.

    Args:
        progress: Function that is called with the number of bytes so far and the total number of bytes (None if
            unknown).
        base_url: URL of the folder with the images, by default that of Wikimedia Commons.

    Returns:
        Folder of the images in the cache.

    Raises:
        StimulusError: If an image cannot be downloaded or written, or the server sends something other than an image.
    """
    with explain_write_errors(), fetching():
        image_folder().mkdir(parents=True, exist_ok=True)
        write_credits(image_folder(), {f"{name}.png": image.credit for name, image in IMAGES.items()})
        for name, image in IMAGES.items():
            path = image_folder() / f"{name}.png"
            if not path.is_file():
                url = f"{(base_url or COMMONS).rstrip('/')}/{image.file}"
                url += f"?width={MAX_SIDE}" if image.file.endswith(".svg") else ""
                offline_hint = f"save {image.credit.link} as {path}"
                download = image_folder() / f".{name}.download"
                Downloader(f"{name}.download", None, offline_hint, progress)(url, download)
                try:
                    save_image(flatten_image(download.read_bytes(), url), path)
                finally:
                    download.unlink()
    return image_folder()


def flatten_image(content: bytes, url: str) -> np.ndarray:
    """Decode an image, put it on white, and shrink it to at most MAX_SIDE pixels per side.

    Returns `(height, width, 3)` uint8. Raise StimulusError if the content is not a PNG or JPEG image or is too large;
    the message names `url`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise StimulusError(
                    f"{url} has {image.width} × {image.height} pixels, more than the maximum of {MAX_PIXELS:,}"
                )
            upright = image.convert("RGBA")
    except DECODING_ERRORS as error:
        raise StimulusError(
            f"{url} did not send a PNG or JPEG image ({type(error).__name__}): try again later"
        ) from None
    white = Image.new("RGBA", upright.size, "white")
    flattened = Image.alpha_composite(white, upright).convert("RGB")
    flattened.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(flattened)
