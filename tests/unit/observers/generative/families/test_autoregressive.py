"""Autoregressive models: one pass equals a loop over the models' own steps, and padding and other rows do not matter."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from observers.generative.classifier import GenerativeClassifier
from observers.generative.families.autoregressive import Autoregressive
from observers.generative.noising import noise
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_autoregressive
from tests.unit.observers.generative.tiny_autoregressive import N_CODES, SIZES, Reference

KINDS = list(SIZES)
PROMPTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from observers.checkpoints import quiet_libraries

    folder = tmp_path_factory.mktemp("models")
    with quiet_libraries():
        for kind in KINDS:
            tiny_autoregressive.save(folder / kind, kind)
    return folder


@pytest.fixture(scope="module")
def references(folders):
    return {kind: Reference(folders / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(folders):
    return {kind: likelihood(folders / kind, kind) for kind in KINDS}


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def likelihood(folder, kind, **options):
    size = {"size": SIZES["emu3"]} if kind == "emu3" else {}
    return Autoregressive(Source("some/model", weights=folder), **{"compute": Compute(device="cpu")} | size | options)


def stack(conditionings):
    return tuple(torch.stack(part) for part in zip(*conditionings, strict=True))


def scores(model, images, prompts=PROMPTS, draw=0):
    """Return the scores of N encoded images under N prompts, (N,)."""
    values = model.score(torch.stack(list(images)), stack(model.condition(prompts)), np.full(len(prompts), draw))
    assert values.dtype == torch.float32
    return values.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_equals_token_by_token(kind, models, references, photo):
    model, reference = models[kind], references[kind]
    x, codes = model.encode(photo), reference.codes(reference.image(photo))
    assert x.tolist() == [codes]
    assert len(set(codes)) > 10
    expected = [reference.log_p(prompt, codes) for prompt in PROMPTS]
    assert scores(model, [x] * 3) == pytest.approx(expected, rel=1e-5)
    assert np.ptp(expected) > 3  # nats: the prompt makes a difference


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_are_those_of_the_models_own_generation(kind, models, references):
    ids, is_token = models[kind].condition([" a dog"])[0]
    n = is_token.sum().item()
    assert ids.shape == is_token.shape == (64,)
    assert is_token.tolist() == [False] * (64 - n) + [True] * n
    assert ids[is_token].tolist() == references[kind].prompt_ids(" a dog")[0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_change_scores(kind, folders, models, photo):
    model = models[kind]
    x, draw = model.encode(photo)[None], np.zeros(1, np.int64)
    unpadded = [(ids[is_token][None], is_token[is_token][None]) for ids, is_token in model.condition(PROMPTS)]
    assert len({ids.shape for ids, _ in unpadded}) > 1
    expected = [model.score(x, conditioning, draw).item() for conditioning in unpadded]
    position_ids = []
    hook = model._network.decoder.register_forward_pre_hook(
        lambda _, args, kwargs: position_ids.extend(kwargs["position_ids"]), with_kwargs=True
    )
    for n in (64, 150):
        conditionings = likelihood(folders / kind, kind, max_prompt=n).condition(PROMPTS)
        padded = model.score(torch.cat([x] * 3), stack(conditionings), np.zeros(3, np.int64))
        assert padded.tolist() == pytest.approx(expected, rel=1e-6)
    hook.remove()
    for row, (ids, _) in zip(position_ids[3:], unpadded, strict=True):
        assert row[150 - ids.shape[1] :].tolist() == list(range(len(row) - 150 + ids.shape[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_of_the_next_token_sum_to_one(kind, models, references, photo):
    model, reference = models[kind], references[kind]
    x = model.encode(photo)
    continuations = [torch.cat([x[:, :-1], torch.tensor([[code]])], dim=1) for code in range(N_CODES)]
    log_p = scores(model, continuations, PROMPTS[:1] * N_CODES)
    steps = reference.next_code_log_p(PROMPTS[0], x[0].tolist())
    before = sum(step[code].item() for step, code in zip(steps[:-1], x[0].tolist(), strict=False))
    assert log_p == pytest.approx(before + steps[-1].numpy(), rel=1e-5)
    assert np.exp(log_p - before).sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_conditionings_do_not_depend_on_each_other(kind, folders, photo):
    model = likelihood(folders / kind, kind, perturbations=2)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(PROMPTS)
    for a, prompt in zip(together, PROMPTS, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, model.condition([prompt])[0], strict=True))
    first = model.score(torch.stack([x, x, x]), stack(together), np.array([0, 1, 0]))
    second = model.score(torch.stack([other, x, other]), stack(together[::-1]), np.array([1, 1, 0]))
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[2].item() != pytest.approx(first[2].item(), rel=1e-3)


def reference_perturbation(image, seed, draw):
    """Return the perturbed image, computed with numpy: shifted with repeated edges, and noise of 2 of 255 gray levels."""
    if draw == 0:
        return image
    down, right = np.random.default_rng([seed, 4, draw]).integers(0, 3, 2) - 1
    size = image.shape[1]
    rows, columns = (np.clip(np.arange(size) + by, 0, size - 1) for by in (down, right))
    levels = (image.numpy() + 1) * 127.5
    levels = levels[:, rows][:, :, columns] + 2 * noise(seed, draw, tuple(image.shape)).numpy()
    return torch.from_numpy(np.clip(levels, 0, 255) / 127.5 - 1).float()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_perturbed_images(kind, folders, models, references, photo):
    model, reference = likelihood(folders / kind, kind, perturbations=4, seed=5), references[kind]
    assert model.n_draws == 4
    x = model.encode(photo)
    assert torch.equal(x[:1], models[kind].encode(photo))
    assert torch.equal(x[:2], likelihood(folders / kind, kind, perturbations=2, seed=5).encode(photo))
    assert not torch.equal(x[1:], likelihood(folders / kind, kind, perturbations=4, seed=6).encode(photo)[1:])
    image = reference.image(photo)
    assert x.tolist() == [reference.codes(reference_perturbation(image, 5, draw)) for draw in range(4)]
    assert len({tuple(row) for row in x.tolist()}) == 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_evidence_is_the_mean_over_draws(kind, folders, references, small):
    model, reference = likelihood(folders / kind, kind, perturbations=3), references[kind]
    observer = GenerativeClassifier(model, "tiny", template="a {}", batch_size=4)
    trials = [evolve(trial, choices=("dog", "cat")) for trial in list(small.trials(0))[:2]]
    for trial, response in zip(trials, observer.observe(trials), strict=True):
        image = torch.tensor(np.array(Image.fromarray(trial.stimulus.pixels()).resize((reference.size,) * 2, 3)))
        image = image.permute(2, 0, 1).float() / 127.5 - 1
        codes = [reference.codes(reference_perturbation(image, 0, draw)) for draw in range(3)]
        expected = [np.mean([reference.log_p(f"a {choice}", c) for c in codes]) for choice in trial.choices]
        assert response.evidence == pytest.approx(expected, rel=1e-5)
        assert response.choice == trial.choices[int(np.argmax(expected))]
        assert response.n_evaluations == 6
    assert model.unit == "log-likelihood, nats"
    assert observer.provenance().keys() == {"repository", "weights", "sha256", "device", "dtype", "evidence"}


def test_janus_tokens_differ_from_those_of_its_encode(models, references, photo):
    """The encode() of transformers compares vectors and codes without normalizing their lengths."""
    reference = references["janus"]
    tokens = models["janus"].encode(photo)[0]
    with torch.inference_mode():
        without_normalization = reference.model.model.vqmodel.encode(reference.image(photo)[None]).image_tokens
    assert (without_normalization != tokens).float().mean() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_the_same_in_every_dtype(kind, folders, photo):
    full, half = (
        likelihood(folders / kind, kind, compute=Compute(device="cpu", dtype=d)) for d in ("float32", "bfloat16")
    )
    x = full.encode(photo)
    assert torch.equal(x, half.encode(photo))
    rounded, exact = scores(half, [x] * 3), scores(full, [x] * 3)
    assert rounded == pytest.approx(exact, rel=0.02)
    assert not np.array_equal(rounded, exact)


@pytest.mark.parametrize("kind", KINDS)
def test_scoring_does_not_wait_for_the_device(kind, models, photo):
    class Strict(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert func is not torch.ops.aten._local_scalar_dense.default, "waits for the device"
            return func(*args, **kwargs or {})

    model = models[kind]
    x, conditioning = torch.stack([model.encode(photo)] * 3), stack(model.condition(PROMPTS))
    expected = model.score(x, conditioning, np.zeros(3, np.int64))
    with Strict():
        assert torch.equal(model.score(x, conditioning, np.zeros(3, np.int64)), expected)
        with pytest.raises(AssertionError, match="waits for the device"):
            expected.sum().item()


def test_emu3_reads_images_of_any_size(folders, references, photo):
    model = likelihood(folders / "emu3", "emu3", size=32)
    x = model.encode(photo)
    assert x.shape == (1, 16)
    tokenizer = references["emu3"].processor.tokenizer
    assert tokenizer.decode(model.condition(["a"])[0][0]).endswith(" a <|image start|> 4 * 4 <|image token|>")
    assert np.isfinite(scores(model, [x] * 3)).all()


def copy_with_changes(folder, tmp_path, name, change):
    """Return a copy of the model whose JSON file `name` was changed by the function `change`."""
    shutil.copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / name
    settings = json.loads(file.read_text("utf-8"))
    change(settings)
    file.write_text(json.dumps(settings), "utf-8")
    return tmp_path / "copy"


@pytest.mark.parametrize("model_type", ["multi_modality", "Emu3", None])
def test_another_type_of_model_is_refused(model_type, folders, tmp_path, photo):
    folder = copy_with_changes(folders / "janus", tmp_path, "config.json", lambda s: s.update(model_type=model_type))
    message = f"some/model: its config.json has the model_type {model_type!r}: expected janus, emu3, chameleon, in"
    with pytest.raises(ObserverError, match=message):
        likelihood(folder, "janus").encode(photo)


def test_a_model_without_tokenizer_is_refused(folders, tmp_path, photo):
    shutil.copytree(folders / "janus", tmp_path / "copy")
    (tmp_path / "copy/tokenizer.json").unlink()
    with pytest.raises(
        ObserverError, match=r"has no tokenizer\.json: give a folder that contains it with -o weights=FOLDER"
    ):
        likelihood(tmp_path / "copy", "janus").encode(photo)


@pytest.mark.parametrize(
    ("kind", "token"),
    [("janus", "<begin_of_image>"), ("emu3", "<|image token|>"), ("chameleon", "<reserved08706>")],
)
def test_a_tokenizer_without_a_special_token_is_refused(kind, token, folders, tmp_path):
    def rename(settings):
        settings["model"]["vocab"]["<other>"] = settings["model"]["vocab"].pop(token)
        settings["added_tokens"] = [added for added in settings["added_tokens"] if added["content"] != token]

    folder = copy_with_changes(folders / kind, tmp_path, "tokenizer.json", rename)
    file = folder / "tokenizer_config.json"  # otherwise this file would add the token again
    file.write_text(file.read_text("utf-8").replace(token, "</s>"), "utf-8")
    with pytest.raises(ObserverError, match=f"its tokenizer lacks {re.escape(token)}: download its tokenizer"):
        likelihood(folder, kind).condition(PROMPTS)


def test_a_tokenizer_without_a_beginning_of_sequence_token_is_refused(folders, tmp_path):
    folder = copy_with_changes(folders / "emu3", tmp_path, "tokenizer_config.json", lambda s: s.pop("bos_token"))
    with pytest.raises(ObserverError, match="some/model: its tokenizer lacks bos_token: download"):
        likelihood(folder, "emu3").condition(PROMPTS)


def test_a_long_prompt_is_refused(folders):
    model = likelihood(folders / "chameleon", "chameleon")
    with pytest.raises(
        ObserverError, match=r"the prompt of 'aaa.*a' has 73 tokens, more than the 64 .*: set -o max_prompt=73"
    ):
        model.condition(["dog", "a" * 70])
    assert len(evolve(model, max_prompt=73).condition(["a" * 70])[0][0]) == 73


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("janus", 24, "some/model reads only images of 12 × 12 pixels, got size=24: omit the option `size`"),
        ("chameleon", 8, "some/model reads only images of 12 × 12 pixels, got size=8: omit the option `size`"),
        ("emu3", 50, "some/model: the size 50 must be a multiple of 8 pixels"),
        ("emu3", -8, "size must be 1 to 4096 pixels, got -8"),
        (
            "emu3",
            None,
            "the size 720 makes 8100 tokens, but the model supports up to 256 tokens including the prompt: use a smal",
        ),
    ],
)
def test_a_size_that_does_not_fit_is_refused(kind, size, message, folders, photo):
    with pytest.raises(ObserverError, match=message):
        likelihood(folders / kind, kind, size=size).encode(photo)


@pytest.mark.parametrize("kind", ["emu3", "chameleon"])
def test_a_vocabulary_that_does_not_match_the_codes_is_refused(kind, folders, tmp_path, photo):
    def drop(settings):
        name = next(name for name in settings["vocabulary_map"] if name.startswith(("<|visual", "IMGIMG")))
        del settings["vocabulary_map"][name]

    model = likelihood(copy_with_changes(folders / kind, tmp_path, "config.json", drop), kind)
    message = (
        "some/model: the vocabulary_map of its config.json names 23 image tokens but its autoencoder has 24: get both"
    )
    with pytest.raises(ObserverError, match=message):
        scores(model, [model.encode(photo)], PROMPTS[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_its_autoencoder_is_refused(kind, folders, tmp_path, photo):
    shutil.copytree(folders / kind, tmp_path / "copy")
    weights = load_file(tmp_path / "copy/model.safetensors")
    weights = {name: weight.clone() for name, weight in weights.items() if "vqmodel.quant_conv" not in name}
    save_file(weights, tmp_path / "copy/model.safetensors", {"format": "pt"})
    with pytest.raises(ObserverError, match=r"some/model is not a complete \w+VQVAE: its checkpoint lacks 2 weights"):
        likelihood(tmp_path / "copy", kind).encode(photo)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"perturbations": 0}, "perturbations must be 1 to 1000, got 0"),
        ({"max_prompt": 1001}, "max_prompt must be 1 to 1000, got 1001"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ObserverError, match=message):
        Autoregressive(Source("some/model"), **options)
