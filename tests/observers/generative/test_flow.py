"""Flow matching: scores equal what the models' own pipelines make of the same noised latents, one row at a time."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.flow import FlowMatching, pack, unpack
from observers.generative.noising import Denoising, flow_levels, noise
from observers.generative.options import Compute, Objective, Source
from observers.protocol import ObserverError
from tests.observers.generative import tiny_flow
from tests.observers.generative.tiny_flow import KINDS, SIZE

TEXTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN = (5**0.5 - 1) / 2
SHIFTS = {"sd3": (0.0609, 1.5305), "flux": (0.1159, 0.3611)}
DRAWS, SEED = [0, 1, 2, 7, 40], 3

# Both pipelines import classes for images that say that there is no torchvision.
pytestmark = pytest.mark.filterwarnings("ignore:.*torchvision")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        tiny_flow.save(folder / kind, kind)
    return folder


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def likelihood(folder, **options):
    # A size for Flux, whose own one is large.
    return FlowMatching(
        Source("some/model", weights=folder), **{"compute": Compute(device="cpu"), "size": SIZE} | options
    )


def stacked(conditions):
    return tuple(torch.stack(part) for part in zip(*conditions, strict=True))


def scores(model, photo, texts=TEXTS, draws=DRAWS):
    """(texts, draws)"""
    x, conditions = model.encode(photo), model.condition(texts)
    pairs = [(k, draw) for k in range(len(texts)) for draw in draws]
    found = model.score(
        torch.stack([x] * len(pairs)), stacked([conditions[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert found.dtype == torch.float32
    return found.numpy().reshape(len(texts), len(draws))


class Slow:
    """The model's own pipeline, which takes one step from x_t to the image it believes in."""

    def __init__(self, folder, dtype=torch.float32):
        from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, StableDiffusion3Pipeline

        self.flux, self.dev = "flux" in folder.name, folder.name == "flux-dev"
        make = FluxPipeline if self.flux else StableDiffusion3Pipeline
        none = {"text_encoder_3": None, "tokenizer_3": None} if folder.name == "sd3-without-t5" else {}
        # Not its own shift, which would move the steps that are asked for.
        self.pipe = make.from_pretrained(folder, scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0), **none)
        self.pipe.to(dtype).vae.float()
        self.dtype = dtype
        self.pipe.set_progress_bar_config(disable=True)

    @torch.inference_mode()
    def latent(self, photo):
        cut = Image.fromarray(photo[:, 6:46]).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        image = torch.tensor(np.array(cut)).permute(2, 0, 1)[None].float() / 127.5 - 1
        shift, scaling = SHIFTS["flux" if self.flux else "sd3"]
        return (self.pipe.vae.encode(image).latent_dist.mode() - shift) * scaling

    def denoised(self, noised, s, text):
        """x̂ of the latent x_t, (1, 16, 8, 8)."""
        noised = noised.to(self.dtype)
        common = {
            "sigmas": [s], "num_inference_steps": 1, "guidance_scale": 1.0, "height": SIZE, "width": SIZE,
            "output_type": "latent",
        }  # fmt: skip
        if not self.flux:
            return self.pipe(text, latents=noised, **common).images
        found = self.pipe(
            text, latents=self.pipe._pack_latents(noised, 1, 16, 8, 8), max_sequence_length=512 if self.dev else 256,
            **common,
        ).images  # fmt: skip
        return self.pipe._unpack_latents(found, SIZE, SIZE, 2)

    def rows(self, photo, texts=TEXTS, draws=DRAWS, seed=SEED):
        """s, ‖x − x̂‖² and ‖u − û‖², (texts, draws) each."""
        x, start = self.latent(photo), np.random.default_rng([seed, 1]).random()
        found = np.zeros((3, len(texts), len(draws)))
        for k, text in enumerate(texts):
            for j, draw in enumerate(draws):
                s = (int((start + draw * GOLDEN) % 1 * 1000) + 0.5) / 1000
                eps = noise(seed, draw, (16, 8, 8))[None]
                noised = (1 - s) * x + s * eps
                guess = self.denoised(noised, s, text).double()
                velocity = (noised.double() - guess) / s
                found[:, k, j] = s, (x - guess).square().sum(), (eps - x - velocity).square().sum()
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_those_of_the_models_own_pipeline(kind, folders, photo):
    s, of_x, _ = Slow(folders / kind).rows(photo)
    slow = -np.exp(-7 * s) * of_x
    assert scores(likelihood(folders / kind, objective=Objective(seed=SEED)), photo) == pytest.approx(slow, rel=1e-5)
    assert (np.ptp(slow, axis=0) / np.abs(slow).mean(axis=0)).min() > 1e-2  # the text makes a difference


