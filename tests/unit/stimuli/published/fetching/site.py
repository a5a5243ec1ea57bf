"""A web server on the local machine that can simulate faults, and files for it to serve."""

import hashlib
import io
import re
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from stimuli.published.download import LOCK


class Site(ThreadingHTTPServer):
    """Serves `files` and records each request in `requests`.

    Each request takes the next of `faults`: a status code, `to <url>` for a redirect, `cut` for half of the content, `slow`,
    `bare` for a response without a length, or `whole` for the complete file although a range was requested.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests, self.etag = {}, [], [], '"one"'

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v/"

    def handle_error(self, request, client_address):
        pass  # some tests close the connection


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.server
        site.requests.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        fault = site.faults.pop(0) if site.faults else ""
        body = site.files.get(self.path.removeprefix("/v/"))
        if fault.startswith("to "):
            return self.respond(302, b"", {"Location": fault[3:]})
        if fault.isdecimal() or body is None:
            return self.respond(int(fault or 404), b"no")
        if self.headers["Accept-Encoding"] != "identity":
            return self.respond(406, b"lengths would refer to the encoded content")
        if fault == "slow":
            time.sleep(0.6)
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        headers = {"ETag": site.etag, "Content-Length": len(body)} if fault != "bare" else {}
        if not requested or fault == "whole" or self.headers["If-Range"] not in (None, site.etag):
            return self.respond(200, body[: len(body) // 2] if fault == "cut" else body, headers)
        begin = int(requested[1])
        if begin >= len(body):
            return self.respond(416, b"")
        headers |= {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}", "Content-Length": len(body) - begin}
        return self.respond(206, body[begin:], headers)

    def respond(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


NOISE = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)  # cannot be compressed


def images(pattern, n=4):
    """Return PNG files of noise by relative path, which is the pattern with a number."""
    files = {}
    for i in range(n):
        png = io.BytesIO()
        Image.fromarray(NOISE[i]).save(png, "PNG")
        files[pattern.format(i)] = png.getvalue()
    return files


def tar_gz(files):
    """Return the bytes of an archive with the files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def register(root, files):
    """Write the checksums of the files into the registry."""
    lines = sorted(f"{name} sha256:{sha256(data)}\n" for name, data in files.items())
    (root / "registry.txt").write_text("".join(lines))


def cached_files(root):
    """Return the paths of all files in the cache except for the lock, relative to it."""
    files = (p for p in (root / "cache").rglob("*") if p.is_file() and p.name != LOCK)
    return sorted(p.relative_to(root / "cache").as_posix() for p in files)


SKETCH = images("sketch/dnn/session-1/000{0}_ske_dnn_0_cat_00_sketch-{0}.png")


ARCHIVE = tar_gz(SKETCH)
