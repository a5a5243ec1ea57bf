"""Let generative observers restore noised or masked images under prompts, and write PNG files and a table.

The output folder has these files:

    <out>/reconstructions.csv    table of the reconstructions (`experiments.reconstruction.reconstruction_table`)
    <out>/reconstructions.json   image digests and observer options, which must not change when resuming
    <out>/originals/<image>.png  the images
    <out>/<observer>/<image>/<text>_<strength>_<steps>_<guidance>_<seed>.png  the reconstructions
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from core.atomic import write_atomically
from core.errors import ObserverError, StimulusError
from core.json_files import JsonError, check_types, read_json
from experiments.identity import add_missing_options, added_options, describe_difference, observer_options
from experiments.log import file_name
from experiments.reconstruction.reconstruction_table import COLUMNS, KEY, TABLE, Row, read_rows
from experiments.sets.registry import make_experiment
from observers.protocol import Observer, Reconstruction, Reconstructor, Restoration
from stimuli.cues import PERCEPTS
from stimuli.image_files import SUFFIXES, scan_folder
from stimuli.images import center_square, open_image, save_image, to_uint8
from stimuli.published.attribution import read_credits
from stimuli.stimulus import Stimulus

SIDECAR = "reconstructions.json"
MAX_ORIGINAL_SIDE = 512  # pixels per side of the copies in `originals`
MAX_PROMPT_LENGTH = 40  # characters of a prompt in the name of a file
Progress = Callable[[int, int | None], None]


@frozen
class ReconstructionSettings:
    """Prompts under which images are restored, and settings of the restoration.

    Attributes:
        prompts: Texts under which each image is restored. If empty, the prompts name the two percepts in the image's cues.
        strengths: Noise levels or fractions of masked tokens, above 0 and up to 1.
        n_seeds: Number of draws of noise or masks for each strength.
        steps: Number of denoising steps.
        guidance: Classifier-free guidance scale; 1 means no guidance.

    Raises:
        ObserverError: If a value is outside its range, if a prompt is given twice, or if there is no strength or no seed.
    """

    prompts: tuple[str, ...] = ()
    strengths: tuple[float, ...] = (0.5,)
    n_seeds: int = 1
    steps: int = 1
    guidance: float = 1.0

    def __attrs_post_init__(self) -> None:
        self.restorations()  # raises ObserverError for values outside their ranges
        if not self.n_seeds >= 1 or not self.strengths:
            raise ObserverError("give at least one strength and at least one seed")
        if len(set(self.prompts)) < len(self.prompts):
            raise ObserverError("a prompt is given twice; give each prompt once")

    def restorations(self) -> list[Restoration]:
        """Return the settings of all restorations, one for every combination of a strength and a draw."""
        return [
            Restoration(strength, self.steps, self.guidance, draw)
            for strength in dict.fromkeys(self.strengths)
            for draw in range(self.n_seeds)
        ]

    def prompts_for(self, stimulus: Stimulus, observer: Reconstructor) -> list[str]:
        """Return the prompts for an image.

        Raises StimulusError if `prompts` is empty and the cues of the image do not name its percepts.
        """
        if self.prompts:
            return list(self.prompts)
        if not all(stimulus.cues.get(cue) for cue in PERCEPTS):
            raise StimulusError(f"{stimulus.id} has no percepts among its cues: give one or more prompts with --prompt")
        return observer.prompts([stimulus.cues[cue] for cue in PERCEPTS])


def find_stimuli(names: Sequence[str], limit: int | None = None) -> list[Stimulus]:
    """Return the images to which `names` refers: image files, folders of images and experiments.

    The images of a folder are sorted by name; those of an experiment have the order of its stimulus set. `limit` is the
    maximum number of images in total. Raises StimulusError if an image file is missing or the images of an experiment are
    not available, and UnknownName if a name is neither a file, a folder nor an experiment.
    """
    stimuli: list[Stimulus] = []
    for name in names:
        path = Path(name)
        if path.is_file():
            stimuli.append(Stimulus(path.name, path, path.stem))
        elif path.is_dir() and not (path / "stimuli.csv").is_file() and (files := _image_files(path)):
            stimuli += [Stimulus(file.name, file, file.stem) for file in files]
        elif path.suffix.lower() in SUFFIXES:
            raise StimulusError(f"the image {path} does not exist")
        else:
            stimuli += make_experiment(name).stimuli.stimuli
    return stimuli[:limit]


def _image_files(folder: Path) -> list[Path]:
    """Return the image files directly in a folder, sorted by name. Raises StimulusError for images in other formats."""
    scan = scan_folder(folder, recursive=False)
    scan.check()
    return list(scan.images)


def reconstruct(
    stimuli: Sequence[Stimulus], observers: Sequence[Observer], settings: ReconstructionSettings, out: Path, *,
    progress: Progress = lambda done, total: None,
) -> Path:  # fmt: skip
    """Restore every image under every prompt with every observer, and write the results into a folder.

    If `out` has results of an earlier run with the same images and observers, only the missing reconstructions are
    computed. The prompts, strengths and seeds may differ from those of the earlier run.

    Args:
        stimuli: The images.
        observers: Generative observers that can restore images (`observers.protocol.Reconstructor`).
        settings: Prompts, strengths, number of seeds, denoising steps and guidance scale.
        out: Folder for the table and the images.
        progress: Function that is called with the number of finished units of work and their total number. In one unit,
            one observer restores one image under all its prompts, with one strength and one draw.

    Returns:
        Path of the table, `<out>/reconstructions.csv`.

    Raises:
        ObserverError: If an observer cannot restore images, or if `out` has reconstructions of a different image of the
            same name, or by an observer of the same name with different options.
        StimulusError: If two images have the same name, if an image cannot be opened, if an image has no prompts, or if
            the files in `out` are damaged.

    Example:
        >>> settings = ReconstructionSettings(("an image of a duck", "an image of a rabbit"), n_seeds=4, steps=20)
        >>> reconstruct(find_stimuli(["duck.png"]), [make_observer("sd14")], settings, Path("duck"))
    """
    for observer in observers:
        if not isinstance(observer, Reconstructor) or not observer.restores:
            raise ObserverError(f"{observer.name} cannot restore images: use a diffusion, flow or masked model")
    names = [s.id for s in stimuli]
    if len(set(names)) < len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise StimulusError(f"two images are named {duplicate}: rename one of them, or restore them into two folders")
    out = Path(out)
    finished = {_key(row) for row in _prepare_folder(out, stimuli, observers)}
    originals = {s.id: _save_original(s, out) for s in stimuli}
    folders = {s.path.parent for s in stimuli}
    credits = {folder: read_credits(folder) for folder in folders}
    work = []
    for observer in observers:
        assert isinstance(observer, Reconstructor)
        work += [
            (observer, s, settings.prompts_for(s, observer), restoration)
            for s in stimuli
            for restoration in settings.restorations()
        ]
    with (out / TABLE).open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for done, (observer, s, prompts, restoration) in enumerate(work):
            credit = credits[s.path.parent].get(s.id)
            rows = [
                _settings_cells(s, observer.name, prompt, restoration)
                | {"original": originals[s.id], "attribution": credit.caption() if credit else ""}
                for prompt in prompts
            ]
            if not all(_key(row) in finished for row in rows):
                reconstruction = observer.reconstruct(s, prompts, restoration)
                for k, row in enumerate(rows):
                    if _key(row) not in finished:
                        save_image(to_uint8(np.clip(reconstruction.images[k], 0, 1)), out / row["file"])
                        writer.writerow(row | _distance_cells(reconstruction, k))
                        finished.add(_key(row))
                file.flush()
            progress(done + 1, len(work))
    return out / TABLE


def _settings_cells(s: Stimulus, observer: str, prompt: str, restoration: Restoration) -> Row:
    """Return the cells of a row that follow from the settings, including the name of the file."""
    strength, guidance = f"{restoration.strength:g}", f"{restoration.guidance:g}"
    stem = f"{_path_part(prompt, MAX_PROMPT_LENGTH)}_{strength}_{restoration.steps}_{guidance}_{restoration.draw}"
    return {
        "image": s.id, "observer": observer, "prompt": prompt, "strength": strength, "steps": str(restoration.steps),
        "guidance": guidance, "seed": str(restoration.draw),
        "file": f"{_path_part(observer)}/{_path_part(s.id)}/{stem}.png",
    }  # fmt: skip


def _path_part(text: str, max_length: int = 100) -> str:
    """Return a text as part of a path. If characters were replaced or removed, a hash keeps the result unique."""
    name = file_name(text[:max_length])
    return name if name == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _distance_cells(reconstruction: Reconstruction, k: int) -> Row:
    """Return the cells with the distances between the image and its reconstruction under prompt k (counted from 0)."""
    latent = reconstruction.latent_distance[k]
    return {
        "pixel_distance": f"{reconstruction.pixel_distance[k]:.9g}",
        "latent_distance": "" if np.isnan(latent) else f"{latent:.9g}",
    }


def _key(row: Row) -> tuple[str, ...]:
    """Return the cells that identify a reconstruction."""
    return tuple(row[name] for name in KEY)


def _save_original(s: Stimulus, out: Path) -> str:
    """Save the central square of an image, unless it was saved before, and return its path relative to `out`."""
    pixels = open_image(s.path)
    file = f"originals/{_path_part(s.id)}.png"
    if not (out / file).is_file():
        save_image(center_square(pixels, min(MAX_ORIGINAL_SIDE, *pixels.shape[:2])), out / file)
    return file


def _prepare_folder(out: Path, stimuli: Sequence[Stimulus], observers: Sequence[Observer]) -> list[Row]:
    """Write the sidecar and the table of finished rows, and return these rows.

    A row is finished if its image file exists. Raises ObserverError if an image or an observer of the same name differs
    from that of an earlier run in this folder.
    """
    identity: dict[str, Any] = {
        "images": {s.id: hashlib.sha256(s.path.read_bytes()).hexdigest() for s in stimuli},
        "observers": {observer.name: observer_options(observer) for observer in observers},
    }
    rows = read_rows(out) if (out / TABLE).is_file() else []
    if rows:
        earlier = _read_sidecar(out)
        for observer in observers:
            if isinstance(options := earlier["observers"].get(observer.name), dict):
                add_missing_options(options, added_options(observer))
        for part, entries in identity.items():
            for name in entries.keys() & earlier[part].keys():
                if entries[name] != earlier[part][name]:
                    raise ObserverError(
                        f"{out} has reconstructions {'of' if part == 'images' else 'by'} a different {name} "
                        f"({describe_difference(earlier[part][name], entries[name])}): use another folder with --out"
                    )
        identity = {part: earlier[part] | entries for part, entries in identity.items()}
    rows = [row for row in rows if (out / row["file"]).is_file()]
    write_atomically(out / SIDECAR, (json.dumps(identity, indent=1, sort_keys=True) + "\n").encode())
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / TABLE, table.getvalue().encode())
    return rows


def _read_sidecar(out: Path) -> dict[str, Any]:
    """Return the digests and options that an earlier run wrote. Raises StimulusError if the file is damaged or missing."""
    try:
        identity = check_types(read_json(out / SIDECAR), {"images": dict, "observers": dict})
    except (OSError, JsonError):
        raise StimulusError(
            f"{out / SIDECAR} is damaged or missing: use another folder with --out, or remove {out}"
        ) from None
    return {part: identity[part] for part in ("images", "observers")}
