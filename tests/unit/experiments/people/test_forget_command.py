"""The command that deletes the data of a participant: what it asks, what it removes and what it names."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

import commands.forget as forget_command
from tests.commands import observers
from tests.unit.experiments.people.people_in_logs import CODE, OTHER, contents, paths_with_code


def test_forget_command_asks_for_confirmation(folders, monkeypatch):
    command = ["forget", CODE, *(word for folder in folders for word in ("--out", folder))]
    before = contents(*folders)
    assert "--yes removes without asking" in observers(*command, code=2).stderr
    monkeypatch.setattr(forget_command, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    output = observers(*command, answer="n\n", code=1).stdout
    assert f"{folders[0]}/small/small_{CODE}_session-1.csv\n" in output
    assert contents(*folders) == before
    output = observers(*command, answer="y\n").stdout
    assert f"removed: {folders[0]}/small/small_{CODE}-pilot_session-1.json\n" in output
    assert f"removed from: {folders[1]}/participants.tsv\n" in output
    assert f"{CODE}: 11 trials were removed from the logs\n" in output
    assert paths_with_code(contents(*folders)) == []
    output = observers(*command).stdout
    assert output == f"{CODE}: the data were already removed on {datetime.now(UTC):%Y-%m-%d}\n"
    result = observers("forget", "AB", "--out", folders[0], "--yes", code=1)
    assert "there are no data of a participant AB in" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"participant_id", b'"participant_id"').replace(b"observer", b'"observer"'),
        lambda text: b"\n".join(line[: line.rindex(b"\t")] for line in text.splitlines()) + b"\n",
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(CODE.encode() + b"\thuman", b'"' + CODE.encode() + b'" \thuman'),
    ],
    ids=["byte order mark", "quoted header", "short rows", "line endings", "quoted name"],
)
def test_participants_table_that_another_program_has_saved(folders, edit):
    table = folders[1] / "participants.tsv"
    table.write_bytes(edit(table.read_bytes()))
    before = table.read_bytes()
    output = observers("forget", CODE, "--yes", "--out", folders[0], "--out", folders[1]).output
    assert f"removed from: {table}\n" in output and "mentions" not in output and "remain" not in output
    assert paths_with_code(contents(*folders[:2])) == []
    assert table.read_bytes() == b"".join(
        line for line in before.splitlines(keepends=True) if OTHER.encode() in line or CODE.encode() not in line
    )


@pytest.mark.slow
def test_forget_command_names_every_file_that_still_has_the_code(folders):
    table = folders[1] / "participants.tsv"
    table.write_bytes(table.read_bytes().decode().encode("utf-16"))
    wide = folders[1] / "wide.xml"
    wide.write_bytes(f"<code>{CODE}</code>".encode("utf-16-be"))
    border = folders[1] / "border.log"  # the code is at the border of two reads
    border.write_bytes(b"." * ((1 << 20) - 3) + CODE.encode() + b".")
    other = folders[1] / "other.log"
    other.write_text(f"{OTHER} x{CODE}")
    result = observers("forget", CODE, "--yes", "--out", folders[0], "--out", folders[1])
    assert f"{CODE}: 11 trials were removed from the logs; remaining files that contain the code: 3\n" in result.stdout
    assert {line.split()[1] for line in result.stderr.splitlines()} == {str(table), str(wide), str(border)}


def test_forget_command_without_a_terminal(folders):
    (folders[0] / "notes.txt").write_text(f"{CODE} came twice")
    result = observers("forget", CODE, "--yes", "--out", folders[0])
    assert f"note: {folders[0]}/notes.txt mentions {CODE} and was kept: check it by hand\n" in result.stderr
