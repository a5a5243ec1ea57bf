"""Archives that an attacker might serve in place of a published one. Each is returned as the bytes of a .tar.gz file."""

import gzip
import random
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

PIXELS = b"pixels"


def member(name: str, data: bytes = PIXELS, kind: bytes = tarfile.REGTYPE, target: str = "", **fields: object) -> bytes:
    """Return the bytes of a member of a tar file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(data) if kind == tarfile.REGTYPE else 0
    for key, value in fields.items():
        setattr(info, key, value)
    header = info.tobuf(tarfile.PAX_FORMAT)
    return header + (data + bytes(-len(data) % 512) if kind == tarfile.REGTYPE else b"")


def raw_header(name: bytes, size: int, kind: bytes) -> bytes:
    """Return a header of 512 bytes with a correct checksum and any size."""
    header = bytearray(512)
    header[: len(name)] = name
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136] = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    header[136:148], header[156:157] = b"00000000000\0", kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """Return an extended header with these records."""
    return raw_header(b"PaxHeader", len(records), kind) + records + bytes(-len(records) % 512)


def record(key: str, value: str) -> bytes:
    """Return a record of an extended header."""
    body = f" {key}={value}\n".encode("utf-8", "surrogatepass")
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return str(length).encode() + body


def packed(*members: bytes) -> bytes:
    """Return a .tar.gz file with these members."""
    return gzip.compress(b"".join(members) + bytes(1024), 6)


GOOD = member("e/cat/a.png")
NAMES = (
    "../a.png", "../../../../tmp/a.png", "/etc/a.png", "e/../../a.png", "e/./../../a.png", "..", ".", "", "/",
    "//a.png", "e//..//..//a.png",
    "C:\\a.png", "C:a.png", "\\\\host\\a.png", "e\\..\\a.png", "~/a.png", "e/a.png/", "e/a\0.png", "e/a\n.png",
    "e/\x1b[2J.png",
    "e/\u202egnp.png", "a" * 300 + ".png", "/".join("d" * 9) + "/a.png", "/".join(["d" * 150] * 30) + "/a.png",
    "e/CON.png",
    "e/a.png ", "e/.png", "e/run.sh", "e/a.png.exe", "e/a.svg", "e/CAT/A.PNG", "e/cat/a.png",
    "e/caf\u0065\u0301.png", "-rf.png",
    "e/$(touch x).png", "e/`id`.png", "e/%2e%2e%2fa.png", "e/\udcff.png", "e/__proto__.png", ".ssh/authorized_keys",
    "e/.git/config",
)  # fmt: skip
LINKS = (
    (tarfile.SYMTYPE, "/etc/passwd"), (tarfile.SYMTYPE, "../.."), (tarfile.SYMTYPE, "."), (tarfile.LNKTYPE,
    "e/cat/a.png"),
    (tarfile.LNKTYPE, "/etc/passwd"), (tarfile.CHRTYPE, ""), (tarfile.BLKTYPE, ""), (tarfile.FIFOTYPE, ""),
    (tarfile.CONTTYPE, ""),
    (tarfile.GNUTYPE_SPARSE, ""), (b"Z", ""), (b"V", ""),
)  # fmt: skip


def named() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of an attack and a function that makes the archive."""
    for name in NAMES:
        yield f"the name {name[:60]!r}", partial(with_member, name)
    for kind, target in LINKS:
        yield (
            f"a member of the type {kind!r} to {target!r}",
            partial(with_member, "e/cat/b.png", kind=kind, target=target),
        )
        yield f"a folder that is of the type {kind!r}", partial(with_link, kind, target)
    for size in (2**33, 2**40, 2**62, 2**63, 2**80):
        for kind in (b"0", b"x", b"g", b"L", b"K"):
            yield f"a header {kind!r} of {size} bytes", partial(packed, GOOD, raw_header(b"e/b.png", size, kind), GOOD)
    for kind in (b"x", b"g", b"L", b"K"):
        yield f"a header {kind!r} of 20 MB", partial(with_large_header, kind)
    for key, value in (("path", "../a.png"), ("linkpath", "/etc/passwd"), ("size", "-1"), ("size", "9" * 5000),
        ("size", "1e9"),
                       ("size", "٣"), ("mtime", "nan"), ("mtime", "1e999"), ("uid", "x"), ("GNU.sparse.map", "0,1,2"),
                       ("GNU.sparse.size", "99999999999"), ("GNU.sparse.major", "1"), ("hdrcharset", "BINARY"),
                       ("path", "a\0b.png"),
                       ("charset", "utf-7")):  # fmt: skip
        yield f"an extended header with {key}={value[:20]}", partial(packed, pax(record(key, value)), GOOD)
    yield from WHOLE.items()


