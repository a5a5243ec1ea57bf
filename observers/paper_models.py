"""The 58 models of Tables 2 and 3 of Jaini et al. (2024), and the observer that each of them is here, or why there is none.

`observer` names it as on the command line; None where the weights cannot be had or may not be loaded (pickles). `note`
says what differs from the published model or, without an observer, why and what to do instead. Those tables rest on the
model-vs-human toolbox (Geirhos et al. 2021), which shows the 224-pixel stimuli whole: `-o whole=true` does that for
`timm:`, `hf:` and `clip:`, which otherwise use their own resize and crop. It also normalizes the inputs of all but the
CLIP, ViT and Noisy Student models by ImageNet's mean and deviation; here every model gets the inputs it was trained on.
"""

from attrs import frozen


@frozen
class PaperModel:
    name: str  # as Table 2 spells it
    observer: str | None
    note: str = ""


_OWN = "an observer of your own (mine.py:Name) may load it"
_PRIVATE = "weights never published"
_TORCHVISION = f"published by torchvision as a pickle only, and timm has none like it: {_OWN}"
_SIMCLR = f"converted from TensorFlow by hand, published as a pickle only: {_OWN}"
_PYCONTRAST = f"published by PyContrast as a pickle of backbone and linear classifier: {_OWN}"
_ROBUST = (
    "published by Salman et al. (2020) as a pickle only; a copy of its weights converted to safetensors is "
    "timm:resnet50 -o weights=DIR"
)
_BIT = "same weights; the toolbox showed it 224 pixels, here its own input size (448; 480 for 152x4)"
_CLIP = (
    "the tables say ViT-B, the paper's text ViT-L/14; the toolbox's is ViT-B/32 and is asked for ImageNet's 1000 "
    "classes, here for the choices themselves"
)
_CLIP_1 = f"prompt 'a photo of a {{}}.'; the paper's one is 'A bad photo of a …' (-o templates_file=FILE); {_CLIP}"
_CLIP_80 = f"with -o templates=80, which are our own 80; {_CLIP}"
_VIT = "taken to be the toolbox's weights of 2021; trained on ImageNet-21k first, although the tables do not say so"
_VIT_S = "stand-in: timm's ViT-S of 2021 (8 layers of 768) is gone; this one has 12 of 384 and another training"
_VIT_384 = "384 pixels, as in the toolbox"
_NOISY = "475 pixels with a crop, as in the toolbox: leave out whole"
_INCEPTION = "same weights; the toolbox showed it 224 pixels, here 299"
_RESNET = "torchvision's first weights; hf:microsoft/resnet-50 has others"
_MOBILENET = "stand-in: same architecture, another training; torchvision's own weights are a pickle"
_MNASNET = (
    f"published by torchvision as a pickle only: {_OWN}; timm:mnasnet_100.rmsp_in1k is the same architecture in another "
    "training"
)

