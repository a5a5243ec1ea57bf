"""The 58 models of Tables 2 and 3 of Jaini et al. (2024), and the observer that corresponds to each of them.

The tables are based on the model-vs-human toolbox (Geirhos et al. 2021), which shows the whole 224-pixel stimulus. The
option `-o whole=true` does the same for `timm:`, `hf:` and `clip:` observers, which otherwise use the model's own resize and
crop. The toolbox also normalizes the inputs of all models except CLIP, ViT and Noisy Student with the mean and standard
deviation of ImageNet; here the inputs of each model are normalized as in its training.
"""

from attrs import frozen


@frozen
class PaperModel:
    """A model of the paper's tables.

    Attributes:
        name: The name of the model in Table 2.
        observer: The name of the corresponding observer, or None if its weights are not available or are a pickle, which
            this project does not load.
        note: How the observer differs from the published model, or why it is missing and what to do instead.
    """

    name: str
    observer: str | None
    note: str = ""


_OWN = "you can load it in your own observer (mine.py:Name)"
_PRIVATE = "the weights were never published"
_TORCHVISION = f"published by torchvision only as a pickle, and not available in timm: {_OWN}"
_SIMCLR = f"converted from TensorFlow and published only as a pickle: {_OWN}"
_PYCONTRAST = f"published by PyContrast as a pickle of backbone and linear classifier: {_OWN}"
_ROBUST = (
    "published by Salman et al. (2020) only as a pickle; convert its weights to safetensors and use timm:resnet50 "
    "-o weights=FOLDER"
)
_BIT = "same weights; the toolbox used 224 pixels, here it is the model's own input size (448; 480 for 152x4)"
_CLIP = (
    "the tables say ViT-B, the paper's text ViT-L/14; the toolbox uses ViT-B/32 with the names of ImageNet's 1000 "
    "classes, here it is the names of the choices"
)
_CLIP_1 = f"prompt 'a photo of a {{}}.'; the paper's prompt is 'A bad photo of a …' (-o templates_file=FILE); {_CLIP}"
_CLIP_80 = f"use -o templates=80, which are 80 templates of this project; {_CLIP}"
_VIT = "assumed to be the toolbox's weights of 2021; pretrained on ImageNet-21k, although the tables do not say so"
_VIT_S = (
    "substitute: timm removed its ViT-S of 2021 (8 layers of width 768); this one has 12 layers of width 384 and was "
    "trained differently"
)
_VIT_384 = "384 pixels, as in the toolbox"
_NOISY = "475 pixels with a crop, as in the toolbox: do not use -o whole=true"
_INCEPTION = "same weights; the toolbox used 224 pixels, here it is 299"
_RESNET = "torchvision's first weights; hf:microsoft/resnet-50 has different ones"
_MOBILENET = "substitute: same architecture, trained differently; torchvision's own weights are a pickle"
_MNASNET = (
    f"published by torchvision only as a pickle: {_OWN}; timm:mnasnet_100.rmsp_in1k has the same architecture but was "
    "trained differently"
)

# fmt: off
PAPER_MODELS: tuple[PaperModel, ...] = (
    PaperModel("ViT-22B_ft-384 (4B)", None, _PRIVATE),
    PaperModel("Imagen (860M)", None, f"{_PRIVATE}; the nearest open models are if-m, if-l and if-xl (64 pixels, T5)"),
    PaperModel("ViT-22B_ft-560 (4B)", None, _PRIVATE),
    PaperModel("CLIP: ViT-B (400M), 80 prompts", "clip:openai/clip-vit-base-patch32", _CLIP_80),
    PaperModel("StableDiffusion", "sd14", "Stable Diffusion 1.4 with the paper's prompt and weighting, as in the paper"),
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
    PaperModel("SimCLR: ResNet-50x1", None, f"{_SIMCLR}; its published responses can be replayed with recorded:FILE"),
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
