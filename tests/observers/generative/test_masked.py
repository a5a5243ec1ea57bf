"""Masked tokens: both measures equal slow loops, the bound is what it says it is, masks are shared by all rows."""

import itertools
import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from observers.generative.classifier import GenerativeClassifier
from observers.generative.masked import Masked
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from tests.observers.generative import tiny_latent, tiny_masked
from tests.observers.generative.tiny_masked import MASK, N_CODES

TEXTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]
GOLDEN = (5**0.5 - 1) / 2


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


def stacked(conditions):
    return tuple(torch.stack(part) for part in zip(*conditions, strict=True))


def scores(model, photo, draws, texts=TEXTS):
    """(texts, draws)"""
    x, conditions = model.encode(photo), model.condition(texts)
    pairs = list(itertools.product(range(len(texts)), draws))
    found = model.score(
        torch.stack([x] * len(pairs)), stacked([conditions[k] for k, _ in pairs]), np.array([d for _, d in pairs])
    )
    assert found.dtype == torch.float32
    return found.numpy().reshape(len(texts), len(draws))


class Slow:
    """The parts of diffusers and transformers, a row at a time."""

    def __init__(self, folder, size=16):
        from diffusers import UVit2DModel, VQModel
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer

        self.size = size
        self.vq = VQModel.from_pretrained(folder / "vqvae")
        self.net = UVit2DModel.from_pretrained(folder / "transformer")
        self.text = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder")
        self.words = CLIPTokenizer.from_pretrained(folder / "tokenizer")

    def image(self, photo):
        cut = Image.fromarray(photo[:, 6:46]).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.tensor(np.array(cut)).permute(2, 0, 1)[None].float() / 255

    @torch.inference_mode()
    def tokens(self, photo):
        return self.vq.quantize(self.vq.encode(self.image(photo)).latents)[2][2].tolist()

    @torch.inference_mode()
    def log_p(self, tokens, text):
        """Log p of every code at every place, in float64; masked places are MASK."""
        ids = self.words([text], padding="max_length", max_length=tiny_latent.N_TOKENS, return_tensors="pt").input_ids
        out = self.text(ids, output_hidden_states=True)
        side = math.isqrt(len(tokens))
        found = self.net(
            torch.tensor(tokens).reshape(1, side, side), out.hidden_states[-2], out.text_embeds,
            torch.tensor([[self.size, self.size, 0.0, 0.0, 6.0]]),
        )  # fmt: skip
        return found[0].flatten(1).T.double().log_softmax(-1).numpy()

    @torch.inference_mode()
    def decode(self, tokens):
        side = math.isqrt(len(tokens))
        codes = torch.tensor(tokens).reshape(1, side, side)
        return self.vq.decode(codes, force_not_quantize=True, shape=(1, side, side, 4)).sample.clip(0, 1)


def slow_places(seed, draw, n, length):
    return np.random.default_rng([seed, 3, draw]).permutation(length)[:n].tolist()


def hide(tokens, places):
    return [MASK if i in places else token for i, token in enumerate(tokens)]


def slow_fill(slow, tokens, places, steps, text):
    """Guess all, keep the surest, and again; how many stay open falls as a quarter of a cosine does."""
    n, tokens, still = len(places), list(tokens), set(places)
    for step in range(1, steps + 1):
        guess = slow.log_p(hide(tokens, still), text)
        for i in still:
            tokens[i] = int(guess[i].argmax())
        if step < steps:
            left = max(1, min(len(still) - 1, math.floor(n * math.cos(step / steps * math.pi / 2))))
            still = set(sorted(still, key=lambda i: guess[i].max())[:left])
    return tokens


