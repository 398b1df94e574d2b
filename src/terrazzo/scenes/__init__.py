"""Readers of data sets, one module a layout; `find_scenes` looks which one fits."""

from terrazzo.scenes.layouts.detect import LAYOUTS, find_scenes
from terrazzo.scenes.scene import Asset, Found, Scene, Tree, Unpaired
from terrazzo.scenes.stitch import stitch_tile

__all__ = ["LAYOUTS", "Asset", "Found", "Scene", "Tree", "Unpaired", "find_scenes", "stitch_tile"]