# fmt: off
PAPER_MODELS: tuple[PaperModel, ...] = (
    PaperModel("ViT-22B_ft-384 (4B)", None, _PRIVATE),
    PaperModel("Imagen (860M)", None, f"{_PRIVATE}; the nearest open models are if-m, if-l and if-xl (64 pixels, T5)"),
    PaperModel("ViT-22B_ft-560 (4B)", None, _PRIVATE),
    PaperModel("CLIP: ViT-B (400M), 80 prompts", "clip:openai/clip-vit-base-patch32", _CLIP_80),
    PaperModel("StableDiffusion", "sd14", "Stable Diffusion 1.4, the paper's, by the paper's prompt and weights over noise"),
    PaperModel("SWSL: ResNeXt-101 (940M)", "timm:resnext101_32x16d.fb_swsl_ig1b_ft_in1k"),
    PaperModel("BiT-M: ResNet-101x1 (14M)", "timm:resnetv2_101x1_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("BiT-M: ResNet-152x2 (14M)", "timm:resnetv2_152x2_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("ViT-L", "hf:google/vit-large-patch16-224", _VIT),
    PaperModel("BiT-M: ResNet-152x4 (14M)", "timm:resnetv2_152x4_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("ViT-L (14M)", "hf:google/vit-large-patch16-384", _VIT_384),
    PaperModel("ViT-22B_ft-224 (4B)", None, _PRIVATE),
    PaperModel("BiT-M: ResNet-50x3 (14M)", "timm:resnetv2_50x3_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("BiT-M: ResNet-50x1 (14M)", "timm:resnetv2_50x1_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("CLIP: ViT-B (400M), 1 prompt", "clip:openai/clip-vit-base-patch32", _CLIP_1),
    PaperModel("SWSL: ResNet-50 (940M)", "timm:resnet50.fb_swsl_ig1b_ft_in1k"),
    PaperModel("ViT-B", "timm:vit_base_patch16_224.orig_in21k_ft_in1k", _VIT),
    PaperModel("BiT-M: ResNet-101x3 (14M)", "timm:resnetv2_101x3_bit.goog_in21k_ft_in1k", _BIT),
    PaperModel("ViT-B (14M)", "timm:vit_base_patch16_384.orig_in21k_ft_in1k", _VIT_384),
    PaperModel("densenet201", "timm:densenet201.tv_in1k"),
    PaperModel("Noisy Student: ENetL2 (300M)", "timm:tf_efficientnet_l2.ns_jft_in1k_475", _NOISY),
    PaperModel("ViT-S", "timm:vit_small_patch16_224.augreg_in1k", _VIT_S),
    PaperModel("densenet169", "timm:densenet169.tv_in1k"),
    PaperModel("inception_v3", "timm:inception_v3.tv_in1k", _INCEPTION),
    PaperModel("ResNet-50 L2 eps 1.0", None, _ROBUST),
    PaperModel("ResNet-50 L2 eps 3.0", None, _ROBUST),
    PaperModel("SimCLR: ResNet-50x4", None, _SIMCLR),
    PaperModel("wide_resnet101_2", "timm:wide_resnet101_2.tv_in1k"),
    PaperModel("ResNet-50 L2 eps 0.5", None, _ROBUST),
    PaperModel("densenet121", "timm:densenet121.tv_in1k"),
    PaperModel("SimCLR: ResNet-50x2", None, _SIMCLR),
    PaperModel("resnet152", "timm:resnet152.tv_in1k"),
    PaperModel("resnet101", "timm:resnet101.tv_in1k"),
    PaperModel("resnext101_32x8d", "timm:resnext101_32x8d.tv_in1k"),
    PaperModel("ResNet-50 L2 eps 5.0", None, _ROBUST),
    PaperModel("resnet50", "timm:resnet50.tv_in1k", _RESNET),
    PaperModel("resnet34", "timm:resnet34.tv_in1k"),
    PaperModel("vgg19_bn", "timm:vgg19_bn.tv_in1k"),
    PaperModel("resnext50_32x4d", "timm:resnext50_32x4d.tv_in1k"),
    PaperModel("SimCLR: ResNet-50x1", None, f"{_SIMCLR}; its published answers can be replayed with recorded:FILE"),
    PaperModel("resnet18", "timm:resnet18.tv_in1k"),
    PaperModel("vgg16_bn", "timm:vgg16_bn.tv_in1k"),
    PaperModel("wide_resnet50_2", "timm:wide_resnet50_2.tv_in1k"),
    PaperModel("MoCoV2: ResNet-50", None, _PYCONTRAST),
    PaperModel("mobilenet_v2", "timm:mobilenetv2_100.ra_in1k", _MOBILENET),
    PaperModel("ResNet-50 L2 eps 0.0", None, _ROBUST),
    PaperModel("mnasnet1_0", None, _MNASNET),
    PaperModel("vgg11_bn", "timm:vgg11_bn.tv_in1k"),
    PaperModel("InfoMin: ResNet-50", None, _PYCONTRAST),
    PaperModel("vgg13_bn", "timm:vgg13_bn.tv_in1k"),
    PaperModel("mnasnet0_5", None, _TORCHVISION),
    PaperModel("MoCo: ResNet-50", None, _PYCONTRAST),
    PaperModel("alexnet", None, _TORCHVISION),
    PaperModel("squeezenet1_1", None, _TORCHVISION),
    PaperModel("PIRL: ResNet-50", None, _PYCONTRAST),
    PaperModel("shufflenet_v2_x0.5", None, _TORCHVISION),
    PaperModel("InsDis: ResNet-50", None, _PYCONTRAST),
    PaperModel("squeezenet1_0", None, _TORCHVISION),
)
# fmt: on
