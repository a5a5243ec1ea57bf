"""A headless Chromium, controlled with the WebDriver protocol (JSON over HTTP), which requires no Python package."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--screen-info={1280x900}", "--window-size=1280,900",
)  # fmt: skip


class Browser:
    """A browser window, controlled by the chromedriver at the address `driver`."""

    def __init__(self, driver: str, profile: Path) -> None:
        self._driver = driver
        capabilities = {
            "goog:chromeOptions": {"args": [*FLAGS, f"--user-data-dir={profile}"]},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = self._call("POST", f"{driver}/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._base = f"{driver}/session/{session['sessionId']}"

    def open(self, url: str) -> None:
        self._call("POST", f"{self._base}/url", {"url": url})

    def reload(self) -> None:
        self._call("POST", f"{self._base}/refresh", {})

    def script(self, code: str) -> Any:
        """Run JavaScript in the page and return its result."""
        return self._call("POST", f"{self._base}/execute/sync", {"script": code, "args": []})

    def wait(self, condition: str, seconds: float = 20) -> None:
        """Wait until a JavaScript expression is true in the page; fails after a time."""
        end = time.monotonic() + seconds
        while not self.script(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"{condition} in: {self.script('return document.body.innerText')}"
            time.sleep(0.02)

    def click(self, x: float, y: float) -> None:
        """Click with the mouse at CSS pixels from the top left corner of the window."""
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y), "origin": "viewport"}
        press, release = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self._call("POST", f"{self._base}/actions", {"actions": [mouse | {"actions": [move, press, release]}]})

    def press(self, selector: str) -> None:
        """Wait for an element and click its center."""
        self.wait(f"document.querySelector({selector!r})")
        self.click(*self.script(f"const b = document.querySelector({selector!r}).getBoundingClientRect();"
                                f"return [b.x + b.width / 2, b.y + b.height / 2]"))  # fmt: skip

    def key(self, value: str) -> None:
        """Press and release a key, given as its WebDriver character or its letter."""
        keys = {
            "type": "key",
            "id": "keys",
            "actions": [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}],
        }
        self._call("POST", f"{self._base}/actions", {"actions": [keys]})

    def console(self) -> list[str]:
        """Return the console messages since the last call: errors of scripts, of the security policy and of loading."""
        return [entry["message"] for entry in self._call("POST", f"{self._base}/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Return the addresses that were requested since the last call."""
        entries = self._call("POST", f"{self._base}/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Lay the page out for a screen of this size in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """Run a command of the Chrome DevTools protocol."""
        return self._call("POST", f"{self._base}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def pdf(self) -> bytes:
        """Return the page as it would be printed."""
        return base64.b64decode(self._call("POST", f"{self._base}/print", {}))

    def screenshot(self) -> bytes:
        """Return the window as a PNG file."""
        return base64.b64decode(self._call("GET", f"{self._base}/screenshot"))

    def quit(self) -> None:
        self._call("DELETE", self._base)

    def _call(self, method: str, url: str, message: Any = None) -> Any:
        body = None if message is None else json.dumps(message).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{url}: {error.read().decode()[:500]}") from None


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; the test is skipped if Chromium or chromedriver is not installed."""
    driver = shutil.which("chromedriver")
    if driver is None or shutil.which("chromium") is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium-driver)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            port = next(
                line.split("port ")[1].strip(" .\n") for line in process.stdout if "successfully on port" in line
            )
            browser = Browser(f"http://127.0.0.1:{port}", Path(profile))
            try:
                yield browser
            finally:
                browser.quit()
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()
