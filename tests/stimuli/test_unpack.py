"""What an archive may hold, and that of any other nothing stays."""

import gzip
import io
import tarfile

import pytest

from stimuli.errors import StimulusError
from stimuli.unpack import unpack


def packed(path, *members, data=b"pixels", compresslevel=9):
    """A .tar.gz of names (holding `data`) and TarInfos."""
    with tarfile.open(path, "w:gz", compresslevel=compresslevel) as tar:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_images_are_unpacked_and_junk_is_not(tmp_path):
    names = [
        "./e/cat/b.png",
        "e/cat/a.PNG",
        "e/dog/c.jpg",
        "e/README.md",
        "LICENSE",
        "e/._a.png",
        "e/.DS_Store",
        "__MACOSX/x.bin",
    ]
    folder = special("e", tarfile.DIRTYPE)
    archive = packed(tmp_path / "a.tar.gz", folder, *names, special("e/cat/", tarfile.DIRTYPE))
    paths = unpack(archive, tmp_path / "new" / "out")
    assert [path.relative_to(tmp_path / "new" / "out").as_posix() for path in paths] == [
        "e/cat/a.PNG", "e/cat/b.png", "e/dog/c.jpg",
    ]  # fmt: skip
    assert sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file()) == paths
    assert paths[0].read_bytes() == b"pixels"
    assert unpack(archive, tmp_path / "again", max_ratio=1)  # the padding of a small archive is no bomb


def test_no_mode_is_taken_over(tmp_path):
    info = tarfile.TarInfo("a.png")
    info.mode = 0o6777
    (path,) = unpack(packed(tmp_path / "a.tar.gz", info), tmp_path / "out")
    assert path.stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (special("e/a.png", tarfile.SYMTYPE, "/etc/passwd"), r"'e/a.png' is a link"),
        (special("e/a.png", tarfile.LNKTYPE, "e/first.png"), r"'e/a.png' is a link"),
        (special("e/a.png", tarfile.CHRTYPE), r"'e/a.png' is no ordinary file"),
        (special("e/a.png", tarfile.BLKTYPE), r"is no ordinary file"),
        (special("e/a.png", tarfile.FIFOTYPE), r"is no ordinary file"),
        (special("e/._a.png", tarfile.SYMTYPE, "x"), r"is a link"),
        ("../a.png", r"'\.\./a.png' leads out of the folder"),
        ("e/../../a.png", r"leads out of the folder"),
        ("/tmp/a.png", r"'/tmp/a.png' leads out of the folder"),
        ("e/a\n.png", r"'e/a\\n.png' has a character that no image's name needs"),
        ("e/\x1b[2Ja.png", r"has a character that no image's name needs"),
        ("e/\u202egnp.png", r"has a character that no image's name needs"),
        ("e\\a.png", r"has a character that no image's name needs"),
        ("C:a.png", r"has a character that no image's name needs"),
        ("1/2/3/4/5/6/7/8/a.png", r"is nested deeper than 8 levels"),
        ("e/" + "a" * 210 + ".png", r"has too long a name"),
        ("e/run.sh", r"'e/run.sh' is no image \(\.png, \.jpg, \.jpeg\)"),
        ("e/.png", r"is no image"),
        ("e/first.png", r"'e/first.png' is there twice"),
        ("e/FIRST.png", r"differs from another one only in case"),
        ("E/second.png", r"differs from another one only in case"),
        ("e/first.png/a.png", r"is there twice"),
        ("e/cafe\u0301.png", r"is there twice"),
    ],
)
def test_a_member_that_is_not_to_be_trusted(tmp_path, member, message):
    archive = packed(tmp_path / "a.tar.gz", "e/first.png", "e/caf\u00e9.png", member)
    with pytest.raises(StimulusError, match=rf"a.tar.gz is not to be trusted: .*{message}.*; nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_file_where_a_folder_is(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", "e.png/first.png", "e.png")
    with pytest.raises(StimulusError, match=r"'e.png' is there twice"):
        unpack(archive, tmp_path / "out")


def test_a_sparse_file_is_refused(tmp_path):
    """Its header promises bytes that are nowhere in the archive."""
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"GNU.sparse.map": "0,3", "GNU.sparse.size": str(1 << 24)}
    with pytest.raises(StimulusError, match=r"'a.png' is no ordinary file"):
        unpack(packed(tmp_path / "a.tar.gz", info), tmp_path / "out")


def test_too_many_files(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", *(f"{i}.png" for i in range(6)))
    with pytest.raises(StimulusError, match="has more than 5 files; nothing was unpacked"):
        unpack(archive, tmp_path / "out", max_files=5)
    assert len(unpack(archive, tmp_path / "out", max_files=6)) == 6


def test_too_many_bytes(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", "a.png", data=bytes(100_000), compresslevel=0)
    with pytest.raises(StimulusError, match="unpacks to more than 100,000 bytes"):
        unpack(archive, tmp_path / "out", max_bytes=100_000)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("name", ["bomb.png", "README"])
def test_a_bomb(tmp_path, name):
    archive = packed(tmp_path / "a.tar.gz", name, data=bytes(4 << 20))
    with pytest.raises(StimulusError, match="unpacks to more than 200 times its size"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_bomb_behind_the_last_file(tmp_path):
    archive = packed(tmp_path / "a.tar.gz", "a.png")
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(4 << 20)))
    with pytest.raises(StimulusError, match="unpacks to more than 200 times its size"):
        unpack(archive, tmp_path / "out")


def damaged(kind, whole):
    tar = gzip.decompress(whole)  # a header of 512 bytes and 1024 of data a file
    return {
        "truncated": whole[:-20],
        "checksum": whole[:-8] + bytes(4) + whole[-4:],
        "stream": whole[:15] + bytes(20) + whole[35:],
        "not gzip": b"<html>Not Found</html>",
        "not tar": gzip.compress(b"x" * 3000),
        "empty": b"",
        "trailing": whole + b"junk",
        "cut within a file": gzip.compress(tar[:700]),
        "second header": gzip.compress(tar[:1536] + b"?" * 88 + tar[1624:]),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "truncated",
        "checksum",
        "stream",
        "not gzip",
        "not tar",
        "empty",
        "trailing",
        "cut within a file",
        "second header",
    ],
)
def test_a_damaged_archive(tmp_path, kind):
    whole = packed(tmp_path / "a.tar.gz", "a.png", "b.png", "c.png", data=bytes(range(256)) * 4).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(damaged(kind, whole))
    with pytest.raises(StimulusError, match=r"a.tar.gz is damaged or no .tar.gz \(.*\); nothing was unpacked"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_forged_extended_headers(tmp_path):
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"GNU.sparse.map": "many", "GNU.sparse.size": "9"}
    with pytest.raises(StimulusError, match=r"is damaged or no .tar.gz \(invalid literal"):
        unpack(packed(tmp_path / "a.tar.gz", info), tmp_path / "out")
    chain = tarfile.TarInfo("x")
    chain.type = tarfile.XGLTYPE
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(chain.tobuf() * 3000, 0))
    with pytest.raises(StimulusError, match=r"is damaged or no .tar.gz \(maximum recursion depth"):
        unpack(tmp_path / "b.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
