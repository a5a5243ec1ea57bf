"""Each model is trained for a few steps by the training command, and loaded like the published models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file
from transformers import CLIPTextModel, T5EncoderModel

from core.errors import ObserverError
from experiments.sets.folder import from_folder
from observers.check import check_observer
from observers.generative.families.autoregressive import log_likelihood
from observers.generative.families.masked import Masked
from observers.generative.families.pixel import PixelDiffusion
from observers.generative.options import Compute, Source
from observers.generative.preprocessing import crop_and_resize
from observers.microcosm.training import ar, card, masked, pixel, train
from observers.microcosm.training.captions import N_TOKENS, all_captions
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import TrainingSettings
from observers.protocol import Reconstructor, Restoration
from observers.registry import make_observer
from observers.training.noise_training import ClassifierTrainingSettings
from stimuli.images import save_image
from tests.unit.observers.microcosm.conftest import draw_images

ROOT = Path(__file__).parents[5]
FEW_STEPS = {
    "autoencoder": TrainingSettings(steps=6, batch=4, rate=1e-3), "denoiser": TrainingSettings(steps=3, batch=4, rate=1e-3),
    "tokens": TrainingSettings(steps=6, batch=4, rate=1e-3), "predictor": TrainingSettings(steps=3, batch=4, rate=1e-3),
    "network": ClassifierTrainingSettings(epochs=1, batch=16),
}  # fmt: skip


SCHEMES = {  # the scheme that loads each model
    "microcosm-latent": "latent", "microcosm-pixel": "pixel", "microcosm-ar": "autoregressive",
    "microcosm-masked": "masked", "microcosm-cnn-noise-train": "hf",
}  # fmt: skip


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    folder, images = tmp_path_factory.mktemp("shown") / "shown", draw_images(64, 3)
    for i in range(8):
        path = folder / ("cat" if i % 2 else "dog") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(images.pixels[i], path)
    return from_folder(folder).trials(0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Every model, trained for a few steps on images that need no download."""
    out = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingImages, "from_icons", classmethod(lambda cls, n, seed, icons: draw_images(n, seed)))
        patch.setattr(card, "load_training_shapes", lambda icons: ([], []))
        patch.setattr(card, "list_credits", lambda shapes, icons: ["Author, MIT"])
        for name in SCHEMES:
            settings = {part: FEW_STEPS[part] for part in train.TRAINERS[name].settings}
            patch.setitem(train.TRAINERS, name, evolve(train.TRAINERS[name], settings=settings))
            train.train(name, out / name, n_images=64, on_progress=lambda message: None)
    return out


def load(name, models):
    has_draws = name not in ("microcosm-ar", "microcosm-cnn-noise-train")
    schedule = {"schedule": "exhaustive", "draws": "2"} if has_draws else {}
    return make_observer(f"{SCHEMES[name]}:{name}", {"weights": str(models / name), "device": "cpu", **schedule})


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_a_trained_model_is_loaded_and_passes_the_contract_check(name, models, trials):
    observer = load(name, models)
    few = [evolve(trial, choices=("cat", "dog", "oven", "car")) for trial in trials[:3]]
    results = check_observer(observer, few)
    assert [result for result in results if not result.passed] == []
    evidence = [response.evidence for response in observer.observe(few[:2])]
    assert evidence[0].shape == (4,) and not np.array_equal(*evidence)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_the_model_card_documents_the_training(name, models):
    text = (models / name / "README.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    assert f"weights in float16, sha256 {card.weights_sha256(models / name)}" in text
    assert "64 images with seed 1" in text and "- Author, MIT" in text
    for part in train.TRAINERS[name].settings:
        assert f"## {part}\n" in text
    for path in (models / name).rglob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(path).values() if tensor.is_floating_point()} == {torch.float16}


@pytest.mark.slow
def test_pipelines_of_diffusers_generate_images(models):
    from diffusers import AmusedPipeline, DiffusionPipeline, IFPipeline, StableDiffusionPipeline

    for name, pipeline_class, size in (
        ("microcosm-latent", StableDiffusionPipeline, 64), ("microcosm-pixel", IFPipeline, 32),
        ("microcosm-masked", AmusedPipeline, 32),
    ):  # fmt: skip
        pipeline: DiffusionPipeline = pipeline_class.from_pretrained(models / name)
        pipeline.set_progress_bar_config(disable=True)
        image = pipeline("A bad photo of a clock", num_inference_steps=2).images[0]
        assert image.size == (size, size)


@pytest.mark.slow
def test_reconstructions(models, trials):
    for name, size in (("microcosm-latent", 64), ("microcosm-pixel", 32), ("microcosm-masked", 32)):
        observer = load(name, models)
        assert isinstance(observer, Reconstructor)
        result = restore(observer, trials[0])
        assert (result.damaged_image.shape, result.images.shape) == ((size, size, 3), (16, size, size, 3))
        assert result.errors.shape == (16,) and 0 <= result.images.min() < result.images.max() <= 1
        repeated = restore(observer, trials[0])
        assert np.array_equal(result.images, repeated.images)
        assert not np.array_equal(result.damaged_image, restore(observer, trials[0], strength=0.9).damaged_image)
    observer = load("microcosm-ar", models)
    with pytest.raises(ObserverError, match="microcosm-ar cannot restore images: use a diffusion"):
        restore(observer, trials[0])


