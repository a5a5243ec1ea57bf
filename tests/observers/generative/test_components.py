"""A model that is not whole, no model, or not to be had: refused in one sentence, before anything is asked."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from cli import app
from observers.generative.components import find_components
from observers.generative.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.observers.generative.tiny_latent import save

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return save(tmp_path_factory.mktemp("models") / "sd")


@pytest.fixture
def copy(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "sd"))


def ask(folder, small):
    observer = make_observer("sd14", {"weights": str(folder), "device": "cpu", "draws": "4"})
    return list(observer.observe(iter(small.trials(0)[:2])))


def test_whole_it_answers(whole, small):
    assert len(ask(whole, small)) == 2


def test_a_pickle_is_not_read(copy, small):
    torch.save(load_file(copy / UNET), copy / "unet/diffusion_pytorch_model.bin")
    (copy / UNET).unlink()
    said = (
        "has no unet/diffusion_pytorch_model.safetensors or .*, only diffusion_pytorch_model.bin: only safetensors are "
        "loaded, because reading a pickle can run code; convert the weights and name their folder, -o weights=DIR"
    )
    with pytest.raises(ObserverError, match=said):
        ask(copy, small)


def test_cut_off(copy, small):
    content = (copy / UNET).read_bytes()
    (copy / UNET).write_bytes(content[:-1000])
    with pytest.raises(ObserverError, match=r"stable-diffusion-v1-4: the UNet2DConditionModel in .*unet cannot be loaded"):
        ask(copy, small)


@pytest.mark.parametrize(
    "part", ["unet/config.json", "vae/config.json", "text_encoder/model.safetensors", "scheduler/scheduler_config.json"]
)
def test_a_component_is_lacking(part, copy, small):
    (copy / part).unlink()
    with pytest.raises(ObserverError, match=rf"the folder .* has no {part}"):
        ask(copy, small)


def test_no_tokenizer(copy, small):
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(ObserverError, match=r"has no tokenizer/tokenizer.json or .*: name a folder that holds it"):
        ask(copy, small)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", [UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"])
def test_weights_that_are_no_numbers(part, value, copy, small):
    weights = load_file(copy / part)
    name = sorted(weights)[-1]
    weights[name].view(-1)[0] = value
    save_file(weights, copy / part, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"the weight \S+ in .* contains NaN or infinite values: the checkpoint is damaged"
    ):
        ask(copy, small)


def test_weights_are_lacking(copy, small):
    weights = load_file(copy / UNET)
    del weights["conv_in.bias"], weights["conv_out.bias"]
    save_file(weights, copy / UNET, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"not a complete UNet2DConditionModel: its checkpoint lacks 2 weights \(conv_in"
    ):
        ask(copy, small)


def test_weights_of_another_shape(copy, small):
    weights = load_file(copy / UNET)
    weights["conv_in.bias"] = torch.zeros(3)
    save_file(weights, copy / UNET, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"1 weights in .*unet have a different shape than its config.json says \(conv_in"
    ):
        ask(copy, small)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is no configuration"),
        ("{", "cannot be read"),
        (
            '{"_class_name": "UNet2DConditionModel", "block_out_channels": "x"}',
            "the UNet2DConditionModel in .* cannot be loaded",
        ),
    ],
)
def test_a_damaged_configuration(text, said, copy, small):
    (copy / "unet/config.json").write_text(text)
    with pytest.raises(ObserverError, match=said):
        ask(copy, small)


@pytest.mark.parametrize(
    ("text", "said"), [("[]", "is no configuration"), ("{", "cannot be read"), ("", "cannot be read")]
)
def test_a_damaged_scheduler(text, said, copy, small):
    (copy / "scheduler/scheduler_config.json").write_text(text)
    with pytest.raises(ObserverError, match=rf"scheduler_config.json {said}"):
        ask(copy, small)


def test_no_folder(small, tmp_path):
    with pytest.raises(ObserverError, match=r"the weights of CompVis/stable-diffusion-v1-4: the folder .* does not exist"):
        ask(tmp_path / "none", small)


def test_half_precision_files_are_found(copy, small):
    """As in repositories that have both, and in a folder that has these alone."""
    for part in (UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        half = {name: weight.half() for name, weight in load_file(copy / part).items()}
        save_file(half, copy / part.replace(".safetensors", ".fp16.safetensors"), metadata={"format": "pt"})
    options = {"diffusers": ["unet", "vae"], "transformers": ["text_encoder"], "tokenizers": ["tokenizer"]}
    source = Source("some/model", weights=copy)
    assert set(find_components(source, **options).variants.values()) == {None}
    # Latents are the same in every dtype: the autoencoder is read unrounded.
    found = find_components(source, **options, half=True, exact=["vae"]).variants
    assert found == {"unet": "fp16", "vae": None, "text_encoder": "fp16"}
    latents = []
    for dtype in ("float32", "bfloat16"):
        latents.append(
            LatentDiffusion(source, Compute(device="cpu", dtype=dtype)).encode(np.full((20, 20, 3), 99, np.uint8))
        )
    assert torch.equal(*latents)
    for part in (UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        (copy / part).unlink()
    assert set(find_components(source, **options, exact=["vae"]).variants.values()) == {"fp16"}
    assert len(ask(copy, small)) == 2


def test_shards_are_found(whole, tmp_path, small):
    from diffusers import UNet2DConditionModel

    folder = Path(shutil.copytree(whole, tmp_path / "sd"))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / UNET).unlink()
    unet.save_pretrained(folder / "unet", max_shard_size="50KB")
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert [r.choice for r in ask(folder, small)] == [r.choice for r in ask(whole, small)]
    digest = LatentDiffusion(Source("x", weights=folder)).provenance()["sha256"]
    assert digest != LatentDiffusion(Source("x", weights=whole)).provenance()["sha256"]


def test_from_the_hubs_cache(whole, tmp_path, monkeypatch, small):
    """What the cache holds is used without network, and the commit is recorded."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--some--model"
    shutil.copytree(whole, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    observer = make_observer("latent:some/model", {"device": "cpu", "draws": "4"})
    assert len(list(observer.observe(iter(small.trials(0)[:1])))) == 1
    assert observer.provenance()["revision"] == commit


def test_without_network_and_weights_it_ends_at_once(tmp_path, monkeypatch):
    """With the repository, revision, size, license page and the two ways to provide the weights."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    done = CliRunner().invoke(
        app, ["run-experiment", "drawn-cue-conflict", "--observer", "sd14", "--out", str(tmp_path)]
    )
    assert done.exit_code == 1
    for part in (
        "CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b", "about 4.3 GB",
        "https://huggingface.co/CompVis/stable-diffusion-v1-4", "connect to the internet once", "-o weights=DIR",
    ):  # fmt: skip
        assert part in done.output
    assert done.output.count("\n") <= 2


@pytest.mark.parametrize("named", ["weights.bin", "../../other/model.safetensors", "/etc/passwd", 3])
def test_an_index_leads_to_no_other_file(named, copy, small):
    (copy / "text_encoder" / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"x": named}}
    (copy / "text_encoder" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ObserverError, match=r"index\.json names .*: only safetensors in the same folder are loaded"):
        ask(copy, small)
    (copy / "text_encoder" / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ObserverError, match=r"index\.json is not an index of weights"):
        ask(copy, small)


def test_a_tokenizer_without_words_is_refused(copy, small):
    """All texts would be the same to it, and the first choice the answer to everything."""
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        (copy / "tokenizer" / name).unlink(missing_ok=True)
    with pytest.raises(ObserverError, match=r"cannot tell 'A bad photo of a \w+' from|cannot be loaded"):
        ask(copy, small)


def test_a_text_longer_than_the_model_reads_is_refused(whole):
    model = LatentDiffusion(Source("some/model", weights=whole), Compute(device="cpu"))
    with pytest.raises(ObserverError, match=r"'aaa.*' has \d+ tokens and the model reads 24: shorten the template"):
        model.condition(["a" * 40])


@pytest.mark.parametrize("name", ["/tmp/model", "./model", "a/b/c", "model/", "https://huggingface.co/a/b", ""])
def test_a_folder_is_no_repository(name):
    with pytest.raises(ObserverError, match="is no repository of the hub: expected OWNER/NAME; a folder is given"):
        Source(name)


def test_parts_of_two_models_do_not_fit(tmp_path, small):
    folder = save(tmp_path / "xl", "xl")
    for part in ("text_encoder_2", "tokenizer_2"):
        shutil.rmtree(folder / part)
    with pytest.raises(ObserverError, match="its U-Net is one of Stable Diffusion XL, and there is no text_encoder_2"):
        ask(folder, small)


@pytest.mark.parametrize("size", [None, "big", 10**9, 0, [8]])
def test_a_size_that_is_none(size, copy, small):
    said = json.loads((copy / "unet" / "config.json").read_text())
    (copy / "unet" / "config.json").write_text(json.dumps(said | {"sample_size": size}))
    with pytest.raises(ObserverError, match=r"its config\.json has the sample_size .*: expected a whole number"):
        ask(copy, small)
