"""Masked tokens: both measures equal reference loops, the bound is the mean over orders, and all rows share masks."""

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.classifier import GenerativeClassifier
from observers.generative.families.masked import Masked
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_latent, tiny_masked
from tests.unit.observers.generative.tiny_masked import MASK, N_CODES

PROMPTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN_RATIO = (5**0.5 - 1) / 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in ("256", "512"):
        tiny_masked.save(folder / kind, kind)
    return folder


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def likelihood(folder, **options):
    return Masked(Source("some/model", weights=folder), **{"compute": Compute(device="cpu")} | options)


def stack(conditionings):
    return tuple(torch.stack(part) for part in zip(*conditionings, strict=True))


def scores(model, photo, draws, prompts=PROMPTS):
    """Return scores, (prompts, draws)."""
    x, conditionings = model.encode(photo), model.condition(prompts)
    pairs = list(itertools.product(range(len(prompts)), draws))
    values = model.score(
        torch.stack([x] * len(pairs)), stack([conditionings[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert values.dtype == torch.float32
    return values.numpy().reshape(len(prompts), len(draws))


class Reference:
    """The components of the model in diffusers and transformers, used for one row at a time."""

    def __init__(self, folder, size=16):
        from diffusers import UVit2DModel, VQModel
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer

        self.size = size
        self.vq = VQModel.from_pretrained(folder / "vqvae")
        self.net = UVit2DModel.from_pretrained(folder / "transformer")
        self.text = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder")
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")

    def image(self, photo):
        cropped = Image.fromarray(photo[:, 6:46]).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.tensor(np.array(cropped)).permute(2, 0, 1)[None].float() / 255

    @torch.inference_mode()
    def tokens(self, photo):
        return self.vq.quantize(self.vq.encode(self.image(photo)).latents)[2][2].tolist()

    @torch.inference_mode()
    def log_p(self, tokens, prompt):
        """Return log p of each code at each position, (n_tokens, n_codes) float64; masked tokens are MASK."""
        ids = self.tokenizer(
            [prompt], padding="max_length", max_length=tiny_latent.N_TOKENS, return_tensors="pt"
        ).input_ids
        out = self.text(ids, output_hidden_states=True)
        side = math.isqrt(len(tokens))
        logits = self.net(
            torch.tensor(tokens).reshape(1, side, side), out.hidden_states[-2], out.text_embeds,
            torch.tensor([[self.size, self.size, 0.0, 0.0, 6.0]]),
        )  # fmt: skip
        return logits[0].flatten(1).T.double().log_softmax(-1).numpy()

    @torch.inference_mode()
    def decode(self, tokens):
        side = math.isqrt(len(tokens))
        codes = torch.tensor(tokens).reshape(1, side, side)
        return self.vq.decode(codes, force_not_quantize=True, shape=(1, side, side, 4)).sample.clip(0, 1)


def masked_positions(seed, draw, n, length):
    return np.random.default_rng([seed, 3, draw]).permutation(length)[:n].tolist()


def apply_mask(tokens, positions):
    return [MASK if i in positions else token for i, token in enumerate(tokens)]


def reference_fill_in(reference, tokens, positions, steps, prompt):
    """Predict all masked tokens and keep the most confident ones, repeatedly, following the cosine schedule."""
    n, tokens, masked = len(positions), list(tokens), set(positions)
    for step in range(1, steps + 1):
        log_p = reference.log_p(apply_mask(tokens, masked), prompt)
        for i in masked:
            tokens[i] = int(log_p[i].argmax())
        if step < steps:
            n_masked = max(1, min(len(masked) - 1, math.floor(n * math.cos(step / steps * math.pi / 2))))
            masked = set(sorted(masked, key=lambda i: log_p[i].max())[:n_masked])
    return tokens


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["256", "512"])
def test_the_bound_equals_a_reference_loop(kind, folders, photo):
    draws, seed = [0, 1, 2, 7, 40], 3
    bounds = scores(likelihood(folders / kind, seed=seed), photo, draws)
    reference = Reference(folders / kind)
    tokens = reference.tokens(photo)
    length, start = len(tokens), np.random.default_rng([seed, 1]).random()
    expected = np.zeros(bounds.shape)
    for (k, prompt), (j, draw) in itertools.product(enumerate(PROMPTS), enumerate(draws)):
        positions = masked_positions(seed, draw, 1 + int((start + draw * GOLDEN_RATIO) % 1 * length), length)
        log_p = reference.log_p(apply_mask(tokens, positions), prompt)
        expected[k, j] = length / len(positions) * sum(log_p[i, tokens[i]] for i in positions)
    assert bounds == pytest.approx(expected, rel=1e-5)
    assert len(set(tokens)) > 10
    assert np.ptp(expected, axis=0).min() > 3  # nats: the prompt makes a difference


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "strength", "steps"), [("256", 0.5, 1), ("512", 0.7, 1), ("256", 0.6, 4), ("512", 1, 3)]
)
def test_the_l2_measure_equals_a_reference_loop(kind, strength, steps, folders, photo):
    draws, seed = [0, 5], 3
    model = likelihood(folders / kind, measure="l2", strength=strength, steps=steps, seed=seed)
    values = scores(model, photo, draws)
    reference = Reference(folders / kind)
    tokens, image = reference.tokens(photo), reference.image(photo)
    expected = np.zeros(values.shape)
    for (k, prompt), (j, draw) in itertools.product(enumerate(PROMPTS), enumerate(draws)):
        positions = masked_positions(seed, draw, round(strength * len(tokens)), len(tokens))
        filled_in = reference.decode(reference_fill_in(reference, tokens, positions, steps, prompt))
        expected[k, j] = -(filled_in - image).double().square().mean()
    assert values == pytest.approx(expected, rel=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-4


@pytest.mark.slow
def test_the_bound_is_the_mean_over_all_orders(folders, photo):
    """For 2 × 2 tokens, compare all sets of masked tokens, by their probabilities, with all orders token by token."""
    model, reference = likelihood(folders / "256", size=4), Reference(folders / "256", size=4)
    tokens = reference.tokens(photo)
    x, conditioning = model.encode(photo), model.condition(PROMPTS[:1])[0]
    order_log_p = []
    for order in itertools.permutations(range(4)):
        inputs = [apply_mask(tokens, order[t:]) for t in range(4)]
        steps = (reference.log_p(inputs[t], PROMPTS[0])[order[t], tokens[order[t]]] for t in range(4))
        order_log_p.append(sum(steps))
    sets = [masked for n in range(1, 5) for masked in itertools.combinations(range(4), n)]
    probability = np.array([1 / 4 / math.comb(4, len(masked)) for masked in sets])
    masks = torch.tensor([[i in masked for i in range(4)] for masked in sets]).reshape(-1, 2, 2)
    rows = model.bound(torch.stack([x] * len(sets)), stack([conditioning] * len(sets)), masks).numpy()
    assert np.ptp(rows) > 1
    assert (probability * rows).sum() == pytest.approx(np.mean(order_log_p), rel=1e-5)

    draws = np.arange(4000)
    drawn = model.masks(draws).flatten(1).numpy()
    frequency = [(drawn == np.isin(range(4), masked)).all(axis=1).mean() for masked in sets]
    assert frequency == pytest.approx(probability, abs=0.015)
    assert np.bincount(drawn.sum(1))[1:] == pytest.approx(
        [1000] * 4, abs=3
    )  # the numbers of masked tokens are more even
    values = model.score(torch.stack([x] * 4000), stack([conditioning] * 4000), draws).numpy()
    assert values.mean() == pytest.approx(np.mean(order_log_p), rel=0.01)


def test_one_step_equals_the_inpainting_pipeline(tmp_path, photo):
    """The pipeline samples tokens; if the model is certain of each token, it samples the likeliest one."""
    from diffusers import AmusedInpaintPipeline, AmusedScheduler

    from observers.checkpoints import quiet_libraries

    certain = tiny_masked.transformer("256")
    with torch.no_grad():
        certain.mlm_layer.conv2.weight.mul_(1e4)
    reference = Reference(tiny_masked.save(tmp_path, transformer=certain))
    model = likelihood(tmp_path, measure="l2")
    masks = model.masks(np.array([5]))
    image = Image.fromarray((reference.image(photo)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
    with quiet_libraries():
        pipeline = AmusedInpaintPipeline(
            reference.vq, reference.tokenizer, reference.text, reference.net, AmusedScheduler(MASK)
        )
    pipeline.set_progress_bar_config(disable=True)
    for prompt in PROMPTS[:2]:
        filled_in = model.fill_in(model.tokens(model.image(photo))[None], stack(model.condition([prompt])), masks)
        expected = pipeline(
            prompt, image, Image.fromarray(255 * masks[0].numpy().astype(np.uint8)), strength=1.0, num_inference_steps=1,
            guidance_scale=0, output_type="pt",
        ).images  # fmt: skip
        assert torch.allclose(filled_in, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 3, 5, 12])
def test_each_step_leaves_as_many_tokens_masked_as_the_scheduler(steps, folders, photo):
    from diffusers import AmusedScheduler

    model = likelihood(folders / "256", measure="l2", strength=0.89, steps=steps)
    masks, n_masked = model.masks(np.array([0])), []
    hook = model._network.register_forward_pre_hook(
        lambda module, args: n_masked.append((args[0] == MASK).sum().item())
    )
    model.fill_in(model.tokens(model.image(photo))[None], stack(model.condition(PROMPTS[:1])), masks)
    hook.remove()
    scheduler = AmusedScheduler(MASK)
    scheduler.set_timesteps(steps, temperature=(0, 0))
    tokens, generator, expected = torch.where(masks, MASK, 0), torch.Generator().manual_seed(0), []
    for t in scheduler.timesteps:
        expected.append((tokens == MASK).sum().item())
        logits = torch.randn((1, N_CODES, 8, 8), generator=generator)
        tokens = scheduler.step(logits, t, tokens, masks.float().mean(), generator).prev_sample
    assert n_masked == expected
    assert (tokens < N_CODES).all()


def test_masks_depend_only_on_draw_and_seed(folders, photo):
    model = likelihood(folders / "256", seed=1)
    masks = model.masks(np.array([4, 9, 4, 5]))
    assert masks.shape == (4, 8, 8)
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[3], model.masks(np.array([5]))[0])
    assert not torch.equal(masks, likelihood(folders / "256", seed=2).masks(np.array([4, 9, 4, 5])))
    l2 = likelihood(folders / "256", measure="l2", strength=0.25)
    assert l2.masks(np.arange(20)).sum(dim=(1, 2)).tolist() == [16] * 20
    assert likelihood(folders / "256", measure="l2", strength=0.001).masks(np.array([0])).sum() == 1


def test_unmasked_tokens_are_kept(folders, photo):
    """Without masks the filled-in image is the reconstruction of the autoencoder."""
    model, reference = likelihood(folders / "256", steps=2), Reference(folders / "256")
    tokens, conditioning = model.tokens(model.image(photo))[None], stack(model.condition(PROMPTS[:1]))
    assert torch.equal(tokens.flatten(), torch.tensor(reference.tokens(photo)))
    filled_in = model.fill_in(tokens, conditioning, torch.zeros_like(tokens, dtype=torch.bool))
    assert torch.allclose(filled_in, reference.decode(reference.tokens(photo)), atol=1e-6)


@pytest.mark.parametrize("measure", ["bound", "l2"])
def test_rows_and_conditionings_do_not_depend_on_each_other(measure, folders, photo):
    model = likelihood(folders / "512", measure=measure, steps=2)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(PROMPTS)
    for a, prompt in zip(together, PROMPTS, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, model.condition([prompt])[0], strict=True))
    first = model.score(torch.stack([x, x, x]), stack(together), np.array([3, 4, 5]))
    second = model.score(torch.stack([other, x, other]), stack(together[::-1]), np.array([8, 4, 5]))
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[2].item() != pytest.approx(first[2].item(), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_autoencoder_stays_in_float32(dtype, tmp_path, photo):
    """Activations overflow in float16, as those of aMUSEd do, but the tokens are the same for every dtype."""
    overflowing = tiny_masked.vqvae()
    with torch.no_grad():
        overflowing.encoder.conv_in.weight.mul_(3e5)
    tiny_masked.save(tmp_path, vqvae=overflowing)
    assert not overflowing.half().encode(torch.rand(1, 3, 16, 16).half()).latents.isfinite().all()
    for measure, tolerance in (("bound", 0.02), ("l2", 0.1)):
        full, half = (
            likelihood(tmp_path, measure=measure, compute=Compute(device="cpu", dtype=d)) for d in ("float32", dtype)
        )
        assert torch.equal(full.encode(photo), half.encode(photo))
        rounded, exact = scores(half, photo, range(4)), scores(full, photo, range(4))
        assert np.isfinite(rounded).all()
        assert rounded == pytest.approx(exact, rel=tolerance)
        assert not np.array_equal(rounded, exact)


@pytest.mark.parametrize(("measure", "unit"), [("bound", "nats"), ("l2", "mean squared error of the pixels")])
def test_trials_are_answered_under_both_measures(measure, unit, folders, small):
    model = likelihood(folders / "256", measure=measure)
    assert (model.unit, model.n_draws) == (unit, None)
    observer = GenerativeClassifier(model, "tiny", schedule="exhaustive", draws=2, batch_size=8)
    trials = list(small.trials(0))[:2]
    for trial, response in zip(trials, observer.observe(trials), strict=True):
        assert response.choice in trial.choices
        assert response.n_evaluations == 2 * len(trial.choices)
        assert np.ptp(response.evidence) > 0
    facts = observer.provenance()
    assert facts.keys() == {"repository", "weights", "sha256", "device", "dtype", "evidence"}


@pytest.mark.parametrize(("kind", "step"), [("256", 2), ("512", 4)])
def test_a_size_that_does_not_fit_is_refused(kind, step, folders, photo):
    assert likelihood(folders / kind, size=24).encode(photo).shape == (12, 12)
    assert np.isfinite(scores(likelihood(folders / kind, size=24), photo, [0, 1])).all()
    with pytest.raises(ObserverError, match=f"the size {step + 1} must be a multiple of {step} pixels"):
        likelihood(folders / kind, size=step + 1).encode(photo)
