"""A page in a browser, and everything that it asked and complained of."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PATIENCE_MS = 60_000
WIDE, PHONE = (1280, 800), (390, 844)
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_TWO_FRAMES = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@dataclass
class Looking:
    """A page that is watched."""

    page: Any
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Parts of complaints that a test provokes."""

    def check(self) -> None:
        """Nothing was asked of another place, and nothing stands in the console but what is expected."""
        assert [one for one in self.requests if not one.startswith((self.url, "blob:", "data:"))] == []
        assert [one for one in self.complaints if not any(part in one for part in self.expected)] == []

    def upload(self, path: Path) -> None:
        """Choose a file, and wait for its map."""
        self.page.set_input_files("#files", path)
        self.page.wait_for_function(
            "name => document.querySelector('#result-heading').textContent === name", arg=path.name
        )
        self.settle()

    def settle(self) -> None:
        """Wait until what is on the canvas has stopped to change."""
        before = None
        while before is None or (before != (now := self.canvas())).any():
            before = self.canvas() if before is None else now
            self.page.wait_for_timeout(400)
            self.page.evaluate(_TWO_FRAMES)

    def canvas(self) -> NDArray[np.uint8]:
        """The map as it is seen (H, W, 3)."""
        picture = Image.open(io.BytesIO(self.page.locator("#map").screenshot()))
        return np.asarray(picture.convert("RGB"))

    def share(self, color: tuple[int, int, int]) -> float:
        """The part of the map's pixels that have a colour, to within 2 of 255."""
        return float((np.abs(self.canvas().astype(int) - color) <= 2).all(axis=2).mean())

    def violations(self) -> list[str]:
        """What axe finds wrong: rule and element."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run()")["violations"]
        return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@contextmanager
def looking(browser: Any, url: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> Iterator[Looking]:
    """The page at an address, loaded."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    found = Looking(page, url)
    page.on("request", lambda request: found.requests.append(request.url))
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#model option", state="attached")
    page.wait_for_selector("#history li")
    try:
        yield found
    finally:
        context.close()
