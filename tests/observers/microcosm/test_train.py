"""Each model trained for a few steps by the command that trains them whole: loaded by the code that loads the real ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file
from transformers import CLIPTextModel, T5EncoderModel

from experiments.folder import from_folder
from observers.check import check_observer
from observers.generative.autoregressive import log_likelihood
from observers.generative.masked import Masked
from observers.generative.options import Compute, Source
from observers.generative.pixel import PixelDiffusion
from observers.generative.preprocessing import crop_and_resize
from observers.microcosm import ar, card, masked, pixel, train
from observers.microcosm.training_loop import TrainingSettings
from observers.microcosm.words import N_TOKENS, sentences
from observers.noise_training import ClassifierTrainingSettings
from observers.protocol import Reconstructor, Restoration
from observers.registry import make_observer
from stimuli.errors import ObserverError
from stimuli.images import save_image
from tests.observers.microcosm.conftest import drawn

ROOT = Path(__file__).parents[3]
FEW = {
    "autoencoder": TrainingSettings(steps=6, batch=4, rate=1e-3), "denoiser": TrainingSettings(steps=3, batch=4, rate=1e-3),
    "tokens": TrainingSettings(steps=6, batch=4, rate=1e-3), "predictor": TrainingSettings(steps=3, batch=4, rate=1e-3),
    "network": ClassifierTrainingSettings(epochs=1, batch=16),
}  # fmt: skip


NAMED = {  # the scheme that loads each, and what its folder says it is
    "microcosm-latent": "latent", "microcosm-pixel": "pixel", "microcosm-ar": "autoregressive",
    "microcosm-masked": "masked", "microcosm-cnn-noise-train": "hf",
}  # fmt: skip


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    folder, pictures = tmp_path_factory.mktemp("shown") / "shown", drawn(64, 3)
    for i in range(8):
        path = folder / ("cat" if i % 2 else "dog") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(pictures.pixels[i], path)
    return from_folder(folder).trials(0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Every model, trained for a few steps on pictures of shapes that need no download."""
    out = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.Pictures, "drawn", classmethod(lambda cls, n, seed, icons: drawn(n, seed)))
        patch.setattr(card, "training_shapes", lambda icons: ([], []))
        patch.setattr(card, "credits", lambda shapes, icons: ["Somebody, MIT"])
        for name in NAMED:
            parts = {part: FEW[part] for part in train.TRAINERS[name].plans}
            patch.setitem(train.TRAINERS, name, evolve(train.TRAINERS[name], plans=parts))
            train.train(name, out / name, n_pictures=64, say=lambda sentence: None)
    return out


def made(name, models):
    few = {"schedule": "exhaustive", "draws": "2"} if name not in ("microcosm-ar", "microcosm-cnn-noise-train") else {}
    return make_observer(f"{NAMED[name]}:{name}", {"weights": str(models / name), "device": "cpu", **few})


@pytest.mark.parametrize("name", NAMED)
def test_a_model_is_loaded_and_keeps_the_contract(name, models, trials):
    observer = made(name, models)
    findings = check_observer(observer, trials)
    assert [finding for finding in findings if not finding.passed] == []
    evidence = [response.evidence for response in observer.observe(trials[:2])]
    assert evidence[0].shape == (16,) and not np.array_equal(*evidence)


@pytest.mark.parametrize("name", NAMED)
def test_its_card_says_how_it_came_to_be(name, models):
    said = (models / name / "README.md").read_text("utf-8")
    assert said.startswith(f"# {name}\n")
    assert f"weights in float16, sha256 {card.digest(models / name)}" in said
    assert "64 pictures of seed 1" in said and "- Somebody, MIT" in said
    for part in train.TRAINERS[name].plans:
        assert f"## {part}\n" in said
    for path in (models / name).rglob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(path).values() if tensor.is_floating_point()} == {torch.float16}


def test_pipelines_of_diffusers_draw(models):
    from diffusers import AmusedPipeline, DiffusionPipeline, IFPipeline, StableDiffusionPipeline

    for name, make, size in (
        ("microcosm-latent", StableDiffusionPipeline, 64), ("microcosm-pixel", IFPipeline, 32),
        ("microcosm-masked", AmusedPipeline, 32),
    ):  # fmt: skip
        pipeline: DiffusionPipeline = make.from_pretrained(models / name)
        pipeline.set_progress_bar_config(disable=True)
        image = pipeline("A bad photo of a clock", num_inference_steps=2).images[0]
        assert image.size == (size, size)


def test_reconstructions(models, trials):
    for name, size in (("microcosm-latent", 64), ("microcosm-pixel", 32), ("microcosm-masked", 32)):
        observer = made(name, models)
        assert isinstance(observer, Reconstructor)
        found = restored(observer, trials[0])
        assert (found.damaged_image.shape, found.images.shape) == ((size, size, 3), (16, size, size, 3))
        assert found.errors.shape == (16,) and 0 <= found.images.min() < found.images.max() <= 1
        again = restored(observer, trials[0])
        assert np.array_equal(found.images, again.images)
        assert not np.array_equal(found.damaged_image, restored(observer, trials[0], strength=0.9).damaged_image)
    observer = made("microcosm-ar", models)
    with pytest.raises(ObserverError, match="microcosm-ar cannot restore images: use a diffusion"):
        restored(observer, trials[0])


