"""
A real browser for pages of ours, driven over a pipe: no port, no driver, no library.

Protocol: https://chromedevtools.github.io/devtools-protocol/; with --remote-debugging-pipe the browser reads commands
from descriptor 3 and writes answers and events to descriptor 4, each a JSON text that ends in a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

WIDTHS = "[innerWidth, document.documentElement.scrollWidth]"


def chromium() -> str | None:
    """
    Return the browser's path; None where there is none.
    """
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """
    One tab.

    Attributes:
        requests: The URLs that pages asked for, the pages' own among them.
        complaints: What came up on the console, and exceptions.
    """

    def __init__(self, commands: Any, answers: Any) -> None:
        self._commands = commands
        self._answers = answers
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        self._loaded = False
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """
        Run a command of the protocol and return its result.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """
        Show a file in a window of this width and wait until it is loaded.
        """
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self.call("Page.navigate", url=page.as_uri())
        while not self._loaded:
            self._read()

    def ask(self, expression: str) -> Any:
        """
        Return the value of a JavaScript expression on the page.
        """
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """
        Save a picture of the whole page.
        """
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self) -> bytes:
        """
        Return the page as it prints.
        """
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._answers.fileno(), 1 << 16)
            assert more, "the browser has ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params"))
        return message

    def _note(self, event: str | None, params: Any) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(params))
        elif event == "Page.loadEventFired":
            self._loaded = True


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """
    Start a browser with a profile of its own; it is gone afterwards.
    """
    theirs, commands = os.pipe()
    answers, back = os.pipe()
    words = [chromium(), *FLAGS, f"--user-data-dir={folder / 'profile'}"]
    # The shell puts our ends where the browser looks for them: numbers that Popen itself may use for other things.
    script = f'exec 3<&{theirs} 4>&{back} && exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", script, "chromium", *words],
        pass_fds=(theirs, back),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs), os.close(back)
    try:
        with open(commands, "wb") as writer, open(answers, "rb") as reader:
            yield Browser(writer, reader)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder / "profile", ignore_errors=True)
