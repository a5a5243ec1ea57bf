"""The scheduler and the worker are dask's programs with the settings that suit observers."""

import os
import socket
import stat

import pytest

from core.errors import UserError
from experiments.executors import dask_programs
from experiments.executors.dask_programs import has_gpu, run_scheduler, run_worker
from tests.commands import observers


@pytest.fixture
def calls(monkeypatch):
    """Return the arguments with which dask's programs are called. They are not run."""
    from distributed.cli import dask_scheduler, dask_worker

    found, environment, umask = [], dict(os.environ), os.umask(0o022)
    os.umask(umask)
    for program in (dask_scheduler, dask_worker):
        monkeypatch.setattr(program, "main", lambda arguments, prog_name: found.append(arguments))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield found
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)


def test_file_of_a_scheduler_is_private(calls, tmp_path):
    file = tmp_path / "new" / "s.json"
    file.parent.mkdir()
    file.touch(0o666)
    observers("scheduler", "--scheduler-file", file, "--", "--interface", "ib0")
    assert calls[0][:2] == ["--scheduler-file", str(file)] and calls[0][-2:] == ["--interface", "ib0"]
    assert "--no-dashboard" in calls[0] and not file.exists()
    (tmp_path / "written").write_text("")
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == 0o600


def test_name_of_the_file_of_a_scheduler(tmp_path):
    with pytest.raises(UserError, match=r"the name of a scheduler file must end in \.json, got "):
        run_scheduler(tmp_path / "scheduler")


def test_file_of_a_running_scheduler_is_refused(calls, tmp_path):
    file = tmp_path / "s.json"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        file.write_text(f'{{"address": "tcp://127.0.0.1:{port}"}}')
        file.chmod(0o600)
        with pytest.raises(UserError, match=rf"belongs to the scheduler at tcp://127.0.0.1:{port}, which is running"):
            run_scheduler(file)
    assert file.exists() and not calls
    run_scheduler(file)  # the scheduler has ended
    assert not file.exists() and len(calls) == 1


def test_worker_that_cannot_connect(calls, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.cli.dask_worker.main", fail)
    with pytest.raises(UserError, match=r"the worker cannot connect to the scheduler at tcp://h:1 \(Nanny failed"):
        run_worker("tcp://h:1")


def test_worker_has_one_thread_for_jobs_and_all_cores_for_computing(calls, monkeypatch):
    monkeypatch.setattr("core.parallel.processes.n_cores", lambda: 6)
    observers("worker", "--scheduler", "tcp://h:1", "--gpu", "2", "--lifetime", "3h", "--", "--interface", "ib0")
    (arguments,) = calls
    assert arguments[:3] == ["tcp://h:1", "--nthreads", "1"] and arguments[-2:] == ["--interface", "ib0"]
    assert " --memory-limit 0 " in f" {' '.join(arguments)} " and " --lifetime 3h " in f" {' '.join(arguments)} "
    assert " --resources GPU=1 " in f" {' '.join(arguments)} "
    assert os.environ["OMP_NUM_THREADS"] == "6" and os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    assert os.environ["DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE"] == "False"


def test_settings_of_the_user_and_of_slurm_stay(calls, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5")
    monkeypatch.setenv("DASK_LOGGING__DISTRIBUTED", "debug")
    run_worker("tcp://h:1", memory_limit="9GB")
    assert os.environ["OMP_NUM_THREADS"] == "3" and os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-5"
    assert os.environ["DASK_LOGGING__DISTRIBUTED"] == "debug"
    assert "9GB" in calls[0] and "--lifetime" not in calls[0]


@pytest.mark.parametrize(("visible", "expected"), [("0", True), ("GPU-5", True), ("", False), ("-1", False)])
def test_gpus_are_those_of_the_environment(visible, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert has_gpu() is expected


def test_gpus_are_those_of_the_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(dask_programs, "DEVICES", tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert not has_gpu()
    (tmp_path / "nvidia0").touch()
    assert has_gpu()
