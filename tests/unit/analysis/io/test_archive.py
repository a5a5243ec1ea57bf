"""Archives in one Parquet file: exact reading back, one row group a log, and refusals of damaged and foreign files."""

import json
import random
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.io import archive, archive_export
from analysis.io.archive_export import export_parquet
from analysis.io.bids import export_bids, read_sidecars
from analysis.io.export import export
from analysis.io.frame import read_trials
from analysis.report.provenance import provenance
from core.errors import LogError
from core.extras import MissingExtra
from experiments.log import read_rows
from experiments.people.forgetting import find_in_folders, forget
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased, Ideal
from stimuli.categories import AMBIGUOUS
from stimuli.published.layouts import rows
from tests.commands import observers

pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra parquet")
pq = pytest.importorskip("pyarrow.parquet")

CODE = "K7Q2ZP"


@pytest.fixture
def logs(small, tmp_path):
    """Return a folder with everything that a frame takes from logs: cues, evidence, pilots, notes and other formats."""
    folder = tmp_path / "logs"
    run(small, Biased(0.5), folder)
    run(small, Ideal(), folder, limit=3)
    unanswerable = run(small, Biased(0.5, name="illusion"), folder)
    header, *rows = read_rows(unanswerable)
    for row in rows[:3]:
        row[header.index("category")] = AMBIGUOUS
    unanswerable.write_text("".join(",".join(row) + "\n" for row in (header, *rows)))
    run(small, Participant(code=CODE, simulate="biased"), folder, limit=7)
    run(small, Participant(code="PP22", simulate="biased", pilot=True), folder, limit=5)
    cut = run(small, Biased(0.5, name="cut"), folder)
    cut.write_bytes(cut.read_bytes()[:-5])
    export(read_trials([run(small, Biased(0.7, name="field"), tmp_path / "field-logs")]), folder / "field")
    export_bids(read_trials([run(small, Biased(0.7, name="bids"), tmp_path / "bids-logs")]), folder / "bids")
    bare = run(small, Biased(0.3, name="bare"), folder)
    bare.with_suffix(".json").unlink()
    return folder


def assert_same_frame(frame: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare everything except the sources, of which only the files' names have to be the same."""
    pd.testing.assert_frame_equal(frame.drop(columns="source"), expected.drop(columns="source"), check_exact=True)
    assert frame.attrs == expected.attrs
    names, expected_names = ([Path(source).name for source in f["source"]] for f in (frame, expected))
    assert names == expected_names


@pytest.mark.slow
@pytest.mark.parametrize("is_ambiguous", [False, True])
def test_an_archive_gives_the_frame_of_its_logs(logs, tmp_path, is_ambiguous):
    path, notes = export_parquet(logs, tmp_path / "archive")
    assert path == tmp_path / "archive" / "trials.parquet"
    expected = read_trials(logs, ambiguous=is_ambiguous)
    assert (
        len(expected.attrs["notes"]) >= 4 and "the log small_cut_session-1.csv has an incomplete last row" in notes[0]
    )
    for requested in (path, path.parent, [str(path)]):
        assert_same_frame(read_trials(requested, ambiguous=is_ambiguous), expected)
    assert not (set(notes) - set(read_trials(path, ambiguous=True).attrs["notes"]))


@pytest.mark.slow
def test_blocks_batches_and_row_groups_of_any_size_give_the_same_frame(logs, tmp_path, monkeypatch):
    expected = read_trials(logs)
    monkeypatch.setattr(rows, "BLOCK_ROWS", 3)
    monkeypatch.setattr(archive, "GROUP_ROWS", 4)
    monkeypatch.setattr(archive, "BATCH_ROWS", 2)
    path, _ = export_parquet(logs, tmp_path / "archive")
    metadata = pq.read_metadata(path)
    assert {metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)} == {2, 3, 4}
    assert_same_frame(read_trials(path), expected)


@pytest.mark.slow
def test_every_log_is_a_row_group_and_other_programs_can_read_it(logs, tmp_path):
    path, _ = export_parquet(logs, tmp_path / "archive")
    frame = read_trials(logs, ambiguous=True)
    metadata = pq.read_metadata(path)
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert rows == frame.groupby("source", sort=False).size().tolist()
    table = pd.read_parquet(path)
    assert table["response"].tolist() == frame["response"].tolist()
    assert set(table["source"]) == {Path(source).relative_to(logs).as_posix() for source in frame["source"]}


@pytest.mark.slow
def test_sidecars_are_kept(logs, tmp_path):
    path, _ = export_parquet(logs, tmp_path / "archive")
    frame = read_trials(logs)
    sources = dict(zip(frame["source"].unique(), read_trials(path)["source"].unique(), strict=True))
    for source, archived in sources.items():
        assert read_sidecars(Path(archived)) == read_sidecars(Path(source))
    tables = [provenance(f).table for f in (frame, read_trials(path))]
    pd.testing.assert_frame_equal(*tables)
    assert read_sidecars(path / "another.csv") == []
    trees = []
    for name, logs_or_archive in (("a", logs), ("b", path)):
        export_bids(read_trials(logs_or_archive), tmp_path / name)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        trees.append({p.relative_to(tmp_path / name): p.read_bytes() for p in files})
    assert trees[0] == trees[1]


