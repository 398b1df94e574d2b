"""Palettes of well-known data sets."""

from collections.abc import Mapping

from terrazzo.classes import PALETTE_NAMES
from terrazzo.classes.schema import ClassSchema, Color, parse_color


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

# UAVid, in the eight classes of its authors.
UAVID = _palette(
    {
        "Building": "#800000",
        "Road": "#804080",
        "Static car": "#C000C0",
        "Tree": "#008000",
        "Low vegetation": "#808000",
        "Human": "#404000",
        "Moving car": "#400080",
        "Background clutter": "#000000",
    }
)
# OpenEarthMap, in the colours of its paper; black is unknown.
OPENEARTHMAP = _palette(
    {
        "Bareland": "#800000",
        "Rangeland": "#00FF24",
        "Developed space": "#949494",
        "Road": "#FFFFFF",
        "Tree": "#226126",
        "Water": "#0045FF",
        "Agriculture land": "#4BB549",
        "Building": "#DE1F07",
    },
    "#000000",
)
# DroneDeploy's segmentation benchmark, which lists its colours as blue, green, red; magenta is ignored.
DRONEDEPLOY = _palette(
    {
        "Building": "#E6194B",
        "Clutter": "#911EB4",
        "Vegetation": "#3CB44B",
        "Water": "#F58230",
        "Ground": "#FFFFFF",
        "Car": "#0082C8",
    },
    "#FF00FF",
)
# Gaofen Image Dataset, the five classes; black is unlabelled.
GID = _palette(
    {"Built-up": "#FF0000", "Farmland": "#00FF00", "Forest": "#00FFFF", "Meadow": "#FFFF00", "Water": "#0000FF"},
    "#000000",
)
# Urban Drone Dataset, in five and in six classes, which give one colour two meanings.
UDD5 = _palette(
    {"Vegetation": "#6B8E23", "Building": "#66669C", "Road": "#804080", "Vehicle": "#00008E", "Other": "#000000"}
)
UDD6 = _palette(
    {
        "Other": "#000000",
        "Facade": "#66669C",
        "Road": "#804080",
        "Vegetation": "#6B8E23",
        "Vehicle": "#00008E",
        "Roof": "#464646",
    }
)

PALETTES: Mapping[str, ClassSchema] = dict(
    zip(
        PALETTE_NAMES,
        (
            *(DUBAI, SYNTHETIC, ISPRS, DEEPGLOBE, LOVEDA, SEMANTIC_DRONE, CITYSCAPES, CAMVID),
            *(UAVID, OPENEARTHMAP, DRONEDEPLOY, GID, UDD5, UDD6),
        ),
        strict=True,
    )
)
NAMING_PALETTES = (DUBAI, SYNTHETIC, ISPRS, DEEPGLOBE, LOVEDA, SEMANTIC_DRONE, CITYSCAPES, CAMVID)
"""The palettes that lend colours to the names of classes. Further ones would change the colours of maps."""


def numbered_color(index: int) -> Color:
    """The colour that labelling tools (labelme, CVAT, mmsegmentation) and Pascal VOC give to a class by its number.

    Bits 0, 1, 2 of the number are the highest bits of red, green, blue; bits 3, 4, 5 the next ones, and so on.
    """
    red, green, blue = (sum((index >> (3 * j + k) & 1) << (7 - j) for j in range(8)) for k in range(3))
    return (red, green, blue)
