"""Latent and pixel diffusion: scores equal a slow loop, written with diffusers' own parts, one row at a time."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.latent import LatentDiffusion
from observers.generative.noising import noise
from observers.generative.options import Compute, Objective, Source
from observers.generative.pixel import PixelDiffusion
from observers.protocol import ObserverError
from tests.observers.generative import tiny_latent, tiny_pixel

TEXTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN = (5**0.5 - 1) / 2


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


def stacked(conditions):
    return tuple(torch.stack(part) for part in zip(*conditions, strict=True))


def slow_image(photo, size):
    """The middle square, resized bicubically, in −1..1."""
    cut = Image.fromarray(photo[:, 6:46]).resize((size, size), Image.Resampling.BICUBIC)
    return torch.tensor(np.array(cut)).permute(2, 0, 1)[None].float() / 127.5 - 1


def slow_levels(scheduler, seed, draws):
    """Timestep, ᾱ of each draw, from its place in the order."""
    start = np.random.default_rng([seed, 1]).random()
    steps = [int(((start + d * GOLDEN) % 1) * 1000) for d in draws]
    return steps, [float(scheduler.alphas_cumprod[s]) for s in steps]


@torch.inference_mode()
def slow_latent(folder, kind, photo, texts, draws, seed):
    """(texts, draws) scores by diffusers, row by row."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    vae = AutoencoderKL.from_pretrained(folder / "vae")
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    scheduler = DDPMScheduler.from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
    x = vae.encode(slow_image(photo, 16)).latent_dist.mode() * 0.18215
    out = np.zeros((len(texts), len(draws)))

    def encoded(part, make, text):
        words = CLIPTokenizer.from_pretrained(folder / part.replace("text_encoder", "tokenizer"))
        ids = words([text], padding="max_length", max_length=tiny_latent.N_TOKENS, return_tensors="pt").input_ids
        return make.from_pretrained(folder / part)(ids, output_hidden_states=True)

    steps, bars = slow_levels(scheduler, seed, draws)
    for k, text in enumerate(texts):
        one = encoded("text_encoder", CLIPTextModel, text)
        states, more = one.last_hidden_state, None
        if kind == "xl":
            two = encoded("text_encoder_2", CLIPTextModelWithProjection, text)
            states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
            more = {"text_embeds": two.text_embeds, "time_ids": torch.tensor([[16.0, 16, 0, 0, 16, 16]])}
        for j, (draw, step, bar) in enumerate(zip(draws, steps, bars, strict=True)):
            eps = noise(seed, draw, tuple(x.shape[1:]))[None]
            noised = scheduler.add_noise(x, eps, torch.tensor([step]))
            found = unet(noised, step, encoder_hidden_states=states, added_cond_kwargs=more).sample
            if kind == "sd2":
                error = (1 - bar) * (found - scheduler.get_velocity(x, eps, torch.tensor([step]))).square().sum().item()
            else:
                error = (1 - bar) / bar * (found - eps).square().sum().item()
            out[k, j] = -np.exp(-7 * step / 1000) * error
    return out


