"""The identity of a session: what may change between a run and its resumption, and what is refused."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve, field, frozen

from core.errors import LogError, UserError
from core.plugins import load
from experiments import merge_shards
from experiments.running.session import run
from observers.people.participant import Participant
from observers.protocol import RUNTIME, ObserverError, Presentation
from observers.registry import make_observer
from observers.simulated import Biased, Ideal
from tests.unit.experiments.logs import rows, sidecar

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "a different seed .was 0, is now 1"),
        (
            {"observer": Biased(0.7, name="biased-0.8")},
            "a different observer or different options .shape_bias was 0.8, is now 0.7",
        ),
        ({"choices": ("airplane", "bear")}, "different choices"),
        ({"fewer": True}, "a different number of trials .was 32, is now 31"),
        ({"n_blocks": 4}, "a different number of blocks .was 2, is now 4"),
        ({"presentation": Presentation(stimulus=0.5)}, "different presentation settings .stimulus was 0.2, is now 0.5"),
        ({"pixels": True}, "different stimuli"),
    ],
)
def test_log_of_another_session_is_refused_and_not_changed(small, tmp_path, change, message):
    path = run(small, Biased(0.8), tmp_path)
    before = path.read_bytes()
    experiment, observer = small, change.get("observer", Biased(0.8))
    if "choices" in change:
        experiment = evolve(small, choices=change["choices"])
    for part in {"n_blocks", "presentation"} & set(change):
        experiment = evolve(small, **{part: change[part]})
    if "fewer" in change:
        last = small.stimuli.stimuli[-1]
        experiment = evolve(small, stimuli=small.stimuli.where(lambda s: s != last))
    if "pixels" in change:
        first, *rest = small.stimuli
        swapped = evolve(first, path=rest[0].path)
        experiment = evolve(small, stimuli=evolve(small.stimuli, stimuli=(swapped, *rest)))
    with pytest.raises(LogError, match=f"was made with {message}.*choose another --session or --out"):
        run(experiment, observer, tmp_path, seed=change.get("seed", 0))
    assert path.read_bytes() == before
    assert run(small, observer, tmp_path, session=2, seed=5).name.endswith("_session-2.csv")


def test_runtime_options_may_change_when_resuming(small, tmp_path):
    @frozen
    class Batched:
        batch_size: int = field(default=1, metadata=RUNTIME)
        name: str = "batched"
        kind: str = "discriminative"

        def observe(self, trials):
            yield from Ideal().observe(trials)

    run(small, Batched(1), tmp_path, limit=3)
    assert len(rows(run(small, Batched(2), tmp_path))) == 32


def test_log_is_not_resumed_with_other_weights(small, tmp_path):
    @frozen
    class Weighted:
        sha256: str = field(default="a", metadata=RUNTIME)
        device: str = field(default="cpu", metadata=RUNTIME)
        name: str = "weighted"
        kind: str = "discriminative"

        def provenance(self):
            return {"sha256": self.sha256, "device": self.device}

        def observe(self, trials):
            yield from Ideal().observe(trials)

    path = run(small, Weighted(), tmp_path, limit=3)
    before = path.read_bytes()
    with pytest.raises(
        LogError, match=r"was started with a different sha256 .was a, is now b.: use the original sha256 again"
    ):
        run(small, Weighted("b"), tmp_path)
    assert path.read_bytes() == before
    run(small, Weighted("a", "cuda"), tmp_path)
    assert sidecar(path)["provenance"] == {"sha256": "a", "device": "cuda"}


def test_session_without_responses_may_be_restarted_with_other_options(small, tmp_path):
    @frozen
    class Failing:
        works: bool
        name: str = "failing"
        kind: str = "discriminative"

        def observe(self, trials):
            if not self.works:
                raise ObserverError("no weights")
            yield from Ideal().observe(trials)

    for _ in range(2):
        with pytest.raises(ObserverError, match="no weights"):
            run(small, Failing(False), tmp_path)
    path = run(small, Failing(True), tmp_path)
    assert len(rows(path)) == 32
    assert sidecar(path)["identity"]["observer"]["options"]["works"] is True
    assert run(small, Failing(True), tmp_path) == path


def test_complete_log_does_not_load_weights(small, tmp_path):
    class Weighted:
        name, kind, has_weights = "weighted", "discriminative", True

        def observe(self, trials):
            if not Weighted.has_weights:
                raise ObserverError("no weights")
            yield from Ideal().observe(trials)

    path = run(small, Weighted(), tmp_path)
    Weighted.has_weights = False
    assert run(small, Weighted(), tmp_path) == path


@dataclasses.dataclass
class Dataclass:
    threshold: float
    name: str = "mine"
    kind: str = "discriminative"

    def observe(self, trials):
        yield from Ideal().observe(trials)


class Plain:
    name, kind = "mine", "discriminative"

    def __init__(self, threshold):
        self._threshold = threshold
        self.network = object()  # cannot be represented in JSON, and is ignored
        self.n_seen = 0  # not an option

    def observe(self, trials):
        for response in Ideal().observe(trials):
            self.n_seen += 1
            yield response


@pytest.mark.parametrize("make", [Dataclass, Plain])
def test_options_of_other_classes_belong_to_the_identity(make, small, tmp_path):
    observer = make(1.0)
    run(small, observer, tmp_path, limit=3)
    with pytest.raises(LogError, match=r"a different observer .*threshold was 1.0, is now 2.0"):
        run(small, make(2.0), tmp_path)
    run(small, observer, tmp_path, limit=5)
    assert len(rows(run(small, make(1.0), tmp_path))) == 32


def test_log_is_not_resumed_with_a_changed_user_file(small, tmp_path):
    mine = tmp_path / "mine.py"
    text = (
        "from observers.protocol import Response\n"
        "class Mine:\n    name, kind = 'mine', 'discriminative'\n"
        "    def observe(self, trials):\n        for trial in trials:\n            yield Response(trial.choices[0])\n"
    )
    mine.write_text(text)
    run(small, make_observer(f"{mine}:Mine"), tmp_path, limit=3)
    mine.write_text(text.replace("choices[0]", "choices[1]"))
    with pytest.raises(LogError, match=r"a different observer .*file_sha256 was \w{64}, is now \w{64}"):
        run(small, make_observer(f"{mine}:Mine"), tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "mine.py"
    moved.write_text(text)
    assert len(rows(run(small, make_observer(f"{moved}:Mine"), tmp_path))) == 32


def test_branch_may_be_resumed_by_its_commit(small, tmp_path):
    """If `main` has moved on, the session can be resumed with the commit that it pointed to."""

    @frozen
    class OnTheHub:
        revision: str | None = None
        main: str = field(default="aaa", metadata=RUNTIME)
        name: str = "on-the-hub"
        kind: str = "discriminative"

        def provenance(self):
            return {"revision": self.revision or self.main}

        def observe(self, trials):
            yield from Ideal().observe(trials)

    path = run(small, OnTheHub(), tmp_path, limit=3)
    with pytest.raises(
        LogError, match=r"different revision .was aaa, is now bbb.: resume it with -o revision=aaa, or choose another"
    ):
        run(small, OnTheHub(main="bbb"), tmp_path)
    assert len(rows(run(small, OnTheHub("aaa", main="bbb"), tmp_path))) == 32
    assert sidecar(path)["status"] == "complete"
    for limit in (3, None):  # also if no trials remain
        assert run(small, OnTheHub("aaa"), tmp_path, limit=limit) == path
        with pytest.raises(LogError, match=r"a different observer .*revision was None, is now bbb"):
            run(small, OnTheHub("bbb"), tmp_path, limit=limit)


def test_options_are_stored_in_a_form_that_another_process_can_compare(small, tmp_path):
    @frozen
    class Odd:
        option: object
        name: str = "odd"
        kind: str = "discriminative"

        def observe(self, trials):
            yield from Ideal().observe(trials)

    options = [
        Path("/home/somebody/weights"),
        {"b", "a"},
        np.arange(3),
        np.float64(0.5),
        float("nan"),
        Ideal(),
        len,
        {"x": (1, None)},
    ]
    for session, option in enumerate(options, start=1):
        path = run(small, Odd(option), tmp_path, session=session, limit=1)
        run(small, Odd(option), tmp_path, session=session)
        assert "somebody" not in path.with_suffix(".json").read_text()
    assert sidecar(path)["identity"]["observer"]["options"]["option"] == {"x": [1, None]}
    with pytest.raises(ObserverError, match="an option of type object cannot be compared when the session is resumed"):
        run(small, Odd(object()), tmp_path, session=99)


MINE = """
{imports}
from observers.protocol import Response
class Mine:
    name, kind = 'mine', 'discriminative'
    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[{index}])
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("is_defined_there", [False, True])
def test_log_is_not_resumed_with_a_changed_file_that_the_user_file_imports(
    small, tmp_path, is_nested, is_defined_there
):
    """Also if the file is imported by another one, and if it defines the class of the observer."""
    folder = tmp_path / "code"
    folder.mkdir()
    own = f"own_{is_nested:d}{is_defined_there:d}"
    (folder / f"{own}_index.py").write_text("INDEX = 0\n")
    (folder / f"{own}_more.py").write_text(f"from {own}_index import INDEX\n")
    imports = f"from {own}_{'more' if is_nested else 'index'} import INDEX"
    mine = folder / "mine.py"
    (folder / f"{own}_mine.py").write_text(MINE.format(imports=imports, index="INDEX"))
    mine.write_text(f"from {own}_mine import Mine" if is_defined_there else MINE.format(imports=imports, index="INDEX"))
    run_in_process(mine, tmp_path, 3)
    assert run_in_process(mine, tmp_path, 4) == ""
    (folder / f"{own}_index.py").write_text("INDEX = 1\n")
    assert "a different observer or different options (imported_sha256 was " in run_in_process(mine, tmp_path, 5)
    (folder / f"{own}_index.py").write_text("INDEX = 0\n")
    (folder / "unrelated.py").write_text("X = 1\n")
    assert run_in_process(mine, tmp_path, 5) == ""