@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_uniform_weighs_the_errors_of_the_noise_equally(kind, folders, photo):
    s, of_x, of_u = Slow(folders / kind).rows(photo)
    found = scores(likelihood(folders / kind, objective=Objective(weighting="uniform", seed=SEED)), photo)
    assert found == pytest.approx(-(((1 - s) / s) ** 2) * of_x, rel=1e-5)
    assert found == pytest.approx(-((1 - s) ** 2) * of_u, rel=1e-5)


@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
@pytest.mark.parametrize("weighting", ["exp", "uniform", "vdm"])
def test_velocity_noise_and_image_are_one_prediction(loss, weighting, folders, photo):
    from diffusers import SD3Transformer2DModel

    model = likelihood(folders / "sd3")
    x = torch.stack([model.encode(photo)] * 4)
    states, pooled = stacked(model.condition([*TEXTS, "a bear"]))
    network = SD3Transformer2DModel.from_pretrained(folders / "sd3/transformer")

    def velocity(noised, steps):
        return network(noised, states, pooled, steps).sample

    def part(steps):
        return (steps / 1000)[:, None, None, None]

    forms = {
        "flow": velocity,
        "epsilon": lambda noised, steps: noised + (1 - part(steps)) * velocity(noised, steps),
        "sample": lambda noised, steps: noised - part(steps) * velocity(noised, steps),
    }
    draws = np.array([1, 2, 7, 40])
    with torch.inference_mode():
        flow, epsilon, sample = (
            Denoising(flow_levels(), form, Objective(weighting, loss, seed=SEED), x.device).score(x, draws, predict)
            for form, predict in forms.items()
        )
    assert epsilon.numpy() == pytest.approx(flow.numpy(), rel=1e-4)
    assert sample.numpy() == pytest.approx(flow.numpy(), rel=1e-4)
    if loss == "l2":
        options = Objective(weighting, loss, seed=SEED)
        assert torch.equal(flow, likelihood(folders / "sd3", objective=options).score(x, (states, pooled), draws))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_and_a_condition_depend_on_no_other(kind, folders, photo):
    model = likelihood(folders / kind)
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


@pytest.mark.parametrize("kind", ["sd3", "flux-dev", "flux-schnell"])
def test_in_bfloat16_it_is_near_the_pipeline_in_bfloat16(kind, folders, photo):
    s, of_x, _ = Slow(folders / kind, torch.bfloat16).rows(photo)
    exact, near = (
        scores(likelihood(folders / kind, compute=Compute("cpu", dtype), objective=Objective(seed=SEED)), photo)
        for dtype in ("float32", "bfloat16")
    )
    assert near == pytest.approx(-np.exp(-7 * s) * of_x, rel=0.03)
    assert (near != exact).all()
    if kind == "sd3":  # Flux rounds its time, and so differs by more
        assert near == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_the_latent_is_shifted_and_scaled(kind, folders, photo):
    latent = likelihood(folders / kind).encode(photo)
    slow = Slow(folders / kind).latent(photo)[0]
    assert latent.dtype == torch.float32
    assert latent.numpy() == pytest.approx(slow.numpy(), rel=1e-5, abs=1e-6)


def test_texts_have_the_length_of_their_encoders(folders):
    n_clip = 24
    lengths = {kind: likelihood(folders / kind).condition(TEXTS[:1])[0][0].shape for kind in KINDS}
    assert lengths == {
        "sd3": (n_clip + 256, 32), "sd3.5": (n_clip + 256, 32), "sd3-without-t5": (n_clip + 256, 32),
        "flux-dev": (512, 16), "flux-schnell": (256, 16),
    }  # fmt: skip


def test_without_t5_its_states_are_zeros_and_the_log_says_so(folders):
    (states, _), *_ = likelihood(folders / "sd3").condition(TEXTS)
    (without, _), *_ = likelihood(folders / "sd3-without-t5").condition(TEXTS)
    assert torch.equal(states[:24], without[:24])
    assert states[24:].abs().min(dim=0).values.max() > 0
    assert not without[24:].any()
    facts = likelihood(folders / "sd3-without-t5").provenance()
    assert facts.keys() == {"repository", "weights", "sha256", "device", "dtype", "text_encoder_3"}
    assert facts["text_encoder_3"] == "none"
    assert "text_encoder_3" not in likelihood(folders / "sd3").provenance()
    assert "text_encoder_3" not in likelihood(folders / "flux-dev").provenance()


