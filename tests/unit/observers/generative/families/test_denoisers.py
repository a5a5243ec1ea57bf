"""Latent and pixel diffusion: scores equal a reference loop over single rows, written with the classes of diffusers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.classifier import GenerativeClassifier
from observers.generative.families.flow import FlowMatching
from observers.generative.families.latent import LatentDiffusion
from observers.generative.families.pixel import PixelDiffusion
from observers.generative.noising import noise
from observers.generative.options import Compute, Objective, Source
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_latent, tiny_pixel

PROMPTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN_RATIO = (5**0.5 - 1) / 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in ("sd1", "sd2", "xl"):
        tiny_latent.save(folder / kind, kind)
    tiny_pixel.save(folder / "if")
    return folder


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def stack(conditionings):
    return tuple(torch.stack(part) for part in zip(*conditionings, strict=True))


def reference_image(photo, size):
    """Return the central square, resized by bicubic interpolation, in −1..1."""
    cropped = Image.fromarray(photo[:, 6:46]).resize((size, size), Image.Resampling.BICUBIC)
    return torch.tensor(np.array(cropped)).permute(2, 0, 1)[None].float() / 127.5 - 1


def reference_levels(scheduler, seed, draws):
    """Return the timestep and ᾱ of each draw, from its position in the low-discrepancy sequence."""
    start = np.random.default_rng([seed, 1]).random()
    timesteps = [int(((start + d * GOLDEN_RATIO) % 1) * 1000) for d in draws]
    return timesteps, [float(scheduler.alphas_cumprod[t]) for t in timesteps]


@torch.inference_mode()
def reference_latent(folder, kind, photo, prompts, draws, seed):
    """Return the scores of a latent diffusion model, (prompts, draws), computed by diffusers row by row."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    vae = AutoencoderKL.from_pretrained(folder / "vae")
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    scheduler = DDPMScheduler.from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
    x = vae.encode(reference_image(photo, 16)).latent_dist.mode() * 0.18215
    out = np.zeros((len(prompts), len(draws)))

    def encode(part, model_class, prompt):
        tokenizer = CLIPTokenizer.from_pretrained(folder / part.replace("text_encoder", "tokenizer"))
        ids = tokenizer([prompt], padding="max_length", max_length=tiny_latent.N_TOKENS, return_tensors="pt").input_ids
        return model_class.from_pretrained(folder / part)(ids, output_hidden_states=True)

    timesteps, alpha_bars = reference_levels(scheduler, seed, draws)
    for k, prompt in enumerate(prompts):
        output = encode("text_encoder", CLIPTextModel, prompt)
        states, added = output.last_hidden_state, None
        if kind == "xl":
            output_2 = encode("text_encoder_2", CLIPTextModelWithProjection, prompt)
            states = torch.cat([output.hidden_states[-2], output_2.hidden_states[-2]], dim=-1)
            added = {"text_embeds": output_2.text_embeds, "time_ids": torch.tensor([[16.0, 16, 0, 0, 16, 16]])}
        for j, (draw, t, alpha_bar) in enumerate(zip(draws, timesteps, alpha_bars, strict=True)):
            eps = noise(seed, draw, tuple(x.shape[1:]))[None]
            noised = scheduler.add_noise(x, eps, torch.tensor([t]))
            prediction = unet(noised, t, encoder_hidden_states=states, added_cond_kwargs=added).sample
            if kind == "sd2":
                velocity = scheduler.get_velocity(x, eps, torch.tensor([t]))
                error = (1 - alpha_bar) * (prediction - velocity).square().sum().item()
            else:
                error = (1 - alpha_bar) / alpha_bar * (prediction - eps).square().sum().item()
            out[k, j] = -np.exp(-7 * t / 1000) * error
    return out


@torch.inference_mode()
def reference_pixel(folder, photo, prompts, draws, seed):
    """Return the scores of a pixel diffusion model, (prompts, draws), computed by diffusers row by row."""
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from transformers import T5EncoderModel, T5Tokenizer

    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    scheduler = DDPMScheduler.from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
    tokenizer = T5Tokenizer.from_pretrained(folder / "tokenizer")
    encoder = T5EncoderModel.from_pretrained(folder / "text_encoder")
    x = reference_image(photo, 16)
    out = np.zeros((len(prompts), len(draws)))
    timesteps, alpha_bars = reference_levels(scheduler, seed, draws)
    for k, prompt in enumerate(prompts):
        tokens = tokenizer([prompt.lower()], padding="max_length", max_length=77, return_tensors="pt")
        states = encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        for j, (draw, t, alpha_bar) in enumerate(zip(draws, timesteps, alpha_bars, strict=True)):
            eps = noise(seed, draw, tuple(x.shape[1:]))[None]
            noised = scheduler.add_noise(x, eps, torch.tensor([t]))
            prediction, _ = unet(noised, t, encoder_hidden_states=states).sample.split(3, dim=1)
            denoised = ((noised - (1 - alpha_bar) ** 0.5 * prediction) / alpha_bar**0.5).clamp(-1, 1)
            out[k, j] = -np.exp(-7 * t / 1000) * (denoised - x).square().sum().item()
    return out