def test_archives_can_be_exported_and_joined(small, tmp_path):
    first = run(small, Ideal(), tmp_path / "a")
    second = run(small, Biased(0.5), tmp_path / "b")
    archived, _ = export_parquet(first, tmp_path / "one")
    joined, _ = export_parquet([archived, second], tmp_path / "two")
    assert_same_frame(read_trials(joined), read_trials(first, second))
    assert read_sidecars(Path(read_trials(joined)["source"].iloc[0]))[0]["identity"]["observer"]["name"] == "ideal"
    shutil.rmtree(tmp_path / "a")  # the archive does not need the logs
    field = export(read_trials(archived), tmp_path / "field")
    assert export(read_trials(archived), tmp_path / "field") == field
    with pytest.raises(LogError, match=r"trial 1 of ideal, .* occurs twice, in .*one.trials\.parquet.small_ideal.*two"):
        read_trials(archived, joined)


@pytest.mark.slow
def test_public_archives_have_no_dates(logs, tmp_path):
    path, _ = export_parquet(logs, tmp_path / "archive", public=True)
    frame = read_trials(path)
    for source in frame["source"].unique():
        for sidecar in read_sidecars(Path(source)):
            assert not {"started", "finished"} & set(sidecar) and str(tmp_path) not in json.dumps(sidecar)
    assert_same_frame(frame, read_trials(logs))


def test_existing_files_and_contradictory_logs_are_refused(small, tmp_path):
    log = run(small, Ideal(), tmp_path / "logs")
    path, _ = export_parquet(log, tmp_path / "archive")
    content = path.read_bytes()
    with pytest.raises(LogError, match=r"trials\.parquet exists already; choose another folder with --out, or delete"):
        export_parquet(log, tmp_path / "archive")
    assert path.read_bytes() == content
    copy = tmp_path / "logs" / "copy.csv"
    copy.write_bytes(log.read_bytes())
    with pytest.raises(LogError, match="occurs twice"):
        export_parquet(tmp_path / "logs", tmp_path / "new")
    assert not [*(tmp_path / "new").iterdir()]


def test_a_column_with_the_name_of_the_record_is_refused(small, tmp_path):
    log = run(small, Ideal(), tmp_path)
    header, *rows = log.read_text().splitlines()
    log.write_text("\n".join([f"{header},log_record", *(f"{row},x" for row in rows), ""]))
    with pytest.raises(
        LogError, match="a column named log_record cannot be exported, because archives reserve this name"
    ):
        export_parquet(log, tmp_path / "archive")


def test_missing_extra_is_one_sentence(small, tmp_path, monkeypatch):
    log = run(small, Ideal(), tmp_path)
    path, _ = export_parquet(log, tmp_path / "archive")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r'the export to Parquet needs pyarrow: .*install "observers\[parquet\]"'):
        export_parquet(log, tmp_path / "other")
    with pytest.raises(MissingExtra, match=r"reading trials\.parquet needs pyarrow"):
        read_trials(path)
    path.unlink()
    (tmp_path / "foreign.parquet").write_bytes(b"PAR1" + b"x" * 20 + (4).to_bytes(4, "little") + b"PAR1")
    assert len(read_trials(tmp_path)) == len(read_trials(log))


@pytest.fixture
def path(small, tmp_path):
    """Return an archive of three logs."""
    logs = [run(small, observer, tmp_path / "logs") for observer in (Ideal(), Biased(0.5), Biased(0.2, name="other"))]
    return export_parquet(logs, tmp_path / "archive")[0]


