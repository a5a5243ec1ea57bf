"""Tables that are damaged or written differently are read correctly, noted or refused, without a traceback or a hang."""

import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analysis import read_trials
from analysis.io.bids import export_bids
from analysis.io.export import export
from analysis.selection.labels import label_observers
from experiments import make_experiment, run
from observers import make_observer
from observers.recorded import read_recorded_trials
from stimuli.stimulus import StimulusSet
from tests.robustness.damaged_tables import DAMAGE, SAME
from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import write_set
from tests.robustness.outcomes import RIGHT, judge, judge_call
from tests.robustness.tally import SILENT, Tally, count

Facts = tuple[object, ...]
MAX_SECONDS = 20.0


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a set, a log, an export in both formats, and a table of labels."""
    experiment = make_experiment(str(write_set(tmp_path / "set", n=24)))
    log = run(experiment, make_observer("biased", shape_bias=0.7, cue_rate=0.8), tmp_path / "logs")
    frame = read_trials(log)
    export(frame, tmp_path / "field")
    export_bids(frame, tmp_path / "bids")
    (tmp_path / "labels.csv").write_text("observer,label,group,color\nbiased-0.7,Biased,networks,#ff0000\n")
    return tmp_path


def trials(path: Path) -> tuple[Facts, list[str]]:
    """Return facts about the trials of a file or folder that must not depend on how they are written, and the notes."""
    frame = read_trials(path)
    columns = frame[["stimulus", "condition", "category", "response"]].astype(str)
    return tuple(sorted(map(tuple, columns.to_numpy().tolist()))), frame.attrs["notes"]


def stimuli(path: Path) -> tuple[Facts, list[str]]:
    """Return the stimuli of a manifest."""
    return tuple((s.id, s.category, s.condition, *sorted(s.cues.items())) for s in StimulusSet.read(path)), []


def recorded(path: Path) -> tuple[Facts, list[str]]:
    """Return the responses that a recorded observer would give."""
    return tuple(sorted((key, trial.response.choice) for key, trial in read_recorded_trials(path).items())), []


def labels(path: Path) -> tuple[Facts, list[str]]:
    """Return the observers of a frame after they were renamed."""
    frame = label_observers(read_trials(path.parent / "logs"), path)
    return tuple(sorted(frame["observer"].astype(str).unique())), frame.attrs["notes"]


Reader = tuple[str, str, Callable[[Path], tuple[Facts, list[str]]]]
READERS: dict[
    str, Reader
] = {  # name -> pattern of the table that is damaged, path that is read, function that reads it
    "trial log": ("logs/*/*.csv", "logs", trials),
    "table of model-vs-human": ("field/**/*.csv", "field", trials),
    "BIDS table": ("bids/**/*.tsv", "bids", trials),
    "manifest": ("set/stimuli.csv", "set/stimuli.csv", stimuli),
    "recorded observer": ("field/**/*.csv", "", recorded),
    "labels": ("labels.csv", "labels.csv", labels),
}


@pytest.mark.parametrize("reader", READERS)
def test_tables(reader: str, folder: Path, tally: Tally) -> None:
    pattern, read, function = READERS[reader]
    table = next(path for path in folder.glob(pattern) if path.name != "participants.tsv")
    path, content = folder / read if read else table, table.read_bytes()
    delimiter = b"\t" if table.suffix == ".tsv" else b","
    plain = content.replace(delimiter, b",")
    facts, notes = function(path)
    changes = [*SAME.items(), *(item for item in DAMAGE.items() for _ in range(count(12, 1)))]
    for name, change in changes:
        table.write_bytes(damaged := change(tally.rng, plain).replace(b",", delimiter))
        verdict, result, text = judge_call(lambda: function(path), MAX_SECONDS)
        if verdict == RIGHT and result is not None and name in SAME and result[0] != facts and result[1] == notes:
            verdict, text = SILENT, f"other trials are read without a note: {set(result[0]) ^ set(facts)}"
        tally.add(verdict, f"{reader} with {name}: {text[:600]}\n    {damaged[:150]!r}")
    table.write_bytes(content)
    tally.check(at_least=len(SAME) + len(DAMAGE))


COMMANDS = (
    ("analyze", "accuracy", "field"),
    ("analyze", "consistency", "field", "field2"),
    ("analyze", "shape-bias", "logs"),
    ("export", "field", "--out", "exported"),
    ("export", "logs", "--format", "bids", "--out", "exported"),
    ("import", "{table}", "--dataset", "mine", "--kind", "human", "--out", "imported"),
    ("run-experiment", "set", "--observer", "ideal", "--out", "new", "--quiet"),
    ("run-experiment", "set", "--observer", "recorded:{table}", "--out", "new", "--quiet"),
)


def test_commands_on_damaged_tables(server: ForkServer, folder: Path, tally: Tally, tmp_path: Path) -> None:
    """Complete commands on tables that are damaged in one or two ways."""
    shutil.copytree(folder / "field", folder / "field2")
    changes = list((SAME | DAMAGE).items())
    for number in range(n := count(160, 10)):
        work = tmp_path / f"work-{number}"
        shutil.copytree(folder, work, ignore=shutil.ignore_patterns("work-*"))
        words = tally.rng.choice(COMMANDS)
        source = "set" if words[1] == "set" else "logs" if "logs" in words else "field"
        table = next(path for path in (work / source).rglob("*.csv"))
        names = damage(table, changes, tally.rng)
        outcome = server.run(*(word.format(table=table) for word in words), cwd=work)
        tally.add(judge(outcome), f"{source} with {' and '.join(names)}: {outcome.describe()}")
        shutil.rmtree(work)
    tally.check(at_least=n)


def damage(
    table: Path, changes: list[tuple[str, Callable[[random.Random, bytes], bytes]]], rng: random.Random
) -> list[str]:
    """Damage a table once or twice, and return the names of the damages."""
    names: list[str] = []
    for name, change in rng.sample(changes, rng.choice([1, 2])):
        try:
            table.write_bytes(change(rng, table.read_bytes()))
        except (UnicodeDecodeError, ValueError, IndexError):
            continue  # the first damage leaves nothing for the second
        names.append(name)
    return names
