"""Tests of downloading the four ambiguous images of Jaini et al. (2024)."""

import io

import numpy as np
import pytest
from PIL import Image

from core.errors import StimulusError
from experiments.sets.illusions import paper_image_experiment
from experiments.sets.shown_stimuli import find_shown_stimuli
from stimuli.published.attribution import read_credits
from stimuli.published.paper_illusions import IMAGES, MAX_SIDE, fetch_illusions, image_folder


def png(size=(60, 40), alpha=False):
    out = io.BytesIO()
    Image.new("RGBA" if alpha else "RGB", size, (200, 10, 10, 0) if alpha else (200, 10, 10)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def served(site):
    for name, image in IMAGES.items():
        query = f"?width={MAX_SIDE}" if image.file.endswith(".svg") else ""
        site.files[image.file + query] = png((2000, 500), alpha=name == "paper-duck-rabbit")
    return site


def test_all_images_are_downloaded_with_their_credits(served):
    assert find_shown_stimuli(["paper-woman"]) == []
    fetch_illusions(base_url=served.url)
    credits = read_credits(image_folder())
    assert set(credits) == {f"{name}.png" for name in IMAGES}
    assert (
        credits["paper-rock-face.png"].caption().startswith("Mirabeau, CC BY-SA 3.0, via Wikimedia Commons, https://")
    )
    for name in IMAGES:
        experiment = paper_image_experiment(name)
        assert experiment.choices == IMAGES[name].percepts and len(experiment.stimuli) == 1
        assert experiment.stimuli.attribution == credits[f"{name}.png"].caption()
        pixels = experiment.stimuli.stimuli[0].pixels()
        assert max(pixels.shape) == MAX_SIDE
    assert np.all(
        paper_image_experiment("paper-duck-rabbit").stimuli.stimuli[0].pixels() == 255
    )  # the downloaded image is transparent
    n = len(served.requests)
    fetch_illusions(base_url=served.url)
    assert len(served.requests) == n
    assert not list(image_folder().glob(".*"))
    (shown,) = find_shown_stimuli(["paper-rock-face"])
    assert shown.attribution.startswith("Mirabeau, CC BY-SA 3.0")


def test_a_response_that_is_not_an_image_is_refused(served):
    served.files[IMAGES["paper-rock-face"].file] = b"<html>"
    with pytest.raises(StimulusError, match=r"Visage_dans_un_rocher.jpg did not send a PNG or JPEG image"):
        fetch_illusions(base_url=served.url)
    assert not list(image_folder().glob(".*")) and not (image_folder() / "paper-rock-face.png").exists()


def test_the_error_tells_how_to_provide_the_image_by_hand(served):
    del served.files[IMAGES["paper-duck-rabbit"].file]
    with pytest.raises(
        StimulusError, match=r"404 Not Found.*save https://upload.wikimedia.org.* as .*paper-duck-rabbit.png"
    ):
        fetch_illusions(base_url=served.url)
