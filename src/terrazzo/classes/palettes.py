"""Palettes of well-known data sets, and which of them the colours of given masks belong to."""

from collections.abc import Mapping

import numpy as np

from terrazzo.classes.schema import IGNORE, ClassSchema, Color, parse_color

NOISY_DISTANCE = 32.0
"""In masks with compression noise, a colour up to this Euclidean distance in RGB counts as the palette's."""

# Share of the pixels that a palette must cover, by the number of its classes that occur. Three classes rule out chance;
# the label contract then names the rest. JPEG with halved chroma at quality 75 leaves 88 % within NOISY_DISTANCE.
_SHARE_EXACT: Mapping[int, float] = {2: 0.99, 3: 0.9}
_SHARE_NOISY: Mapping[int, float] = {2: 0.95, 3: 0.8}

# Colours compared with a palette at a time, so that the distances of a noisy mask fit in memory.
_CHUNK = 1 << 16


def _palette(classes: Mapping[str, str], *void: str) -> ClassSchema:
    """A schema from {name: colour} in id order, and the colours that mean no class."""
    return ClassSchema(tuple(classes), tuple(map(parse_color, classes.values())), tuple(map(parse_color, void)))


# Humans in the Loop and Mohammed Bin Rashid Space Centre; black is ground without annotation.
DUBAI = _palette(
    {
        "Building": "#3C1098",
        "Land (unpaved area)": "#8429F6",
        "Road": "#6EC1E4",
        "Vegetation": "#FEDD3A",
        "Water": "#E2A929",
        "Unlabeled": "#9B9B9B",
    },
    "#000000",
)
# The synthetic world of terrazzo.scenes.synthetic.
SYNTHETIC = _palette(
    {"Building": "#C83232", "Road": "#6E6E6E", "Vegetation": "#2D8C3C", "Water": "#2878C8", "Ground": "#D2B478"}
)
# ISPRS 2D semantic labelling contest, Potsdam and Vaihingen; black is the border of the eroded ground truth.
ISPRS = _palette(
    {
        "Impervious surfaces": "#FFFFFF",
        "Building": "#0000FF",
        "Low vegetation": "#00FFFF",
        "Tree": "#00FF00",
        "Car": "#FFFF00",
        "Clutter": "#FF0000",
    },
    "#000000",
)
# DeepGlobe land cover classification 2018; black is "unknown".
DEEPGLOBE = _palette(
    {
        "Urban land": "#00FFFF",
        "Agriculture land": "#FFFF00",
        "Rangeland": "#FF00FF",
        "Forest land": "#00FF00",
        "Water": "#0000FF",
        "Barren land": "#FFFFFF",
    },
    "#000000",
)
# LoveDA, in its authors' colours; black is "no data".
LOVEDA = _palette(
    {
        "Background": "#FFFFFF",
        "Building": "#FF0000",
        "Road": "#FFFF00",
        "Water": "#0000FF",
        "Barren": "#9F81B7",
        "Forest": "#00FF00",
        "Agriculture": "#FFC380",
    },
    "#000000",
)
# TU Graz Semantic Drone Dataset, class_dict.csv.
SEMANTIC_DRONE = ClassSchema(
    (
        *("unlabeled", "paved-area", "dirt", "grass", "gravel", "water", "rocks", "pool"),
        *("vegetation", "roof", "wall", "window", "door", "fence", "fence-pole", "person"),
        *("dog", "car", "bicycle", "tree", "bald-tree", "ar-marker", "obstacle", "conflicting"),
    ),
    (
        *((0, 0, 0), (128, 64, 128), (130, 76, 0), (0, 102, 0), (112, 103, 87), (28, 42, 168), (48, 41, 30)),
        *((0, 50, 89), (107, 142, 35), (70, 70, 70), (102, 102, 156), (254, 228, 12), (254, 148, 12)),
        *((190, 153, 153), (153, 153, 153), (255, 22, 96), (102, 51, 0), (9, 143, 150), (119, 11, 32)),
        *((51, 51, 0), (190, 250, 190), (112, 150, 146), (2, 135, 115), (255, 0, 0)),
    ),
)
# Cityscapes, the 19 training ids; void colours are the classes that its benchmark ignores.
CITYSCAPES = ClassSchema(
    (
        *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"),
        *("terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
    ),
    (
        *((128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153)),
        *((250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60)),
        *((255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32)),
    ),
    (
        *((0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180)),
        *((150, 100, 100), (150, 120, 90), (0, 0, 90), (0, 0, 110)),
    ),
)

# CamVid in the twelve classes of common use, in the colours of its own table.
CAMVID = ClassSchema(
    (
        *("sky", "building", "pole", "road", "pavement", "tree", "sign symbol", "fence", "car", "pedestrian"),
        *("bicyclist", "unlabelled"),
    ),
    (
        *((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0)),
        *((192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 0)),
    ),
)

PALETTES: Mapping[str, ClassSchema] = {
    "dubai": DUBAI,
    "synthetic": SYNTHETIC,
    "isprs": ISPRS,
    "deepglobe": DEEPGLOBE,
    "loveda": LOVEDA,
    "semantic-drone": SEMANTIC_DRONE,
    "cityscapes": CITYSCAPES,
    "camvid": CAMVID,
}


def match_palette(colors: Mapping[Color, int], noisy: bool = False) -> tuple[str, ClassSchema] | None:
    """Name and schema of the known palette that fits nearly all pixels; None if none does, or two fit equally well.

    `colors` counts the pixels of each colour. A palette fits if two of its classes occur and it covers 99 % of the
    pixels, or if three occur and it covers 90 %. Void colours cover pixels but are no class. In `noisy` masks, nearby
    colours count as the palette's, and the shares are 95 and 80 %.
    """
    total = sum(colors.values())
    needed = _SHARE_NOISY if noisy else _SHARE_EXACT
    fits = []
    for name, schema in PALETTES.items():
        covered, classes = coverage(schema, colors, noisy)
        if classes >= 2 and covered >= total * needed[min(classes, 3)]:
            fits.append((covered, name))
    best = max(fits, default=(0, ""))[0]
    winners = [name for covered, name in fits if covered == best]
    return (winners[0], PALETTES[winners[0]]) if len(winners) == 1 else None


def coverage(schema: ClassSchema, colors: Mapping[Color, int], noisy: bool = False) -> tuple[int, int]:
    """The number of pixels in colours of the schema, void ones too, and the number of its classes that occur."""
    if not noisy:
        known = [color for color in schema.colors + schema.void_colors if color in colors]
        return sum(colors[color] for color in known), sum(color in colors for color in schema.colors)
    covered, seen = 0, {IGNORE}
    names, counts = np.array(list(colors), np.uint8).reshape(-1, 3), np.array(list(colors.values()), np.int64)
    for start in range(0, len(names), _CHUNK):
        ids, distances = schema.nearest(names[start : start + _CHUNK])
        near = distances <= NOISY_DISTANCE
        covered += int(counts[start : start + _CHUNK][near].sum())
        seen.update(ids[near].tolist())
    return covered, len(seen) - 1