def foreign(path: Path) -> None:
    pd.DataFrame({"observer": ["a"], "stimulus": ["b"], "response": ["c"]}).to_parquet(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "write",
    [foreign, lambda path: path.write_text("text"), lambda path: path.write_bytes(b"PAR1" + bytes(20) + b"PARE")],
)
def test_foreign_files_are_skipped_in_folders_and_refused_by_name(path, write):
    other = path.with_name("other.parquet")
    write(other)
    assert_same_frame(read_trials(path.parent), read_trials(path))
    with pytest.raises(LogError, match=r"other\.parquet is not an archive of trial logs: expected a file that"):
        read_trials(other)


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 8, 11, 12, 500, -1])
def test_truncated_archives_are_refused(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(LogError, match=r"trials\.parquet cannot be read: its end is missing; restore it from a copy"):
        read_trials(path.parent)


@pytest.mark.slow
def test_changed_bytes_are_refused_or_change_nothing(path):
    """Checksums protect the trials. Some bytes of the file, such as the name of the program, do not matter."""
    content, expected, rng = path.read_bytes(), read_trials(path), random.Random(0)
    n_refused = 0
    for _ in range(200):
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            frame = read_trials(path)
        except LogError:
            n_refused += 1
        else:
            pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert n_refused > 100


def rewrite(path, edit_table=lambda table: table, **metadata):
    """Write an archive again, with another table and other metadata."""
    n = pq.read_metadata(path).row_group(0).num_rows
    known = json.loads(pq.read_schema(path).metadata[archive.METADATA])
    table = edit_table(pq.read_table(path)).replace_schema_metadata({archive.METADATA: json.dumps(known | metadata)})
    pq.write_table(table, path, row_group_size=n)


def replace(name, values):
    """Return a function that replaces the first values of a column."""

    def edit(table):
        cells = [*values, *table.column(name).to_pylist()[len(values) :]]
        at = table.schema.get_field_index(name)
        return table.set_column(at, table.schema.field(at), pa.array(cells, table.schema.field(at).type))

    return edit


RECORD = {"name": "a.csv", "n": 1, "extras": [], "sidecars": []}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, r"trials\.parquet has format 2; this version reads up to 1: update observers"),
        ({"format": "x"}, "cannot be read: '>' not supported"),
        ({"notes": [1]}, "its notes are not text"),
        ({"pilots": [1]}, "cannot be read: cannot unpack"),
        ({"n_trials": 1}, r"found \d+ trials, expected 1"),
        ({"edit_table": lambda table: table.slice(1)}, "its first row lacks a log_record"),
        ({"edit_table": lambda table: table.drop_columns(["rt"])}, "its columns have other names or types than expected"),
        ({"edit_table": lambda table: table.rename_columns({"rt": "evidence_rt"})}, "its columns have other names or types"),
        ({"edit_table": replace("response", [None])}, "response has missing texts"),
        ({"edit_table": replace("observer", [""])}, "observer is '', expected text without line breaks"),
        ({"edit_table": replace("condition", ["a\nb"])}, r"condition is 'a\\nb', expected text without line breaks"),
        ({"edit_table": replace("kind", ["alien"])}, r"parquet.*csv: unknown kind of observer alien"),
        ({"edit_table": replace("trial", [2**53 + 1])}, r"Integer value 9007199254740993 not in range"),
        ({"edit_table": replace("log_record", ["{"])}, "cannot be read: Expecting property name"),
        ({"edit_table": replace("log_record", ["[1]"])}, r"the log_record of a log is '\[1\]', expected name, n, extras"),
        ({"edit_table": replace("log_record", [json.dumps(RECORD)])}, r"a\.csv has \d+ rows, expected 1"),
        ({"edit_table": replace("log_record", [json.dumps(RECORD | {"extras": ["x"]})])}, "Field \"x\" does not exist"),
        ({"edit_table": replace("log_record", [json.dumps(RECORD | {"name": "\n"})])}, r"a log has the name '\\n'"),
        ({"edit_table": replace("log_record", [json.dumps(RECORD | {"sidecars": [{}]})])}, "has a damaged sidecar"),
    ],
)  # fmt: skip
def test_archives_that_another_program_changed_are_refused(path, change, message):
    rewrite(path, **change)
    with pytest.raises(LogError, match=message):
        read_trials(path)


def test_an_archive_that_another_program_wrote_without_changes_is_read(path):
    expected = read_trials(path)
    rewrite(path, edit_table=lambda table: table.slice(0))
    assert_same_frame(read_trials(path), expected)


def test_archives_of_a_participant_are_named_when_the_participant_is_forgotten(small, tmp_path):
    observer = Participant(code=CODE, simulate="biased")
    log = run(small, observer, tmp_path / "logs", limit=5)
    for file in (log, log.with_suffix(".json")):
        file.write_text(file.read_text().replace("simulated", "human"))
    path, _ = export_parquet(tmp_path / "logs", tmp_path / "logs" / "archive")
    (data,) = find_in_folders(CODE, [tmp_path / "logs"])
    assert data.mentions == (path,)
    forget(CODE, [tmp_path / "logs"])
    assert path.exists()


def test_export_command_writes_an_archive(small, tmp_path):
    log = run(small, Ideal(), tmp_path / "logs", limit=5)
    done = observers("export", log, "--out", tmp_path / "archive", "--format", "parquet")
    path = tmp_path / "archive" / archive_export.FILE_NAME
    assert done.stdout == f"{path}\n"
    assert "note: incomplete: small_ideal_session-1.csv has only 5 of 32 trials" in done.stderr
    tables = [observers("analyze", "accuracy", source, "--json") for source in (path, log)]
    assert tables[0].stdout == tables[1].stdout and tables[0].stderr == tables[1].stderr
