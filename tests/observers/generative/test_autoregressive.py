"""Image tokens one after another: one pass equals a loop of the models' own steps, padding and neighbors change nothing."""

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

from observers.generative.autoregressive import Autoregressive
from observers.generative.classifier import GenerativeClassifier
from observers.generative.noising import noise
from observers.generative.options import Compute, Source
from observers.protocol import ObserverError
from tests.observers.generative import tiny_autoregressive
from tests.observers.generative.tiny_autoregressive import N_CODES, SIZES, Slow

KINDS = list(SIZES)
TEXTS = ["A bad photo of a Cat", "A bad photo of a dog", "an oven"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from observers.checkpoints import quiet_libraries

    folder = tmp_path_factory.mktemp("models")
    with quiet_libraries():
        for kind in KINDS:
            tiny_autoregressive.save(folder / kind, kind)
    return folder


@pytest.fixture(scope="module")
def slowly(folders):
    return {kind: Slow(folders / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(folders):
    return {kind: likelihood(folders / kind, kind) for kind in KINDS}


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (40, 52, 3)).astype(np.uint8)


def likelihood(folder, kind, **options):
    size = {"size": SIZES["emu3"]} if kind == "emu3" else {}
    return Autoregressive(Source("some/model", weights=folder), **{"compute": Compute(device="cpu")} | size | options)


def stacked(conditions):
    return tuple(torch.stack(part) for part in zip(*conditions, strict=True))


def scores(model, images, texts=TEXTS, draw=0):
    """(N, …) images, N texts -> (N,)"""
    found = model.score(torch.stack(list(images)), stacked(model.condition(texts)), np.full(len(texts), draw))
    assert found.dtype == torch.float32
    return found.numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_equals_token_by_token(kind, models, slowly, photo):
    model, slow = models[kind], slowly[kind]
    x, codes = model.encode(photo), slow.codes(slow.image(photo))
    assert x.tolist() == [codes]
    assert len(set(codes)) > 10
    expected = [slow.log_p(text, codes) for text in TEXTS]
    assert scores(model, [x] * 3) == pytest.approx(expected, rel=1e-5)
    assert np.ptp(expected) > 3  # nats: the text makes a difference


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_is_that_of_the_models_own_generation(kind, models, slowly):
    ids, there = models[kind].condition([" a dog"])[0]
    n = there.sum().item()
    assert ids.shape == there.shape == (64,)
    assert there.tolist() == [False] * (64 - n) + [True] * n
    assert ids[there].tolist() == slowly[kind].prompt(" a dog")[0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_prompt_is_filled_up_with_changes_nothing(kind, folders, models, photo):
    model = models[kind]
    x, draw = model.encode(photo)[None], np.zeros(1, np.int64)
    bare = [(ids[there][None], there[there][None]) for ids, there in model.condition(TEXTS)]
    assert len({ids.shape for ids, _ in bare}) > 1
    expected = [model.score(x, condition, draw).item() for condition in bare]
    at = []  # of the rows' tokens
    hook = model._network.decoder.register_forward_pre_hook(
        lambda _, args, given: at.extend(given["position_ids"]), with_kwargs=True
    )
    for n in (64, 150):
        conditions = likelihood(folders / kind, kind, max_prompt=n).condition(TEXTS)
        found = model.score(torch.cat([x] * 3), stacked(conditions), np.zeros(3, np.int64))
        assert found.tolist() == pytest.approx(expected, rel=1e-6)
    hook.remove()
    for row, (ids, _) in zip(at[3:], bare, strict=True):
        assert row[150 - ids.shape[1] :].tolist() == list(range(len(row) - 150 + ids.shape[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_probabilities_of_the_next_token_sum_to_one(kind, models, slowly, photo):
    model, slow = models[kind], slowly[kind]
    x = model.encode(photo)
    every = [torch.cat([x[:, :-1], torch.tensor([[code]])], dim=1) for code in range(N_CODES)]
    found = scores(model, every, TEXTS[:1] * N_CODES)
    steps = slow.steps(TEXTS[0], x[0].tolist())
    before = sum(step[code].item() for step, code in zip(steps[:-1], x[0].tolist(), strict=False))
    assert found == pytest.approx(before + steps[-1].numpy(), rel=1e-5)
    assert np.exp(found - before).sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_and_a_condition_depend_on_no_other(kind, folders, photo):
    model = likelihood(folders / kind, kind, perturbations=2)
    x, other = model.encode(photo), model.encode(255 - photo)
    together = model.condition(TEXTS)
    for a, text in zip(together, TEXTS, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, model.condition([text])[0], strict=True))
    first = model.score(torch.stack([x, x, x]), stacked(together), np.array([0, 1, 0]))
    second = model.score(torch.stack([other, x, other]), stacked(together[::-1]), np.array([1, 1, 0]))
    assert second[1].item() == pytest.approx(first[1].item(), rel=1e-6)
    assert second[2].item() != pytest.approx(first[2].item(), rel=1e-3)


def by_hand(image, seed, draw):
    """Draw 1 and on, with numpy: moved by up to a pixel, the edge repeated, and noise of 2 of 255 levels."""
    if draw == 0:
        return image
    down, right = np.random.default_rng([seed, 4, draw]).integers(0, 3, 2) - 1
    size = image.shape[1]
    rows, columns = (np.clip(np.arange(size) + by, 0, size - 1) for by in (down, right))
    levels = (image.numpy() + 1) * 127.5
    levels = levels[:, rows][:, :, columns] + 2 * noise(seed, draw, tuple(image.shape)).numpy()
    return torch.from_numpy(np.clip(levels, 0, 255) / 127.5 - 1).float()


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_slightly_changed_images(kind, folders, models, slowly, photo):
    model, slow = likelihood(folders / kind, kind, perturbations=4, seed=5), slowly[kind]
    assert model.n_draws == 4
    x = model.encode(photo)
    assert torch.equal(x[:1], models[kind].encode(photo))
    assert torch.equal(x[:2], likelihood(folders / kind, kind, perturbations=2, seed=5).encode(photo))
    assert not torch.equal(x[1:], likelihood(folders / kind, kind, perturbations=4, seed=6).encode(photo)[1:])
    assert x.tolist() == [slow.codes(by_hand(slow.image(photo), 5, draw)) for draw in range(4)]
    assert len({tuple(row) for row in x.tolist()}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_is_the_mean_over_draws(kind, folders, slowly, small):
    model, slow = likelihood(folders / kind, kind, perturbations=3), slowly[kind]
    observer = GenerativeClassifier(model, "tiny", template="a {}", batch_size=4)
    trials = [evolve(trial, choices=("dog", "cat")) for trial in list(small.trials(0))[:2]]
    for trial, response in zip(trials, observer.observe(trials), strict=True):
        image = torch.tensor(np.array(Image.fromarray(trial.stimulus.pixels()).resize((slow.size,) * 2, 3)))
        image = image.permute(2, 0, 1).float() / 127.5 - 1
        expected = [
            np.mean([slow.log_p(f"a {choice}", slow.codes(by_hand(image, 0, draw))) for draw in range(3)])
            for choice in trial.choices
        ]
        assert response.evidence == pytest.approx(expected, rel=1e-5)
        assert response.choice == trial.choices[int(np.argmax(expected))]
        assert response.n_evaluations == 6
    assert model.unit == "log-likelihood, nats"
    assert observer.provenance().keys() == {"repository", "weights", "sha256", "device", "dtype", "evidence"}


def test_janus_tokens_are_not_those_of_its_encode(models, slowly, photo):
    """Which compares vectors as long as they are with codes as long as they are."""
    slow = slowly["janus"]
    found = models["janus"].encode(photo)[0]
    with torch.inference_mode():
        naive = slow.model.model.vqmodel.encode(slow.image(photo)[None]).image_tokens
    assert (naive != found).float().mean() > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_the_same_in_every_dtype(kind, folders, photo):
    full, half = (
        likelihood(folders / kind, kind, compute=Compute(device="cpu", dtype=d)) for d in ("float32", "bfloat16")
    )
    x = full.encode(photo)
    assert torch.equal(x, half.encode(photo))
    found, expected = scores(half, [x] * 3), scores(full, [x] * 3)
    assert found == pytest.approx(expected, rel=0.02)
    assert not np.array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_scoring_does_not_ask_the_device(kind, models, photo):
    class Strict(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert func is not torch.ops.aten._local_scalar_dense.default, "waits for the device"
            return func(*args, **kwargs or {})

    model = models[kind]
    x, conditions = torch.stack([model.encode(photo)] * 3), stacked(model.condition(TEXTS))
    expected = model.score(x, conditions, np.zeros(3, np.int64))
    with Strict():
        assert torch.equal(model.score(x, conditions, np.zeros(3, np.int64)), expected)
        with pytest.raises(AssertionError, match="waits for the device"):
            expected.sum().item()


def test_emu3_reads_images_of_any_size(folders, slowly, photo):
    model = likelihood(folders / "emu3", "emu3", size=32)
    x = model.encode(photo)
    assert x.shape == (1, 16)
    words = slowly["emu3"].processor.tokenizer
    assert words.decode(model.condition(["a"])[0][0]).endswith(" a <|image start|> 4 * 4 <|image token|>")
    assert np.isfinite(scores(model, [x] * 3)).all()


def changed(folder, tmp_path, name, change):
    """A copy of the model in which `change` was done to the object in a .json."""
    shutil.copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / name
    held = json.loads(file.read_text("utf-8"))
    change(held)
    file.write_text(json.dumps(held), "utf-8")
    return tmp_path / "copy"


@pytest.mark.parametrize("found", ["multi_modality", "Emu3", None])
def test_another_type_of_model_is_refused(found, folders, tmp_path, photo):
    folder = changed(folders / "janus", tmp_path, "config.json", lambda held: held.update(model_type=found))
    said = f"some/model: its config.json has the model_type {found!r}: expected janus, emu3, chameleon, as"
    with pytest.raises(ObserverError, match=said):
        likelihood(folder, "janus").encode(photo)


def test_a_model_without_tokenizer_is_refused(folders, tmp_path, photo):
    shutil.copytree(folders / "janus", tmp_path / "copy")
    (tmp_path / "copy/tokenizer.json").unlink()
    with pytest.raises(ObserverError, match=r"has no tokenizer\.json: name a folder that holds it, -o weights=DIR"):
        likelihood(tmp_path / "copy", "janus").encode(photo)


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [("janus", "<begin_of_image>"), ("emu3", "<|image token|>"), ("chameleon", "<reserved08706>")],
)
def test_a_tokenizer_without_the_marks_of_an_image_is_refused(kind, lacking, folders, tmp_path):
    def rename(held):
        held["model"]["vocab"]["<other>"] = held["model"]["vocab"].pop(lacking)
        held["added_tokens"] = [token for token in held["added_tokens"] if token["content"] != lacking]

    folder = changed(folders / kind, tmp_path, "tokenizer.json", rename)
    file = folder / "tokenizer_config.json"  # which would add it anew
    file.write_text(file.read_text("utf-8").replace(lacking, "</s>"), "utf-8")
    with pytest.raises(ObserverError, match=f"its tokenizer has no {re.escape(lacking)}: get its tokenizer"):
        likelihood(folder, kind).condition(TEXTS)


def test_a_tokenizer_without_a_first_token_is_refused(folders, tmp_path):
    folder = changed(folders / "emu3", tmp_path, "tokenizer_config.json", lambda held: held.pop("bos_token"))
    with pytest.raises(ObserverError, match="some/model: its tokenizer has no bos_token: get"):
        likelihood(folder, "emu3").condition(TEXTS)


def test_a_long_prompt_is_refused(folders):
    model = likelihood(folders / "chameleon", "chameleon")
    with pytest.raises(
        ObserverError, match=r"the prompt of 'aaa.*a' has 73 tokens, more than the 64 .*: -o max_prompt=73"
    ):
        model.condition(["dog", "a" * 70])
    assert len(evolve(model, max_prompt=73).condition(["a" * 70])[0][0]) == 73


@pytest.mark.parametrize(
    ("kind", "size", "said"),
    [
        ("janus", 24, "some/model reads images of 12 pixels only, got the size 24: leave it out"),
        ("chameleon", 8, "some/model reads images of 12 pixels only, got the size 8: leave it out"),
        ("emu3", 50, "some/model: the size 50 must be a multiple of 8 pixels"),
        ("emu3", -8, "size must be 1 to 4096 pixels, got -8"),
        (
            "emu3",
            None,
            "the size 720 makes 8100 tokens; with the prompt, the model was made for up to 256: take a small",
        ),
    ],
)
def test_a_size_that_does_not_fit_is_refused(kind, size, said, folders, photo):
    with pytest.raises(ObserverError, match=said):
        likelihood(folders / kind, kind, size=size).encode(photo)


@pytest.mark.parametrize("kind", ["emu3", "chameleon"])
def test_a_vocabulary_of_other_tokens_is_refused(kind, folders, tmp_path, photo):
    def drop(held):
        name = next(name for name in held["vocabulary_map"] if name.startswith(("<|visual", "IMGIMG")))
        del held["vocabulary_map"][name]

    model = likelihood(changed(folders / kind, tmp_path, "config.json", drop), kind)
    said = (
        "some/model: the vocabulary_map of its config.json names 23 image tokens and its autoencoder has 24: get both"
    )
    with pytest.raises(ObserverError, match=said):
        scores(model, [model.encode(photo)], TEXTS[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_its_autoencoder_is_refused(kind, folders, tmp_path, photo):
    shutil.copytree(folders / kind, tmp_path / "copy")
    held = load_file(tmp_path / "copy/model.safetensors")
    held = {name: weight.clone() for name, weight in held.items() if "vqmodel.quant_conv" not in name}
    save_file(held, tmp_path / "copy/model.safetensors", {"format": "pt"})
    with pytest.raises(ObserverError, match=r"some/model is not a complete \w+VQVAE: its checkpoint lacks 2 weights"):
        likelihood(tmp_path / "copy", kind).encode(photo)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"perturbations": 0}, "perturbations must be 1 to 1000, got 0"),
        ({"max_prompt": 1001}, "max_prompt must be 1 to 1000, got 1001"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ObserverError, match=said):
        Autoregressive(Source("some/model"), **options)
