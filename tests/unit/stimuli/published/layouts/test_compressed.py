"""Trial logs that are compressed with gzip are read within limits."""

import gzip
from pathlib import Path

import pytest

from core.errors import LogError
from stimuli.published.layouts import compressed as gzip_files
from stimuli.published.layouts.compressed import open_maybe_compressed, plain_path, read_compressed


def test_compressed_and_plain_files_are_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n"))
    for name in ("a.csv", "a.csv.gz"):
        with open_maybe_compressed(tmp_path / name) as file:
            assert file.read() == b"a,b\n"
    assert plain_path(Path("x/a.csv.gz")) == plain_path(Path("x/a.csv")) == Path("x/a.csv")


# The time in a gzip file is fixed, because the processes of pytest-xdist must give the tests the same names.
@pytest.mark.parametrize("content", [b"not gzip", b"", gzip.compress(b"a" * 1000, mtime=0)[:-9], b"\x1f\x8b\x08\x00"])
def test_damaged_files_are_refused(content, tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(content)
    if content:
        with pytest.raises(LogError, match="is damaged or is not a gzip file"):
            read_compressed(path)
    else:
        assert read_compressed(path) == b""


def test_files_that_expand_too_much_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0" * (1 << 22)))
    monkeypatch.setattr(gzip_files, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(gzip_files, "BLOCK", 1 << 16)
    with pytest.raises(LogError, match="unpacks to more than 1,048,576 bytes"):
        read_compressed(path)
    monkeypatch.setattr(gzip_files, "MAX_BYTES", 1 << 10)
    with pytest.raises(LogError, match="unpacks to more than 1,024 bytes"):
        read_compressed(path)