def likelihood(folders, kind, **options):
    likelihood_class = PixelDiffusion if kind == "if" else LatentDiffusion
    options = {"compute": Compute(device="cpu")} | options
    return likelihood_class(Source("some/model", weights=folders / kind), **options).scorer


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd1", "sd2", "xl", "if"])
def test_scores_equal_a_reference_loop(kind, folders, photo):
    draws, seed = [0, 1, 2, 7, 40], 3
    model = likelihood(folders, kind, objective=Objective(seed=seed))
    x, conditionings = model.encode(photo), model.condition(PROMPTS)
    pairs = [(k, draw) for k in range(len(PROMPTS)) for draw in draws]
    scores = model.score(
        torch.stack([x] * len(pairs)), stack([conditionings[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert scores.dtype == torch.float32
    expected = reference_pixel(folders / kind, photo, PROMPTS, draws, seed) if kind == "if" else \
        reference_latent(folders / kind, kind, photo, PROMPTS, draws, seed)  # fmt: skip
    assert scores.numpy().reshape(expected.shape) == pytest.approx(expected, rel=1e-5)
    assert (np.ptp(expected, axis=0) / np.abs(expected).mean(axis=0)).min() > 1e-3  # the prompt makes a difference


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd1", "xl", "if"])
def test_rows_and_conditionings_do_not_depend_on_each_other(kind, folders, photo):
    model = likelihood(folders, kind)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(PROMPTS)
    alone = [model.condition([prompt])[0] for prompt in PROMPTS]
    for a, b in zip(together, alone, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    draws = np.array([3, 4, 5])
    first = model.score(torch.stack([x, x, x]), stack(together), draws)
    second = model.score(torch.stack([other, x, other]), stack([together[2], together[1], together[0]]), draws)
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[0].item() != pytest.approx(first[0].item(), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd1", "if"])
def test_bfloat16_scores_are_close(kind, folders, photo):
    scores = []
    for dtype in ("float32", "bfloat16"):
        model = likelihood(folders, kind, compute=Compute(device="cpu", dtype=dtype))
        rows = torch.stack([model.encode(photo)] * 3), stack(model.condition(PROMPTS))
        scores.append(model.score(*rows, np.array([3, 4, 5])))
    assert scores[1].dtype == torch.float32
    assert torch.allclose(*scores, rtol=0.05)
    assert not torch.equal(*scores)


def test_provenance_names_the_weights_device_and_dtype(folders):
    facts = likelihood(folders, "sd1").provenance()
    assert facts.keys() == {"repository", "weights", "sha256", "device", "dtype"}
    assert (facts["repository"], facts["weights"], facts["dtype"]) == ("some/model", "sd1", "float32")


def test_a_scorer_reads_no_file_before_it_is_needed(tmp_path):
    for likelihood_class in (LatentDiffusion, PixelDiffusion, FlowMatching):
        model = likelihood_class(Source("some/model", weights=tmp_path / "none"), Compute(device="cpu"))
        observer = GenerativeClassifier(model, "some-model")
        assert observer.restores and model.scorer.n_draws is None and model.scorer is model.scorer
        assert model.scorer.positions(np.arange(2)).shape == (2,)
        with pytest.raises(ObserverError, match=r"the folder .* does not exist"):
            model.scorer.condition(["a cat"])


def test_a_size_that_does_not_fit_is_refused(folders, photo):
    assert likelihood(folders, "sd1", size=32).encode(photo).shape == (4, 16, 16)
    with pytest.raises(ObserverError, match="the size 15 must be a multiple of 2 pixels"):
        likelihood(folders, "sd1", size=15).encode(photo)


def test_models_for_other_tasks_are_refused(tmp_path, photo):
    tiny_latent.save(tmp_path / "a")
    tiny_latent.unet(16, in_channels=9).save_pretrained(tmp_path / "a/unet")
    with pytest.raises(
        ObserverError, match="takes 9 channels and predicts 4, but its autoencoder gives 4: expected a text-to-image"
    ):
        LatentDiffusion(Source("some/model", weights=tmp_path / "a")).scorer.encode(photo)
    tiny_pixel.save(tmp_path / "b", in_channels=6)
    with pytest.raises(
        ObserverError, match="takes 6 channels and gives 6: expected 3 and 3, or 3 and 6 with a learned variance"
    ):
        PixelDiffusion(Source("some/model", weights=tmp_path / "b")).scorer.encode(photo)
