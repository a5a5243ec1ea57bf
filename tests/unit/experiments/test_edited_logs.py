"""Logs and sidecars that were edited after they were written: they are refused, or continued if the rows are unchanged."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.io.frame import read_trials
from core.errors import LogError
from experiments.running.session import run
from observers.simulated import Biased, Ideal
from tests.unit.experiments.logs import rows, sidecar


def edit_cell(path: Path, number: int, column: str, value: str) -> None:
    """Write another value into a cell of the row of a trial."""
    names, *cells = (line.split(",") for line in path.read_text().splitlines())
    cells[number - 1][names.index(column)] = value
    path.write_text("".join(",".join(row) + "\n" for row in [names, *cells]))


@pytest.mark.parametrize(
    ("column", "value"),
    [("response", "cat"), ("response", ""), ("rt", "0.5"), ("evidence_truck", "0.1"), ("n_evaluations", "7"),
     ("evidence_truck", "inf"), ("evidence_truck", "")],
)  # fmt: skip
def test_a_changed_response_is_refused(small, tmp_path, column, value):
    path = run(small, Biased(0.8), tmp_path, limit=10)
    if column == "response":
        value = next(c for c in ("cat", "dog") if c != rows(path)[3]["response"]) if value else ""
    edit_cell(path, 4, column, value)
    before = path.read_bytes()
    with pytest.raises(
        LogError, match="was changed after it was written: its first 10 rows are not those of the session"
    ):
        run(small, Biased(0.8), tmp_path)
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [("n_evaluations", "1.5"), ("n_evaluations", "1_000"), ("n_evaluations", "٣"), ("n_evaluations", "9" * 17),
     ("rt", "0_1"), ("rt", " 0.5"), ("rt", "inf"), ("rt", "1e999"), ("rt", "nan"), ("evidence_truck", "1_0.5"),
     ("evidence_truck", "nan"), ("evidence_truck", "٠.٥"), ("evidence_truck", "0x1"), ("evidence_truck", "Infinity")],
)  # fmt: skip
def test_numbers_that_other_programs_read_differently_are_refused_on_resume(small, tmp_path, column, value):
    """The sidecar does not have the hash, as that of an earlier version."""
    path = run(small, Ideal(), tmp_path, limit=10)
    facts = sidecar(path)
    del facts["hashed"]
    path.with_suffix(".json").write_text(json.dumps(facts))
    edit_cell(path, 4, column, value)
    with pytest.raises(LogError, match=rf"trial 4: its {column} is .*, expected a (whole )?number"):
        run(small, Ideal(), tmp_path)


@pytest.mark.parametrize("value", ["", "0", "-1.5", "1e-07", "-2.5E+10", "12345.678901", "inf", "-inf"])
def test_numbers_in_the_form_of_the_writer_are_accepted_on_resume_and_by_readers(small, tmp_path, value):
    path = run(small, Ideal(), tmp_path, limit=10)
    facts = sidecar(path)
    del facts["hashed"]
    path.with_suffix(".json").write_text(json.dumps(facts))
    edit_cell(path, 4, "evidence_truck", value)
    run(small, Ideal(), tmp_path)
    read = read_trials([path])["evidence_truck"].tolist()[3]
    assert read == float(value) if value else np.isnan(read)
    assert sidecar(path)["hashed"]["n_rows"] == 32


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"\n"])
def test_an_emptied_sidecar_does_not_block_a_log_without_trials(small, tmp_path, content):
    """The computer lost power before the first trial."""
    expected = run(small, Ideal(), tmp_path / "other")
    path = tmp_path / expected.relative_to(tmp_path / "other")
    path.parent.mkdir(parents=True)
    path.with_suffix(".json").write_bytes(content)
    path.write_bytes(expected.read_bytes().splitlines(keepends=True)[0])
    assert run(small, Ideal(), tmp_path).read_bytes() == expected.read_bytes()
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(LogError, match=r"the sidecar .* cannot be read"):
        run(small, Ideal(), tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"status": 1}, "its status is '1', expected text"),
        ({"n_logged": "3"}, "its n_logged is '3', expected a whole number"),
        ({"n_logged": True}, "its n_logged is 'True', expected a whole number"),
        ({"devices": "cpu"}, "its devices is 'cpu', expected a list"),
        ({"identity": {"n_trials": "32"}}, "its identity.n_trials is '32', expected a whole number"),
        ({"provenance": {"revision": "\ud800"}}, "it has text with a lone surrogate, which is not valid Unicode"),
    ],
)
def test_a_sidecar_with_other_types_is_refused_on_resume_and_by_readers(small, tmp_path, entry, message):
    path = run(small, Ideal(), tmp_path, limit=3)
    path.with_suffix(".json").write_text(json.dumps(sidecar(path) | entry))
    for read in (lambda: run(small, Ideal(), tmp_path), lambda: read_trials([path])):
        with pytest.raises(LogError, match=rf"(is damaged: |cannot be read \(){message}"):
            read()


@pytest.mark.parametrize("observer", [[], "ideal", None, {"options": [1]}])
def test_a_sidecar_with_another_type_of_observer_is_another_session(small, tmp_path, observer):
    path = run(small, Ideal(), tmp_path, limit=3)
    facts = sidecar(path)
    facts["identity"]["observer"] = observer
    path.with_suffix(".json").write_text(json.dumps(facts | {"provenance": {"revision": "main"}}))
    with pytest.raises(LogError, match="was made with a different observer or different options"):
        run(small, Ideal(), tmp_path)
    assert len(read_trials([path])) == 3


def test_rows_after_the_hash_are_resumed(small, tmp_path):
    """The program was killed, so the sidecar has the hash of fewer rows than the log has."""
    undisturbed = run(small, Biased(0.8), tmp_path / "undisturbed")
    path = run(small, Biased(0.8), tmp_path / "killed", limit=5)
    early = path.with_suffix(".json").read_bytes()
    run(small, Biased(0.8), tmp_path / "killed", limit=9)
    path.with_suffix(".json").write_bytes(early)
    run(small, Biased(0.8), tmp_path / "killed")
    assert path.read_bytes() == undisturbed.read_bytes()
    assert sidecar(path)["hashed"] == sidecar(undisturbed)["hashed"]


def test_a_log_that_lost_its_last_rows_is_resumed(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path)
    complete = path.read_bytes()
    path.write_bytes(b"".join(complete.splitlines(keepends=True)[:20]))
    assert run(small, Biased(0.8), tmp_path).read_bytes() == complete


@pytest.mark.parametrize("entry", [1, {}, {"n_rows": "3"}, {"n_rows": 3, "sha256": None}])
def test_a_damaged_hash_is_refused(small, tmp_path, entry):
    path = run(small, Ideal(), tmp_path, limit=3)
    path.with_suffix(".json").write_text(json.dumps(sidecar(path) | {"hashed": entry}))
    with pytest.raises(LogError, match="is damaged: it lacks the hash of the rows; restore the original"):
        run(small, Ideal(), tmp_path)
