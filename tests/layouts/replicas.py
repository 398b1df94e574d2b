"""The data sets and tools that are read, as docs/data.md lists them.

`python -m tests.layouts.replicas` writes the table there anew.
"""

from pathlib import Path

from terrazzo.classes.palettes import CAMVID, CITYSCAPES, DUBAI
from terrazzo.scenes.layouts.cityscapes import EVALUATED
from tests.layouts.annotated import ANNOTATED
from tests.layouts.build import Color, Replica
from tests.layouts.rasters import RASTERS

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
BEGIN, END = "<!-- the table of tests/layouts/replicas.py -->", "<!-- end of the table -->"

BINARY = {"background": 0, "foreground": 255}
ISPRS: dict[str, Color] = {
    "impervious": (255, 255, 255),
    "building": (0, 0, 255),
    "low vegetation": (0, 255, 255),
    "tree": (0, 255, 0),
    "car": (255, 255, 0),
    "clutter": (255, 0, 0),
}
DEEPGLOBE: dict[str, Color] = {
    "urban": (0, 255, 255),
    "agriculture": (255, 255, 0),
    "rangeland": (255, 0, 255),
    "forest": (0, 255, 0),
    "water": (0, 0, 255),
    "barren": (255, 255, 255),
    "unknown": (0, 0, 0),
}
VOC: dict[str, Color] = {"background": (0, 0, 0), "building": (128, 0, 0), "road": (0, 128, 0), "tree": (128, 128, 0)}
FLOODNET = {
    name: i
    for i, name in enumerate(
        [
            "background",
            "building-flooded",
            "building-non-flooded",
            "road-flooded",
            "road-non-flooded",
            "water",
            "tree",
            "vehicle",
            "pool",
            "grass",
        ]
    )
}
RESCUENET = {
    name: i
    for i, name in enumerate(
        [
            "background",
            "water",
            "building-no-damage",
            "building-medium-damage",
            "building-major-damage",
            "building-total-destruction",
            "vehicle",
            "road-clear",
            "road-blocked",
            "tree",
            "pool",
        ]
    )
}
LOVEDA = {
    name: i
    for i, name in enumerate(
        ("ignore", *["background", "building", "road", "water", "barren", "forest", "agriculture"])
    )
}
LANDCOVER_AI = {"other": 0, "building": 1, "woodland": 2, "water": 3, "road": 4}
OPENEARTHMAP = {
    name: i
    for i, name in enumerate(
        ("ignore", *["bareland", "rangeland", "developed", "road", "tree", "water", "agriculture", "building"])
    )
}
XBD = {"none": 0, "no-damage": 1, "minor-damage": 2, "major-damage": 3, "destroyed": 4}
UAVID: dict[str, Color] = {
    "clutter": (0, 0, 0),
    "building": (128, 0, 0),
    "road": (128, 64, 128),
    "static car": (192, 0, 192),
    "tree": (0, 128, 0),
    "low vegetation": (128, 128, 0),
    "human": (64, 64, 0),
    "moving car": (64, 0, 128),
}
DRONEDEPLOY: dict[str, Color] = {
    "building": (230, 25, 75),
    "clutter": (145, 30, 180),
    "vegetation": (60, 180, 75),
    "water": (245, 130, 48),
    "ground": (255, 255, 255),
    "car": (0, 130, 200),
    "ignore": (255, 0, 255),
}
ISAID: dict[str, Color] = {
    "background": (0, 0, 0),
    "ship": (0, 0, 63),
    "storage tank": (0, 63, 63),
    "baseball diamond": (0, 63, 0),
    "tennis court": (0, 63, 127),
    "large vehicle": (0, 127, 127),
    "small vehicle": (0, 0, 127),
    "plane": (0, 127, 255),
    "harbor": (0, 100, 155),
}
GID5: dict[str, Color] = {
    "ignore": (0, 0, 0),
    "built-up": (255, 0, 0),
    "farmland": (0, 255, 0),
    "forest": (0, 255, 255),
    "meadow": (255, 255, 0),
    "water": (0, 0, 255),
}
AEROSCAPES = {
    name: i
    for i, name in enumerate(
        [
            "background",
            "person",
            "bike",
            "car",
            "drone",
            "boat",
            "animal",
            "obstacle",
            "construction",
            "vegetation",
            "road",
            "sky",
        ]
    )
}
UDD: dict[str, Color] = {
    "vegetation": (107, 142, 35),
    "facade": (102, 102, 156),
    "road": (128, 64, 128),
    "vehicle": (0, 0, 142),
    "roof": (70, 70, 70),
    "other": (0, 0, 0),
}
CAMVID11 = {
    name: i
    for i, name in enumerate(
        [
            "sky",
            "building",
            "pole",
            "road",
            "pavement",
            "tree",
            "sign",
            "fence",
            "car",
            "pedestrian",
            "bicyclist",
            "unlabelled",
        ]
    )
}
CAMVID32: dict[str, Color] = {
    "Animal": (64, 128, 64),
    "Building": (128, 0, 0),
    "Car": (64, 0, 128),
    "Road": (128, 64, 128),
    "Sky": (128, 128, 128),
    "Tree": (128, 128, 0),
    "Void": (0, 0, 0),
}
SUPERVISELY = {"background": 0, "building": 1, "road": 2, "tree": 3}
THREE = {"background": 0, "building": 1, "road": 2}
SEGMENTS: dict[str, Color] = {"building": (240, 128, 128), "road": (128, 128, 240), "tree": (34, 139, 34)}