@pytest.mark.parametrize("kind", ["256", "512"])
def test_the_bound_equals_a_slow_loop(kind, folders, photo):
    draws, seed = [0, 1, 2, 7, 40], 3
    found = scores(likelihood(folders / kind, seed=seed), photo, draws)
    slow = Slow(folders / kind)
    tokens = slow.tokens(photo)
    length, start = len(tokens), np.random.default_rng([seed, 1]).random()
    expected = np.zeros(found.shape)
    for (k, text), (j, draw) in itertools.product(enumerate(TEXTS), enumerate(draws)):
        places = slow_places(seed, draw, 1 + int((start + draw * GOLDEN) % 1 * length), length)
        guess = slow.log_p(hide(tokens, places), text)
        expected[k, j] = length / len(places) * sum(guess[i, tokens[i]] for i in places)
    assert found == pytest.approx(expected, rel=1e-5)
    assert len(set(tokens)) > 10
    assert np.ptp(expected, axis=0).min() > 3  # nats: the text makes a difference


@pytest.mark.parametrize(
    ("kind", "strength", "steps"), [("256", 0.5, 1), ("512", 0.7, 1), ("256", 0.6, 4), ("512", 1, 3)]
)
def test_the_distance_equals_a_slow_loop(kind, strength, steps, folders, photo):
    draws, seed = [0, 5], 3
    found = scores(likelihood(folders / kind, measure="l2", strength=strength, steps=steps, seed=seed), photo, draws)
    slow = Slow(folders / kind)
    tokens, image = slow.tokens(photo), slow.image(photo)
    expected = np.zeros(found.shape)
    for (k, text), (j, draw) in itertools.product(enumerate(TEXTS), enumerate(draws)):
        places = slow_places(seed, draw, round(strength * len(tokens)), len(tokens))
        painted = slow.decode(slow_fill(slow, tokens, places, steps, text))
        expected[k, j] = -(painted - image).double().square().mean()
    assert found == pytest.approx(expected, rel=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-4


def test_the_bound_is_the_mean_over_all_orders(folders, photo):
    """On 2 × 2 tokens: all sets of masked tokens, by their probabilities, against all orders token by token."""
    model, slow = likelihood(folders / "256", size=4), Slow(folders / "256", size=4)
    tokens = slow.tokens(photo)
    x, condition = model.encode(photo), model.condition(TEXTS[:1])[0]
    orders = []
    for order in itertools.permutations(range(4)):
        steps = (slow.log_p(hide(tokens, order[t:]), TEXTS[0])[order[t], tokens[order[t]]] for t in range(4))
        orders.append(sum(steps))
    sets = [chosen for n in range(1, 5) for chosen in itertools.combinations(range(4), n)]
    chance = np.array([1 / 4 / math.comb(4, len(chosen)) for chosen in sets])
    masks = torch.tensor([[i in chosen for i in range(4)] for chosen in sets]).reshape(-1, 2, 2)
    rows = model.bound(torch.stack([x] * len(sets)), stacked([condition] * len(sets)), masks).numpy()
    assert np.ptp(rows) > 1
    assert (chance * rows).sum() == pytest.approx(np.mean(orders), rel=1e-5)

    draws = np.arange(4000)  # which come as often as these probabilities say
    drawn = model.masks(draws).flatten(1).numpy()
    share = [(drawn == np.isin(range(4), chosen)).all(axis=1).mean() for chosen in sets]
    assert share == pytest.approx(chance, abs=0.015)
    assert np.bincount(drawn.sum(1))[1:] == pytest.approx([1000] * 4, abs=3)  # of which n even more evenly
    found = model.score(torch.stack([x] * 4000), stacked([condition] * 4000), draws).numpy()
    assert found.mean() == pytest.approx(np.mean(orders), rel=0.01)


def test_one_pass_equals_the_pipelines_inpainting(tmp_path, photo):
    """The pipeline samples; with a model that is sure of each token, it samples the likeliest."""
    from diffusers import AmusedInpaintPipeline, AmusedScheduler

    from observers.checkpoints import quiet_libraries

    sharp = tiny_masked.transformer("256")
    with torch.no_grad():
        sharp.mlm_layer.conv2.weight.mul_(1e4)
    slow = Slow(tiny_masked.save(tmp_path, transformer=sharp))
    model = likelihood(tmp_path, measure="l2")
    masks = model.masks(np.array([5]))
    picture = Image.fromarray((slow.image(photo)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
    with quiet_libraries():
        pipeline = AmusedInpaintPipeline(slow.vq, slow.words, slow.text, slow.net, AmusedScheduler(MASK))
    pipeline.set_progress_bar_config(disable=True)
    for text in TEXTS[:2]:
        found = model.fill_in(model.tokens(model.image(photo))[None], stacked(model.condition([text])), masks)
        expected = pipeline(
            text, picture, Image.fromarray(255 * masks[0].numpy().astype(np.uint8)), strength=1.0, num_inference_steps=1,
            guidance_scale=0, output_type="pt",
        ).images  # fmt: skip
        assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("steps", [2, 3, 5, 12])
def test_steps_leave_as_many_masked_as_the_scheduler_does(steps, folders, photo):
    from diffusers import AmusedScheduler

    model = likelihood(folders / "256", measure="l2", strength=0.89, steps=steps)
    masks, met = model.masks(np.array([0])), []
    hook = model._network.register_forward_pre_hook(lambda module, given: met.append((given[0] == MASK).sum().item()))
    model.fill_in(model.tokens(model.image(photo))[None], stacked(model.condition(TEXTS[:1])), masks)
    hook.remove()
    scheduler = AmusedScheduler(MASK)
    scheduler.set_timesteps(steps, temperature=(0, 0))
    tokens, generator, expected = torch.where(masks, MASK, 0), torch.Generator().manual_seed(0), []
    for t in scheduler.timesteps:
        expected.append((tokens == MASK).sum().item())
        guess = torch.randn((1, N_CODES, 8, 8), generator=generator)
        tokens = scheduler.step(guess, t, tokens, masks.float().mean(), generator).prev_sample
    assert met == expected
    assert (tokens < N_CODES).all()


def test_masks_are_those_of_the_draw_alone(folders, photo):
    model = likelihood(folders / "256", seed=1)
    masks = model.masks(np.array([4, 9, 4, 5]))
    assert masks.shape == (4, 8, 8)
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[3], model.masks(np.array([5]))[0])
    assert not torch.equal(masks, likelihood(folders / "256", seed=2).masks(np.array([4, 9, 4, 5])))
    distant = likelihood(folders / "256", measure="l2", strength=0.25)
    assert distant.masks(np.arange(20)).sum(dim=(1, 2)).tolist() == [16] * 20
    assert likelihood(folders / "256", measure="l2", strength=0.001).masks(np.array([0])).sum() == 1


def test_what_is_not_masked_is_kept(folders, photo):
    """Without masks the reconstruction is the autoencoder's."""
    model, slow = likelihood(folders / "256", steps=2), Slow(folders / "256")
    tokens, condition = model.tokens(model.image(photo))[None], stacked(model.condition(TEXTS[:1]))
    assert torch.equal(tokens.flatten(), torch.tensor(slow.tokens(photo)))
    found = model.fill_in(tokens, condition, torch.zeros_like(tokens, dtype=torch.bool))
    assert torch.allclose(found, slow.decode(slow.tokens(photo)), atol=1e-6)


@pytest.mark.parametrize("measure", ["bound", "l2"])
def test_a_row_and_a_condition_depend_on_no_other(measure, folders, photo):
    model = likelihood(folders / "512", measure=measure, steps=2)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(TEXTS)
    for a, text in zip(together, TEXTS, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, model.condition([text])[0], strict=True))
    first = model.score(torch.stack([x, x, x]), stacked(together), np.array([3, 4, 5]))
    second = model.score(torch.stack([other, x, other]), stacked(together[::-1]), np.array([8, 4, 5]))
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[2].item() != pytest.approx(first[2].item(), rel=1e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_autoencoder_stays_in_float32(dtype, tmp_path, photo):
    """Its activations overflow in float16, as those of aMUSEd do; the tokens are the same in every dtype."""
    loud = tiny_masked.vqvae()
    with torch.no_grad():
        loud.encoder.conv_in.weight.mul_(3e5)
    tiny_masked.save(tmp_path, vqvae=loud)
    assert not loud.half().encode(torch.rand(1, 3, 16, 16).half()).latents.isfinite().all()
    for measure, tolerance in (("bound", 0.02), ("l2", 0.1)):
        full, half = (
            likelihood(tmp_path, measure=measure, compute=Compute(device="cpu", dtype=d)) for d in ("float32", dtype)
        )
        assert torch.equal(full.encode(photo), half.encode(photo))
        found, expected = scores(half, photo, range(4)), scores(full, photo, range(4))
        assert np.isfinite(found).all()
        assert found == pytest.approx(expected, rel=tolerance)
        assert not np.array_equal(found, expected)


@pytest.mark.parametrize(("measure", "unit"), [("bound", "nats"), ("l2", "mean squared error of the pixels")])
def test_it_answers_trials(measure, unit, folders, small):
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


def test_a_model_without_a_part_is_refused(tmp_path, photo):
    tiny_masked.save(tmp_path)
    shutil.rmtree(tmp_path / "vqvae")
    with pytest.raises(ObserverError, match=r"has no vqvae/config\.json: name a folder that holds it, -o weights=DIR"):
        likelihood(tmp_path).encode(photo)


def test_another_family_is_refused(tmp_path, photo):
    tiny_latent.save(tmp_path / "a")
    with pytest.raises(ObserverError, match=r"has no transformer/config\.json"):
        likelihood(tmp_path / "a").encode(photo)
    tiny_masked.save(tmp_path / "b")
    tiny_latent.unet(16).save_pretrained(tmp_path / "b/transformer")
    said = (
        r"some/model: its transformer is a UNet2DConditionModel: expected a UVit2DModel, which .* as amused/amused-256"
    )
    with pytest.raises(ObserverError, match=said):
        likelihood(tmp_path / "b").encode(photo)


def test_parts_that_do_not_fit_are_refused(folders, tmp_path, photo):
    tiny_masked.save(tmp_path / "a", vqvae=tiny_masked.vqvae(num_vq_embeddings=30))
    with pytest.raises(
        ObserverError, match="its autoencoder has 30 tokens and its transformer predicts 20: get both of"
    ):
        likelihood(tmp_path / "a").encode(photo)
    for bad in (N_CODES - 1, N_CODES + 2, None):
        shutil.copytree(folders / "256", tmp_path / str(bad))
        (tmp_path / str(bad) / "scheduler/scheduler_config.json").write_text(json.dumps({"mask_token_id": bad}))
        with pytest.raises(
            ObserverError, match=f"the mask_token_id {bad}: expected one from 20 to 21, which are no tok"
        ):
            scores(likelihood(tmp_path / str(bad)), photo, [0])


@pytest.mark.parametrize(("kind", "step"), [("256", 2), ("512", 4)])
def test_a_size_that_does_not_fit_is_refused(kind, step, folders, photo):
    assert likelihood(folders / kind, size=24).encode(photo).shape == (12, 12)
    assert np.isfinite(scores(likelihood(folders / kind, size=24), photo, [0, 1])).all()
    with pytest.raises(ObserverError, match=f"the size {step + 1} must be a multiple of {step} pixels"):
        likelihood(folders / kind, size=step + 1).encode(photo)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "l1"}, "there is no measure 'l1': expected bound, l2"),
        ({"strength": 0.0}, "strength is the share of tokens masked, above 0 and up to 1, got 0.0"),
        ({"strength": 1.5}, "strength is the share of tokens masked, above 0 and up to 1, got 1.5"),
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ObserverError, match=said):
        Masked(Source("some/model"), **options)
