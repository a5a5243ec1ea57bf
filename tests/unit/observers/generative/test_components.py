"""Models that are incomplete, damaged or not available are refused with one sentence before the first trial."""

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
from observers.generative.families.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from observers.registry import make_observer
from tests.unit.observers.generative.tiny_latent import save

TEXT = "text_encoder/model.safetensors"
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    return save(tmp_path_factory.mktemp("models") / "sd")


@pytest.fixture
def copy(complete, tmp_path):
    return Path(shutil.copytree(complete, tmp_path / "sd"))


def observe(folder, small):
    observer = make_observer("sd14", {"weights": str(folder), "device": "cpu", "draws": "4"})
    return list(observer.observe(iter(small.trials(0)[:2])))


def test_a_complete_model_answers(complete, small):
    assert len(observe(complete, small)) == 2


def test_a_pickle_is_not_read(copy, small):
    torch.save(load_file(copy / UNET), copy / "unet/diffusion_pytorch_model.bin")
    (copy / UNET).unlink()
    message = (
        "has no unet/diffusion_pytorch_model.safetensors or .*, only diffusion_pytorch_model.bin: only safetensors are "
        "loaded, because reading a pickle can run code; convert the weights and give their folder with -o weights=FOLDER"
    )
    with pytest.raises(ObserverError, match=message):
        observe(copy, small)


def test_a_truncated_file_is_refused(copy, small):
    content = (copy / UNET).read_bytes()
    (copy / UNET).write_bytes(content[:-1000])
    with pytest.raises(
        ObserverError, match=r"stable-diffusion-v1-4: the UNet2DConditionModel in .*unet cannot be loaded"
    ):
        observe(copy, small)


@pytest.mark.parametrize(
    "part", ["unet/config.json", "vae/config.json", "text_encoder/model.safetensors", "scheduler/scheduler_config.json"]
)
def test_a_missing_component_is_named(part, copy, small):
    (copy / part).unlink()
    with pytest.raises(ObserverError, match=rf"the folder .* has no {part}"):
        observe(copy, small)


def test_a_missing_tokenizer_is_refused(copy, small):
    shutil.rmtree(copy / "tokenizer")
    with pytest.raises(ObserverError, match=r"has no tokenizer/tokenizer.json or .*: give a folder that contains it"):
        observe(copy, small)


@pytest.mark.slow
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", [UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"])
def test_weights_that_are_not_finite_are_refused(part, value, copy, small):
    weights = load_file(copy / part)
    name = sorted(weights)[-1]
    weights[name].view(-1)[0] = value
    save_file(weights, copy / part, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"the weight \S+ in .* contains NaN or infinite values: the checkpoint is damaged"
    ):
        observe(copy, small)


@pytest.mark.parametrize("part", [UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"])
def test_weights_that_are_all_zero_are_refused(part, copy, small):
    weights = {name: torch.zeros_like(weight) for name, weight in load_file(copy / part).items()}
    save_file(weights, copy / part, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"all weights of the \w+ in .* are 0, such as after an interrupted download"
    ):
        observe(copy, small)


@pytest.mark.slow
@pytest.mark.parametrize("value", [0, -0.18, None, "0.18"])
def test_an_impossible_scaling_factor_is_refused(value, copy, small):
    """With 0, the evidence would not depend on the image."""
    config = copy / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": value}))
    with pytest.raises(
        ObserverError, match=r"has the scaling_factor .*: expected numbers, the first above 0; download"
    ):
        observe(copy, small)


def test_missing_weights_are_refused(copy, small):
    weights = load_file(copy / UNET)
    del weights["conv_in.bias"], weights["conv_out.bias"]
    save_file(weights, copy / UNET, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"not a complete UNet2DConditionModel: its checkpoint lacks 2 weights \(conv_in"
    ):
        observe(copy, small)


def test_weights_of_another_shape_are_refused(copy, small):
    weights = load_file(copy / UNET)
    weights["conv_in.bias"] = torch.zeros(3)
    save_file(weights, copy / UNET, metadata={"format": "pt"})
    with pytest.raises(
        ObserverError, match=r"1 weights in .*unet have a different shape than its config.json says \(conv_in"
    ):
        observe(copy, small)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is not a configuration"),
        ("{", "cannot be read"),
        (
            '{"_class_name": "UNet2DConditionModel", "block_out_channels": "x"}',
            "the UNet2DConditionModel in .* cannot be loaded",
        ),
    ],
)
def test_a_damaged_configuration_is_refused(text, message, copy, small):
    (copy / "unet/config.json").write_text(text)
    with pytest.raises(ObserverError, match=message):
        observe(copy, small)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"), [("[]", "is not a configuration"), ("{", "cannot be read"), ("", "cannot be read")]
)
def test_a_damaged_scheduler_is_refused(text, message, copy, small):
    (copy / "scheduler/scheduler_config.json").write_text(text)
    with pytest.raises(ObserverError, match=rf"scheduler_config.json {message}"):
        observe(copy, small)


