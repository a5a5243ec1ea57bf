"""Flow matching: scores equal those of the models' own pipelines for the same noised latents, one row at a time."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.families.flow import FlowMatching
from observers.generative.families.flux import pack, unpack
from observers.generative.noise_levels import PREDICTIONS, flow_levels
from observers.generative.noising import Denoising, noise
from observers.generative.options import Compute, Objective, Source
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_flow
from tests.unit.observers.generative.tiny_flow import KINDS, SIZE

PROMPTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN_RATIO = (5**0.5 - 1) / 2
SHIFTS = {"sd3": (0.0609, 1.5305), "flux": (0.1159, 0.3611)}
DRAWS, SEED = [0, 1, 2, 7, 40], 3

# Both pipelines import image classes that warn about a missing torchvision.
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
    # The default size of Flux would be slow.
    return FlowMatching(
        Source("some/model", weights=folder), **{"compute": Compute(device="cpu"), "size": SIZE} | options
    ).scorer


def stack(conditionings):
    return tuple(torch.stack(part) for part in zip(*conditionings, strict=True))


def scores(model, photo, prompts=PROMPTS, draws=DRAWS):
    """Return scores, (prompts, draws)."""
    x, conditionings = model.encode(photo), model.condition(prompts)
    pairs = [(k, draw) for k in range(len(prompts)) for draw in draws]
    values = model.score(
        torch.stack([x] * len(pairs)), stack([conditionings[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert values.dtype == torch.float32
    return values.numpy().reshape(len(prompts), len(draws))


class Reference:
    """The model's own pipeline, which takes one step from x_t to x̂."""

    def __init__(self, folder, dtype=torch.float32):
        from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, StableDiffusion3Pipeline

        self.flux, self.dev = "flux" in folder.name, folder.name == "flux-dev"
        pipeline_class = FluxPipeline if self.flux else StableDiffusion3Pipeline
        without_t5 = {"text_encoder_3": None, "tokenizer_3": None} if folder.name == "sd3-without-t5" else {}
        # The shift of the model's own scheduler would move the requested noise level.
        scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
        self.pipe = pipeline_class.from_pretrained(folder, scheduler=scheduler, **without_t5)
        self.pipe.to(dtype).vae.float()
        self.dtype = dtype
        self.pipe.set_progress_bar_config(disable=True)

    @torch.inference_mode()
    def latent(self, photo):
        cropped = Image.fromarray(photo[:, 6:46]).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        image = torch.tensor(np.array(cropped)).permute(2, 0, 1)[None].float() / 127.5 - 1
        shift, scaling = SHIFTS["flux" if self.flux else "sd3"]
        return (self.pipe.vae.encode(image).latent_dist.mode() - shift) * scaling

    def denoise(self, noised, s, prompt):
        """Return x̂ of the latent x_t, (1, 16, 8, 8)."""
        noised = noised.to(self.dtype)
        common = {
            "sigmas": [s], "num_inference_steps": 1, "guidance_scale": 1.0, "height": SIZE, "width": SIZE,
            "output_type": "latent",
        }  # fmt: skip
        if not self.flux:
            return self.pipe(prompt, latents=noised, **common).images
        packed = self.pipe(
            prompt, latents=self.pipe._pack_latents(noised, 1, 16, 8, 8), max_sequence_length=512 if self.dev else 256,
            **common,
        ).images  # fmt: skip
        return self.pipe._unpack_latents(packed, SIZE, SIZE, 2)

    def rows(self, photo, prompts=PROMPTS, draws=DRAWS, seed=SEED):
        """Return s, ‖x − x̂‖² and ‖u − û‖², (prompts, draws) each."""
        x, start = self.latent(photo), np.random.default_rng([seed, 1]).random()
        out = np.zeros((3, len(prompts), len(draws)))
        for k, prompt in enumerate(prompts):
            for j, draw in enumerate(draws):
                s = (int((start + draw * GOLDEN_RATIO) % 1 * 1000) + 0.5) / 1000
                eps = noise(seed, draw, (16, 8, 8))[None]
                noised = (1 - s) * x + s * eps
                denoised = self.denoise(noised, s, prompt).double()
                velocity = (noised.double() - denoised) / s
                out[:, k, j] = s, (x - denoised).square().sum(), (eps - x - velocity).square().sum()
        return out


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_those_of_the_models_own_pipeline(kind, folders, photo):
    s, image_error, _ = Reference(folders / kind).rows(photo)
    expected = -np.exp(-7 * s) * image_error
    model = likelihood(folders / kind, objective=Objective(seed=SEED))
    assert scores(model, photo) == pytest.approx(expected, rel=1e-5)
    assert (np.ptp(expected, axis=0) / np.abs(expected).mean(axis=0)).min() > 1e-2  # the prompt makes a difference


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_uniform_weighting_weights_noise_errors_equally(kind, folders, photo):
    s, image_error, velocity_error = Reference(folders / kind).rows(photo)
    uniform = scores(likelihood(folders / kind, objective=Objective(weighting="uniform", seed=SEED)), photo)
    assert uniform == pytest.approx(-(((1 - s) / s) ** 2) * image_error, rel=1e-5)
    assert uniform == pytest.approx(-((1 - s) ** 2) * velocity_error, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["l2", "l1", "huber"])
