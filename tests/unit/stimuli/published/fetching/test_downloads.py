"""Tests of a single download: resuming, retrying, limits, and the addresses that are allowed."""

import gzip
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from core.errors import StimulusError
from stimuli.published import download
from stimuli.published.datasets import published_stimuli
from stimuli.published.fetch import fetch_humans, fetch_stimuli
from tests.unit.stimuli.published.fetching.site import ARCHIVE, SKETCH, Handler, cached_files, register, tar_gz


def test_interrupted_downloads_are_resumed(site, root):
    site.files["sketch.tar.gz"] = ARCHIVE
    site.faults = ["cut", "503", "cut"]  # `cut` does not affect the third request, which is for a range
    fetch_stimuli("sketch", base_url=site.url)
    (_, *first), (_, *second), (_, *third) = site.requests
    assert first == [None, None]
    assert second == third and second[1] == '"one"'
    assert len(ARCHIVE) // 4 < int(second[0].removeprefix("bytes=").rstrip("-")) <= len(ARCHIVE) // 2
    assert len(published_stimuli("sketch").stimuli) == 4


def test_a_later_call_resumes_the_download(site, root, monkeypatch):
    site.files["sketch.tar.gz"] = ARCHIVE
    site.faults = ["cut", *["500"] * 4]
    with pytest.raises(
        StimulusError,
        match=r"could not be downloaded \(the server responded with 500 Internal Server Error\): check the network",
    ):
        fetch_stimuli("sketch", base_url=site.url)
    assert cached_files(root) == ["partial/sketch.tar.gz.etag", "partial/sketch.tar.gz.part"]
    calls = []
    fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert calls[0][0] > 0 and calls[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert len(cached_files(root)) == 5


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_resuming_without_a_strong_etag(site, root, etag):
    site.files["sketch.tar.gz"], site.etag, site.faults = ARCHIVE, etag, ["cut"]
    fetch_stimuli("sketch", base_url=site.url)
    assert [request[1] is None for request in site.requests] == [True, False]
    assert [request[2] for request in site.requests] == [None, None]


def test_a_changed_file_is_downloaded_from_the_start(site, root):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["cut", *["503"] * 4]
    with pytest.raises(StimulusError, match="run the command again, which resumes the download"):
        fetch_stimuli("sketch", base_url=site.url)
    site.files["sketch.tar.gz"], site.etag = tar_gz(SKETCH | {"README": b"new"}), '"two"'
    fetch_stimuli("sketch", base_url=site.url)  # If-Range makes the server send the complete file
    assert len(site.requests) == 6 and site.requests[-1][2] == '"one"'
    assert len(published_stimuli("sketch").stimuli) == 4


@pytest.mark.parametrize("fraction", [0.5, 1])
def test_a_response_with_another_range_restarts_the_download(site, root, fraction):
    """The server has a file with another weak ETag (fraction 0.5), or has nothing more to send (fraction 1)."""
    partial, n_bytes = root / "cache" / "partial", int(fraction * len(ARCHIVE))
    partial.mkdir(parents=True)
    (partial / "sketch.tar.gz.part").write_bytes(b"x" * n_bytes)
    (partial / "sketch.tar.gz.etag").write_text('W/"old"')
    site.files["sketch.tar.gz"] = ARCHIVE
    fetch_stimuli("sketch", base_url=site.url)
    assert [request[1] for request in site.requests] == [f"bytes={n_bytes}-", None]


def test_the_fifth_attempt_may_succeed(site, root):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["503"] * 4
    fetch_stimuli("sketch", base_url=site.url)
    assert len(site.requests) == 5


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"12345", {"Content-Length": 10}, r"ChunkedEncodingError|the server sent 5 of 10 bytes"),
        (
            gzip.compress(bytes(999), mtime=0),
            {"Content-Length": 29, "Content-Encoding": "gzip"},
            "the server sent 999 of 29 bytes",
        ),
    ],
)
def test_responses_with_a_wrong_length_are_refused(site, root, monkeypatch, body, headers, reason):
    """The content is always truncated, or it is encoded although the request forbids that."""
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.respond(200, body, headers))
    with pytest.raises(StimulusError, match=rf"could not be downloaded \(({reason})\): check the network"):
        fetch_stimuli("sketch", base_url=site.url)
    assert not (root / "cache" / "stimuli" / "sketch").exists()


@pytest.mark.parametrize(("status", "words"), [("404", "404 Not Found"), ("403", "403 Forbidden"), ("299", "299")])
def test_permanent_errors_are_not_retried(site, root, status, words):
    site.faults, site.files["sketch.tar.gz"] = [status], ARCHIVE
    message = (
        rf"sketch.tar.gz responded with {words}, so the file is not available there: "
        r"put the images into <folder>/stimuli/sketch/"
    )
    with pytest.raises(StimulusError, match=message):
        fetch_stimuli("sketch", base_url=site.url)
    assert len(site.requests) == 1 and cached_files(root) == []


