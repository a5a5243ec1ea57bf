"""Contrastive observers: their evidence equals a calculation by hand, for tiny CLIP and SigLIP models."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from huggingface_hub import constants
from PIL import Image

from observers.check import check_observer
from observers.classifiers.contrastive import SAFE_REVISIONS, Contrastive
from observers.classifiers.templates import TEMPLATES, read_templates
from observers.protocol import ObserverError
from observers.registry import make_observer
from stimuli.categories import CATEGORIES

SIZE = 32
LETTERS = "abcdefghijklmnopqrstuvwxyz'-.,"
START, END = "<|startoftext|>", "<|endoftext|>"
# A vocabulary like that of CLIP but without merges: letters, letters at the end of a word, START and END.
CLIP_VOCABULARY = {token: i for i, token in enumerate([*LETTERS, *(f"{x}</w>" for x in LETTERS), START, END])}
PROCESSOR = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "do_normalize": True, "do_resize": True, "resample": 3}
CHOICES = ("hot air balloon", "cat", "dog")


def towers(n_tokens: int, length: int, **ids: int) -> dict[str, dict[str, int]]:
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {
        "text_config": tower | {"vocab_size": n_tokens, "max_position_embeddings": length} | ids,
        "vision_config": tower | {"image_size": SIZE, "patch_size": 8},
    }


def save_clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPModel

    ids = {"bos_token_id": CLIP_VOCABULARY[START], "eos_token_id": CLIP_VOCABULARY[END], "pad_token_id": 1}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(**towers(len(CLIP_VOCABULARY), 77, **ids), projection_dim=12))
    save(model, folder)
    crop = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "crop_size": SIZE, "size": 40}
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | crop))
    (folder / "vocab.json").write_text(json.dumps(CLIP_VOCABULARY))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "CLIPTokenizer"}))
    return folder


def save_siglip(folder: Path) -> Path:
    """Save a SigLIP model with a tokenizer.json, and a tokenizer_config.json whose class would need sentencepiece."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(0)
    vocabulary = {token: i for i, token in enumerate(["<unk>", "</s>", *LETTERS])}
    model = SiglipModel(SiglipConfig(**towers(len(vocabulary), 64, bos_token_id=1, eos_token_id=1, pad_token_id=1)))
    save(model, folder)
    resize = {"image_processor_type": "SiglipImageProcessor", "size": {"height": SIZE, "width": SIZE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | resize))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "SiglipTokenizer"}))
    return folder


def save(model: torch.nn.Module, folder: Path) -> None:
    """Save a random model with weights that are large enough to distinguish images and texts."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
        model.logit_scale.fill_(2.0)
        if hasattr(model, "logit_bias"):
            model.logit_bias.fill_(-3.0)
    model.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("contrastive")
    return {"clip": save_clip(folder / "clip"), "siglip": save_siglip(folder / "siglip")}


@pytest.fixture
def trials(small):
    return [evolve(trial, choices=CHOICES) for trial in small.trials(0)]


def classify(folder, trials, **options):
    observer = Contrastive("some/tiny-model", weights=folder, device="cpu", **options)
    return list(observer.observe(iter(trials)))


def tokens(kind: str, sentence: str) -> list[int]:
    """Return the tokens of a sentence as the model's published tokenizer computes them, step by step."""
    if kind == "clip":
        words = [[*word[:-1], f"{word[-1]}</w>"] for word in re.findall(r"'s|[a-z]+|[^\sa-z]+", sentence.lower())]
        return [CLIP_VOCABULARY[t] for t in [START, *(token for word in words for token in word), END]]
    ids = [2 + LETTERS.index(letter) if letter in LETTERS else 0 for letter in sentence.lower()] + [1]
    return (ids + [1] * 64)[:64]