@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_texts_are_encoded_without_the_transformer(kind, folders, tmp_path):
    model = likelihood(shutil.copytree(folders / kind, tmp_path / kind))
    model.provenance()
    (tmp_path / kind / "transformer/diffusion_pytorch_model.safetensors").unlink()
    assert len(model.condition(TEXTS)) == 3


def test_flux_packs_as_its_pipeline_does():
    from diffusers import FluxPipeline

    latents = torch.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6).float()
    rows = pack(latents)
    assert torch.equal(rows, FluxPipeline._pack_latents(latents, 2, 3, 6, 6))
    assert torch.equal(unpack(rows, 6), latents)


def test_sizes(folders, photo, tmp_path):
    assert likelihood(folders / "sd3", size=None).encode(photo).shape == (16, 8, 8)
    assert likelihood(folders / "sd3", size=20).encode(photo).shape == (16, 10, 10)
    tiny_flow.save(tmp_path, "flux-schnell", vae=tiny_flow.vae("flux-schnell", n_halvings=5))
    flux = likelihood(tmp_path, size=None)
    assert flux.encode(photo).shape == (16, 32, 32)  # 1024 pixels
    assert scores(flux, photo, TEXTS[:1], [0]).shape == (1, 1)
    for kind in ("sd3", "flux-dev"):
        with pytest.raises(ObserverError, match="some/model: the size 18 must be a multiple of 4 pixels"):
            likelihood(folders / kind, size=18).encode(photo)
    with pytest.raises(
        ObserverError, match="the size 52 is too large: its transformer knows the positions of up to 48"
    ):
        likelihood(folders / "sd3", size=52).encode(photo)


@pytest.mark.parametrize("part", ["vae/config.json", "text_encoder_2/model.safetensors", "transformer/config.json"])
def test_a_missing_component_is_named(part, folders, tmp_path, photo):
    folder = shutil.copytree(folders / "flux-dev", tmp_path / "model")
    (folder / part).unlink()
    with pytest.raises(ObserverError, match=f"the folder .*model has no {part}"):
        likelihood(folder).encode(photo)


def test_half_a_t5_is_refused(folders, tmp_path):
    for i, (there, lacking) in enumerate([("text_encoder_3", "tokenizer_3"), ("tokenizer_3", "text_encoder_3")]):
        folder = shutil.copytree(folders / "sd3", tmp_path / str(i))
        shutil.rmtree(folder / lacking)
        with pytest.raises(ObserverError, match=f"has a {there} but no {lacking}: get the whole model anew, or name"):
            likelihood(folder).condition(TEXTS)


def test_other_transformers_are_refused(folders, tmp_path, photo):
    folder = shutil.copytree(folders / "sd3", tmp_path / "other")
    path = folder / "transformer/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": "PixArtTransformer2DModel"}))
    for asked in (lambda model: model.encode(photo), lambda model: model.condition(TEXTS)):
        with pytest.raises(
            ObserverError,
            match=r"its transformer is a PixArtTransformer2DModel: expected the SD3Transformer2DModel of Stable "
            r"Diffusion 3 or 3.5, or the FluxTransformer2DModel of Flux: take a model such as stabilityai/",
        ):
            asked(likelihood(folder))


@pytest.mark.parametrize(
    ("kind", "channels", "said"),
    [
        (
            "flux-dev",
            {"in_channels": 128, "out_channels": 64},
            "takes 128 channels and gives 64, expected 64 for the 16",
        ),
        (
            "flux-dev",
            {"in_channels": 384, "out_channels": 64},
            "takes 384 channels and gives 64, expected 64 for the 16",
        ),
        ("sd3", {"in_channels": 33}, "takes 33 channels and gives 16, expected 16 for the 16"),
    ],
)
def test_models_of_another_purpose_are_refused(kind, channels, said, folders, tmp_path, photo):
    folder = shutil.copytree(folders / kind, tmp_path / "model")
    tiny_flow.transformer(kind, **channels).save_pretrained(folder / "transformer")
    with pytest.raises(ObserverError, match=f"{said} of its autoencoder: take a text-to-image model, no inpainting"):
        likelihood(folder).encode(photo)
