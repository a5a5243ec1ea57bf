"""Any text in a cell and any bytes in a file, as hypothesis invents them: read as it is, or refused in a sentence."""

import csv
import io
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from analysis import read_trials
from observers.people.monitor import read_monitor
from stimuli.images import open_image
from stimuli.stimulus import StimulusSet
from tests.robustness.inputs import write_image
from tests.robustness.odd_names import is_same
from tests.robustness.outcomes import RIGHT, judge_call
from tests.robustness.tally import SEED, SILENT, Tally, count

HEADER = ["subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename"]
TEXTS = st.text(max_size=30) | st.text("\"',;\t\r\n\0 =-+@<>&\\\u200b\u202e\u200déä", max_size=12)
NUMBERS = st.text("0123456789+-.eE_,infa٣ ", max_size=8) | st.floats().map(str) | st.integers().map(str)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=8), parts, max_size=4),
    max_leaves=8,
)
PROFILE = {"name": "lab", "width_cm": 50.0, "distance_cm": 60.0, "pixels": [1920, 1080]}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def try_all(values: st.SearchStrategy[object], attempt: Callable[..., None], n: int) -> None:
    """Call a function with `n` values of a strategy, which depend only on the seed."""
    limits = settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    seed(SEED)(limits(given(values)(attempt)))()


def as_csv(rows: list[list[str]]) -> bytes:
    """Return rows as a CSV file."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def test_any_text_in_a_manifest(tally: Tally, tmp_path: Path) -> None:
    write_image(tmp_path / "image.png", 0)
    manifest = tmp_path / "stimuli.csv"

    def attempt(cells: tuple[str, str, str]) -> None:
        stimulus, category, cue = cells
        rows = [["stimulus", "path", "category", "condition", "shape"], [stimulus, "image.png", category, "", cue]]
        manifest.write_bytes(as_csv(rows))
        verdict, read, text = judge_call(lambda: StimulusSet.read(manifest))
        if verdict == RIGHT and read is not None:
            first = read.stimuli[0]
            if not all(map(is_same, (first.id, first.category, first.cues["shape"]), cells)):
                verdict = SILENT
        tally.add(verdict, f"{cells!r}: {text}")

    try_all(st.tuples(TEXTS, TEXTS, TEXTS), attempt, n := count(600, 60))
    tally.check(at_least=n // 2)


def test_any_text_in_a_table(tally: Tally, tmp_path: Path) -> None:
    path = tmp_path / "mine_subject-01_session_1.csv"

    def attempt(cells: tuple[str, str, str, str]) -> None:
        trial, rt, response, image = cells
        whole = ["subject-01", "1", "1", "0.5", "cat", "cat", "0", "0001_a_b_0_cat_00_x.png"]
        path.write_bytes(as_csv([HEADER, whole, ["subject-01", "1", trial, rt, response, "cat", "0", image]]))
        verdict, _, text = judge_call(lambda: read_trials(path))
        tally.add(verdict, f"{cells!r}: {text}")

    try_all(st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS), attempt, n := count(400, 40))
    tally.check(at_least=n // 2)


def test_any_json_in_a_monitor_profile(tally: Tally, tmp_path: Path) -> None:
    path = tmp_path / "monitor.json"

    def attempt(change: tuple[str, object]) -> None:
        key, value = change
        path.write_text(json.dumps(PROFILE | {key: value} if key else value), "utf-8", "surrogatepass")
        verdict, _, text = judge_call(lambda: read_monitor(path))
        tally.add(verdict, f"{change!r}: {text}")

    try_all(st.tuples(st.sampled_from(["", *PROFILE]), JSON), attempt, n := count(600, 60))
    tally.check(at_least=n // 2)


def test_any_bytes_in_a_file(tally: Tally, tmp_path: Path) -> None:
    path = tmp_path / "stimuli.csv"
    readers: dict[str, Callable[[Path], object]] = {
        "manifest": StimulusSet.read,
        "trials": read_trials,
        "image": open_image,
        "monitor profile": read_monitor,
    }

    def attempt(case: tuple[str, bytes, bytes]) -> None:
        name, start, content = case
        path.write_bytes(start + content)
        verdict, _, text = judge_call(lambda: readers[name](path))
        tally.add(verdict, f"{case!r}: {text}")

    starts = st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"{", b"\xef\xbb\xbf", b"PAR1", b"stimulus,path,"]
    )
    try_all(st.tuples(st.sampled_from(list(readers)), starts, st.binary(max_size=400)), attempt, n := count(600, 60))
    tally.check(at_least=n // 2)
