"""The folder of this user for what can be made again: converted models, and how fast each runtime was."""

import os
from pathlib import Path

from platformdirs import user_cache_path

VARIABLE = "TERRAZZO_CACHE"
"""The environment variable that names another folder."""


def cache_folder() -> Path:
    """The folder; it need not exist. `~/.cache/terrazzo` on Linux, or what TERRAZZO_CACHE or XDG_CACHE_HOME says."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("terrazzo", appauthor=False)
