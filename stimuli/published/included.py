"""Recorded responses that come with the installation: the logs of the models of the microcosm.

`microcosm` stands for the included models, and `microcosm-study` for the models of the study of shape bias, which are not
included themselves. Each experiment has two files, which `benchmarks/pack_recordings.py` wrote:

    observers/microcosm/recordings/<experiment>.csv.gz   the trial logs of all observers, as one log
    observers/microcosm/recordings/<experiment>.json     the sidecar
    observers/microcosm/study/…                          the same for the models of the study

The sidecar is that of a trial log. Its entry `observers` has the identity, the provenance and the number of trials of each
observer, and its entry `recording` has the SHA-256 of the log (`csv_sha256`) and of all files with weights (`weights`), the
number of significant digits of the evidence (`evidence_digits`), the number of trials of each observer (`n_trials`) and of a
complete session (`n_all_trials`), and the path of the images below the cache folder (`images`).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import LogError, StimulusError
from core.files import read_bytes
from core.json_files import JsonError, check_types, read_json
from stimuli.published.datasets import cache_folder
from stimuli.stimulus import StimulusSet

MICROCOSM = Path(__file__).resolve().parents[2] / "observers" / "microcosm"
WEIGHTS = MICROCOSM / "weights"
FOLDERS: Mapping[str, Path] = {  # name on the command line -> folder
    "microcosm": MICROCOSM / "recordings",
    "microcosm-study": MICROCOSM / "study",
}
SUFFIX = ".csv.gz"
_TYPES = {
    "csv_sha256": str,
    "weights": dict,
    "evidence_digits": int,
    "n_trials": int,
    "n_all_trials": int,
    "images": str,
}


def find_included(*parts: str) -> Path | None:
    """Find recordings that come with the installation.

    Args:
        parts: The name of the recordings, and optionally that of an experiment, such as `find_included("microcosm",
            "microcosm-edge")`.

    Returns:
        The folder, or the file of the experiment; None if they do not exist.
    """
    folder = FOLDERS.get(parts[0]) if parts else None
    if folder is None or len(parts) > 2 or not folder.is_dir():
        return None
    path = folder / f"{parts[1]}{SUFFIX}" if len(parts) == 2 else folder
    return path if path.exists() and path.parent == (folder if len(parts) == 2 else folder.parent) else None


def included_experiments(name: str) -> list[str]:
    """Return the experiments of the recordings with this name, such as "microcosm"."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDERS[name].glob(f"*{SUFFIX}"))


def is_included(path: Path) -> bool:
    """Return whether a file is a recording that comes with the installation."""
    return path.name.endswith(SUFFIX) and path.resolve().parent in FOLDERS.values()


def sidecar_of(path: Path) -> dict[str, Any]:
    """Return the sidecar of an included recording. Raises LogError if it is damaged or missing."""
    sidecar = path.with_name(path.name.removesuffix(SUFFIX) + ".json")
    try:
        content = check_types(read_json(sidecar), {"identity": dict, "observers": dict, "recording": dict})
        check_types(content["recording"], _TYPES)
    except (OSError, JsonError) as error:
        raise LogError(f"{sidecar} cannot be read ({error}): install the project again") from None
    return content


def check_included(path: Path) -> list[str]:
    """Compare an included recording with its sidecar and with the weights and images on this machine.

    Args:
        path: The file of the recording.

    Returns:
        Notes about weights or images that differ from those that were recorded. Images that were not drawn yet are not
        compared.

    Raises:
        LogError: If the file was changed after it was packed, or if the sidecar is damaged or missing.
    """
    sidecar = sidecar_of(path)
    recording = sidecar["recording"]
    if hashlib.sha256(read_bytes(path)).hexdigest() != recording["csv_sha256"]:
        raise LogError(
            f"{path} was changed after it was recorded: its SHA-256 is not that of its sidecar; install it again"
        )
    changed = sorted(name for name, sha256 in recording["weights"].items() if _sha256(WEIGHTS / name) != sha256)
    notes = []
    if changed:
        models = ", ".join(dict.fromkeys(name.partition("/")[0] for name in changed))
        notes.append(
            f"the included recordings were made with other weights of {models} than those that are installed, so they do "
            f"not describe the installed models: `observers run-experiment {path.name.removesuffix(SUFFIX)}` runs them again"
        )
    return notes + _compare_images(path.name.removesuffix(SUFFIX), recording["images"], sidecar["identity"])


def _compare_images(name: str, images: str, identity: Mapping[str, Any]) -> list[str]:
    """Return a note if the images of an experiment in the cache are not those that were recorded."""
    manifest = cache_folder() / images / "stimuli.csv"
    if not manifest.is_file():
        return []
    try:
        is_same = StimulusSet.read(manifest, name).digest() == identity.get("stimuli")
    except StimulusError as error:
        return [f"the images of {name} on this machine cannot be compared with those that were recorded: {error}"]
    return (
        [] if is_same else [f"the included recordings of {name} were made with other images than those on this machine"]
    )


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or "" if it does not exist."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