def test_sidecars_without_the_digest_of_imported_files_are_resumed(small, tmp_path):
    (tmp_path / "own_old.py").write_text("INDEX = 0\n")
    mine = tmp_path / "mine.py"
    mine.write_text(MINE.format(imports="from own_old import INDEX", index="INDEX"))
    path = run(small, make_observer(f"{mine}:Mine"), tmp_path, limit=3)
    content = sidecar(path)
    assert len(content["identity"]["observer"].pop("imported_sha256")) == 64
    path.with_suffix(".json").write_text(json.dumps(content))
    assert len(rows(run(small, make_observer(f"{mine}:Mine"), tmp_path))) == 32


def test_shards_without_the_digest_of_imported_files_are_merged(small, tmp_path):
    (tmp_path / "own_part.py").write_text("INDEX = 0\n")
    mine = tmp_path / "mine.py"
    mine.write_text(MINE.format(imports="from own_part import INDEX", index="INDEX"))
    for index in (1, 2):
        path = run(small, make_observer(f"{mine}:Mine"), tmp_path / "logs", shard=(index, 2))
        content = sidecar(path)
        assert "imported_sha256" in content["identity"]["observer"]
        if index == 1:
            del content["identity"]["observer"]["imported_sha256"]
            path.with_suffix(".json").write_text(json.dumps(content))
    (merged,) = merge_shards(tmp_path / "logs")
    assert len(rows(merged)) == 32