def with_member(name: str, **fields: Any) -> bytes:
    """Return an archive with a member behind a harmless one."""
    return packed(GOOD, member(name, **fields))


def with_link(kind: bytes, target: str) -> bytes:
    """Return an archive with a file inside of a link."""
    return packed(member("e/link", kind=kind, target=target), member("e/link/b.png"))


def with_large_header(kind: bytes) -> bytes:
    """Return an archive with an extended header or a long name of 20 MB."""
    return packed(pax(record("comment", "x" * 20_000_000), kind), GOOD)


def bomb(start: bytes) -> bytes:
    """Return an archive that continues with many zeros."""
    return gzip.compress(start + bytes(1 << 26), 6)


WHOLE: dict[str, Callable[[], bytes]] = {
    "an extended header of spaces": lambda: packed(pax(b" " * 300_000), GOOD),
    "an extended header of digits": lambda: packed(pax(b"1" * 200_000), GOOD),
    "an extended header of digits and a space": lambda: packed(pax(b"9" * 100_000 + b" a=b\n"), GOOD),
    "an extended header with a length of 0": lambda: packed(pax(b"0 a=b\n" * 50), GOOD),
    "many extended headers": lambda: packed(pax(record("comment", "x")) * 100_000, GOOD),
    "many records": lambda: packed(pax(b"".join(record(f"key{i}", "x") for i in range(50_000))), GOOD),
    "a bomb of zeros": lambda: bomb(raw_header(b"e/cat/b.png", 1 << 26, b"0")),
    "a bomb behind the end of the archive": lambda: bomb(GOOD + bytes(1024)),
    "a bomb of members": lambda: packed(*(raw_header(b"e/cat/%d.png" % i, 0, b"0") for i in range(25_000))),
    "gzip inside gzip": lambda: gzip.compress(packed(GOOD)),
    "several gzip files": lambda: packed(GOOD) * 20,
    "no gzip": lambda: GOOD + bytes(1024),
    "nothing": lambda: b"",
    "no members": packed,
    "a zip file": lambda: b"PK\3\4" + bytes(500),
    "bytes after the gzip file": lambda: packed(GOOD) + b"x" * 1000,
    "a wrong checksum of gzip": lambda: packed(GOOD)[:-8] + bytes(8),
    "only folders": lambda: packed(*(member(f"e/{i}", kind=tarfile.DIRTYPE) for i in range(50))),
    "a file in place of a folder": lambda: packed(member("e/a.png"), member("e/a.png/b.png")),
}


def mutated(rng: random.Random) -> bytes:
    """Return an archive in which some bytes were replaced before it was compressed, or after."""
    content = bytearray(
        b"".join([GOOD, member("e/" + "long" * 40 + ".png"), pax(record("path", "e/dog/ä.png")), GOOD]) + bytes(1024)
    )
    change: Callable[[bytes], bytes] = gzip.compress
    if rng.random() < 0.3:
        content, change = bytearray(gzip.compress(bytes(content))), bytes
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(content))
        content[at : at + rng.choice([0, 1, 1, 8])] = rng.randbytes(rng.choice([0, 1, 1, 8, 512]))
    return change(bytes(content))
