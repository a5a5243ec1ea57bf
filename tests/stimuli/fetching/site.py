"""A web server on this machine that can be told to misbehave, and files for it to serve."""

import hashlib
import io
import re
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image


class Site(ThreadingHTTPServer):
    """Serves `files`; the next answers of all follow `faults`, one each, and then are good."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.asked, self.etag = {}, [], [], '"one"'

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v/"

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.server
        site.asked.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        fault = site.faults.pop(0) if site.faults else ""
        body = site.files.get(self.path.removeprefix("/v/"))
        if fault.startswith("to "):
            return self.answer(302, b"", {"Location": fault[3:]})
        if fault.isdecimal() or body is None:
            return self.answer(int(fault or 404), b"no")
        if self.headers["Accept-Encoding"] != "identity":
            return self.answer(406, b"lengths would be of something else")
        if fault == "slow":
            time.sleep(0.6)
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        headers = {"ETag": site.etag, "Content-Length": len(body)} if fault != "bare" else {}
        if not wanted or fault == "whole" or self.headers["If-Range"] not in (None, site.etag):
            return self.answer(200, body[: len(body) // 2] if fault == "cut" else body, headers)
        begin = int(wanted[1])
        if begin >= len(body):
            return self.answer(416, b"")
        headers |= {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}", "Content-Length": len(body) - begin}
        return self.answer(206, body[begin:], headers)

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


NOISE = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)  # no PNG makes it small


def images(pattern, n=4):
    """Relative path -> PNG of noise."""
    files = {}
    for i in range(n):
        png = io.BytesIO()
        Image.fromarray(NOISE[i]).save(png, "PNG")
        files[pattern.format(i)] = png.getvalue()
    return files


def tar_gz(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def register(place, files):
    lines = sorted(f"{name} sha256:{sha256(data)}\n" for name, data in files.items())
    (place / "registry.txt").write_text("".join(lines))


def left(place):
    """Files in the cache, records apart."""
    return sorted(p.relative_to(place / "cache").as_posix() for p in (place / "cache").rglob("*") if p.is_file())


SKETCH = images("sketch/dnn/session-1/000{0}_ske_dnn_0_cat_00_sketch-{0}.png")


ARCHIVE = tar_gz(SKETCH)
