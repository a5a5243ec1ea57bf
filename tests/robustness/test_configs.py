"""Models whose JSON files are damaged at random respond or are refused with a message, within 20 seconds and 4 GB.

All libraries are imported once, and each damaged model is tried in a forked process. OBSERVERS_ROBUSTNESS=full tries 400
mutations, which take about five minutes on one core.
"""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from core.errors import UserError
from experiments.experiment import Experiment
from observers.protocol import Trial
from tests.robustness import mutations, outcomes
from tests.robustness.mutations import run_forked
from tests.robustness.tally import Tally, count
from tests.robustness.tiny_checkpoints import KINDS

SECONDS, MEMORY_LIMIT = 20.0, 4 << 30
VERDICTS = {
    mutations.RUN: outcomes.RIGHT, mutations.SENTENCE: outcomes.REFUSED, mutations.TRACEBACK: outcomes.TRACEBACK,
    mutations.HANG: outcomes.HANG, mutations.MEMORY: outcomes.MEMORY, mutations.ABORT: outcomes.UNEXPLAINED,
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one tiny model of each kind, which no test may change."""
    folder = tmp_path_factory.mktemp("models")
    for name, kind in KINDS.items():
        kind.save(folder / name)
    return folder


@pytest.fixture
def ask(drawn: Experiment) -> Callable[[str, Path], str]:
    """Return a function that lets the model in a folder answer a trial with the choices of its kind."""
    trial: Trial = drawn.trials(0)[0]
    return lambda name, folder: KINDS[name].answer(folder, evolve(trial, choices=KINDS[name].choices))


def test_damaged_configs(models: Path, ask: Callable[[str, Path], str], tally: Tally, tmp_path: Path) -> None:
    warnings.simplefilter("ignore")
    for name in KINDS:  # imports the classes of all models before the first fork
        assert ask(name, models / name)
    n = count(400, 30)
    generators = {name: mutations.mutations(models / name, tally.rng) for name in KINDS}
    folder = tmp_path / "damaged"
    for _ in range(n):
        name = tally.rng.choice(sorted(KINDS))
        mutation = next(generators[name])
        shutil.copytree(models / name, folder)
        (folder / mutation.file).write_bytes(mutation.content)
        outcome = run_forked(lambda name=name: ask(name, folder), UserError, SECONDS, MEMORY_LIMIT)  # type: ignore[misc]
        case = f"{name} {mutation.file}: {mutation.description} ({outcome.seconds:.1f} s): {outcome.message}"
        is_sentence = outcome.kind != mutations.SENTENCE or 0 < len(outcome.message) < 1500
        tally.add(VERDICTS[outcome.kind] if is_sentence else outcomes.UNEXPLAINED, case)
        shutil.rmtree(folder)
    tally.check(at_least=n)
