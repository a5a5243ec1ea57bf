"""One download: resumed, retried, bounded, and never of an address or a length that it should not be."""

import gzip
import re
import socket

import pytest
import requests

from stimuli import fetch
from stimuli.datasets import published_stimuli
from stimuli.errors import StimulusError
from stimuli.fetch import fetch_humans, fetch_stimuli
from tests.stimuli.fetching.site import ARCHIVE, SKETCH, Handler, left, register, tar_gz


def test_a_cut_off_download_is_resumed(site, place):
    site.files["sketch.tar.gz"] = ARCHIVE
    site.faults = ["cut", "503", "cut"]  # the last one is asked for a range and sends all of it
    fetch_stimuli("sketch", base_url=site.url)
    (_, *first), (_, *second), (_, *third) = site.asked
    assert first == [None, None]
    assert second == third and second[1] == '"one"'
    assert len(ARCHIVE) // 4 < int(second[0].removeprefix("bytes=").rstrip("-")) <= len(ARCHIVE) // 2
    assert len(published_stimuli("sketch").stimuli) == 4


def test_a_later_call_resumes(site, place, monkeypatch):
    site.files["sketch.tar.gz"] = ARCHIVE
    site.faults = ["cut", *["500"] * 4]
    with pytest.raises(
        StimulusError, match=r"could not be reached \(it answered 500 Internal Server Error\): is there a"
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert left(place) == ["partial/sketch.tar.gz.etag", "partial/sketch.tar.gz.part"]
    calls = []
    fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert calls[0][0] > 0 and calls[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert len(left(place)) == 5


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_resuming_without_a_strong_etag(site, place, etag):
    site.files["sketch.tar.gz"], site.etag, site.faults = ARCHIVE, etag, ["cut"]
    fetch_stimuli("sketch", base_url=site.url)
    assert [asked[1] is None for asked in site.asked] == [True, False]
    assert [asked[2] for asked in site.asked] == [None, None]


def test_a_file_that_changed_is_begun_anew(site, place):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["cut", *["503"] * 4]
    with pytest.raises(StimulusError, match="what was downloaded so far is kept"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"], site.etag = tar_gz(SKETCH | {"README": b"new"}), '"two"'
    fetch_stimuli("sketch", base_url=site.url)  # If-Range makes the server send it all
    assert len(site.asked) == 6 and site.asked[-1][2] == '"one"'
    assert len(published_stimuli("sketch").stimuli) == 4


@pytest.mark.parametrize("share", [0.5, 1])
def test_a_range_that_does_not_fit_is_begun_anew(site, place, share):
    """Another ETag in spite of If-Range being left out; and nothing more to send."""
    partial, n_bytes = place / "cache" / "partial", int(share * len(ARCHIVE))
    partial.mkdir(parents=True)
    (partial / "sketch.tar.gz.part").write_bytes(b"x" * n_bytes)
    (partial / "sketch.tar.gz.etag").write_text('W/"old"')
    site.files["sketch.tar.gz"] = ARCHIVE
    fetch_stimuli("sketch", base_url=site.url)
    assert [asked[1] for asked in site.asked] == [f"bytes={n_bytes}-", None]


def test_the_fifth_try_may_succeed(site, place):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["503"] * 4
    fetch_stimuli("sketch", base_url=site.url)
    assert len(site.asked) == 5


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"12345", {"Content-Length": 10}, r"ChunkedEncodingError|it sent 5 of 10 bytes"),
        (
            gzip.compress(bytes(999), mtime=0),
            {"Content-Length": 29, "Content-Encoding": "gzip"},
            "it sent 999 of 29 bytes",
        ),
    ],
)
def test_a_file_that_never_has_its_length(site, place, monkeypatch, body, headers, reason):
    """Cut off each time, or encoded although that was asked not to be."""
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.answer(200, body, headers))
    with pytest.raises(StimulusError, match=rf"could not be reached \(({reason})\): is there a network"):
        fetch_stimuli("sketch", base_url=site.url)
    assert not (place / "cache" / "stimuli" / "sketch").exists()


@pytest.mark.parametrize(("status", "words"), [("404", "404 Not Found"), ("403", "403 Forbidden"), ("299", "299")])
def test_an_answer_that_trying_again_will_not_change(site, place, status, words):
    site.faults, site.files["sketch.tar.gz"] = [status], ARCHIVE
    message = (
        rf"sketch.tar.gz answered {words}, so the file cannot be had there: put the images at <folder>/stimuli/sketch/"
    )
    with pytest.raises(StimulusError, match=message):
        fetch_stimuli("sketch", base_url=site.url)
    assert len(site.asked) == 1 and left(place) == []


def test_no_network(place, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(StimulusError) as error:
            fetch_stimuli("sketch", base_url=url)
    assert str(error.value) == (
        f"{url}/sketch.tar.gz could not be reached (ConnectionError): is there a network? Without one, put the images at "
        "<folder>/stimuli/sketch/ and set OBSERVERS_DATA=<folder>; what was downloaded so far is kept"
    )
    tried = []

    def get(self, url, **_):
        tried.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    with pytest.raises(StimulusError, match="is there a network"):
        fetch_stimuli("sketch")
    assert tried == ["https://github.com/bethgelab/model-vs-human/releases/download/v0.1/sketch.tar.gz"] * 5
    register(place, {"humans/edge/edge_subject-01_session_1.csv": b""})
    with pytest.raises(StimulusError, match="put the file at <folder>/humans/edge/edge_subject-01_session_1"):
        fetch_humans()
    assert re.fullmatch(
        r"https://raw.githubusercontent.com/bethgelab/model-vs-human/79ed7cd\w{33}/raw-data/edge/edge_subject-01_session_1.csv",
        tried[-1],
    )


def test_a_server_that_falls_silent(site, place, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUTS", (5, 0.2))
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["slow"]
    fetch_stimuli("sketch", base_url=site.url)
    assert 2 <= len(site.asked) <= 1 + len(fetch.PAUSES)  # more than twice where this machine is slow to answer, too


@pytest.mark.parametrize("fault", ["", "bare"])
def test_a_file_that_is_too_large(site, place, monkeypatch, fault):
    """Whether its length is said or not."""
    monkeypatch.setattr(fetch, "MAX_BYTES", 200_000)
    calls = []
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, [fault]
    with pytest.raises(StimulusError, match=r"sketch.tar.gz is larger than 200,000 bytes: it is not what was expected"):
        fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert (len(calls) == 1) == (fault == "")  # nothing is read of what is too large by its own word
    assert (place / "cache" / "partial" / "sketch.tar.gz.part").stat().st_size == 0


def test_a_length_that_is_not_said(site, place):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["bare"]
    calls = []
    fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert calls[-1] == (len(ARCHIVE), None)


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://example.org", "file:///etc", "http://127.0.0.1.example.org"]
)
def test_only_encrypted_addresses(place, url):
    with pytest.raises(StimulusError, match=r"sketch.tar.gz is not fetched: only https:// is"):
        fetch_stimuli("sketch", base_url=url)


def test_redirections(site, place):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["to /v/sketch.tar.gz"]
    fetch_stimuli("sketch", base_url=site.url)
    assert len(site.asked) == 2
    site.faults = ["to http://example.org/x"]
    with pytest.raises(StimulusError, match=r"edge.tar.gz leads to 'http://example.org/x', which is not fetched"):
        fetch_stimuli("edge", base_url=site.url)
    site.faults = ["to https://example.org/x"]
    with pytest.raises(StimulusError, match=r"leads to 'https://example.org/x', which is not fetched"):
        fetch_stimuli("edge", base_url=site.url)
