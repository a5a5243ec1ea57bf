"""The rows of image classifiers, and of models that compare images with texts."""

from core.entries import Entry

GROUP = "Classifiers"
_PAGE_OF_THE_MODEL = "stated on the page of the model"
CLASSIFIERS = (
    Entry(
        "efficientnet-lite0",
        "observers.classifiers.efficientnet:EfficientNetLite0",
        "A small ImageNet classifier (EfficientNet-Lite0) whose weights are installed with this project.",
        group=GROUP,
        example="efficientnet-lite0",
        source="Tan & Le (2019), arxiv.org/abs/1905.11946",
        license="Apache-2.0",
        needs=("models",),
    ),
    Entry(
        "hf:REPOSITORY",
        "observers.classifiers.discriminative:Classifier",
        "Any image classifier of the library transformers, such as ResNet-50, from the Hugging Face Hub or a local folder.",
        group=GROUP,
        example="hf:microsoft/resnet-50",
        source="huggingface.co/models?pipeline_tag=image-classification",
        license=_PAGE_OF_THE_MODEL,
        needs=("models",),
    ),
    Entry(
        "timm:MODEL",
        "observers.classifiers.zoo:Timm",
        "Any image classifier of the library timm (PyTorch Image Models), from the Hugging Face Hub or a local folder.",
        group=GROUP,
        example="timm:resnet50.tv_in1k",
        source="huggingface.co/timm",
        license=_PAGE_OF_THE_MODEL,
        needs=("models", "zoo"),
    ),
    Entry(
        "clip:REPOSITORY",
        "observers.classifiers.contrastive:Contrastive",
        "Any CLIP model from the Hub or a local folder; it chooses the text that is most similar to the image.",
        group=GROUP,
        example="clip:openai/clip-vit-base-patch32 -o templates=80",
        source="Radford et al. (2021), arxiv.org/abs/2103.00020",
        license=_PAGE_OF_THE_MODEL,
        needs=("models",),
    ),
    Entry(
        "siglip:REPOSITORY",
        "observers.classifiers.contrastive:Contrastive",
        "Any SigLIP model from the Hub or a local folder; it chooses the text that is most similar to the image.",
        group=GROUP,
        example="siglip:google/siglip-base-patch16-224",
        source="Zhai et al. (2023), arxiv.org/abs/2303.15343",
        license=_PAGE_OF_THE_MODEL,
        needs=("models",),
    ),
)