def evidence_by_hand(
    kind: str, model: torch.nn.Module, path: Path, choices: tuple[str, ...], templates: list[str]
) -> np.ndarray:
    """Return the evidence of the choices for an image, computed step by step."""
    image = Image.open(path)
    edge = 40 if kind == "clip" else SIZE
    image = image.resize((edge, edge), Image.Resampling.BICUBIC)
    border = (edge - SIZE) // 2
    pixels = np.asarray(image.crop((border, border, border + SIZE, border + SIZE)), dtype=np.float64)
    pixels = torch.from_numpy((pixels / 255 - 0.5) / 0.25).permute(2, 0, 1)[None].float()
    evidence = []
    with torch.inference_mode():
        features = model.get_image_features(pixel_values=pixels).pooler_output[0].double()
        for choice in choices:
            rows = []
            for template in templates:
                ids = torch.tensor([tokens(kind, template.format(choice))])
                row = model.get_text_features(input_ids=ids).pooler_output[0].double()
                rows.append(row / row.norm())
            text = torch.stack(rows).mean(0)
            cosine = (features @ text / features.norm() / text.norm()).item()
            evidence.append(cosine * np.exp(2.0) + (-3.0 if kind == "siglip" else 0.0))
    return np.array(evidence)


def load_model(kind: str, folder: Path) -> torch.nn.Module:
    from transformers import CLIPModel, SiglipModel

    return {"clip": CLIPModel, "siglip": SiglipModel}[kind].from_pretrained(folder).eval()


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_evidence_equals_a_calculation_by_hand(kind, folders, trials):
    model = load_model(kind, folders[kind])
    for trial, response in zip(trials[:3], classify(folders[kind], trials[:3], batch_size=3), strict=True):
        expected = evidence_by_hand(kind, model, trial.stimulus.path, CHOICES, ["a photo of a {}."])
        np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-4)
        assert response.choice == CHOICES[int(np.argmax(expected))]


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_evidence_is_the_logit_of_the_model(kind, folders, trials):
    model = load_model(kind, folders[kind])
    observer = Contrastive("x", weights=folders[kind], device="cpu", batch_size=1)
    (response,) = observer.observe(iter(trials[:1]))
    image = observer._prepare(trials[0].stimulus.pixels())[None]
    for choice, evidence in zip(CHOICES, response.evidence, strict=True):
        ids = torch.tensor([tokens(kind, f"a photo of a {choice}.")])
        with torch.inference_mode():
            assert model(input_ids=ids, pixel_values=image).logits_per_image.item() == pytest.approx(evidence, abs=1e-4)


