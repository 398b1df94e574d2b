"""What names say: kinds and places by their words, versions by the rules of who exports them."""

import pytest

from terrazzo.patches.splits.names import augmented_source, exported_source, naming

KINDS = """
Urban Rural urban_2 forest buildings agricultural-land summer winter day night 2018 sentinel2 landsat8 drone 256x256
10cm zoom_18 part_3 batch1 Images class_1 Urban/2018 non-flooded pre post
"""
PLACES = """
Tile_1 Tile1 scene_a site-north area7 flight_02 T32TQM austin12 vaihingen_3 D004_2021 0016E5 Seq05VD Urban/site_3
village_5
"""
UNKNOWN = "austin aachen north Downtown 12 tiles map_tiles"


@pytest.mark.parametrize(
    ("names", "expected"), [(KINDS, "kind"), (PLACES, "place"), (UNKNOWN, "unknown")], ids=["kind", "place", "unknown"]
)
def test_folders_name_a_kind_a_place_or_nothing_that_is_known(names: str, expected: str) -> None:
    assert {name: naming(name) for name in names.split()} == dict.fromkeys(names.split(), expected)


@pytest.mark.parametrize(
    ("stem", "source"),
    [
        ("DJI_0012_JPG.rf.5c3a1f0e9d8b7a6c5e4f3d2c1b0a9f8e", "DJI_0012"),
        ("a_png.rf.0123456789abcdef0123456789abcdef", "a"),
        ("a.rf.0123456789abcdef0123456789abcdef", "a"),
        ("a.jpg.rf.XyZ019", "a"),
        ("a.rf", None),
        ("surf.12", None),
        ("a_jpg", None),
    ],
)
def test_roboflow_writes_the_source_before_rf_and_a_hash(stem: str, source: str | None) -> None:
    assert exported_source(stem) == source


@pytest.mark.parametrize(
    ("stem", "source"),
    [
        ("a_flip", "a"),
        ("a-hflip", "a"),
        ("a_rot90", "a"),
        ("a_rotate_90", "a"),
        ("a_aug_3", "a"),
        ("a_flip_rot90", "a"),
        ("b_flip", None),  # there is no b
        ("a", None),
        ("a_road", None),
        ("a_2", None),
    ],
)
def test_a_word_of_augmentation_counts_only_where_the_picture_itself_is_there(stem: str, source: str | None) -> None:
    assert augmented_source(stem, {"a", "road"}) == source