@pytest.mark.parametrize("weighting", ["exp", "uniform", "vdm"])
def test_predictions_of_velocity_noise_and_image_give_the_same_scores(loss, weighting, folders, photo):
    from diffusers import SD3Transformer2DModel

    model = likelihood(folders / "sd3")
    x = torch.stack([model.encode(photo)] * 4)
    states, pooled = stack(model.condition([*PROMPTS, "a bear"]))
    network = SD3Transformer2DModel.from_pretrained(folders / "sd3/transformer")

    def velocity(noised, timesteps):
        return network(noised, states, pooled, timesteps).sample

    def noise_level(timesteps):
        return (timesteps / 1000)[:, None, None, None]

    predictors = {
        "flow": velocity,
        "epsilon": lambda noised, timesteps: noised + (1 - noise_level(timesteps)) * velocity(noised, timesteps),
        "sample": lambda noised, timesteps: noised - noise_level(timesteps) * velocity(noised, timesteps),
    }
    draws = np.array([1, 2, 7, 40])
    with torch.inference_mode():
        flow, epsilon, sample = (
            Denoising(flow_levels(), PREDICTIONS[t], Objective(weighting, loss, seed=SEED), x.device).score(
                x, draws, predict
            )
            for t, predict in predictors.items()
        )
    assert epsilon.numpy() == pytest.approx(flow.numpy(), rel=1e-4)
    assert sample.numpy() == pytest.approx(flow.numpy(), rel=1e-4)
    if loss == "l2":
        options = Objective(weighting, loss, seed=SEED)
        assert torch.equal(flow, likelihood(folders / "sd3", objective=options).score(x, (states, pooled), draws))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_conditionings_do_not_depend_on_each_other(kind, folders, photo):
    model = likelihood(folders / kind)
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
@pytest.mark.parametrize("kind", ["sd3", "flux-dev", "flux-schnell"])
def test_bfloat16_scores_are_close_to_the_pipeline_in_bfloat16(kind, folders, photo):
    s, image_error, _ = Reference(folders / kind, torch.bfloat16).rows(photo)
    exact, rounded = (
        scores(likelihood(folders / kind, compute=Compute("cpu", dtype), objective=Objective(seed=SEED)), photo)
        for dtype in ("float32", "bfloat16")
    )
    assert rounded == pytest.approx(-np.exp(-7 * s) * image_error, rel=0.03)
    assert (rounded != exact).all()
    if kind == "sd3":  # Flux rounds its timestep too, and so differs by more
        assert rounded == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_the_latent_is_shifted_and_scaled(kind, folders, photo):
    latent = likelihood(folders / kind).encode(photo)
    expected = Reference(folders / kind).latent(photo)[0]
    assert latent.dtype == torch.float32
    assert latent.numpy() == pytest.approx(expected.numpy(), rel=1e-5, abs=1e-6)


def test_prompts_are_padded_to_the_length_of_their_encoders(folders):
    n_clip = 24
    lengths = {kind: likelihood(folders / kind).condition(PROMPTS[:1])[0][0].shape for kind in KINDS}
    assert lengths == {
        "sd3": (n_clip + 256, 32), "sd3.5": (n_clip + 256, 32), "sd3-without-t5": (n_clip + 256, 32),
        "flux-dev": (512, 16), "flux-schnell": (256, 16),
    }  # fmt: skip


