"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest


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