def restore(observer, trial, **settings):
    return observer.reconstruct(trial.stimulus, observer.prompts(trial.choices), Restoration(**settings))


def test_wrong_arguments_of_the_training_command(tmp_path, capsys):
    for arguments, message in (
        (["microcosm-sdxl"], "invalid choice: 'microcosm-sdxl'"),
        (["microcosm-cnn", "--share", "0"], "--share must be above 0 and at most 100"),
        (["microcosm-cnn", "--threads", "0"], "--threads must be from 1 to 1024"),
        (["microcosm-cnn", "--pictures", "99999999999"], "--pictures must be from 1 to 10000000"),
        (["microcosm-cnn", "--out", "/"], "--out must be the path of a folder that can be created"),
    ):
        with pytest.raises(SystemExit) as caught:
            train.main(arguments)
        assert caught.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.slow
def test_other_files_are_not_overwritten(models, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ObserverError, match="file is a file or a symbolic link: choose a folder for the model"):
        train.train("microcosm-cnn", tmp_path / "file")
    with pytest.raises(
        ObserverError, match="contains something other than a trained model: choose a new or an empty folder"
    ):
        train.train("microcosm-cnn", tmp_path)
    with pytest.raises(ObserverError, match="contains something other than a trained microcosm-cnn"):
        train.train("microcosm-cnn", models / "microcosm-latent")
    before = (models / "microcosm-latent" / card.CARD_NAME).read_text("utf-8")
    card.prepare_folders("microcosm-latent", models / "microcosm-latent", tmp_path / "work")
    assert (models / "microcosm-latent" / card.CARD_NAME).read_text("utf-8") == before
    for _ in range(2):  # the second time the folder contains a run that was interrupted
        card.prepare_folders("microcosm-latent", tmp_path / "new", tmp_path / "work")
        (tmp_path / "new" / "unet").mkdir(exist_ok=True)


@pytest.mark.slow
def test_the_pixel_model_is_trained_with_the_text_states_that_the_observer_uses(models):
    scorer = PixelDiffusion(Source("m", weights=models / "microcosm-pixel"), Compute(device="cpu")).scorer
    tokens = pixel.tokenize_captions(pixel.t5_tokenizer())
    text_encoder = T5EncoderModel.from_pretrained(models / "microcosm-pixel" / "text_encoder", dtype=torch.float32)
    with torch.inference_mode():
        expected_states = text_encoder(tokens.input_ids[:2], tokens.attention_mask[:2]).last_hidden_state
    for (states,), expected in zip(scorer.condition(all_captions()[:2]), expected_states, strict=True):
        assert states.shape == expected.shape and torch.allclose(states, expected, atol=1e-5)


@pytest.mark.slow
def test_the_masked_model_uses_the_text_encoder_of_the_latent_model(models):
    likelihood = Masked(Source("m", weights=models / "microcosm-masked"), Compute(device="cpu"))
    tokenizer, text_encoder = masked.load_text_encoder()
    captions = all_captions()[:2]
    ids = tokenizer(captions, padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    with torch.inference_mode():
        encoded = text_encoder(ids, output_hidden_states=True)
        folder = masked.TEXT_ENCODER_SOURCE / "text_encoder"
        original = CLIPTextModel.from_pretrained(folder, dtype=torch.float32)(ids)
    assert torch.allclose(encoded.text_embeds, original.pooler_output, atol=1e-5)
    assert not torch.allclose(*encoded.text_embeds, atol=0.1)
    for (states, pooled, _), expected, vector in zip(
        likelihood.condition(captions), encoded.hidden_states[-2], encoded.text_embeds, strict=True
    ):
        assert torch.allclose(states, expected, atol=1e-5) and torch.allclose(pooled, vector, atol=1e-5)


def test_images_are_resized_as_by_the_observers():
    """Pillow rounds and clamps after each axis, torch once: few pixels differ by more than one gray level."""
    images = draw_images(16, 5)
    for image, pixels in zip(images.select(np.arange(16), 32), images.pixels, strict=True):
        difference = (image - crop_and_resize(pixels, 32)).abs() * 127.5
        assert difference.max() < 8 and (difference > 1.01).float().mean() < 0.01
        assert image.abs().max() <= 1
        gray = (image + 1) * 127.5
        assert (gray - gray.round()).abs().max() < 1e-3


def test_eager_attention_gives_the_same_likelihood():
    model = ar.build_network(ar.build_tokenizer())
    parts, generator = ar.JANUS.network(model), torch.Generator().manual_seed(0)
    ids = torch.tensor([[0, 0, 0, 5, 6], [0, 1, 2, 3, 4]])
    attention_mask = torch.tensor([[False, False, True, True, True], [True] * 5])
    codes = torch.randint(ar.N_CODES, (2, 64), generator=generator)
    with torch.inference_mode():
        expected = log_likelihood(parts, ids, attention_mask, codes)
        model.set_attn_implementation("eager")
        assert torch.allclose(log_likelihood(parts, ids, attention_mask, codes), expected, rtol=1e-5)