def test_several_templates_are_averaged(folders, trials, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("a {}\n\nthe edges of a {}, drawn.\n")
    model = load_model("clip", folders["clip"])
    expected = evidence_by_hand("clip", model, trials[0].stimulus.path, CHOICES, ["a {}", "the edges of a {}, drawn."])
    (response,) = classify(folders["clip"], trials[:1], templates_file=file, batch_size=1)
    np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-4)
    expected = evidence_by_hand("clip", model, trials[0].stimulus.path, CHOICES[1:], list(TEMPLATES[80]))
    two_choices = [evolve(trials[0], choices=CHOICES[1:])]
    (response,) = classify(folders["clip"], two_choices, templates=80, batch_size=1)
    np.testing.assert_allclose(response.evidence, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_batch_size_and_order_do_not_matter(kind, folders, trials):
    expected = classify(folders[kind], trials)
    for size in (1, 3):
        for response, reference in zip(classify(folders[kind], trials, batch_size=size), expected, strict=True):
            assert response.choice == reference.choice
            np.testing.assert_allclose(response.evidence, reference.evidence, rtol=0, atol=1e-5)
    as_bytes = [response.evidence.tobytes() for response in expected]
    assert [response.evidence.tobytes() for response in classify(folders[kind], trials[::-1])] == as_bytes[::-1]
    assert [response.evidence.tobytes() for response in classify(folders[kind], trials[5:])] == as_bytes[5:]


def test_evidence_of_a_choice_does_not_depend_on_the_other_choices(folders, trials):
    (response,) = classify(folders["clip"], trials[:1], batch_size=1)
    two_choices = [evolve(trials[0], choices=("dog", "cat"))]
    (other,) = classify(folders["clip"], two_choices, batch_size=1)
    np.testing.assert_allclose(other.evidence, response.evidence[[2, 1]], rtol=1e-12)


def test_contrastive_observer_follows_the_contract(folders, small):
    results = check_observer(Contrastive("some/tiny-model", weights=folders["siglip"], device="cpu"), small.trials(0))
    assert [result for result in results if not result.passed] == []


def test_first_of_equal_choices_is_chosen(folders, trials):
    equal_choices = [evolve(trials[0], choices=("CAT", "cat", "Cat"))]  # CLIP's tokenizer ignores case
    (response,) = classify(folders["clip"], equal_choices, batch_size=1)
    assert len(set(response.evidence)) == 1
    assert response.choice == "CAT"


def test_bfloat16_is_close_to_float32(folders, trials):
    (exact,), (rounded,) = (
        classify(folders["clip"], trials[:1], dtype=d, batch_size=1) for d in ("float32", "bfloat16")
    )
    assert not np.array_equal(exact.evidence, rounded.evidence)
    np.testing.assert_allclose(exact.evidence, rounded.evidence, atol=0.3)


def test_whole_resizes_the_whole_stimulus(folders, trials):
    (cropped,), (whole,) = (classify(folders["clip"], trials[:1], whole=w, batch_size=1) for w in (False, True))
    assert not np.allclose(cropped.evidence, whole.evidence, atol=1e-3)
    (cropped,), (whole,) = (classify(folders["siglip"], trials[:1], whole=w, batch_size=1) for w in (False, True))
    np.testing.assert_allclose(cropped.evidence, whole.evidence, atol=1e-5)


def test_names_options_and_provenance(folders, trials, tmp_path):
    name = "clip:openai/clip-vit-base-patch32"
    assert (make_observer(name).name, make_observer(name).kind) == ("clip-vit-base-patch32", "contrastive")
    assert make_observer(name, {"templates": "80"}).name == "clip-vit-base-patch32-80-prompts"
    (tmp_path / "mine.txt").write_text("my {}")
    observer = make_observer(
        "siglip:a/b", {"templates_file": str(tmp_path / "mine.txt"), "weights": str(folders["clip"])}
    )
    assert observer.name == "b-mine"
    assert set(observer.provenance()) == {
        "repository", "weights", "sha256", "device", "dtype", "templates_sha256", "preprocessing",
    }  # fmt: skip
    with pytest.raises(ObserverError, match=r"templates must be 1 or 80, got 7; for your own .*-o templates_file=FILE"):
        make_observer(name, {"templates": "7"})


def test_safe_revision_is_used_by_default(tmp_path, monkeypatch, trials):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    ((repository, revision),) = SAFE_REVISIONS.items()
    with pytest.raises(ObserverError, match=re.escape(f"{repository} at revision {revision} cannot be downloaded ")):
        next(Contrastive(repository).observe(iter(trials)))
    with pytest.raises(ObserverError, match=re.escape(f"{repository} at revision main cannot be downloaded ")):
        next(Contrastive(repository, revision="main").observe(iter(trials)))


def test_other_model_types_are_refused(tmp_path, trials):
    from transformers import ViTConfig, ViTModel

    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(**small, image_size=SIZE, patch_size=8)).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    with pytest.raises(
        ObserverError, match="is a model of type vit; expected clip or siglip; if it is a classifier, use hf:"
    ):
        classify(tmp_path, trials)


def test_missing_tokenizer_is_reported(tmp_path, trials):
    folder = save_siglip(tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(
        ObserverError, match=r"its tokenizer in .* cannot be loaded \(.*\): expected tokenizer\.json, or vocab"
    ):
        classify(folder, trials)


def test_built_in_templates():
    assert TEMPLATES[1] == ("a photo of a {}.",)
    assert len(TEMPLATES[80]) == len(set(TEMPLATES[80])) == 80
    for template in TEMPLATES[80]:
        assert template.count("{}") == 1
        assert template.format("cat").count("{") == 0
        assert template == template.strip()
        assert template.endswith(".")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {}\na photo\n", r"t\.txt, line 2: a template must contain one \{\} for the choice, got 'a photo'"),
        ("{} and {}", "line 1: a template must contain one"),
        ("\n\n", "contains no templates: write one per line, such as a photo of a"),
        (None, r"the templates file .*t\.txt cannot be read"),
    ],
)
def test_bad_template_files_are_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "t.txt").write_text(text)
    with pytest.raises(ObserverError, match=message):
        read_templates(tmp_path / "t.txt")


def test_all_categories_can_be_choices(folders, small):
    (response,) = classify(folders["clip"], small.trials(0)[:1], batch_size=1)
    assert response.choice in CATEGORIES
