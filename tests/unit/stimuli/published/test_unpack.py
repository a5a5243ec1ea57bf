"""Tests of unpacking: which archives are accepted, and that nothing remains of the others."""

import gzip
import io
import tarfile

import pytest

from core.errors import StimulusError
from stimuli.published.unpack import unpack


def pack(path, *members, data=b"pixels", compresslevel=9):
    """Write a .tar.gz archive; members are names of files with the content `data`, or TarInfos."""
    with tarfile.open(path, "w:gz", compresslevel=compresslevel) as tar:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def tar_info(name, kind, target=""):
    """Return the header of a folder, link or device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_images_are_unpacked_and_other_known_files_are_skipped(tmp_path):
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
    folder = tar_info("e", tarfile.DIRTYPE)
    archive = pack(tmp_path / "a.tar.gz", folder, *names, tar_info("e/cat/", tarfile.DIRTYPE))
    paths = unpack(archive, tmp_path / "new" / "out")
    assert [path.relative_to(tmp_path / "new" / "out").as_posix() for path in paths] == [
        "e/cat/a.PNG", "e/cat/b.png", "e/dog/c.jpg",
    ]  # fmt: skip
    assert sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file()) == paths
    assert paths[0].read_bytes() == b"pixels"
    assert unpack(
        archive, tmp_path / "again", max_ratio=1
    )  # the padding of a small archive compresses well, which is harmless


def test_permissions_of_the_archive_are_ignored(tmp_path):
    info = tarfile.TarInfo("a.png")
    info.mode = 0o6777
    (path,) = unpack(pack(tmp_path / "a.tar.gz", info), tmp_path / "out")
    assert path.stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (tar_info("e/a.png", tarfile.SYMTYPE, "/etc/passwd"), r"'e/a.png' is a link"),
        (tar_info("e/a.png", tarfile.LNKTYPE, "e/first.png"), r"'e/a.png' is a link"),
        (tar_info("e/a.png", tarfile.CHRTYPE), r"'e/a.png' is not an ordinary file"),
        (tar_info("e/a.png", tarfile.BLKTYPE), r"is not an ordinary file"),
        (tar_info("e/a.png", tarfile.FIFOTYPE), r"is not an ordinary file"),
        (tar_info("e/._a.png", tarfile.SYMTYPE, "x"), r"is a link"),
        ("../a.png", r"'\.\./a.png' leads out of the folder"),
        ("e/../../a.png", r"leads out of the folder"),
        ("/tmp/a.png", r"'/tmp/a.png' leads out of the folder"),
        ("e/a\n.png", r"'e/a\\n.png' has a forbidden character in its name"),
        ("e/\x1b[2Ja.png", r"has a forbidden character in its name"),
        ("e/\u202egnp.png", r"has a forbidden character in its name"),
        ("e\\a.png", r"has a forbidden character in its name"),
        ("C:a.png", r"has a forbidden character in its name"),
        ("1/2/3/4/5/6/7/8/a.png", r"is nested deeper than 8 levels"),
        ("e/" + "a" * 210 + ".png", r"has a name that is too long"),
        ("e/run.sh", r"'e/run.sh' is not an image \(\.png, \.jpg, \.jpeg\)"),
        ("e/.png", r"is not an image"),
        ("e/first.png", r"'e/first.png' is a duplicate"),
        ("e/FIRST.png", r"differs from another name only in case"),
        ("E/second.png", r"differs from another name only in case"),
        ("e/first.png/a.png", r"is a duplicate"),
        ("e/cafe\u0301.png", r"is a duplicate"),
    ],
)
def test_unsafe_members_are_refused(tmp_path, member, message):
    archive = pack(tmp_path / "a.tar.gz", "e/first.png", "e/caf\u00e9.png", member)
    with pytest.raises(StimulusError, match=rf"a.tar.gz cannot be trusted: .*{message}.*; nothing was unpacked"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_the_data_filter_checks_every_file(tmp_path, monkeypatch):
    """Even a name that the checks of this project miss cannot leave the folder."""
    monkeypatch.setattr("stimuli.published.unpack._find_name_problem", lambda name: "")
    with pytest.raises(StimulusError, match=r"outside the destination.*; nothing was unpacked"):
        unpack(pack(tmp_path / "a.tar.gz", "../a.png"), tmp_path / "new" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar.gz", "new"]


def test_a_file_with_the_name_of_a_folder_is_refused(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", "e.png/first.png", "e.png")
    with pytest.raises(StimulusError, match=r"'e.png' is a duplicate"):
        unpack(archive, tmp_path / "out")


def test_a_sparse_file_is_refused(tmp_path):
    """The header of a sparse file announces bytes that the archive does not contain."""
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"GNU.sparse.map": "0,3", "GNU.sparse.size": str(1 << 24)}
    with pytest.raises(StimulusError, match=r"'a.png' is not an ordinary file"):
        unpack(pack(tmp_path / "a.tar.gz", info), tmp_path / "out")


def test_archives_with_too_many_files_are_refused(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", *(f"{i}.png" for i in range(6)))
    with pytest.raises(StimulusError, match="has more than 5 files; nothing was unpacked"):
        unpack(archive, tmp_path / "out", max_files=5)
    assert len(unpack(archive, tmp_path / "out", max_files=6)) == 6


def test_archives_with_too_many_bytes_are_refused(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", "a.png", data=bytes(100_000), compresslevel=0)
    with pytest.raises(StimulusError, match="unpacks to more than 100,000 bytes"):
        unpack(archive, tmp_path / "out", max_bytes=100_000)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("name", ["bomb.png", "README"])
def test_decompression_bombs_are_refused(tmp_path, name):
    archive = pack(tmp_path / "a.tar.gz", name, data=bytes(4 << 20))
    with pytest.raises(StimulusError, match="unpacks to more than 200 times its size"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_decompression_bomb_after_the_last_file_is_refused(tmp_path):
    archive = pack(tmp_path / "a.tar.gz", "a.png")
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(4 << 20)))
    with pytest.raises(StimulusError, match="unpacks to more than 200 times its size"):
        unpack(archive, tmp_path / "out")


def damage(kind, archive):
    """Return the bytes of an archive with one kind of damage."""
    tar = gzip.decompress(archive)  # each file has a header of 512 bytes and 1024 bytes of data
    return {
        "truncated": archive[:-20],
        "checksum": archive[:-8] + bytes(4) + archive[-4:],
        "stream": archive[:15] + bytes(20) + archive[35:],
        "not gzip": b"<html>Not Found</html>",
        "not tar": gzip.compress(b"x" * 3000),
        "empty": b"",
        "trailing": archive + b"junk",
        "truncated within a file": gzip.compress(tar[:700]),
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
        "truncated within a file",
        "second header",
    ],
)
def test_damaged_archives_are_refused(tmp_path, kind):
    intact = pack(tmp_path / "a.tar.gz", "a.png", "b.png", "c.png", data=bytes(range(256)) * 4).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(damage(kind, intact))
    with pytest.raises(
        StimulusError, match=r"a.tar.gz is damaged or is not a .tar.gz archive \(.*\); nothing was unpacked"
    ):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def extended_header(kind, data, announced=None):
    """Return an extended header with its data. `announced` is the size in the header, by default that of the data."""
    info = tar_info("header", kind)
    info.size = len(data) if announced is None else announced
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (extended_header(b"x", b"1" * 900), "an extended header with a number of 500 digits or more"),
        (extended_header(b"x", b"99 path=a.png\n"), "a malformed extended header"),
        (extended_header(b"x", b"path=a.png\n"), "a malformed extended header"),
        (extended_header(b"x", b"13 path=b.png"), "a malformed extended header"),
        (extended_header(b"g", b"10 size=9\n"), "a file of 8 GiB or more, or a forged size"),
        (extended_header(b"x", b"", 1 << 30), "an extended header of 1,073,741,824 bytes, expected up to 65,536"),
        (extended_header(b"L", b"a" * 70_000), "an extended header of 70,000 bytes, expected up to 65,536"),
        (extended_header(b"g", b"") * 3000, "more than 4 extended headers in a row"),
        (extended_header(b"S", b""), "'header' is not an ordinary file"),
        (extended_header(b"0", b"", -512), "'header' has a negative size"),
    ],
)  # fmt: skip
def test_forged_headers_are_refused_at_once(tmp_path, headers, message):
    """The headers of a few bytes would otherwise take hours or gigabytes."""
    tar = gzip.decompress(pack(tmp_path / "a.tar.gz", "a.png").read_bytes())
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(headers + tar))
    with pytest.raises(
        StimulusError, match=rf"a.tar.gz cannot be trusted: (it has )?({message}).*; nothing was unpacked"
    ):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_forged_size_is_refused_at_once(tmp_path):
    """tarfile would read beyond the end of the archive 10^15 times."""
    tar = gzip.decompress(pack(tmp_path / "a.tar.gz", "a.png").read_bytes())
    header = extended_header(b"0", b"", 1 << 63)
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(tar[:1024] + header))
    with pytest.raises(StimulusError, match=r"a\.tar\.gz is damaged .*unexpected end of data"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_forged_values_in_extended_headers_are_refused(tmp_path):
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"GNU.sparse.map": "many", "GNU.sparse.size": "9"}
    with pytest.raises(StimulusError, match=r"'a\.png' is not an ordinary file"):
        unpack(pack(tmp_path / "a.tar.gz", info), tmp_path / "out")


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_comments_in_extended_headers_are_accepted(tmp_path, tar_format):
    name = "e/" + "d" * 150 + "/cat \u00e9.png"
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=tar_format, pax_headers={"comment": "c" * 2000}) as tar:
        info = tarfile.TarInfo(name)
        info.size = 6
        tar.addfile(info, io.BytesIO(b"pixels"))
    (path,) = unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert path.relative_to(tmp_path / "out").as_posix() == name