def restored(observer, trial, **how):
    return observer.reconstruct(trial.stimulus, observer.prompts(trial.choices), Restoration(**how))


def test_the_command(tmp_path, capsys):
    for words, said in (
        (["microcosm-sdxl"], "invalid choice: 'microcosm-sdxl'"),
        (["microcosm-cnn", "--share", "0"], "--share above 0 and up to 100"),
        (["microcosm-cnn", "--threads", "0"], "--threads must be 1 to 1024"),
        (["microcosm-cnn", "--pictures", "99999999999"], "--pictures must be 1 to 10000000"),
        (["microcosm-cnn", "--out", "/"], "--out must be a folder that can be made"),
    ):
        with pytest.raises(SystemExit) as wrong:
            train.main(words)
        assert wrong.value.code == 2 and said in capsys.readouterr().err
    command = [sys.executable, "-m", "observers.microcosm.train", "microcosm-cnn"]
    given = ["--out", str(tmp_path / "cnn"), "--icons", str(tmp_path / "none.tgz")]
    lacking = subprocess.run([*command, *given], capture_output=True, text=True, cwd=ROOT, check=False)
    assert lacking.returncode == 1 and "none.tgz" in lacking.stderr and "Traceback" not in lacking.stderr


def test_nothing_else_is_written_over(models, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ObserverError, match="file is a file or a link: name a folder for the model"):
        train.train("microcosm-cnn", tmp_path / "file")
    with pytest.raises(ObserverError, match="holds something else than a trained model: name a new or an empty folder"):
        train.train("microcosm-cnn", tmp_path)
    with pytest.raises(ObserverError, match="holds something else than a trained microcosm-cnn"):
        train.train("microcosm-cnn", models / "microcosm-latent")
    written = (models / "microcosm-latent" / card.CARD).read_text("utf-8")
    card.begin("microcosm-latent", models / "microcosm-latent", tmp_path / "work")  # the same again
    assert (models / "microcosm-latent" / card.CARD).read_text("utf-8") == written
    for _ in range(2):  # one that was stopped before it had a card
        card.begin("microcosm-latent", tmp_path / "new", tmp_path / "work")
        (tmp_path / "new" / "unet").mkdir(exist_ok=True)


def test_sentences_are_read_in_training_as_by_the_observer(models):
    """A model that is trained on other states of a sentence than it is asked with would be asked in another language."""
    likelihood = PixelDiffusion(Source("m", weights=models / "microcosm-pixel"), Compute(device="cpu"))
    words = pixel.t5_tokenizer()
    read = pixel.read(words)
    text = T5EncoderModel.from_pretrained(models / "microcosm-pixel" / "text_encoder", dtype=torch.float32)
    with torch.inference_mode():
        states = text(read.input_ids[:2], read.attention_mask[:2]).last_hidden_state
    for (found,), expected in zip(likelihood.condition(sentences()[:2]), states, strict=True):
        assert found.shape == expected.shape and torch.allclose(found, expected, atol=1e-5)


def test_the_masked_model_reads_by_the_text_encoder_of_the_latent_one(models):
    likelihood = Masked(Source("m", weights=models / "microcosm-masked"), Compute(device="cpu"))
    words, text = masked.text_encoder()
    said = sentences()[:2]
    ids = words(said, padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    with torch.inference_mode():
        read = text(ids, output_hidden_states=True)
        theirs = CLIPTextModel.from_pretrained(masked.TEXT / "text_encoder", dtype=torch.float32)(ids)
    assert torch.allclose(read.text_embeds, theirs.pooler_output, atol=1e-5)
    assert not torch.allclose(*read.text_embeds, atol=0.1)
    for (states, pooled, _), expected, vector in zip(
        likelihood.condition(said), read.hidden_states[-2], read.text_embeds, strict=True
    ):
        assert torch.allclose(states, expected, atol=1e-5) and torch.allclose(pooled, vector, atol=1e-5)


def test_pictures_are_made_smaller_as_by_the_observers():
    """Pillow rounds and clamps after each direction, torch once: few pixels differ by more than one gray level."""
    pictures = drawn(16, 5)
    for image, pixels in zip(pictures.at(np.arange(16), 32), pictures.pixels, strict=True):
        off = (image - crop_and_resize(pixels, 32)).abs() * 127.5
        assert off.max() < 8 and (off > 1.01).float().mean() < 0.01
        assert image.abs().max() <= 1
        gray = (image + 1) * 127.5
        assert (gray - gray.round()).abs().max() < 1e-3


def test_eager_attention_gives_the_same_likelihood():
    words = ar.tokenizer()
    model = ar.network(words)
    parts, generator = ar.JANUS.network(model), torch.Generator().manual_seed(0)
    ids = torch.tensor([[0, 0, 0, 5, 6], [0, 1, 2, 3, 4]])
    there = torch.tensor([[False, False, True, True, True], [True] * 5])
    codes = torch.randint(ar.N_CODES, (2, 64), generator=generator)
    with torch.inference_mode():
        expected = log_likelihood(parts, ids, there, codes)
        model.set_attn_implementation("eager")
        assert torch.allclose(log_likelihood(parts, ids, there, codes), expected, rtol=1e-5)
