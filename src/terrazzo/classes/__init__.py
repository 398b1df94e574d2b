"""Class ids, names and colours; palettes, class tables, legends and class pictures."""

PALETTE_NAMES = (
    *("dubai", "synthetic", "isprs", "deepglobe", "loveda", "semantic-drone", "cityscapes", "camvid"),
    *("uavid", "openearthmap", "dronedeploy", "gid", "udd5", "udd6"),
)
"""The known palettes, in the order of `palettes.PALETTES`."""
