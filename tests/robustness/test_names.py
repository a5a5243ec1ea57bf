"""Unusual names of everything that has a name are refused before the first trial, or unchanged in log and report.

The pages of the report must show them unchanged: no script may run, and the console of the browser must stay empty.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from analysis import read_trials
from core.errors import UserError
from experiments import run
from experiments.experiment import Experiment
from experiments.log import file_name
from observers import make_observer
from stimuli.stimulus import Stimulus, StimulusSet
from tests.browser.chromium import Browser, chromium
from tests.browser.pages import texts
from tests.robustness.fork_server import ForkServer
from tests.robustness.inputs import write_image
from tests.robustness.odd_names import all_names, is_same
from tests.robustness.outcomes import RIGHT, judge, judge_call
from tests.robustness.tally import SILENT, Tally, count

FIELDS = ("stimulus", "category", "condition", "cue", "cue name", "observer", "experiment")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the image that all stimuli show."""
    path = tmp_path_factory.mktemp("image") / "image.png"
    write_image(path, 0)
    return path


class NotReadable(UserError):
    """Raised for a log that was written and cannot be read: the name should have been refused before the first trial."""


def run_with(field: str, name: str, image: Path, folder: Path) -> pd.DataFrame:
    """Run an experiment of three trials in which something has the name, and return the frame."""
    cue = name if field == "cue name" else "shape"
    first = {"stimulus": "a.png", "category": "cat", "condition": "c1", "cue": "cat"} | {field: name}
    stimuli = (
        Stimulus(first["stimulus"], image, first["category"], first["condition"], {cue: first["cue"]}),
        Stimulus("b.png", image, "dog", "c2", {cue: "dog"}),
        Stimulus("c.png", image, "dog", "c2", {cue: "dog"}),
    )
    title = name if field == "experiment" else "names"
    choices = tuple(dict.fromkeys((first["category"], "dog")))
    experiment = Experiment(title, StimulusSet(title, stimuli), choices)
    observer = make_observer("ideal", name=name) if field == "observer" else make_observer("ideal")
    return read_back(run(experiment, observer, folder))


def read_back(log: Path) -> pd.DataFrame:
    """Read a log that was just written. Raises NotReadable if it is refused."""
    try:
        return read_trials(log)
    except UserError as error:
        raise NotReadable(f"written, and not readable: {error}") from None


def texts_of(frame: pd.DataFrame, field: str) -> list[str]:
    """Return the texts that a frame has where the name should be."""
    column = {"cue": "shape", "experiment": "dataset"}.get(field, field)
    return list(frame.columns) if field == "cue name" else [str(text) for text in frame[column].unique()]


@pytest.mark.parametrize("field", FIELDS)
def test_names_are_refused_or_read_back(field: str, image: Path, tally: Tally, tmp_path: Path) -> None:
    names = all_names(tally.rng, count(400, 40))
    names = names if count(1, 0) else tally.rng.sample(names, 60)
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        verdict, frame, text = judge_call(lambda name=name, folder=folder: run_with(field, name, image, folder))
        if text.startswith("written, and not readable"):
            verdict = SILENT
        elif verdict == RIGHT and frame is not None and not any(is_same(read, name) for read in texts_of(frame, field)):
            verdict, text = SILENT, f"read as {texts_of(frame, field)}"
        elif verdict != RIGHT and any(path.read_bytes().count(b"\n") > 1 for path in folder.rglob("*.csv")):
            verdict, text = SILENT, f"refused after the first trial: {text}"
        tally.add(verdict, f"{field} {name!r:.120}: {text}")
    tally.check(at_least=len(names))


def test_names_on_the_command_line(server: ForkServer, image: Path, tally: Tally, tmp_path: Path) -> None:
    """A stimuli.csv with odd names goes through running, analyzing and exporting."""
    names = all_names(tally.rng, 20)
    for number in range(n := count(90, 6)):
        work = tmp_path / str(number)
        work.mkdir()
        quoted = [f'"{name}"' for name in (text.replace('"', '""') for text in tally.rng.sample(names, 3))]
        rows = ["stimulus,path,category,condition,shape", f"{quoted[0]},{image},{quoted[1]},{quoted[2]},{quoted[1]}"]
        rows += [f"b{i}.png,{image},dog,c2,dog" for i in range(3)]
        (work / "stimuli.csv").write_bytes(("\n".join(rows) + "\n").encode("utf-8", "surrogatepass"))
        commands: Sequence[tuple[str, ...]] = (
            ("run-experiment", str(work), "-m", "ideal", "-m", "biased", "--quiet"),
            tally.rng.choice([("analyze", "accuracy", "logs"), ("analyze", "shape-bias", "logs"), ("analyze",
                "consistency", "logs")]),
            tally.rng.choice([("export", "logs"), ("export", "logs", "--format", "bids"), ("export", "logs",
                "--format", "parquet")]),
        )  # fmt: skip
        for words in commands:
            outcome = server.run(*words, cwd=work)
            tally.add(judge(outcome), f"{quoted}: {outcome.describe()}")
            if outcome.code != 0:
                break
    tally.check(at_least=n)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with chromium() as running:
        yield running