def test_without_a_network_the_error_gives_instructions(root, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(StimulusError) as error:
            fetch_stimuli("sketch", base_url=url)
    assert str(error.value) == (
        f"{url}/sketch.tar.gz could not be downloaded (ConnectionError): check the network and run the command again, "
        "which resumes the download; without a network, put the images into <folder>/stimuli/sketch/ and set "
        "OBSERVERS_DATA=<folder>"
    )
    urls = []

    def get(self, url, **_):
        urls.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    with pytest.raises(StimulusError, match="check the network"):
        fetch_stimuli("sketch")
    assert urls == ["https://github.com/bethgelab/model-vs-human/releases/download/v0.1/sketch.tar.gz"] * 5
    register(root, {"humans/edge/edge_subject-01_session_1.csv": b""})
    with pytest.raises(StimulusError, match="put the file into <folder>/humans/edge/edge_subject-01_session_1"):
        fetch_humans()
    assert re.fullmatch(
        r"https://raw.githubusercontent.com/bethgelab/model-vs-human/79ed7cd\w{33}/raw-data/edge/edge_subject-01_session_1.csv",
        urls[-1],
    )


def test_a_silent_server_causes_another_attempt(site, root, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUTS", (5, 0.2))
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["slow"]
    fetch_stimuli("sketch", base_url=site.url)
    assert 2 <= len(site.requests) <= 1 + len(download.PAUSES)  # more than 2 if the machine itself is slow


@pytest.mark.parametrize("fault", ["", "bare"])
def test_files_that_are_too_large_are_refused(site, root, monkeypatch, fault):
    """This holds with and without an announced length."""
    monkeypatch.setattr(download, "MAX_BYTES", 200_000)
    calls = []
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, [fault]
    with pytest.raises(
        StimulusError,
        match=r"sketch.tar.gz is larger than the maximum of 200,000 bytes, so it cannot be the published file",
    ):
        fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert (len(calls) == 1) == (fault == "")  # nothing is read if the announced length is too large
    assert (root / "cache" / "partial" / "sketch.tar.gz.part").stat().st_size == 0


def test_progress_has_no_total_if_the_length_is_not_announced(site, root):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["bare"]
    calls = []
    fetch_stimuli("sketch", progress=lambda *call: calls.append(call), base_url=site.url)
    assert calls[-1] == (len(ARCHIVE), None)


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://example.org", "file:///etc", "http://127.0.0.1.example.org"]
)
def test_addresses_without_encryption_are_refused(root, url):
    with pytest.raises(StimulusError, match=r"sketch.tar.gz is not downloaded: only https:// addresses are allowed"):
        fetch_stimuli("sketch", base_url=url)


def test_redirects_to_other_protocols_are_refused(site, root):
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["to /v/sketch.tar.gz"]
    fetch_stimuli("sketch", base_url=site.url)
    assert len(site.requests) == 2
    site.faults = ["to http://example.org/x"]
    with pytest.raises(
        StimulusError, match=r"edge.tar.gz redirects to 'http://example.org/x', which is not downloaded"
    ):
        fetch_stimuli("edge", base_url=site.url)
    site.faults = ["to https://example.org/x"]
    with pytest.raises(StimulusError, match=r"redirects to 'https://example.org/x', which is not downloaded"):
        fetch_stimuli("edge", base_url=site.url)


@pytest.mark.parametrize("target", ["http://[::1", "https://[x]/", "//["])
def test_redirects_to_malformed_addresses_are_refused(site, root, target):
    site.faults = [f"to {target}"]
    with pytest.raises(StimulusError, match=r"edge.tar.gz redirects to .*, which is not downloaded: only https"):
        fetch_stimuli("edge", base_url=site.url)
    assert len(site.requests) == 1


def test_two_fetches_at_once_wait_for_each_other(site, root, capsys):
    """The second thread has a separate lock object, as another process would."""
    site.files["sketch.tar.gz"], site.faults = ARCHIVE, ["slow"]
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: fetch_stimuli("sketch", base_url=site.url), range(4)))
    assert folders == {root / "cache" / "stimuli" / "sketch"}
    assert len(site.requests) == 1 and len(cached_files(root)) == 5
    assert "another fetch is writing into" in capsys.readouterr().err


def test_the_files_of_killed_fetches_are_removed(site, root):
    site.files["sketch.tar.gz"] = ARCHIVE
    cache = root / "cache"
    for name in ("partial/tmp1a2b3c4d", "humans/edge/tmp1a2b3c4d", "stimuli/.edge.unpacking/cat/1.png"):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).touch()
    (cache / "partial" / "sketch.tar.gz").write_bytes(ARCHIVE)  # its download was complete
    fetch_stimuli("sketch", base_url=site.url)
    assert site.requests == []
    assert len(cached_files(root)) == 5 and not (cache / "stimuli" / ".edge.unpacking").exists()
