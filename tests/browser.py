"""A real browser: Chromium without a window, and the chat page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import pytest

from .loopback import WAIT_LIMIT

if TYPE_CHECKING:
    from selenium.webdriver.remote.webelement import WebElement

ENTER, ESCAPE, BACKSPACE = "\ue007", "\ue00c", "\ue003"
SHIFT_ENTER, SHIFT_TAB = "\ue008\ue007\ue000", "\ue008\ue004\ue000"
_PROGRAMS = ("chromium", "chromedriver")
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-US",
)  # fmt: skip


def missing_programs() -> list[str]:
    """Return which programs are not installed."""
    return [name for name in _PROGRAMS if shutil.which(name) is None]


class Browser:
    """Chromium with one tab; a context manager."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        self._stack = ExitStack()
        profile = self._stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Selenium looks for no driver of its own and reports no use of it.
        offline = {**os.environ, "SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
        service = Service(shutil.which("chromedriver"), env=offline)
        self._driver = webdriver.Chrome(options, service, keep_alive=False)
        self._stack.callback(self._driver.quit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Leave the page, forget what was emulated and what the console has."""
        self._driver.get("about:blank")
        self.emulate(scheme="light", width=1000, height=720)
        self.console()

    def open(self, url: str) -> None:
        self._driver.get(url)
        self.wait("the page", lambda: self.find("#log") and not self.find("#send:not([disabled])"))

    def reload(self) -> None:
        self._driver.refresh()

    def emulate(self, *, scheme: str, width: int, height: int) -> None:
        """Show pages in light or dark colors, on a screen of a size."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._cdp("Emulation.setEmulatedMedia", features=features)
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1.5, mobile=width < 500,
        )  # fmt: skip

    def allow_clipboard(self) -> None:
        self._cdp("Browser.grantPermissions", permissions=["clipboardSanitizedWrite"])

    def console(self) -> list[str]:
        """Return what the page has written to the console since the last time, also errors."""
        return [entry["message"] for entry in self._driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def picture(self) -> bytes:
        """Return a picture of what is seen, as PNG."""
        return self._driver.get_screenshot_as_png()

    def find(self, selector: str) -> list[WebElement]:
        return self._driver.find_elements("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return what the elements that match show; hidden ones show nothing."""
        return [element.text for element in self.find(selector)]

    def run(self, script: str, *arguments: Any) -> Any:
        """Return the value of a JavaScript function's body."""
        return self._driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Type into whatever has the focus."""
        self._driver.switch_to.active_element.send_keys(*keys)

    def click(self, selector: str) -> None:
        (element,) = self.find(selector)
        element.click()

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        waiting = WebDriverWait(self._driver, WAIT_LIMIT, poll_frequency=0.05)
        try:
            waiting.until(lambda _: condition())
        except TimeoutException:
            pytest.fail(f"{what} did not come; the page has: {self.seen()}")

    def seen(self) -> str:
        """Return the text of the page."""
        return str(self.run("return document.body.innerText"))

    # The chat page

    def ask(self, prompt: str) -> None:
        """Send a message."""
        (field,) = self.find("#prompt")
        field.send_keys(prompt, ENTER)

    def expect(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.wait(repr(text), lambda: text in self.seen())

    def expect_end(self) -> None:
        """Wait until no reply is arriving."""
        self.wait("the end", lambda: not self.find("article[aria-busy=true]"))

    def _cdp(self, command: str, **arguments: Any) -> None:
        self._driver.execute_cdp_cmd(command, arguments)
