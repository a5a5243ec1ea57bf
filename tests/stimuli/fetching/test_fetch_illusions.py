"""The paper's four images: downloaded, made flat PNGs, named with their makers."""

import io

import numpy as np
import pytest
from PIL import Image

from experiments.illusions import make_illusion_experiment
from experiments.shown_stimuli import find_shown_stimuli
from stimuli.attribution import read_credits
from stimuli.errors import StimulusError
from stimuli.paper_illusions import IMAGES, LARGEST, fetch_illusions, folder


def png(size=(60, 40), alpha=False):
    out = io.BytesIO()
    Image.new("RGBA" if alpha else "RGB", size, (200, 10, 10, 0) if alpha else (200, 10, 10)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def served(site):
    for name, image in IMAGES.items():
        query = f"?width={LARGEST}" if image.file.endswith(".svg") else ""
        site.files[image.file + query] = png((2000, 500), alpha=name == "paper-duck-rabbit")
    return site


def test_all_four_with_their_makers(served):
    assert find_shown_stimuli(["paper-woman"]) == []
    fetch_illusions(base_url=served.url)
    credits = read_credits(folder())
    assert set(credits) == {f"{name}.png" for name in IMAGES}
    assert credits["paper-rock-face.png"].said().startswith("Mirabeau, CC BY-SA 3.0, via Wikimedia Commons, https://")
    for name in IMAGES:
        experiment = make_illusion_experiment(name)
        assert experiment.choices == IMAGES[name].percepts and len(experiment.stimuli) == 1
        assert experiment.stimuli.attribution == credits[f"{name}.png"].said()
        pixels = experiment.stimuli.stimuli[0].pixels()
        assert max(pixels.shape) == LARGEST
    assert np.all(make_illusion_experiment("paper-duck-rabbit").stimuli.stimuli[0].pixels() == 255)  # was see-through
    n = len(served.asked)
    fetch_illusions(base_url=served.url)
    assert len(served.asked) == n
    assert not list(folder().glob(".*"))
    (shown,) = find_shown_stimuli(["paper-rock-face"])
    assert shown.attribution.startswith("Mirabeau, CC BY-SA 3.0")


def test_what_is_no_image(served):
    served.files[IMAGES["paper-rock-face"].file] = b"<html>"
    with pytest.raises(StimulusError, match=r"Visage_dans_un_rocher.jpg sent no PNG or JPEG image"):
        fetch_illusions(base_url=served.url)
    assert not list(folder().glob(".*")) and not (folder() / "paper-rock-face.png").exists()


def test_without_a_network(served):
    del served.files[IMAGES["paper-duck-rabbit"].file]
    with pytest.raises(
        StimulusError, match=r"404 Not Found.*save https://upload.wikimedia.org.* as .*paper-duck-rabbit.png"
    ):
        fetch_illusions(base_url=served.url)
