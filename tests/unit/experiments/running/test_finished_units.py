"""Finished units on disk: they are kept if this process ends, and used only if they belong to the log."""

import json

import pytest

from core.errors import LogError
from experiments.running.finished_units import content_digest
from experiments.running.session import run
from tests.unit.experiments.logs import sidecar
from tests.unit.experiments.running.workers_here import BIASED, Workers, interrupted_run


@pytest.mark.slow
def test_finished_units_are_kept_when_this_process_ends(small, tmp_path):
    """Units are finished from the last to the first, and this process ends after half of them."""
    before = run(small, BIASED, tmp_path / "one").read_bytes()
    path = interrupted_run(small, tmp_path / "two")
    units = sorted(path.with_suffix(".units").iterdir())
    assert len(units) == 5 and sidecar(path)["status"] == "partial"
    (path.with_suffix(".units") / "trials-2.json").write_text("{}")  # not a name of a unit
    units[0].write_text(units[0].read_text()[:-40])
    content = json.loads(units[1].read_text())
    content["rows"][0][9] = "oven" if content["rows"][0][9] != "oven" else "cat"  # another response
    units[1].write_text(json.dumps(content))
    others, sentences, counts = Workers(), [], []
    again = run(
        small, BIASED, tmp_path / "two", executor=others, notify=sentences.append,
        progress=lambda *pair: counts.append(pair),
    )  # fmt: skip
    assert again.read_bytes() == before and not path.with_suffix(".units").exists()
    assert (
        counts[0] == (9, 32) and others.n_computed == 8
    )  # three of the finished units, with three trials each, are valid
    assert len(sentences) == 3 and all("is damaged or belongs to another session" in sentence for sentence in sentences)


def test_a_limit_inside_a_finished_unit(small, tmp_path):
    before = run(small, BIASED, tmp_path / "one").read_bytes()
    path = interrupted_run(small, tmp_path / "two", n_units=2)
    names = [unit.stem for unit in path.with_suffix(".units").iterdir()]
    first = min(int(name.split("-")[1]) for name in names)
    part = run(small, BIASED, tmp_path / "two", executor=Workers(), limit=first)
    assert len(part.read_text().splitlines()) == 1 + first
    assert run(small, BIASED, tmp_path / "two", executor=Workers()).read_bytes() == before


def test_a_log_that_was_ended_before_its_sidecar_was_complete(small, tmp_path):
    """The last row is in the log, but the sidecar says that the session is running."""
    path = run(small, BIASED, tmp_path)
    whole, facts = path.read_bytes(), sidecar(path)
    path.with_suffix(".json").write_text(json.dumps(facts | {"status": "running", "n_logged": 0, "finished": None}))
    folder = path.with_suffix(".units")
    folder.mkdir()
    (folder / "trials-1-3.json").write_text("its rows are in the log")
    (folder / "trials-4-6.json.part").write_text("it was not written to its end")
    run(small, BIASED, tmp_path, executor=Workers())
    assert sidecar(path)["status"] == "complete" and path.read_bytes() == whole and not folder.exists()


def test_units_of_a_deleted_log_are_not_used(small, tmp_path):
    path = interrupted_run(small, tmp_path)
    assert list(path.with_suffix(".units").iterdir())
    path.unlink()
    path.with_suffix(".json").unlink()
    others = Workers()
    run(small, BIASED, tmp_path, executor=others)
    assert others.n_computed == 11


def test_a_run_without_workers_removes_the_units_of_one_with_workers(small, tmp_path):
    interrupted_run(small, tmp_path)
    path = run(small, BIASED, tmp_path)
    assert sidecar(path)["status"] == "complete" and not path.with_suffix(".units").exists()


def test_a_unit_of_an_earlier_run_with_other_weights_is_repeated(small, tmp_path, monkeypatch):
    notes = []
    path = interrupted_run(small, tmp_path / "two")
    for number, unit in enumerate(sorted(path.with_suffix(".units").iterdir())):
        content = json.loads(unit.read_text()) | {"provenance": {"revision": "2" if number else "1"}}
        facts = {key: value for key, value in content.items() if key not in ("identity", "sha256")}
        unit.write_text(json.dumps(content | {"sha256": content_digest(facts)}))
    monkeypatch.setattr("experiments.running.worker.provenance_of", lambda observer: {"revision": "2"})
    run(small, BIASED, tmp_path / "two", executor=Workers(), notify=notes.append)
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert len(notes) == 1 and notes[0].endswith(
        "computed in an earlier run with other weights or settings than the log"
    )


def test_after_an_error_units_are_saved_in_files(small, tmp_path, monkeypatch):
    """The disk is full at one row, and then has space again."""
    from experiments.log import LogWriter

    write, n_calls = LogWriter.write, []

    def write_or_fail(self, cells):
        n_calls.append(1)
        if len(n_calls) == 6:
            raise LogError("the disk is full")
        write(self, cells)

    monkeypatch.setattr(LogWriter, "write", write_or_fail)
    with pytest.raises(LogError, match="the disk is full"):
        run(small, BIASED, tmp_path / "two", executor=Workers())
    run(small, BIASED, tmp_path / "two", executor=Workers())
    path = tmp_path / "two/small/small_biased-0.7_session-1.csv"
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert not path.with_suffix(".units").exists()
