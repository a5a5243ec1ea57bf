"""Fixtures for all tests. No test needs a network; tests on real data are skipped if there is no data folder."""

import os

# Several test processes with several threads each would slow one another down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import ObserverError
from experiments.experiment import Experiment
from experiments.sets.drawn import cue_conflict
from stimuli.images import save_image
from stimuli.published.datasets import find


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder that only the tests use."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["OBSERVERS_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def drawn(cache: Path) -> Experiment:
    """Return the drawn cue-conflict experiment, 256 trials."""
    return cue_conflict()


@pytest.fixture
def small(drawn: Experiment) -> Experiment:
    """Return the sixteen drawn images with equal shape and texture and sixteen with a cue conflict, in two blocks."""
    keep = {s.id for i, s in enumerate(drawn.stimuli) if i % 17 in (0, 1) or i == 254}
    return Experiment("small", drawn.stimuli.where(lambda s: s.id in keep), drawn.choices, n_blocks=2)


@pytest.fixture
def few(small: Experiment) -> Experiment:
    """Return an experiment of five trials in two blocks."""
    keep = {s.id for s in small.stimuli.stimuli[:5]}
    return Experiment("few", small.stimuli.where(lambda s: s.id in keep), small.choices, n_blocks=2)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 3 categories with 12, 12 and 10 photographs of 60 × 50 pixels, which no test may change."""
    from tests.unit.stimuli.photos import as_uint8, photo

    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for category, n in (("boat", 12), ("cat", 12), ("oven", 10)):
        for i in range(n):
            top, left = rng.integers(0, 300), rng.integers(0, 500)
            name = "flower.jpg" if category == "cat" else "china.jpg"
            save_image(as_uint8(photo(name, 50, 60, top, left)), folder / category / f"{category}{i}.png")
    return folder


@pytest.fixture
def source(photographs: Path, tmp_path: Path) -> Path:
    """Return a copy of the folder of photographs."""
    return Path(shutil.copytree(photographs, tmp_path / "photos"))


@pytest.fixture
def empty_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save black images instead of figures, which take most of a report's time, for tests of what stands beside them."""
    from analysis.figures import style

    def save(figure: object, stem: Path) -> list[Path]:
        paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in style.FORMATS]
        for path in paths:
            save_image(np.zeros((60, 80, 3), np.uint8), path.with_suffix(".png"))
            path.touch()
        return paths

    monkeypatch.setattr(style, "save", save)


@pytest.fixture(scope="session")
def scripts(cache: Path) -> dict[str, bytes]:
    """Return the files of jsPsych; the test is skipped if they are not in the cache and cannot be downloaded."""
    from observers.people import jspsych

    try:
        return jspsych.load_scripts()
    except ObserverError as error:
        pytest.skip(str(error))


@pytest.fixture
def small_data(tmp_path: Path, drawn: Experiment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder in the published layout: 52 drawn cue-conflict images, and observers who saw them.

    The observers are simulated: two people, a network with the name resnet50, and a vision-language model.
    """
    from attrs import evolve

    from analysis import read_trials
    from analysis.io.export import export
    from experiments import run
    from observers import make_observer
    from stimuli.published.datasets import DATASETS
    from stimuli.stimulus import StimulusSet

    folder, stimuli = tmp_path / "data", []
    for s in drawn.stimuli.stimuli[::5]:
        name = f"{s.cues['shape']}1-{s.cues['texture']}1.png"
        path = folder / "stimuli" / "cue-conflict" / s.category / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(s.path, path)
        stimuli.append(evolve(s, id=name, path=path))
    experiment = Experiment("cue-conflict", StimulusSet("cue-conflict", tuple(stimuli)), drawn.choices)
    people = [make_observer("biased", shape_bias=0.95, cue_rate=0.9, seed=i, name=f"subject-0{i}") for i in (1, 2)]
    frame = read_trials(run(experiment, person, tmp_path / "simulated") for person in people)
    export(frame.assign(kind="human"), folder / "humans")
    network = make_observer("biased", shape_bias=0.2, cue_rate=0.8, seed=3, name="resnet50")
    frame = read_trials(run(experiment, network, tmp_path / "simulated-networks"))
    export(frame.assign(kind="discriminative"), folder / "networks")
    rows = [f"{s.id.removesuffix('.png')},2024-02-05 20:50:48,A,{s.cues['texture']},1" for s in stimuli]
    model = folder / "vlm" / "vqa" / "20240205_205048_simulated_vlm.csv"
    model.parent.mkdir(parents=True)
    model.write_text("\n".join(["image,timestamp,response,pred_label,pred_conf", *rows]) + "\n")
    monkeypatch.setenv("OBSERVERS_DATA", str(folder))
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(DATASETS, "cue-conflict", evolve(DATASETS["cue-conflict"], n_images=len(stimuli)))
    return folder


def real(*parts: str) -> Path:
    """Return the path of a part of the data folder, or skip the test if it is missing."""
    path = find(*parts)
    if path is None:
        pytest.skip(f"the data folder has no {'/'.join(parts)} (set OBSERVERS_DATA, or run observers fetch)")
    return path


@pytest.fixture
def human(request: pytest.FixtureRequest) -> Path:
    """Return the recording of the first person of the published cue-conflict experiment."""
    return real("humans", "cue-conflict", "cue-conflict_subject-01_session_1.csv")
