"""The table of the paper's models is complete, and its observers exist."""

import re

import pytest

from observers.catalog import OBSERVERS, SCHEMES
from observers.paper_models import PAPER_MODELS
from observers.registry import accepts_option

# The rows of Table 2, in the order of the table.
ROWS = """
ViT-22B_ft-384 (4B)|Imagen (860M)|ViT-22B_ft-560 (4B)|CLIP: ViT-B (400M), 80 prompts|StableDiffusion
SWSL: ResNeXt-101 (940M)|BiT-M: ResNet-101x1 (14M)|BiT-M: ResNet-152x2 (14M)|ViT-L|BiT-M: ResNet-152x4 (14M)
ViT-L (14M)|ViT-22B_ft-224 (4B)|BiT-M: ResNet-50x3 (14M)|BiT-M: ResNet-50x1 (14M)|CLIP: ViT-B (400M), 1 prompt
SWSL: ResNet-50 (940M)|ViT-B|BiT-M: ResNet-101x3 (14M)|ViT-B (14M)|densenet201|Noisy Student: ENetL2 (300M)|ViT-S
densenet169|inception_v3|ResNet-50 L2 eps 1.0|ResNet-50 L2 eps 3.0|SimCLR: ResNet-50x4|wide_resnet101_2
ResNet-50 L2 eps 0.5|densenet121|SimCLR: ResNet-50x2|resnet152|resnet101|resnext101_32x8d|ResNet-50 L2 eps 5.0
resnet50|resnet34|vgg19_bn|resnext50_32x4d|SimCLR: ResNet-50x1|resnet18|vgg16_bn|wide_resnet50_2|MoCoV2: ResNet-50
mobilenet_v2|ResNet-50 L2 eps 0.0|mnasnet1_0|vgg11_bn|InfoMin: ResNet-50|vgg13_bn|mnasnet0_5|MoCo: ResNet-50|alexnet
squeezenet1_1|PIRL: ResNet-50|shufflenet_v2_x0.5|InsDis: ResNet-50|squeezenet1_0
"""
NAMES = ROWS.strip().replace("\n", "|").split("|")


def test_every_row_of_the_table_occurs_once():
    assert len(NAMES) == len(set(NAMES)) == 58
    assert [model.name for model in PAPER_MODELS] == NAMES


@pytest.mark.parametrize("model", [m for m in PAPER_MODELS if m.observer], ids=lambda model: model.name)
def test_every_observer_can_be_made(model):
    scheme, colon, argument = model.observer.partition(":")
    if not colon:
        assert model.observer in OBSERVERS
        return
    assert scheme in SCHEMES
    form = {"timm": r"\w+\.\w+", "hf": r"[\w-]+/[\w.-]+", "clip": r"[\w-]+/[\w.-]+"}[scheme]
    assert re.fullmatch(form, argument)
    assert accepts_option(model.observer, "weights")
    assert accepts_option(model.observer, "whole")


def test_unavailable_models_have_a_reason():
    for model in PAPER_MODELS:
        if model.observer is None:
            assert re.search("never published|as a pickle", model.note), model.name
            assert "never published" in model.note or "mine.py:Name" in model.note or "weights=FOLDER" in model.note
    names = [model.observer for model in PAPER_MODELS if model.observer]
    repeated = {name for name in names if names.count(name) > 1}
    assert repeated == {"clip:openai/clip-vit-base-patch32"}  # with 1 and 80 templates, as the notes say


def test_timm_has_the_models_of_the_table():
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"timm is not installed (extra zoo), or its torchvision does not work: {error}")
    available = set(timm.list_pretrained())
    assert [m.observer for m in PAPER_MODELS if m.observer and m.observer.startswith("timm:")]
    for model in PAPER_MODELS:
        if model.observer and model.observer.startswith("timm:"):
            assert model.observer.partition(":")[2] in available
