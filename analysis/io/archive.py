"""Archives: one Parquet file with the trials of many logs, and with all other data that `read_trials` needs from the logs.

Each row group contains trials of one log; a log of more than GROUP_ROWS trials has several row groups. The columns are
those of a frame, without `correct`. `source` is the path of the log below the common folder of all logs, and text is
dictionary-encoded. The column RECORD has a JSON text in the first row of a log, and is null in the other rows. The text
contains the path of the log (`name`), the number of its trials (`n`), the columns that only some logs have (`extras`), and
the `sidecars`. The metadata of the file also contain a JSON text, with the version of the format (`format`), the number of
trials (`n_trials`), the `notes` that cannot be computed from the trials, the pilot sessions (`pilots`), which are excluded,
and the names of the `people`.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from analysis.io.columns import TYPES, Block, Columns, is_text
from core.errors import LogError
from core.extras import require_extra
from core.files import open_binary
from core.names import is_readable

SUFFIX = ".parquet"
RECORD = "log_record"
METADATA = b"observers_trial_logs"  # key of the metadata, which other Parquet files do not have
VERSION = 1
GROUP_ROWS = 1 << 20  # the largest number of rows in a row group
BATCH_ROWS = 1 << 16  # number of rows that are read at a time
MAGIC, ENCRYPTED = b"PAR1", b"PARE"


@frozen
class ArchivedLog:
    """One log of an archive.

    Attributes:
        source: The path of the archive, followed by the path of the log in it.
        blocks: The trials.
        sidecars: The sidecars of the log. The list may be empty, and a BIDS table may have several.
    """

    source: Path
    blocks: list[Block]
    sidecars: list[dict[str, Any]]


@frozen
class Archive:
    """An archive that is open for reading.

    Attributes:
        path: The path of the file.
        notes: The notes about the logs that cannot be computed from the trials.
        pilots: The (observer, dataset) of the pilot sessions that were excluded.
        n_trials: The number of trials of all logs.
    """

    path: Path
    notes: list[str]
    pilots: set[tuple[str, str]]
    n_trials: int
    _file: Any = field(repr=False)

    def read_logs(self, columns: Columns) -> Iterator[ArchivedLog]:
        """Yield all logs. `columns` assigns integer codes to their texts. Raises LogError if the archive is damaged."""
        record, blocks, n = None, list[Block](), 0
        for group in range(self._file.num_row_groups):
            with _damage_is_explained(self.path):
                for batch in self._file.iter_batches(BATCH_ROWS, row_groups=[group], use_threads=False):
                    text = batch.column(RECORD)[0].as_py()
                    if text is not None:
                        if record is not None:
                            yield self._complete(record, blocks)
                        record, blocks = _parse_record(text), []
                    if record is None:
                        raise ValueError(f"its first row lacks a {RECORD}")
                    blocks.append(self._to_block(batch, record, columns))
                    n += batch.num_rows
        if n != self.n_trials:
            raise _damaged(self.path, f"found {n} trials, expected {self.n_trials}")
        if record is not None:
            yield self._complete(record, blocks)

    def records(self) -> list[str]:
        """Return the records of all logs as JSON. Raises LogError if the archive is damaged."""
        with _damage_is_explained(self.path):
            batches = self._file.iter_batches(BATCH_ROWS, columns=[RECORD], use_threads=False)
            return [text for batch in batches for text in batch.column(0).drop_null().to_pylist()]

    def _complete(self, record: dict[str, Any], blocks: list[Block]) -> ArchivedLog:
        n = sum(len(block["source"]) for block in blocks)
        if n != record["n"]:
            raise _damaged(self.path, f"{record['name']} has {n} rows, expected {record['n']}")
        return ArchivedLog(self.path / record["name"], blocks, record["sidecars"])

    def _to_block(self, batch: Any, record: dict[str, Any], columns: Columns) -> Block:
        block: Block = {}
        for name in (*TYPES, *record["extras"]):
            column = batch.column(name)
            if is_text(name):
                if column.null_count:
                    raise ValueError(f"{name} has missing texts")
                words = column.dictionary.to_pylist()
                codes = columns.encode_valid(name, words, self.path)
                block[name] = codes[column.indices.to_numpy(zero_copy_only=False)]
            else:
                block[name] = column.cast("float64").to_numpy(zero_copy_only=False)
        source = columns.texts_of("source")[str(self.path / record["name"])]
        return block | {"source": np.full(batch.num_rows, source, np.int32)}


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive. Raises LogError if it is an incomplete Parquet file.

    The extra `parquet` is not needed.
    """
    with open_binary(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            return False
        size = file.seek(0, 2)
        if size >= 12:
            file.seek(size - 8)
            n_bytes, magic = struct.unpack("<I4s", file.read(8))
            if magic == ENCRYPTED:
                return False
            if magic == MAGIC and n_bytes <= size - 12:
                file.seek(size - 8 - n_bytes)
                return METADATA in file.read(n_bytes)
    raise _damaged(path, "its end is missing")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive. Raises LogError if it is damaged or has a newer format, and MissingExtra without `parquet`."""
    require_extra("parquet", f"reading {path.name}")
    import pyarrow.parquet as pq

    with _damage_is_explained(path):
        schema = pq.read_schema(path)
        metadata = json.loads(schema.metadata[METADATA])
        if metadata["format"] > VERSION:
            raise LogError(
                f"{path} has format {metadata['format']}; this version reads up to {VERSION}: update observers"
            )
        expected = make_schema([name for name in schema.names if name not in (*TYPES, "source", RECORD)])
        if not schema.equals(expected):
            raise ValueError(f"its columns have other names or types than expected: {schema.names}")
        if not all(isinstance(note, str) for note in metadata["notes"]):
            raise ValueError("its notes are not text")
        pilots = {(str(observer), str(dataset)) for observer, dataset in metadata["pilots"]}
        texts = [name for name in expected.names if is_archived_text(name)]
        notes = list(metadata["notes"])
        file = pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False, page_checksum_verification=True)
    with file:
        yield Archive(path, notes, pilots, int(metadata["n_trials"]), file)


def make_schema(extras: list[str], metadata: dict[str, Any] | None = None) -> Any:
    """Return the pyarrow schema of an archive of logs that have these further columns."""
    import pyarrow as pa

    types = {"integer": pa.int64(), "number": pa.float64()}
    names = [*TYPES, "source", *extras]
    fields = [
        (name, pa.dictionary(pa.int32(), pa.string()) if is_archived_text(name) else
         types[TYPES[name].type] if name in TYPES else pa.float64())
        for name in names
    ]  # fmt: skip
    encoded = None if metadata is None else {METADATA: json.dumps({"format": VERSION} | metadata, ensure_ascii=False)}
    return pa.schema([*fields, (RECORD, pa.string())], metadata=encoded)


def is_archived_text(name: str) -> bool:
    """Return whether a column of an archive is dictionary-encoded text."""
    return name == "source" or is_text(name)


def read_archived_sidecars(source: Path) -> list[dict[str, Any]] | None:
    """Return the sidecars of a log in an archive, or None if the path is not in an archive.

    The path consists of the path of the archive and the path of the log in the archive.
    """
    path = next((parent for parent in source.parents if parent.suffix == SUFFIX and parent.is_file()), None)
    if path is None:
        return None
    state = path.stat()
    record = _records(path, state.st_mtime_ns, state.st_size).get(source.relative_to(path).as_posix())
    return None if record is None else list(_parse_record(record)["sidecars"])


@lru_cache(maxsize=1)
def _records(path: Path, modified: int, size: int) -> dict[str, str]:
    """Return the records of all logs as JSON, by the name of the log."""
    with open_archive(path) as archive:
        return {str(_parse_record(text)["name"]): text for text in archive.records()}


@contextmanager
def _damage_is_explained(path: Path) -> Iterator[None]:
    """Raise LogError if the content of an archive cannot be read or is invalid."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"{error}".partition("\n")[0][:200]) from None


def _damaged(path: Path, reason: str) -> LogError:
    return LogError(f"the archive {path} cannot be read: {reason}; restore it from a copy, or export the logs again")


def _parse_record(text: str) -> dict[str, Any]:
    """Return the record of a log. Raises ValueError if it is damaged."""
    record = json.loads(text)
    types = {"name": str, "n": int, "extras": list, "sidecars": list}
    if not isinstance(record, dict) or not all(isinstance(record.get(key), kind) for key, kind in types.items()):
        raise ValueError(f"the {RECORD} of a log is {text[:80]!r}, expected {', '.join(types)}")
    sidecars = record["sidecars"]
    if not all(isinstance(s, dict) and isinstance(s.get("identity"), dict) for s in sidecars):
        raise ValueError(f"{record['name']} has a damaged sidecar")
    if not is_readable(record["name"]):
        raise ValueError(f"a log has the name {record['name']!r}, expected printable text")
    return record