def run_in_process(mine: Path, out: Path, limit: int) -> str:
    """Run a user's observer in a new process, as the command does, and return its error message, or ""."""
    program = (
        "import sys\nfrom core.errors import LogError\nfrom experiments import make_experiment, run\n"
        "from observers import make_observer\n"
        "try: run(make_experiment('drawn-cue-conflict'), make_observer(sys.argv[1] + ':Mine'), sys.argv[2], limit="
        f"{limit})\nexcept LogError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(mine), str(out)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_user_file_is_not_read_from_an_older_file_of_the_cache_of_python(tmp_path, monkeypatch):
    """Two versions of the same size with the same time of modification are different code."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    mine = tmp_path / "mine.py"
    for value in (1, 2):
        mine.write_text(f"VALUE = {value}\n")
        os.utime(mine, (1e9, 1e9))
        assert load(f"{mine}:VALUE") == value


def test_paths_that_are_not_in_utf_8_are_refused(small, tmp_path):
    odd = tmp_path / os.fsdecode(b"l\xf6gs")
    message = r"l\?gs.*: the name of this file, or of a folder in its path, is not in the encoding UTF-8: rename it"
    with pytest.raises(UserError, match=message):
        run(small, Ideal(), odd)
    assert not odd.exists()
    odd.mkdir()
    (odd / "mine.py").write_text("VALUE = 1\n")
    with pytest.raises(UserError, match=message):
        load(f"{odd}/mine.py:VALUE")


def test_the_name_of_a_person_cannot_be_changed_in_the_advice(small, tmp_path):
    run(small, Participant(code="K7Q2", simulate="ideal"), tmp_path, limit=2)
    with pytest.raises(LogError, match=r"keys was False, is now True\): choose another --session or --out$"):
        run(small, Participant(code="K7Q2", simulate="ideal", keys=True), tmp_path)