@torch.inference_mode()
def slow_pixel(folder, photo, texts, draws, seed):
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from transformers import T5EncoderModel, T5Tokenizer

    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    scheduler = DDPMScheduler.from_config(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
    words = T5Tokenizer.from_pretrained(folder / "tokenizer")
    encoder = T5EncoderModel.from_pretrained(folder / "text_encoder")
    x = slow_image(photo, 16)
    out = np.zeros((len(texts), len(draws)))
    steps, bars = slow_levels(scheduler, seed, draws)
    for k, text in enumerate(texts):
        tokens = words([text.lower()], padding="max_length", max_length=77, return_tensors="pt")
        states = encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        for j, (draw, step, bar) in enumerate(zip(draws, steps, bars, strict=True)):
            eps = noise(seed, draw, tuple(x.shape[1:]))[None]
            noised = scheduler.add_noise(x, eps, torch.tensor([step]))
            found, _ = unet(noised, step, encoder_hidden_states=states).sample.split(3, dim=1)
            denoised = ((noised - (1 - bar) ** 0.5 * found) / bar**0.5).clamp(-1, 1)
            out[k, j] = -np.exp(-7 * step / 1000) * (denoised - x).square().sum().item()
    return out


def likelihood(folders, kind, **options):
    make = PixelDiffusion if kind == "if" else LatentDiffusion
    options = {"compute": Compute(device="cpu")} | options
    return make(Source("some/model", weights=folders / kind), **options)


@pytest.mark.parametrize("kind", ["sd1", "sd2", "xl", "if"])
def test_scores_equal_a_slow_loop(kind, folders, photo):
    draws, seed = [0, 1, 2, 7, 40], 3
    model = likelihood(folders, kind, objective=Objective(seed=seed))
    x, conditions = model.encode(photo), model.condition(TEXTS)
    pairs = [(k, draw) for k in range(len(TEXTS)) for draw in draws]
    found = model.score(
        torch.stack([x] * len(pairs)), stacked([conditions[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert found.dtype == torch.float32
    slow = slow_pixel(folders / kind, photo, TEXTS, draws, seed) if kind == "if" else \
        slow_latent(folders / kind, kind, photo, TEXTS, draws, seed)  # fmt: skip
    assert found.numpy().reshape(slow.shape) == pytest.approx(slow, rel=1e-5)
    assert (np.ptp(slow, axis=0) / np.abs(slow).mean(axis=0)).min() > 1e-3  # the text makes a difference


@pytest.mark.parametrize("kind", ["sd1", "xl", "if"])
def test_a_row_and_a_condition_depend_on_no_other(kind, folders, photo):
    model = likelihood(folders, kind)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(TEXTS)
    alone = [model.condition([text])[0] for text in TEXTS]
    for a, b in zip(together, alone, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    draws = np.array([3, 4, 5])
    first = model.score(torch.stack([x, x, x]), stacked(together), draws)
    second = model.score(torch.stack([other, x, other]), stacked([together[2], together[1], together[0]]), draws)
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[0].item() != pytest.approx(first[0].item(), rel=1e-3)


@pytest.mark.parametrize("kind", ["sd1", "if"])
def test_bfloat16_is_near(kind, folders, photo):
    scores = []
    for dtype in ("float32", "bfloat16"):
        model = likelihood(folders, kind, compute=Compute(device="cpu", dtype=dtype))
        rows = torch.stack([model.encode(photo)] * 3), stacked(model.condition(TEXTS))
        scores.append(model.score(*rows, np.array([3, 4, 5])))
    assert scores[1].dtype == torch.float32
    assert torch.allclose(*scores, rtol=0.05)
    assert not torch.equal(*scores)


# torch's own compiler uses what torch itself calls deprecated.
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:torch", "ignore::FutureWarning:torch", "ignore::UserWarning:torch"
)
@pytest.mark.slow
def test_compiled_it_gives_the_same(folders, photo):
    scores = []
    for compiled in (False, True):
        model = likelihood(folders, "sd1", compute=Compute(device="cpu", compile=compiled))
        rows = torch.stack([model.encode(photo)] * 3), stacked(model.condition(TEXTS))
        scores.append(model.score(*rows, np.array([3, 4, 5])))
    assert torch.allclose(*scores, rtol=1e-5)


def test_provenance_holds_what_answers(folders):
    facts = likelihood(folders, "sd1").provenance()
    assert facts.keys() == {"repository", "weights", "sha256", "device", "dtype"}
    assert (facts["repository"], facts["weights"], facts["dtype"]) == ("some/model", "sd1", "float32")


def test_a_size_that_does_not_fit_is_refused(folders, photo):
    assert likelihood(folders, "sd1", size=32).encode(photo).shape == (4, 16, 16)
    with pytest.raises(ObserverError, match="the size 15 must be a multiple of 2 pixels"):
        likelihood(folders, "sd1", size=15).encode(photo)


def test_models_of_another_purpose_are_refused(tmp_path, photo):
    tiny_latent.save(tmp_path / "a")
    tiny_latent.unet(16, in_channels=9).save_pretrained(tmp_path / "a/unet")
    with pytest.raises(
        ObserverError, match="U-Net takes 9 channels and its autoencoder gives 4: expected a text-to-image"
    ):
        LatentDiffusion(Source("some/model", weights=tmp_path / "a")).encode(photo)
    tiny_pixel.save(tmp_path / "b", in_channels=6)
    with pytest.raises(
        ObserverError, match="takes 6 channels and gives 6; expected 3 and 3, or 6 with a learned variance"
    ):
        PixelDiffusion(Source("some/model", weights=tmp_path / "b")).encode(photo)
