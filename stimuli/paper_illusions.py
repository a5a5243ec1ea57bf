"""The four images of section 3.4 of Jaini et al. (2024), from the addresses of its Appendix D, with whom to name.

None is part of this repository. `observers fetch illusions` downloads them into the cache, each made a PNG of at most
LARGEST pixels a side, on white; beside them stands their attribution. An SVG comes as Wikimedia's picture of it.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from attrs import frozen
from PIL import Image, UnidentifiedImageError

from stimuli.attribution import Credit, write_credits
from stimuli.categories import AMBIGUOUS
from stimuli.datasets import cache_folder
from stimuli.errors import StimulusError
from stimuli.fetch import Downloader, Progress, silent, writing
from stimuli.illusion_cues import PERCEPTS
from stimuli.images import FORMATS, MAX_PIXELS, save_image
from stimuli.stimulus import Stimulus, StimulusSet

COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
LARGEST = 1024
PUBLIC = "public domain, via Wikimedia Commons"


@frozen
class Original:
    file: str  # on Wikimedia Commons
    percepts: tuple[str, str]
    credit: Credit


IMAGES: Mapping[str, Original] = {
    "paper-duck-rabbit": Original("Duck-Rabbit.png", ("duck", "rabbit"), Credit(
        "Unknown source", PUBLIC, "https://upload.wikimedia.org/wikipedia/commons/9/96/Duck-Rabbit.png")),
    "paper-rock-face": Original("Visage_dans_un_rocher.jpg", ("face", "rock"), Credit(
        "Mirabeau", "CC BY-SA 3.0, via Wikimedia Commons",
        "https://commons.wikimedia.org/wiki/File:Visage_dans_un_rocher.jpg")),
    "paper-vegetable-face": Original("Arcimboldo_Vegetables.jpg", ("face", "bowl of vegetables"), Credit(
        "Giuseppe Arcimboldo", PUBLIC, "https://upload.wikimedia.org/wikipedia/commons/4/49/Arcimboldo_Vegetables.jpg")),
    "paper-woman": Original("My_Wife_and_My_Mother-In-Law_(Hill).svg", ("young woman", "old woman"), Credit(
        "W. E. Hill", PUBLIC,
        "https://upload.wikimedia.org/wikipedia/commons/5/5f/My_Wife_and_My_Mother-In-Law_%28Hill%29.svg")),
}  # fmt: skip


def folder() -> Path:
    return cache_folder() / "illusions"


def paper_set(name: str) -> StimulusSet:
    """The image of one of IMAGES. Raises StimulusError where it has not been fetched."""
    image, path = IMAGES[name], folder() / f"{name}.png"
    if not path.is_file():
        raise StimulusError(
            f"the image of {name} is not on this machine: observers fetch illusions; without a network, save "
            f"{image.credit.link} as {path}"
        )
    cues = dict(zip(PERCEPTS, image.percepts, strict=True))
    return StimulusSet(name, (Stimulus(path.name, path, AMBIGUOUS, "", cues),), image.credit.said())


def fetch_illusions(*, progress: Progress = silent, base_url: str | None = None) -> Path:
    """Have the four images in the cache; returns their folder. Raises StimulusError for what cannot be had."""
    with writing():
        folder().mkdir(parents=True, exist_ok=True)
        write_credits(folder(), {f"{name}.png": image.credit for name, image in IMAGES.items()})
        for name, image in IMAGES.items():
            path = folder() / f"{name}.png"
            if not path.is_file():
                url = f"{(base_url or COMMONS).rstrip('/')}/{image.file}"
                url += f"?width={LARGEST}" if image.file.endswith(".svg") else ""
                otherwise = f"save {image.credit.link} as {path}"
                got = folder() / f".{name}.download"
                Downloader(f"{name}.download", None, otherwise, progress)(url, str(got), None)
                try:
                    save_image(flat(got.read_bytes(), url), path)
                finally:
                    got.unlink()
    return folder()


def flat(content: bytes, url: str) -> np.ndarray:
    """(h, w, 3) uint8, on white, not larger than LARGEST a side. Raises StimulusError for what is no PNG or JPEG."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise StimulusError(f"{url} has {image.width} × {image.height} pixels: it is not what was expected")
            upright = image.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise StimulusError(f"{url} sent no PNG or JPEG image ({type(error).__name__}): try again later") from None
    white = Image.new("RGBA", upright.size, "white")
    picture = Image.alpha_composite(white, upright).convert("RGB")
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)
