"""Tests of reading JSON files that another program may have changed."""

import os

import pytest

from core.errors import LogError, ObserverError, StimulusError
from core.files import NotRegularFile
from core.json_files import MAX_DEPTH, JsonError, check_types, parse_json, read_json
from experiments import log
from observers.people.monitor import Monitor, read_monitor, write_monitor
from stimuli.build.set_record import _read_record

DAMAGED = {
    b"": "it is empty",
    b"{": "it is not JSON",
    b'{"a": 1, "a": 2}': "it has the key 'a' twice",
    b"[NaN]": "it has the value NaN, expected a finite number",
    b"[-Infinity]": "it has the value -Infinity",
    b"[1e999]": "it has the number 1e999, which is too large",
    b'["\\ud800"]': "it has text with a lone surrogate",
    b'{"\\udc00": 1}': "it has text with a lone surrogate",
    b"[\xff]": "it is not UTF-8",
    b"[" * 200 + b"]" * 200: f"it is nested deeper than {MAX_DEPTH} levels",
    b"[" * 200_000: f"it is nested deeper than {MAX_DEPTH} levels",
    b"9" * 5000: "it is not JSON",
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.items())
def test_damaged_content_is_refused_wherever_it_is_read(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    path.with_suffix(".csv").write_text("header\nrow\n")
    with pytest.raises(JsonError, match=message):
        read_json(path)
    with pytest.raises(ObserverError, match="is not a valid monitor profile"):
        read_monitor(path)
    with pytest.raises(StimulusError, match=r"cannot be read .*: use another folder"):
        _read_record(path)
    with pytest.raises(LogError, match=r"the sidecar .* cannot be read|is not the sidecar of a trial log"):
        log.read_sidecar(path.with_suffix(".csv"))


def test_files_are_read_with_and_without_a_byte_order_mark(tmp_path):
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "x.json").write_text('{"é": [1.5, null, "\U0001f600"]}', encoding)
        assert read_json(tmp_path / "x.json") == {"é": [1.5, None, "\U0001f600"]}
    assert parse_json('["\\ud83d\\ude00"]') == ["\U0001f600"]  # a pair of surrogates is one character


def test_records_of_observers_may_have_numbers_that_are_not_finite(tmp_path):
    (tmp_path / "x.json").write_text("[NaN, 1e999]")
    assert str(read_json(tmp_path / "x.json", finite=False)) == "[nan, inf]"


def test_special_and_large_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotRegularFile, match="it is a named pipe, expected a regular file"):
        read_json(tmp_path / "fifo")
    (tmp_path / "large").write_text('"' + "x" * 100 + '"')
    with pytest.raises(JsonError, match="it has more than 99 bytes"):
        read_json(tmp_path / "large", 99)
    with pytest.raises(NotRegularFile, match="it is a folder, expected a regular file"):
        read_json(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "missing")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "it contains a list, expected an object with n, names"),
        ({"n": 1}, "it lacks the key 'names'"),
        ({"n": True, "names": []}, "its n is true or false, expected a whole number or a number"),
        ({"n": 1, "names": None}, "its names is null, expected a list"),
    ],
)
def test_values_of_other_types_are_refused(value, message):
    with pytest.raises(JsonError, match=message):
        check_types(value, {"n": (int, float), "names": list})


@pytest.mark.parametrize(
    ("old", "new"),
    [("50.0", "1e999"), ("50.0", '"50"'), ("50.0", "true"), ("1920", "1920.5"), ("1920", "null"), ("1080", "1080, 3"),
     ('"lab"', "[]"), ("1920", "9" * 30), ("50.0", "9" * 400)],
)  # fmt: skip
def test_changed_monitor_profiles_are_refused(tmp_path, old, new):
    path = tmp_path / "monitor.json"
    write_monitor(Monitor("lab", 50.0, 60.0, (1920, 1080)), path)
    text = path.read_text()
    assert read_monitor(path).pixels == (1920, 1080) and old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ObserverError, match=r"is not a valid monitor profile|expected a width of 1 to 1000 cm"):
        read_monitor(path)


@pytest.mark.parametrize("images", ["true", '{"source": true}', '{"source": [1]}', "[]"])
def test_changed_records_of_stimulus_sets_are_refused(tmp_path, images):
    (tmp_path / "made-of.json").write_text(f'{{"images": {images}}}')
    with pytest.raises(StimulusError, match=r"made-of\.json cannot be read .*: use another folder"):
        _read_record(tmp_path / "made-of.json")