def test_without_t5_its_states_are_zeros_and_provenance_says_so(folders):
    (states, _), *_ = likelihood(folders / "sd3").condition(PROMPTS)
    (without, _), *_ = likelihood(folders / "sd3-without-t5").condition(PROMPTS)
    assert torch.equal(states[:24], without[:24])
    assert states[24:].abs().min(dim=0).values.max() > 0
    assert not without[24:].any()
    facts = likelihood(folders / "sd3-without-t5").provenance()
    assert facts.keys() == {"repository", "weights", "sha256", "device", "dtype", "text_encoder_3"}
    assert facts["text_encoder_3"] == "none"
    assert "text_encoder_3" not in likelihood(folders / "sd3").provenance()
    assert "text_encoder_3" not in likelihood(folders / "flux-dev").provenance()


@pytest.mark.parametrize("kind", ["sd3", "flux-dev"])
def test_prompts_are_encoded_without_loading_the_transformer(kind, folders, tmp_path):
    model = likelihood(shutil.copytree(folders / kind, tmp_path / kind))
    model.provenance()
    (tmp_path / kind / "transformer/diffusion_pytorch_model.safetensors").unlink()
    assert len(model.condition(PROMPTS)) == 3


def test_flux_packs_latents_as_its_pipeline_does():
    from diffusers import FluxPipeline

    latents = torch.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6).float()
    rows = pack(latents)
    assert torch.equal(rows, FluxPipeline._pack_latents(latents, 2, 3, 6, 6))
    assert torch.equal(unpack(rows, 6), latents)


@pytest.mark.slow
def test_sizes_are_multiples_of_a_patch_up_to_the_largest_position(folders, photo, tmp_path):
    assert likelihood(folders / "sd3", size=None).encode(photo).shape == (16, 8, 8)
    assert likelihood(folders / "sd3", size=20).encode(photo).shape == (16, 10, 10)
    tiny_flow.save(tmp_path, "flux-schnell", vae=tiny_flow.vae("flux-schnell", n_halvings=5))
    flux = likelihood(tmp_path, size=None)
    assert flux.encode(photo).shape == (16, 32, 32)  # 1024 pixels
    assert scores(flux, photo, PROMPTS[:1], [0]).shape == (1, 1)
    for kind in ("sd3", "flux-dev"):
        with pytest.raises(ObserverError, match="some/model: the size 18 must be a multiple of 4 pixels"):
            likelihood(folders / kind, size=18).encode(photo)
    with pytest.raises(
        ObserverError, match="the size 52 is too large: the position embeddings of its transformer cover up to 48"
    ):
        likelihood(folders / "sd3", size=52).encode(photo)


@pytest.mark.parametrize("part", ["vae/config.json", "text_encoder_2/model.safetensors", "transformer/config.json"])
def test_a_missing_component_is_named(part, folders, tmp_path, photo):
    folder = shutil.copytree(folders / "flux-dev", tmp_path / "model")
    (folder / part).unlink()
    with pytest.raises(ObserverError, match=f"the folder .*model has no {part}"):
        likelihood(folder).encode(photo)


def test_an_incomplete_t5_is_refused(folders, tmp_path):
    for i, (present, missing) in enumerate([("text_encoder_3", "tokenizer_3"), ("tokenizer_3", "text_encoder_3")]):
        folder = shutil.copytree(folders / "sd3", tmp_path / str(i))
        shutil.rmtree(folder / missing)
        with pytest.raises(
            ObserverError,
            match=f"has a {present} but no {missing}: download the whole model again, or, to run without T5, give a folder ",
        ):
            likelihood(folder).condition(PROMPTS)


def test_a_transformer_of_another_family_is_refused(folders, tmp_path, photo):
    folder = shutil.copytree(folders / "sd3", tmp_path / "other")
    path = folder / "transformer/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": "PixArtTransformer2DModel"}))
    for use in (lambda model: model.encode(photo), lambda model: model.condition(PROMPTS)):
        with pytest.raises(
            ObserverError,
            match=r"its transformer is a PixArtTransformer2DModel: expected the SD3Transformer2DModel of Stable "
            r"Diffusion 3 or 3.5, or the FluxTransformer2DModel of Flux; use a model such as stabilityai/",
        ):
            use(likelihood(folder))


@pytest.mark.parametrize(
    ("kind", "channels", "message"),
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
def test_models_for_other_tasks_are_refused(kind, channels, message, folders, tmp_path, photo):
    folder = shutil.copytree(folders / kind, tmp_path / "model")
    tiny_flow.transformer(kind, **channels).save_pretrained(folder / "transformer")
    with pytest.raises(
        ObserverError, match=f"{message} of its autoencoder: use a text-to-image model, not an inpainting"
    ):
        likelihood(folder).encode(photo)
