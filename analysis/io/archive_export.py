"""Export of trial logs as one Parquet file, the archive of a large study, whose format `analysis.io.archive` describes."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from analysis.io import archive, bids
from analysis.io.columns import TYPES, Block, Columns, is_text
from analysis.io.frame import collect, to_frame
from analysis.io.log_files import Reader
from core.atomic import replacing
from core.errors import LogError
from core.extras import require_extra

FILE_NAME = "trials.parquet"


def export_parquet(
    logs: Path | str | Iterable[Path | str], out: Path, *, public: bool = False
) -> tuple[Path, list[str]]:
    """Write trial logs and their sidecars into one Parquet file, which `read_trials` reads without loss.

    The file contains the trials of all logs except those of pilot sessions. Trials with images without a correct answer are
    included. A frame that is read from the file differs from the frame of the logs only in `source`, which is a path in
    the archive.

    Args:
        logs: What `read_trials` accepts: files, folders, or a list of them.
        out: Folder for the file, which is named FILE_NAME.
        public: Remove dates, times and folder names from the sidecars, for publication.

    Returns:
        The path of the file, and the notes about the logs.

    Raises:
        LogError: If the file exists already, if a log has a column with a reserved name, or if `read_trials` refuses the
            logs.
        MissingExtra: If the extra `parquet` is missing.

    Example:
        >>> path, notes = export_parquet("logs", Path("archive"))
        >>> frame = read_trials(path)
    """
    require_extra("parquet", "the export to Parquet")
    path = Path(out) / FILE_NAME
    if path.exists():
        raise LogError(f"{path} exists already; choose another folder with --out, or delete the file")
    reader = collect(logs)
    with replacing(path, sync=True) as partial:
        _write(partial, reader, public)
        notes = list(to_frame(reader).attrs["notes"])
    return path, notes


def _write(path: Path, reader: Reader, public: bool) -> None:
    """Write the trials of a reader into an archive."""
    import pyarrow.parquet as pq

    columns = reader.columns
    extras = list(dict.fromkeys(name for block in columns.blocks for name in block if name not in (*TYPES, "source")))
    if archive.RECORD in extras:
        raise LogError(
            f"a column named {archive.RECORD} cannot be exported, because archives reserve this name; rename it"
        )
    n_trials = sum(len(block["source"]) for block in columns.blocks)
    metadata = {
        "n_trials": n_trials, "notes": reader.notes, "pilots": sorted(reader.pilots), "people": _people(columns),
    }  # fmt: skip
    schema = archive.make_schema(extras, metadata)
    names = _names_of_logs(columns)
    texts = [name for name in schema.names if name != archive.RECORD and archive.is_archived_text(name)]
    numbers = [name for name in schema.names if name not in (*texts, archive.RECORD)]
    with pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=texts, write_statistics=False, write_page_checksum=True,
        use_byte_stream_split=[name for name in numbers if str(schema.field(name).type) == "double"],
    ) as writer:  # fmt: skip
        for code, group in groupby(columns.blocks, key=lambda block: int(block["source"][0])):
            blocks, source = list(group), columns.text("source", code)
            sidecars = bids.read_sidecars(Path(source))
            if public:
                sidecars = [bids.strip_times_and_folders(sidecar) for sidecar in sidecars]
            own = [name for name in extras if name in blocks[0]]
            n = sum(len(block["source"]) for block in blocks)
            record = {"name": names[code], "n": n, "extras": own, "sidecars": sidecars}
            text: str | None = json.dumps(record, ensure_ascii=False)
            for part in _split(blocks):
                table = _to_table(part, columns, schema, names[code], text)
                writer.write_table(table, row_group_size=len(table))
                text = None


def _people(columns: Columns) -> list[str]:
    """Return the names of the people, so that `observers forget` finds the archives that contain a participant."""
    human = columns.texts_of("kind")["human"]
    codes = {code for block in columns.blocks for code in np.unique(block["observer"][block["kind"] == human]).tolist()}
    return sorted(columns.text("observer", code) for code in codes)


def _names_of_logs(columns: Columns) -> dict[int, str]:
    """Return the path of every log relative to the common folder of all logs, by the code of its source."""
    codes = dict.fromkeys(int(block["source"][0]) for block in columns.blocks)
    paths = {code: Path(os.path.abspath(columns.text("source", code))) for code in codes}
    folder = os.path.commonpath([path.parent for path in paths.values()])
    return {code: path.relative_to(folder).as_posix() for code, path in paths.items()}


def _split(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks of a log in groups of up to GROUP_ROWS rows."""
    group, n = list[Block](), 0
    for block in blocks:
        if group and n + len(block["source"]) > archive.GROUP_ROWS:
            yield group
            group, n = [], 0
        group.append(block)
        n += len(block["source"])
    yield group


def _to_table(blocks: Sequence[Block], columns: Columns, schema: Any, name: str, record: str | None) -> Any:
    """Return blocks of one log as a pyarrow table."""
    import pyarrow as pa

    n = sum(len(block["source"]) for block in blocks)
    arrays = []
    for column in schema.names:
        kind = schema.field(column).type
        if column == archive.RECORD:
            array = pa.array([record, *[None] * (n - 1)], kind)
        elif column == "source":
            array = pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), [name])
        elif column not in blocks[0]:
            array = pa.nulls(n, kind)
        else:
            values = np.concatenate([block[column] for block in blocks])
            if is_text(column):
                codes, indices = np.unique(values, return_inverse=True)
                words = [columns.text(column, code) for code in codes]
                array = pa.DictionaryArray.from_arrays(indices.astype(np.int32), pa.array(words, pa.string()))
            else:
                is_missing = np.isnan(values)
                array = pa.array(np.where(is_missing, 0, values), pa.float64(), mask=is_missing).cast(kind)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=schema)