def accepted(names: Sequence[str], field: str, image: Path, folder: Path) -> list[str]:
    """Return the names that may be used for a field."""
    attempt: Callable[[int, str], str] = lambda i, name: judge_call(  # noqa: E731
        lambda: run_with(field, name, image, folder / f"{field}-{i}")
    )[0]
    return [name for i, name in enumerate(names) if attempt(i, name) == RIGHT]


def write_logs(names: Sequence[str], image: Path, folder: Path, scratch: Path) -> list[str]:
    """Run four experiments whose stimuli, categories, conditions, cues and observers have odd names. Return the stimuli."""
    stimuli = accepted(names, "stimulus", image, scratch)
    categories, conditions, observers = (accepted(names[start : start + 60], field, image, scratch) for field,
        start in
                                         (("category", 20), ("condition", 0), ("observer", 10)))  # fmt: skip
    observers = list({file_name(name): name for name in observers}.values())  # logs of one folder need different names
    titles = accepted(names[26:34], "experiment", image, scratch)[:4]
    for part, title in enumerate(titles):
        own = stimuli[part::4]
        choices = list(dict.fromkeys(["cat", *categories[part::4][:10]]))
        levels = conditions[part::4][:6] or ["c1"]
        made = tuple(
            Stimulus(id, image, choices[i % len(choices)], levels[i % len(levels)],
                     {"shape": choices[i % len(choices)], "texture": choices[(i + 1) % len(choices)]})
            for i, id in enumerate(own)
        )  # fmt: skip
        experiment = Experiment(title, StimulusSet(title, made), tuple(choices))
        for i, name in enumerate(observers[part::4][:5]):
            run(experiment, make_observer("biased", shape_bias=0.6, cue_rate=0.8, seed=i, name=name), folder)
    return stimuli


def test_names_in_the_report(server: ForkServer, browser: Browser, image: Path, tally: Tally, tmp_path: Path) -> None:
    names = all_names(tally.rng, count(60, 0))
    names = names if count(1, 0) else names[20:90]
    stimuli = write_logs(names, image, tmp_path / "logs", tmp_path / "scratch")
    outcome = server.run(
        "report", "logs", "--no-intervals", "--no-images", "--out", "a report # of % 1", cwd=tmp_path, timeout=300
    )
    tally.add(judge(outcome), outcome.describe())
    base = f"file://{quote(str(tmp_path / 'a report # of % 1'))}/"
    browser.open("about:blank")
    browser.console()
    browser.open(base + "index.html")
    frame = read_trials(tmp_path / "logs")
    page = browser.script("return document.documentElement.textContent")
    for observer in frame["observer"].astype(str).unique():
        tally.add(
            RIGHT if " ".join(observer.split()) in " ".join(page.split()) else SILENT,
            f"the page does not show {observer!r}",
        )
    shown: set[str] = set()
    for dataset in frame["dataset"].astype(str).unique():
        browser.open("about:blank")
        browser.open(f"{base}trials.html#d={quote(dataset)}")
        browser.wait("document.querySelector('#image h2')")
        while True:
            shown |= set(texts(browser, "#grid .name"))
            if browser.script("return document.getElementById('after').disabled"):
                break
            browser.script("document.getElementById('after').click()")
    for name in stimuli:
        tally.add(RIGHT if name in shown else SILENT, f"the trial browser does not show {name!r}")
    if browser.script("return typeof hurt") != "undefined":
        tally.fail(SILENT, "a script in a name has run")
    if errors := browser.console():
        tally.fail(SILENT, f"the console has {errors[:3]}")
    tally.check(at_least=count(200, 40))
