"""Sessions on workers: the same log as in one process, whatever happens to workers."""

import attrs
import pytest

from core.errors import LogError, UserError
from core.parallel.executor import Lost
from experiments.running import coordinator
from experiments.running.coordinator import IncompleteRun, run_on_workers
from experiments.running.session import run
from experiments.running.session_log import Session
from observers.registry import make_observer
from observers.spec import ObserverSpec
from tests.unit.experiments.logs import sidecar
from tests.unit.experiments.running.workers_here import BIASED, FAILING, MINE, Workers


@pytest.mark.slow
def test_the_log_is_that_of_one_process(small, tmp_path):
    expected = run(small, BIASED, tmp_path / "one").read_bytes()
    for number, workers in enumerate(
        [Workers(), Workers(last_first=True), Workers(["a"]), Workers(list("abcdefgh"), True)]
    ):
        path = run(small, BIASED, tmp_path / str(number), executor=workers)
        assert path.read_bytes() == expected
        assert sidecar(path)["status"] == "complete" and sidecar(path)["spec"] == BIASED.to_json()
        assert not path.with_suffix(".units").exists()


@pytest.mark.slow
def test_workers_that_end_cost_only_their_units(small, tmp_path):
    sentences = []
    workers = Workers(["a", "b", "c"], edit={"b": Lost("b", "was ended by SIGKILL")})
    path = run(small, BIASED, tmp_path / "two", executor=workers, notify=sentences.append)
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert sentences == ["b was ended by SIGKILL; its trials are repeated"]


@pytest.mark.slow
def test_several_sessions_share_the_workers(small, few, tmp_path):
    specs = [BIASED, ObserverSpec("ideal"), ObserverSpec("biased", {"shape_bias": 0.2})]
    sessions = [
        Session(experiment, make_observer(spec), tmp_path / "two", spec=spec)
        for experiment in (small, few)
        for spec in specs
    ]
    begun = []
    report = run_on_workers(sessions, Workers(["a", "b"]), begin=begun.append)
    assert [(state.n_done, state.n_trials) for state in begun[0].sessions] == [(0, 32)] * 3 + [(0, 5)] * 3
    assert all(state.n_done == state.n_logged == state.n_trials for state in report.sessions)
    report.raise_errors()
    for session in sessions:
        one = run(session.experiment, session.spec, tmp_path / "one")
        assert session.path.read_bytes() == one.read_bytes()


@pytest.mark.slow
def test_trials_that_fail_twice_are_named_and_the_others_are_saved(small, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    stimulus = small.trials(0)[4].stimulus.id
    spec = ObserverSpec(f"{tmp_path}/mine.py:Mine", {"fail": stimulus})
    with pytest.raises(
        IncompleteRun, match=r"trials 4 to 6 of .*_mine_session-1.csv failed twice: (a|b) raised ValueError: cannot"
    ) as e:
        run(small, spec, tmp_path / "two", executor=Workers())
    assert "run the same command again to repeat these trials" in str(e.value) and "(mine.py, line 15)" in str(e.value)
    path = tmp_path / "two/small/small_mine_session-1.csv"
    assert len(path.read_text().splitlines()) == 1 + 3 and len(list(path.with_suffix(".units").iterdir())) == 9
    assert sidecar(path)["status"] == "partial"


@pytest.mark.slow
def test_a_user_error_stops_one_session_with_its_sentence(small, few, tmp_path):
    broken = ObserverSpec("recorded:missing.csv", {"name": "someone"})
    (tmp_path / "mine.py").write_text(MINE.replace('raise ValueError(f"cannot', 'raise UserError(f"cannot').replace(
        "import attrs", "from core.errors import UserError\nimport attrs"))  # fmt: skip
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    broken = ObserverSpec(f"{tmp_path}/mine.py:Mine", {"fail": small.trials(0)[10].stimulus.id})
    sessions = [Session(small, make_observer(spec), tmp_path / "two", spec=spec) for spec in (broken, BIASED)]
    report = run_on_workers(sessions, Workers())
    assert [str(error) for error in report.errors] == [f"cannot see {small.trials(0)[10].stimulus.id}"]
    assert report.sessions[1].n_logged == 32 and report.sessions[0].n_logged < 32
    with pytest.raises(UserError, match="cannot see"):
        report.raise_errors()


def test_near_the_end_a_worker_gets_one_unit_at_a_time(small, tmp_path):
    """All trials are fast, so the end is near as soon as the time per trial is known."""
    workers, depths = Workers(list("abc")), []

    def note(done, total):
        depths.append(max((sum(w == name for w, *_ in workers.queue) for name in "abc"), default=0))

    run(small, BIASED, tmp_path, executor=workers, progress=note)
    assert max(depths) == 2 and max(depths[-5:]) == 1


def test_a_log_of_another_session_stops_everything_before_it_begins(small, tmp_path):
    run(small, ObserverSpec("biased", {"shape_bias": 0.2, "name": "x"}), tmp_path)
    spec, workers = ObserverSpec("biased", {"shape_bias": 0.4, "name": "x"}), Workers()
    with pytest.raises(LogError, match="was made with a different observer or different options"):
        run(small, spec, tmp_path, executor=workers)
    assert workers.n_computed == 0


def test_the_time_limit_of_a_unit():
    state = attrs.make_class("State", ["longest"])(0.0)
    job = coordinator.Job((state, range(10)), None)
    made = coordinator._Run([], Workers(), None, print)
    assert made.limit(job) is None
    state.longest = 100.0
    assert made.limit(job) == 20 * 100.0 * 10
    state.longest = 0.1
    assert made.limit(job) == 1800
    made.time_limit = 5.0
    assert made.limit(job) == 5.0


@pytest.mark.slow
def test_trials_of_a_shard_are_named_by_their_numbers_in_the_session(small, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING.replace("OwnError(8, ", "ValueError(8, ").replace("== 8", "== 30"))
    spec = ObserverSpec(f"{tmp_path}/failing.py:Failing")
    with pytest.raises(IncompleteRun, match=r"trials 29 to 31 of .* failed twice: a raised ValueError"):
        run(small, spec, tmp_path / "logs", executor=Workers(), shard=(2, 2))
