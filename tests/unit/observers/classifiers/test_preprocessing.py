"""The settings of a model's own preprocessing: which are refused, and how they are described."""

import json

import pytest

from observers.classifiers.preprocessing import load_preprocessing, read_preprocessing
from observers.protocol import ObserverError
from tests.unit.observers.tiny import NORMALIZED, PETS, classify, save


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("models") / "tiny", "vit", PETS)


def with_settings(folder, **settings):
    size = {"size": {"height": 32, "width": 32}, "resample": 2, "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(NORMALIZED | size | settings))
    return folder


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": {"height": 20_000, "width": 20_000}}, "has size .*20000.*: expected sizes of 1 to 4096 pixels"),
        ({"size": 0}, "has size 0: expected sizes of 1 to 4096 pixels"),
        ({"size": "large"}, "has size large: expected sizes"),
        ({"size": {"height": "32", "width": 32}}, "expected sizes of 1 to 4096 pixels; correct it"),
        ({"size": {}}, "has size {}: expected sizes"),
        ({"crop_size": {"height": 32, "width": 10**12}}, "has crop_size .*: expected sizes"),
        ({"image_mean": [0.5, 0.5]}, r"has image_mean \[0.5, 0.5\]: expected three numbers"),
        ({"image_mean": "0.5"}, "has image_mean 0.5: expected three numbers"),
        ({"image_std": [0.5, 0.0, 0.5]}, "has image_std .*: expected three numbers above 0"),
        ({"image_std": [0.5, None, 0.5]}, "has image_std .*: expected three numbers above 0"),
        ({"rescale_factor": 0}, "has rescale_factor 0: expected a number above 0"),
        ({"crop_pct": 1.5}, "has crop_pct 1.5: expected a number from 0.1 to 1"),
        ({"crop_pct": 1e-9}, "has crop_pct 1e-09: expected a number from 0.1 to 1"),
        ({"resample": "bicubic"}, "has resample bicubic: expected the number of a filter of Pillow, 0 to 5"),
        ({"do_resize": "yes"}, "has do_resize yes: expected true or false"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message, folder, pets):
    with pytest.raises(ObserverError, match=message):
        classify(with_settings(folder, **settings), pets)


def test_settings_of_a_processor_of_several_parts_are_checked(folder):
    with_settings(folder)
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": {"image_mean": [1]}}))
    with pytest.raises(ObserverError, match=r"processor_config.json has image_mean \[1\]: expected three numbers"):
        load_preprocessing(folder, "tiny")
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": {"size": {"shortest_edge": 40}}}))
    assert read_preprocessing(folder, "tiny") == {"size": {"shortest_edge": 40}}
    (folder / "processor_config.json").unlink()
