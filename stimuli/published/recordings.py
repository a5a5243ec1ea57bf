"""The published recordings of people and networks: which files there are, their checksums, and where they come from.

`SOURCES` lists the parts of a data folder that contain recordings. The recordings of networks come from two repositories:
the responses of three networks to all 17 datasets from the branch `swag` of model-vs-human, and the responses of 23 more
networks to cue-conflict from error-consistency (Geirhos, Meding & Wichmann 2020). `registry.txt` has the SHA-256 of every
file at the commits below.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

from stimuli.published.datasets import find

Recorded = Literal["humans", "networks"]
PARTS: tuple[Recorded, ...] = ("humans", "networks")  # the parts with a folder for each of the 17 datasets


@frozen
class Source:
    """The recordings in one part of a data folder.

    Attributes:
        description: The recordings, for messages.
        citation: Where they were published.
        license: Their license in one or two sentences, or "" if the repositories differ.
    """

    description: str
    citation: str
    license: str


_NO_LICENSE = "The repository does not state a license: ask the authors before you publish the files again."
SOURCES: Mapping[str, Source] = {
    "humans": Source("human responses", "Geirhos et al. (2018, 2019, 2021)", _NO_LICENSE),
    "networks": Source("network responses", "Geirhos et al. (2020, 2021)", ""),
    "vlm": Source(
        "responses of vision-language models", "Gavrikov et al. (2025), ICLR",
        "The license is CC BY-SA 4.0: name the authors, and publish changed versions under the same license.",
    ),
    "children": Source(
        "responses of children, adults and networks", "Huber et al. (2023), Journal of Vision 23(7):4", _NO_LICENSE
    ),
}  # fmt: skip

RAW = "https://raw.githubusercontent.com/"
HUMANS = f"{RAW}bethgelab/model-vs-human/79ed7cd1d9ac3a114e71b6638f0a98bdd627316c/raw-data/"
NETWORKS = f"{RAW}bethgelab/model-vs-human/93ee6766db71bc99de23a16cf5216acff181b470/raw-data/"
ERROR_CONSISTENCY = f"{RAW}wichmann-lab/error-consistency/eb53bdb5d8e48166c56b9201842b19e8259506c5/raw-data/"
VLM = f"{RAW}paulgavrikov/vlm_shapebias/459198f81c7d64584ed57bf3fd27c392d425478a/raw-data/"
CHILDREN = f"{RAW}wichmann-lab/robustness-development/88224d4199ec10e3405955b735dcd8d81430b661/data/"
_PREFIX = "texture-shape_"  # begins the names of folders and files in the repository error-consistency
REGISTRY = Path(__file__).with_name("registry.txt")


def registry() -> dict[str, str]:
    """Return the known checksums of published files: path below a data folder -> `sha256:<hex>`."""
    return dict(line.split(" ", 1) for line in REGISTRY.read_text("utf-8").splitlines())


def url_of_recording(file: str) -> str:
    """Return the official URL of a recording.

    Args:
        file: Path below a data folder, such as `humans/edge/edge_subject-01_session_1.csv`.
    """
    part, dataset, name = file.split("/", 2)
    if part == "humans":
        return f"{HUMANS}{dataset}/{name}"
    if part == "vlm":
        return f"{VLM}{'' if dataset == 'clip' else 'vlm/'}{dataset}/{name}"
    if part == "children":
        return f"{CHILDREN}{dataset}/{name if name.startswith('models/') else f'humans/{name}'}"
    return (
        f"{ERROR_CONSISTENCY}{_PREFIX}{dataset}/{name}" if name.startswith(_PREFIX) else f"{NETWORKS}{dataset}/{name}"
    )


def published_recordings(part: str, dataset: str = "") -> dict[str, str]:
    """Return the published recordings in a part of a data folder: path below the data folder -> `sha256:<hex>`.

    Args:
        part: One of SOURCES, such as "humans".
        dataset: Name of a published dataset; by default, the recordings of all datasets are returned.
    """
    folder = f"{part}/{dataset}/" if dataset else f"{part}/"
    return {file: sha256 for file, sha256 in registry().items() if file.startswith(folder)}


def recordings_on_disk(part: Recorded, dataset: str) -> list[Path]:
    """Return the recordings of people or networks for a dataset that are on this machine, sorted by name.

    They are read from the first data folder that has recordings of this dataset.
    """
    folder = find(part, dataset)
    return sorted(folder.glob("*.csv")) if folder is not None else []


def recorded_name(file: str, dataset: str) -> str:
    """Return the name of the observer in the file name of a recording, such as `resnet50` or `subject-01`."""
    stem = Path(file).stem.removeprefix(_PREFIX).removeprefix(f"{dataset}_")
    return stem.partition("session")[0].rstrip("_")