def test_a_missing_folder_is_refused(small, tmp_path):
    with pytest.raises(
        ObserverError, match=r"the weights of CompVis/stable-diffusion-v1-4: the folder .* does not exist"
    ):
        observe(tmp_path / "none", small)


@pytest.mark.slow
def test_half_precision_files_are_found(copy, small):
    """They are found in repositories that have both kinds of files, and in a folder that has only these."""
    for part in (UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        half = {name: weight.half() for name, weight in load_file(copy / part).items()}
        save_file(half, copy / part.replace(".safetensors", ".fp16.safetensors"), metadata={"format": "pt"})
    options = {"diffusers": ["unet", "vae"], "transformers": ["text_encoder"], "tokenizers": ["tokenizer"]}
    source = Source("some/model", weights=copy)
    assert set(find_components(source, **options).variants.values()) == {None}
    # The autoencoder is read in float32, so that latents are the same for every dtype.
    variants = find_components(source, **options, half=True, exact=["vae"]).variants
    assert variants == {"unet": "fp16", "vae": None, "text_encoder": "fp16"}
    latents = []
    for dtype in ("float32", "bfloat16"):
        model = LatentDiffusion(source, Compute(device="cpu", dtype=dtype)).scorer
        latents.append(model.encode(np.full((20, 20, 3), 99, np.uint8)))
    assert torch.equal(*latents)
    for part in (UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        (copy / part).unlink()
    assert set(find_components(source, **options, exact=["vae"]).variants.values()) == {"fp16"}
    assert len(observe(copy, small)) == 2


def make_half(path):
    """Replace a file of weights by one in half precision."""
    half = {name: weight.half() for name, weight in load_file(path).items()}
    save_file(half, path.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(UNET,), (UNET, "vae/diffusion_pytorch_model.safetensors"), (TEXT,)])
def test_each_component_has_the_files_that_it_has(parts, copy, complete, small):
    for part in parts:
        make_half(copy / part)
    half, full = observe(copy, small), observe(complete, small)
    np.testing.assert_allclose(half[0].evidence, full[0].evidence, rtol=0.01)
    assert (half[0].evidence != full[0].evidence).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This serialization format is now deprecated")
def test_sharded_half_precision_files_are_found(copy, small):
    """With the names of the index of transformers and of the present and earlier versions of diffusers."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    CLIPTextModel.from_pretrained(copy / "text_encoder").half().save_pretrained(
        copy / "text_encoder", variant="fp16", max_shard_size="20KB"
    )
    UNet2DConditionModel.from_pretrained(copy / "unet").half().save_pretrained(
        copy / "unet", variant="fp16", max_shard_size="50KB"
    )
    (copy / TEXT).unlink()
    (copy / UNET).unlink()
    expected = [r.evidence.tobytes() for r in observe(copy, small)]
    index = copy / "unet" / "diffusion_pytorch_model.safetensors.index.fp16.json"
    index.rename(index.with_name("diffusion_pytorch_model.safetensors.fp16.index.json"))
    assert [r.evidence.tobytes() for r in observe(copy, small)] == expected


def test_other_variants_are_named(copy, small):
    for variant in ("bf16", "non_ema"):
        shutil.copy(copy / UNET, (copy / UNET).with_suffix(f".{variant}.safetensors"))
    (copy / UNET).unlink()
    message = (
        r"unet/diffusion_pytorch_model\.safetensors or .*, only unet/diffusion_pytorch_model\.bf16\.safetensors and "
        r"1 more: to use these weights, copy the folder, give them the expected name in the copy, and set -o weights=FOLDER"
    )
    with pytest.raises(ObserverError, match=message):
        observe(copy, small)


@pytest.mark.slow
def test_sharded_weights_are_found(complete, tmp_path, small):
    from diffusers import UNet2DConditionModel

    folder = Path(shutil.copytree(complete, tmp_path / "sd"))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    (folder / UNET).unlink()
    unet.save_pretrained(folder / "unet", max_shard_size="50KB")
    assert len(list((folder / "unet").glob("*-of-*.safetensors"))) > 1
    assert [r.choice for r in observe(folder, small)] == [r.choice for r in observe(complete, small)]
    digest = LatentDiffusion(Source("x", weights=folder)).scorer.provenance()["sha256"]
    assert digest != LatentDiffusion(Source("x", weights=complete)).scorer.provenance()["sha256"]


def test_the_hub_cache_is_used_without_network(complete, tmp_path, monkeypatch, small):
    """Cached files load without network, and the commit is recorded."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub/models--some--model"
    shutil.copytree(complete, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(commit)
    observer = make_observer("latent:some/model", {"device": "cpu", "draws": "4"})
    assert len(list(observer.observe(iter(small.trials(0)[:1])))) == 1
    assert observer.provenance()["revision"] == commit


def test_without_network_and_weights_the_error_says_how_to_get_them(tmp_path, monkeypatch):
    """The error names the repository, revision, size, license page and the two ways to provide the weights."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    completed = CliRunner().invoke(
        app, ["run-experiment", "drawn-cue-conflict", "--observer", "sd14", "--out", str(tmp_path)]
    )
    assert completed.exit_code == 1
    for part in (
        "CompVis/stable-diffusion-v1-4", "133a221b8aa7292a167afc5127cb63fb5005638b", "about 4.3 GB",
        "https://huggingface.co/CompVis/stable-diffusion-v1-4", "connect to the internet once", "-o weights=FOLDER",
    ):  # fmt: skip
        assert part in completed.output
    assert completed.output.count("\n") <= 2


@pytest.mark.parametrize("path", ["weights.bin", "../../other/model.safetensors", "/etc/passwd", 3])
def test_an_index_cannot_name_files_outside_of_its_folder(path, copy, small):
    (copy / "text_encoder" / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"x": path}}
    (copy / "text_encoder" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        ObserverError,
        match=r"index\.json refers to .*, but only safetensors files in the same folder are loaded: download",
    ):
        observe(copy, small)
    (copy / "text_encoder" / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ObserverError, match=r"index\.json is not an index of weights"):
        observe(copy, small)


def test_a_tokenizer_without_vocabulary_is_refused(copy, small):
    """It would give the same tokens for all prompts, so that every response would be the first choice."""
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        (copy / "tokenizer" / name).unlink(missing_ok=True)
    with pytest.raises(ObserverError, match=r"cannot distinguish 'A bad photo of a \w+' from|cannot be loaded"):
        observe(copy, small)


def test_a_prompt_that_is_too_long_is_refused(complete):
    model = LatentDiffusion(Source("some/model", weights=complete), Compute(device="cpu")).scorer
    with pytest.raises(
        ObserverError, match=r"'aaa.*' has \d+ tokens but the model reads at most 24: shorten the template"
    ):
        model.condition(["a" * 40])


@pytest.mark.parametrize("name", ["/tmp/model", "./model", "a/b/c", "model/", "https://huggingface.co/a/b", ""])
def test_a_path_is_not_the_name_of_a_repository(name):
    with pytest.raises(
        ObserverError,
        match="is not the name of a Hugging Face Hub repository: expected OWNER/NAME; to load a local folder",
    ):
        Source(name)


def test_components_of_two_models_are_refused(tmp_path, small):
    folder = save(tmp_path / "xl", "xl")
    for part in ("text_encoder_2", "tokenizer_2"):
        shutil.rmtree(folder / part)
    with pytest.raises(
        ObserverError, match="its U-Net belongs to Stable Diffusion XL, but the model has no text_encoder_2"
    ):
        observe(folder, small)


@pytest.mark.slow
@pytest.mark.parametrize("size", [None, "big", 10**9, 0, [8]])
def test_an_invalid_sample_size_is_refused(size, copy, small):
    settings = json.loads((copy / "unet" / "config.json").read_text())
    (copy / "unet" / "config.json").write_text(json.dumps(settings | {"sample_size": size}))
    with pytest.raises(ObserverError, match=r"its config\.json has the sample_size .*: expected a whole number"):
        observe(copy, small)
