"""Fixtures that several test files share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# A shell starts background jobs with SIGINT ignored, and the commands that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of this run: no test reads or fills the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRAZZO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def dubai() -> Path:
    """The real Dubai data set, or a skip that says why."""
    root = os.environ.get("TERRAZZO_DATA")
    if not root:
        pytest.skip("TERRAZZO_DATA is not set: no real data sets here")
    path = Path(root) / "dubai" / "Semantic segmentation dataset"
    if not path.is_dir():
        pytest.skip(f"{path} is absent")
    return path
