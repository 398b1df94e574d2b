"""Scenes: images with labels, found in data sets or opened from rasters, and synthetic ones."""

from typing import Any

__all__ = ["find_scenes", "stitch_tile"]

_HOMES = {"find_scenes": "detect", "stitch_tile": "stitch"}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: the list of layouts, for help texts, loads no arrays."""
    if name not in _HOMES:
        raise AttributeError(f"module 'terrazzo.scenes' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"terrazzo.scenes.{_HOMES[name]}"), name)