def both(image: str, mask: str, *names: str) -> tuple[tuple[str, str], ...]:
    """The pairs of names put for each `*` of two patterns."""
    return tuple((image.replace("*", name), mask.replace("*", name)) for name in names)


def sides(image: str, mask: str, **names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The pairs of names put for `*`, with each side's word put for `@`."""
    return tuple(
        pair for side, of in names.items() for pair in both(image.replace("@", side), mask.replace("@", side), *of)
    )


REPLICAS = (
    # Layouts with a module of their own.
    Replica(
        "Dubai, Humans in the Loop",
        "`Tile 1/images/*.jpg`, `Tile 1/masks/*.png`; `Tile 2/`; `classes.json`",
        (
            *both("Tile 1/images/image_part_*.jpg", "Tile 1/masks/image_part_*.png", "001", "002"),
            *both("Tile 2/images/image_part_*.jpg", "Tile 2/masks/image_part_*.png", "001"),
        ),
        dict(zip(DUBAI.names, DUBAI.colors, strict=True)),
        also={"classes.json": '{"classes": [{"title": "Water", "color": "#50E3C2"}]}'},
        table=False,
        n_groups=2,
    ),
    Replica(
        "Semantic Drone Dataset, TU Graz, as circulated",
        "`original_images/*.jpg`, `label_images_semantic/*.png`, `class_dict_seg.csv`",
        both(
            "dataset/semantic_drone_dataset/original_images/*.jpg",
            "dataset/semantic_drone_dataset/label_images_semantic/*.png",
            "000",
            "001",
        ),
        {"unlabeled": 0, "paved-area": 1, "dirt": 2},
        also={"class_dict_seg.csv": "name, r, g, b\nunlabeled, 0, 0, 0\npaved-area, 128, 64, 128\ndirt, 130, 76, 0\n"},
        table=False,
    ),
    Replica(
        "Cityscapes",
        "`leftImg8bit/train/CITY/*_leftImg8bit.png`, `gtFine/train/CITY/*_gtFine_labelIds.png`; `val/`",
        (
            *both(
                "leftImg8bit/train/aachen/aachen_*_leftImg8bit.png",
                "gtFine/train/aachen/aachen_*_gtFine_labelIds.png",
                "000000_000019",
                "000001_000019",
            ),
            *both(
                "leftImg8bit/val/lindau/lindau_*_leftImg8bit.png",
                "gtFine/val/lindau/lindau_*_gtFine_labelIds.png",
                "000000_000019",
            ),
        ),
        dict(zip(CITYSCAPES.names, EVALUATED, strict=True)),
        splits={"train": 2, "val": 1},
        table=False,
        n_groups=2,
    ),
    Replica(
        "CamVid, prepared",
        "`images_prepped_train/*.png`, `annotations_prepped_train/*.png`; `_test`",
        sides(
            "images_prepped_@/*.png",
            "annotations_prepped_@/*.png",
            train=("0001TP_006690", "0006R0_f00930"),
            test=("0016E5_07959",),
        ),
        {name: i for i, name in enumerate(CAMVID.names)},
        splits={"train": 2, "test": 1},
        table=False,
    ),
    # Folder pairs of public sets.
    Replica(
        "FloodNet",
        "`train/train-org-img/*.jpg`, `train/train-label-img/*_lab.png`; `val/`, `test/`",
        sides("@/@-org-img/*.jpg", "@/@-label-img/*_lab.png", train=("6279", "6280"), val=("7001",), test=("7577",)),
        FLOODNET,
        splits={"train": 2, "val": 1, "test": 1},
        note="paired by name: 4 images * with *_lab",
    ),
    Replica(
        "FloodNet, track 1",
        "`Train/Labeled/Flooded/image/*.jpg`, `Train/Labeled/Flooded/mask/*_lab.png`; `Non-Flooded/`",
        (
            *both("Train/Labeled/Flooded/image/*.jpg", "Train/Labeled/Flooded/mask/*_lab.png", "7573", "7574"),
            *both("Train/Labeled/Non-Flooded/image/*.jpg", "Train/Labeled/Non-Flooded/mask/*_lab.png", "6651"),
        ),
        FLOODNET,
        splits={"train": 3},
        n_groups=2,
    ),
    Replica(
        "RescueNet",
        "`train/train-org-img/*.jpg`, `train/train-label-img/*_lab.png`; `val/`, `test/`",
        sides("@/@-org-img/*.jpg", "@/@-label-img/*_lab.png", train=("10778", "10779"), val=("10781",), test=("12",)),
        RESCUENET,
        splits={"train": 2, "val": 1, "test": 1},
    ),
    Replica(
        "LoveDA",
        "`Train/Urban/images_png/*.png`, `Train/Urban/masks_png/*.png`; `Rural/`; `Val/`",
        (
            *both("Train/Urban/images_png/*.png", "Train/Urban/masks_png/*.png", "1366", "1367"),
            *both("Train/Rural/images_png/*.png", "Train/Rural/masks_png/*.png", "0"),
            *both("Val/Urban/images_png/*.png", "Val/Urban/masks_png/*.png", "3514"),
        ),
        LOVEDA,
        splits={"train": 3, "val": 1},
        n_groups=2,
    ),
    Replica(
        "LandCover.ai, as published",
        "`images/*.tif`, `masks/*.tif`, `train.txt` of tiles that `split.py` cuts",
        both("images/*.tif", "masks/*.tif", "M-33-20-D-c-4-2", "N-33-60-D-c-4-2"),
        LANDCOVER_AI,
        also={"train.txt": "M-33-20-D-c-4-2_0\nM-33-20-D-c-4-2_1\n"},
        note="train.txt: 2 of its entries name no image here",
    ),
    Replica(
        "LandCover.ai, cut",
        "`output/*.jpg`, `output/*_m.png`, `train.txt`, `val.txt`, `test.txt`",
        both("output/*.jpg", "output/*_m.png", "M-33-20-D-c-4-2_0", "M-33-20-D-c-4-2_1", "N-33-60-D-c-4-2_0"),
        LANDCOVER_AI,
        splits={"train": 2, "val": 1},
        also={"train.txt": "M-33-20-D-c-4-2_0\nM-33-20-D-c-4-2_1\n", "val.txt": "N-33-60-D-c-4-2_0\n"},
    ),
    Replica(
        "OpenEarthMap",
        "`REGION/images/*.tif`, `REGION/labels/*.tif`, `train.txt`, `val.txt`",
        (
            *both("aachen/images/*.tif", "aachen/labels/*.tif", "aachen_1", "aachen_2"),
            *both("accra/images/*.tif", "accra/labels/*.tif", "accra_1"),
        ),
        OPENEARTHMAP,
        splits={"train": 2, "val": 1},
        also={"train.txt": "aachen_1.tif\naccra_1.tif\n", "val.txt": "aachen_2.tif\n"},
        n_groups=2,
    ),
    Replica(
        "ISPRS Potsdam",
        "`2_Ortho_RGB/*_RGB.tif`, `5_Labels_all/*_label.tif`, `1_DSM/`",
        both("2_Ortho_RGB/top_potsdam_*_RGB.tif", "5_Labels_all/top_potsdam_*_label.tif", "2_10", "2_11", "3_10"),
        ISPRS,
        also={"1_DSM/dsm_potsdam_02_10.tif": None},
        note="1 image file outside images/ and masks/ left alone",
    ),
    Replica(
        "ISPRS Vaihingen",
        "`top/*.tif`, `gts_for_participants/*.tif`, `dsm/`",
        both("top/top_mosaic_09cm_*.tif", "gts_for_participants/top_mosaic_09cm_*.tif", "area1", "area3", "area5"),
        ISPRS,
        also={"dsm/dsm_09cm_matching_area1.tif": None},
    ),
    Replica(
        "Massachusetts Buildings, Roads",
        "`train/sat/*.tiff`, `train/map/*.tif`; `valid/`, `test/`",
        sides("@/sat/*.tiff", "@/map/*.tif", train=("22678915_15", "22678930_15"), valid=("22828990_15",)),
        BINARY,
        splits={"train": 2, "val": 1},
        table=False,
    ),
    Replica(
        "Massachusetts Buildings on Kaggle",
        "`png/train/*.png`, `png/train_labels/*.png`; `val`, `test`; `label_class_dict.csv`",
        sides("png/@/*.png", "png/@_labels/*.png", train=("22678915_15", "22678930_15"), val=("22828990_15",)),
        {"background": (0, 0, 0), "building": (255, 255, 255)},
        splits={"train": 2, "val": 1},
        also={"label_class_dict.csv": "name,r,g,b\nbackground,0,0,0\nbuilding,255,255,255\n"},
    ),
    Replica(
        "Inria Aerial Image Labeling",
        "`AerialImageDataset/train/images/*.tif`, `AerialImageDataset/train/gt/*.tif`",
        both("AerialImageDataset/train/images/*.tif", "AerialImageDataset/train/gt/*.tif", "austin1", "chicago1"),
        BINARY,
        splits={"train": 2},
        table=False,
    ),
    Replica(
        "WHU Building",
        "`train/image/*.tif`, `train/label/*.tif`; `val/`, `test/`",
        sides("@/image/*.tif", "@/label/*.tif", train=("0", "1"), val=("0",), test=("0",)),
        BINARY,
        splits={"train": 2, "val": 1, "test": 1},
        table=False,
    ),
    Replica(
        "AIRS",
        "`train/image/*.tif`, `train/label/*.tif` with `*_vis.tif` beside",
        both("train/image/*.tif", "train/label/*.tif", "christchurch_1", "christchurch_10"),
        {"background": 0, "roof": 1},
        splits={"train": 2},
        also={"train/label/christchurch_1_vis.tif": None, "train/label/christchurch_10_vis.tif": None},
        note="2 further pictures of a mask left alone",
    ),
    Replica(
        "DeepGlobe Land Cover",
        "`train/*_sat.jpg`, `train/*_mask.png`, `class_dict.csv`, `metadata.csv`; `valid/`, `test/` without masks",
        both("train/*_sat.jpg", "train/*_mask.png", "119", "266", "606"),
        DEEPGLOBE,
        command="DATA --unpaired skip",
        splits={"train": 3},
        also={
            "valid/6004_sat.jpg": None,
            "test/9001_sat.jpg": None,
            "class_dict.csv": "name,r,g,b\nurban_land,0,255,255\n",
            "metadata.csv": "image_id,split,sat_image_path,mask_path\n119,train,train/119_sat.jpg,train/119_mask.png\n"
            "266,train,train/266_sat.jpg,train/266_mask.png\n606,train,train/606_sat.jpg,train/606_mask.png\n"
            "6004,valid,valid/6004_sat.jpg,\n9001,test,test/9001_sat.jpg,\n",
        },
        note="metadata.csv: 2 images are listed, but their masks are missing, e.g. 6004",
    ),
    Replica(
        "DeepGlobe Roads",
        "`train/*_sat.jpg`, `train/*_mask.png`",
        both("train/*_sat.jpg", "train/*_mask.png", "104", "998"),
        {"background": (0, 0, 0), "road": (255, 255, 255)},
        splits={"train": 2},
    ),
    Replica(
        "CHN6-CUG Roads",
        "`train/images/*_sat.jpg`, `train/gt/*_mask.png`; `val/`",
        sides("@/images/*_sat.jpg", "@/gt/*_mask.png", train=("am100156", "am100157"), val=("am100502",)),
        BINARY,
        splits={"train": 2, "val": 1},
        table=False,
    ),
    Replica(
        "FLAIR #1, in one tree",
        "`DOMAIN/AREA/img/IMG_*.tif`, `DOMAIN/AREA/msk/MSK_*.tif`",
        (
            *both("D004_2021/Z1_NN/img/IMG_*.tif", "D004_2021/Z1_NN/msk/MSK_*.tif", "061946", "061947"),
            *both("D006_2020/Z10_UA/img/IMG_*.tif", "D006_2020/Z10_UA/msk/MSK_*.tif", "003551"),
        ),
        {f"class {i}": i for i in range(1, 20)},
        n_groups=2,
    ),
    Replica(
        "FLAIR #1 and #2, in two trees",
        "`flair_aerial_train/DOMAIN/AREA/img/IMG_*.tif`, `flair_labels_train/DOMAIN/AREA/msk/MSK_*.tif`",
        (
            *both(
                "flair_aerial_train/D004_2021/Z1_NN/img/IMG_*.tif",
                "flair_labels_train/D004_2021/Z1_NN/msk/MSK_*.tif",
                "061946",
                "061947",
            ),
            *both(
                "flair_1_aerial_test/D012_2019/Z1_UA/img/IMG_*.tif",
                "flair_1_labels_test/D012_2019/Z1_UA/msk/MSK_*.tif",
                "003551",
            ),
        ),
        {f"class {i}": i for i in range(1, 20)},
        splits={"train": 2, "test": 1},
        n_groups=2,
    ),
    Replica(
        "xBD",
        "`train/images/*.png`, `train/targets/*_target.png`, `train/labels/*.json`",
        both(
            "train/images/*_disaster.png",
            "train/targets/*_disaster_target.png",
            "guatemala-volcano_00000000_pre",
            "guatemala-volcano_00000000_post",
        ),
        XBD,
        splits={"train": 2},
        also={"train/labels/guatemala-volcano_00000000_post_disaster.json": "{}"},
    ),
    Replica(
        "iSAID",
        "`train/images/images/*.png`, `train/Semantic_masks/images/*_instance_color_RGB.png`, `Instance_masks/`",
        both("train/images/images/*.png", "train/Semantic_masks/images/*_instance_color_RGB.png", "P0000", "P0002"),
        ISAID,
        splits={"train": 2},
        also={"train/Instance_masks/images/P0000_instance_id_RGB.png": None},
    ),
    Replica(
        "UAVid",
        "`uavid_train/SEQ/Images/*.png`, `uavid_train/SEQ/Labels/*.png`; `uavid_val/`",
        (
            *both("uavid_train/seq1/Images/*.png", "uavid_train/seq1/Labels/*.png", "000000", "000100"),
            *both("uavid_val/seq16/Images/*.png", "uavid_val/seq16/Labels/*.png", "000000"),
        ),
        UAVID,
        splits={"train": 2, "val": 1},
        n_groups=2,
    ),
    Replica(
        "UDD",
        "`train/src/*.JPG`, `train/gt/*.png`; `val/`",
        sides("@/src/*.JPG", "@/gt/*.png", train=("DJI_0284", "DJI_0285"), val=("DJI_0500",)),
        UDD,
        splits={"train": 2, "val": 1},
    ),
    Replica(
        "AeroScapes",
        "`JPEGImages/*.jpg`, `SegmentationClass/*.png`, `ImageSets/trn.txt`, `val.txt`, `Visualizations/`",
        both("JPEGImages/*.jpg", "SegmentationClass/*.png", "000001_001", "000001_002", "000002_001"),
        AEROSCAPES,
        splits={"train": 2, "val": 1},
        also={
            "ImageSets/trn.txt": "000001_001\n000001_002\n",
            "ImageSets/val.txt": "000002_001\n",
            "Visualizations/000001_001.png": None,
        },
    ),
    Replica(
        "DroneDeploy",
        "`images/*-ortho.tif`, `labels/*-label.png`, `elevations/*-elev.tif`",
        both(
            "images/*-ortho.tif",
            "labels/*-label.png",
            "1d4fbe33f3_F1BE1D4184INSPIRE",
            "25f1c24f30_EB81FE6E2BOPENPIPELINE",
        ),
        DRONEDEPLOY,
        also={"elevations/1d4fbe33f3_F1BE1D4184INSPIRE-elev.tif": None},
    ),
    Replica(
        "GID-5",
        "`image_RGB/*.tif`, `label_5classes/*_label.tif`",
        both(
            "image_RGB/GF2_PMS1__L1A000*-MSS1.tif",
            "label_5classes/GF2_PMS1__L1A000*-MSS1_label.tif",
            "0564539",
            "0575925",
        ),
        GID5,
    ),
    Replica(
        "Five-Billion-Pixels",
        "`Image__8bit_NirRGB/*.tif`, `Annotation__index/*_24label.png`, `Annotation__color/`",
        both(
            "Image__8bit_NirRGB/GF2_PMS1__L1A000*-MSS1.tif",
            "Annotation__index/GF2_PMS1__L1A000*-MSS1_24label.png",
            "0564539",
            "0575925",
        ),
        {"ignore": 0} | {f"class {i}": i for i in range(1, 25)},
        also={"Annotation__color/GF2_PMS1__L1A0000564539-MSS1_24label.tif": None},
    ),
    Replica(
        "DLRSD on the UC Merced images",
        "`UCMerced_LandUse/Images/CLASS/*.tif`, `DLRSD/Images/CLASS/*.png`",
        both("UCMerced_LandUse/Images/*.tif", "DLRSD/Images/*.png", "airplane/airplane00", "beach/beach00"),
        {f"class {i}": i for i in range(1, 18)},
        command="DATA/UCMerced_LandUse/Images DATA/DLRSD/Images",
        n_groups=2,
    ),
    Replica(
        "Landslides of Bijie",
        "`landslide/image/*.png`, `landslide/mask/*.png`, `landslide/dem/`",
        both("landslide/image/*.png", "landslide/mask/*.png", "df001", "df002"),
        BINARY,
        table=False,
        also={"landslide/dem/df001.png": None},
    ),
    Replica(
        "LEVIR-CD, its later images",
        "`train/A/*.png`, `train/B/*.png`, `train/label/*.png`; `val/`, `test/`",
        sides("@/B/*.png", "@/label/*.png", train=("1", "2"), val=("1",)),
        BINARY,
        command="DATA --image-suffix 'B/*.png' --mask-suffix 'label/*.png'",
        splits={"train": 2, "val": 1},
        table=False,
        also={"train/A/1.png": None, "train/A/2.png": None, "val/A/1.png": None},
    ),
    Replica(
        "CCF land cover of China",
        "`train/*.png`, `train/*_class.png`, `train/*_class_vis.png`",
        both("train/*.png", "train/*_class.png", "1", "2"),
        LANDCOVER_AI,
        splits={"train": 2},
        also={"train/1_class_vis.png": None, "train/2_class_vis.png": None},
    ),
    Replica(
        "HOTOSM ramp",
        "`source/*.tif`, `multimasks/*.mask.tif`, `labels/*.geojson`",
        both("source/*.tif", "multimasks/*.mask.tif", "3ac1f1a2", "5be01f0d"),
        {"background": 0, "building": 1, "edge": 2, "contact": 3},
        also={"labels/3ac1f1a2.geojson": "{}"},
    ),
    # Driving videos and other sets that tools copy.
    Replica(
        "CamVid of SegNet",
        "`train/*.png`, `trainannot/*.png`; `val`, `test`",
        sides("@/*.png", "@annot/*.png", train=("0001TP_006690", "0001TP_006720"), val=("0016E5_07959",)),
        CAMVID11,
        splits={"train": 2, "val": 1},
    ),
    Replica(
        "CamVid on Kaggle",
        "`CamVid/train/*.png`, `CamVid/train_labels/*_L.png`; `val`, `test`; `class_dict.csv`",
        sides(
            "CamVid/@/*.png", "CamVid/@_labels/*_L.png", train=("0001TP_006690", "0006R0_f00930"), val=("0016E5_07959",)
        ),
        CAMVID32,
        splits={"train": 2, "val": 1},
    ),
    Replica(
        "CamVid of fastai",
        "`images/*.png`, `labels/*_P.png`, `codes.txt`",
        both("images/*.png", "labels/*_P.png", "0001TP_006690", "0006R0_f00930"),
        CAMVID11,
        also={"codes.txt": "sky\nbuilding\n"},
    ),
    Replica(
        "ADE20K for scene parsing",
        "`images/training/*.jpg`, `annotations/training/*.png`; `validation/`",
        sides(
            "images/@/*.jpg", "annotations/@/*.png", training=("ADE_train_1", "ADE_train_2"), validation=("ADE_val_1",)
        ),
        {"ignore": 0, "wall": 1, "building": 2, "sky": 3},
        splits={"train": 2, "val": 1},
    ),
    # Forms that frameworks expect.
    Replica(
        "PASCAL VOC",
        "`VOC2012/JPEGImages/*.jpg`, `VOC2012/SegmentationClass/*.png`, `ImageSets/Segmentation/train.txt`",
        both(
            "VOC2012/JPEGImages/*.jpg", "VOC2012/SegmentationClass/*.png", "2007_000032", "2007_000039", "2007_000042"
        ),
        VOC,
        mode="P",
        splits={"train": 2, "val": 1},
        also={
            "VOC2012/ImageSets/Segmentation/train.txt": "2007_000032\n2007_000039\n",
            "VOC2012/ImageSets/Segmentation/val.txt": "2007_000042\n",
            "VOC2012/ImageSets/Segmentation/trainval.txt": "2007_000032\n2007_000039\n2007_000042\n",
            "VOC2012/ImageSets/Main/train.txt": "2008_000008\n2007_000042\n",
            "VOC2012/JPEGImages/2008_000008.jpg": None,
            "VOC2012/SegmentationObject/2007_000032.png": None,
            "VOC2012/Annotations/2007_000032.xml": "<annotation/>",
        },
        note="1 image without mask, in no list, left alone, e.g. VOC2012/JPEGImages/2008_000008.jpg",
    ),
    Replica(
        "mmsegmentation",
        "`img_dir/train/*.png`, `ann_dir/train/*.png`; `val/`",
        sides(
            "img_dir/@/*.png",
            "ann_dir/@/*.png",
            train=("2_10_0_0_512_512", "2_10_0_512_512_1024"),
            val=("2_11_0_0_512_512",),
        ),
        {name: i for i, name in enumerate(ISPRS)},
        splits={"train": 2, "val": 1},
    ),
    Replica(
        "nnU-Net",
        "`Dataset001_X/imagesTr/*_0000.png`, `Dataset001_X/labelsTr/*.png`; `imagesTs`",
        both("Dataset001_X/imagesTr/*_0000.png", "Dataset001_X/labelsTr/*.png", "area_001", "area_002"),
        THREE,
        splits={"train": 2},
        also={"Dataset001_X/imagesTs/area_009_0000.png": None, "Dataset001_X/dataset.json": "{}"},
    ),
    Replica(
        "Keras generators",
        "`train_images/train/*.jpg`, `train_masks/train/*.png`; `val_images/val/`",
        sides("@_images/@/*.jpg", "@_masks/@/*.png", train=("1", "2"), val=("3",)),
        BINARY,
        splits={"train": 2, "val": 1},
        table=False,
    ),
    Replica(
        "x and y",
        "`x_train/*.png`, `y_train/*.png`; `x_val/`, `y_val/`",
        sides("x_@/*.png", "y_@/*.png", train=("1", "2"), val=("3",)),
        THREE,
        splits={"train": 2, "val": 1},
    ),
    # Exports of tools.
    Replica(
        "CVAT, segmentation mask 1.1 with images",
        "`JPEGImages/*.jpg`, `SegmentationClass/*.png`, `labelmap.txt`, `ImageSets/Segmentation/default.txt`",
        both("JPEGImages/*.jpg", "SegmentationClass/*.png", "frame_000000", "frame_000001"),
        {"background": (0, 0, 0), "building": (250, 50, 83), "road": (51, 221, 255)},
        also={
            "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbuilding:250,50,83::\n",
            "ImageSets/Segmentation/default.txt": "frame_000000\nframe_000001\n",
            "SegmentationObject/frame_000000.png": None,
        },
    ),
    Replica(
        "CVAT without images",
        "the images in a folder of yours; `SegmentationClass/*.png`",
        both("photos/*.jpg", "export/SegmentationClass/*.png", "frame_000000", "frame_000001"),
        {"background": (0, 0, 0), "building": (250, 50, 83), "road": (51, 221, 255)},
        command="DATA/photos DATA/export/SegmentationClass",
    ),
    Replica(
        "labelme2voc",
        "`JPEGImages/*.jpg`, `SegmentationClass/*.png`, `SegmentationClassVisualization/`, `class_names.txt`",
        both("JPEGImages/*.jpg", "SegmentationClass/*.png", "2011_000003", "2011_000006"),
        VOC,
        mode="P",
        also={"SegmentationClassVisualization/2011_000003.jpg": None, "class_names.txt": "_background_\nbuilding\n"},
    ),
    Replica(
        "labelme_json_to_dataset",
        "`NAME_json/img.png`, `NAME_json/label.png`, `NAME_json/label_viz.png`",
        both("*_json/img.png", "*_json/label.png", "a", "b"),
        VOC,
        mode="P",
        also={"a_json/label_viz.png": None, "b_json/label_viz.png": None},
        n_groups=2,
    ),
    Replica(
        "Roboflow, semantic segmentation masks",
        "`train/*.jpg`, `train/*_mask.png`, `train/_classes.csv`; `valid/`, `test/`",
        sides("@/*.jpg", "@/*_mask.png", train=("a_jpg.rf.0f1e", "b_jpg.rf.9c2d"), valid=("c_jpg.rf.77aa",)),
        THREE,
        splits={"train": 2, "val": 1},
        also={"train/_classes.csv": "Pixel Value, Class\n0, background\n1, building\n2, road\n"},
    ),
    Replica(
        "Supervisely, masks",
        "`ds0/img/*.jpg`, `ds0/masks_machine/*.png`, `ds0/masks_human/`, `ds0/ann/*.json`",
        both("ds0/img/*.jpg", "ds0/masks_machine/*.png", "a", "b"),
        SUPERVISELY,
        also={"ds0/masks_human/a.png": None, "ds0/ann/a.jpg.json": "{}", "meta.json": "{}"},
    ),
    Replica(
        "Supervisely, masks that keep the image's suffix",
        "`ds0/img/*.jpg`, `ds0/masks_machine/*.jpg.png`",
        both("ds0/img/*.jpg", "ds0/masks_machine/*.jpg.png", "a", "b"),
        SUPERVISELY,
    ),
    Replica(
        "SuperAnnotate",
        "`*.jpg`, `*.jpg___fuse.png`, `*.jpg___objects.json`, `classes/classes.json`",
        both("*.jpg", "*.jpg___fuse.png", "a", "b"),
        SEGMENTS,
        mode="RGBA",
        also={"a.jpg___objects.json": "{}", "a.jpg___save.png": None, "b.jpg___save.png": None},
    ),
    Replica(
        "Segments.ai",
        "`*.png`, `*_label_ground-truth_semantic.png`, `*_label_ground-truth_semantic_colored.png`",
        both("*.png", "*_label_ground-truth_semantic.png", "a", "b"),
        THREE,
        also={"a_label_ground-truth_semantic_colored.png": None, "b_label_ground-truth_semantic_colored.png": None},
    ),
    Replica(
        "V7 Darwin, semantic masks",
        "the images in a folder of yours; `masks/*.png`, `class_mapping.csv`",
        both("images/*.jpg", "export/masks/*.png", "a", "b"),
        THREE,
        command="DATA/images DATA/export/masks",
        also={"export/class_mapping.csv": "class_name,pixel_value\nbuilding,1\n"},
    ),
    Replica(
        "PixelAnnotationTool",
        "`*.jpg`, `*_mask.png`, `*_color_mask.png`, `*_watershed_mask.png`",
        both("*.jpg", "*_mask.png", "a", "b"),
        THREE,
        also={f"{name}_{kind}_mask.png": None for name in "ab" for kind in ("color", "watershed")},
    ),
    Replica(
        "ArcGIS Pro, classified tiles",
        "`images/*.tif`, `labels/*.tif`, `esri_model_definition.emd`, `map.txt`",
        both("images/*.tif", "labels/*.tif", "000000000", "000000001"),
        THREE,
        also={"map.txt": "images\\000000000.tif labels\\000000000.tif\n", "esri_model_definition.emd": "{}"},
    ),
    Replica(
        "QGIS Deepness, training data",
        "`tile_img_*.png`, `tile_mask_*.png`",
        both("tile_img_*.png", "tile_mask_*.png", "0_0", "0_1"),
        BINARY,
        table=False,
    ),
    # Whatever else: two folders, patterns.
    Replica(
        "two folders of pictures",
        "`photos/*.jpg`, `truth2024/*.png`",
        both("photos/*.jpg", "truth2024/*.png", "a", "b"),
        THREE,
        command="DATA/photos DATA/truth2024",
    ),
    Replica(
        "Chesapeake, RVSD and others with names of their own",
        "`*_naip-new.tif`, `*_lc.tif`",
        both("md/*_naip-new.tif", "md/*_lc.tif", "m_3807503", "m_3807504"),
        THREE,
        command="DATA --image-suffix _naip-new.tif --mask-suffix _lc.tif",
    ),
    Replica(
        "SEN12MS and others with a word between",
        "`*_s2_*.png`, `*_lc_*.png`",
        both("ROIs1158_spring_s2_*.png", "ROIs1158_spring_lc_*.png", "1_p30", "1_p31"),
        THREE,
        command="DATA --image-suffix '*_s2_*.png' --mask-suffix '*_lc_*.png'",
    ),
)


def command_of(replica: Replica) -> str:
    """The command as the docs show it."""
    return f"`prepare {replica.command}{' --classes CSV' if replica.table else ''}`"


def table() -> str:
    """The rows of the docs."""
    rasters = [(one, " ".join(f'"{word}"' if "*" in word else word for word in one.words)) for one in RASTERS]
    rows = [f"| {one.title} | {one.layout} | {command_of(one)} |" for one in REPLICAS]
    further = [f"| {one.title} | {one.layout} | `prepare {words} --classes CSV` |" for one, words in rasters]
    annotated = [f"| {one.title} | {one.layout} | `prepare {one.words} --background NAME` |" for one in ANNOTATED]
    return "\n".join(["| data set or tool | layout | command |", "|---|---|---|", *rows, *further, *annotated])


if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}", encoding="utf-8")
