"""A config.json that describes a larger model than its weights is refused in seconds, before memory is allocated."""

import json
import resource
import time

import pytest
import torch

from core.errors import ObserverError
from observers.checkpoints import load_pretrained
from observers.loading.settings import check_numbers, check_token_counts, read_settings
from observers.loading.weight_sizes import check_model, limited_memory, read_sizes
from tests.unit.observers.generative.tiny_latent import clip_text_encoder, unet

CPU = torch.device("cpu")


@pytest.fixture
def clip(tmp_path):
    clip_text_encoder(16, 60).save_pretrained(tmp_path)
    return tmp_path


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def load_clip(folder):
    from transformers import CLIPTextModel

    return load_pretrained(CLIPTextModel, folder, CPU, "the CLIPTextModel", "m")


def test_sizes_are_those_of_the_weights(clip):
    model, sizes = load_clip(clip), read_sizes(clip, "m")
    assert sizes.n_numbers == sum(p.numel() for p in model.parameters())
    assert sizes.n_tensors == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_hidden_layers": 10**12}, r"config\.json has num_hidden_layers 1\.0e12: expected a number below 2,1"),
        ({"hidden_size": -(2**40)}, r"config\.json has hidden_size -1\.0e12: expected"),
        ({"num_hidden_layers": 10**6}, r"has num_hidden_layers 1000000, but the weights consist of 52 tensors: use the"),
        ({"num_hidden_layers": 900}, r"more than 2,208 modules and parameters, which is more than its weights have"),
        ({"intermediate_size": 10**9}, r"describes a model of 9\.9e\+10 numbers \(such as 1\.6e\+10 in .*fc1\.weight"),
        ({"max_position_embeddings": 2**30}, r"model of .* in .*position_embedding.*, but the weights hold 8,048: use"),
        ({"intermediate_size": 33}, r"6 weights in .* have a different shape|9 weights in .* have a different shape"),
    ],
)  # fmt: skip
def test_large_numbers_are_refused_in_seconds(values, message, clip):
    change(clip, **values)
    start = time.monotonic()
    with pytest.raises(ObserverError, match=message):
        load_clip(clip)
    assert time.monotonic() - start < 10


def test_a_model_of_diffusers_is_bounded_too(tmp_path):
    from diffusers import UNet2DConditionModel

    unet(16).save_pretrained(tmp_path)
    change(tmp_path, layers_per_block=1500)
    with pytest.raises(ObserverError, match=r"has layers_per_block 1500, but the weights|more than its weights"):
        load_pretrained(UNet2DConditionModel, tmp_path, CPU, "the UNet2DConditionModel", "m")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff" * 8, "its header has 18,446,744,073,709,551,615 bytes"),
        ((2).to_bytes(8, "little") + b"[]", "no attribute 'items'"),
        ((12).to_bytes(8, "little") + b'{"a":{"b":1}', "Expecting"),
        ((13).to_bytes(8, "little") + b'{"a":{"b":1}}', "'shape'"),
    ],
)
def test_damaged_headers_are_refused(content, reason, clip):
    (clip / "model.safetensors").write_bytes(content)
    with pytest.raises(ObserverError, match=rf"a safetensors file in .* is damaged \(model\.safetensors: .*{reason}"):
        read_sizes(clip, "m")


def test_nested_numbers_are_checked(tmp_path):
    check_numbers({"a": [{"b": 3, "c": True}], "rope_theta": 1e12, "max_window_layers": 28}, 3, tmp_path, "m")
    with pytest.raises(ObserverError, match=r"has depth 9\.2e18: expected a number below"):
        check_numbers({"vision": {"blocks": [1, {"depth": 2**63}]}}, 3, tmp_path, "m")


@pytest.mark.parametrize("key", ["image_seq_length", "num_image_tokens", "mm_tokens_per_image"])
def test_numbers_of_tokens_are_bounded(key, tmp_path):
    check_token_counts({key: 2**16, "max_pixels": 10**8}, tmp_path, "m")
    with pytest.raises(ObserverError, match=rf"has {key} 1\.0e6: expected up to 65,536 tokens per image; download"):
        check_token_counts({"image_processor": {key: 10**6}}, tmp_path, "m")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected a JSON object, got list; download the file again"),
        ("{", "cannot be read"),
        ("[" * 10**5, "recursion"),
    ],
)
def test_settings_that_are_not_an_object_are_refused(text, message, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ObserverError, match=message):
        read_settings(tmp_path / "config.json", "m")


def test_limits_on_memory_are_restored():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError), limited_memory(2**28):
        bytearray(2**30)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(2**29)) == 2**29


@pytest.mark.slow
def test_hooks_on_new_modules_are_removed(clip):
    sizes = read_sizes(clip, "m")
    with pytest.raises(ObserverError, match="more than 2,208 modules"):
        check_model(lambda: torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(10**12)), sizes, clip, "it", "m")
    assert len(torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(3000))) == 3000
