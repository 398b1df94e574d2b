"""Classes, colours and ids: laws of the schema, and tables as people write them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrazzo.classes.schema import (
    IGNORE,
    ClassSchema,
    distinct_colors,
    format_color,
    pack_colors,
    parse_color,
    unpack_color,
)
from terrazzo.classes.tables import class_table_csv, parse_table, read_table
from terrazzo.errors import ClassTableError

SCHEMA = ClassSchema(("roof", "road", "tree"), ((255, 0, 0), (128, 128, 128), (0, 100, 0)), ((0, 0, 0), (9, 9, 9)))
IDS = np.array([[0, 1, 2, 255], [2, 2, 0, 1], [255, 255, 1, 0]], np.uint8)

colors = st.tuples(*[st.integers(0, 255)] * 3)


@given(st.sets(colors, min_size=1, max_size=255), st.integers(0, 2**32 - 1))
def test_encode_undoes_decode_for_every_id_and_ignore(palette: set[tuple[int, int, int]], seed: int) -> None:
    void = (
        next(color for color in ((0, 0, 0), (1, 2, 3), (4, 5, 6)) if color not in palette) if len(palette) < 3 else ()
    )
    schema = ClassSchema(tuple(map(str, range(len(palette)))), tuple(palette), (void,) if void else ())
    ids = np.random.default_rng(seed).integers(0, len(palette), (5, 7)).astype(np.uint8)
    if void:
        ids[0, 0] = IGNORE
    encoded, unknown = schema.encode(schema.decode(ids))
    assert np.array_equal(encoded, ids)
    assert unknown is None


@given(colors)
def test_a_color_survives_writing_and_packing(color: tuple[int, int, int]) -> None:
    assert parse_color(format_color(color)) == color
    assert unpack_color(int(pack_colors(np.array(color, np.uint8)))) == color


@pytest.mark.parametrize("text", ["#3C1098", "3c1098", " 60 16 152 ", "60,16,152", "(60, 16, 152)", "60;16;152"])
def test_one_color_in_the_ways_people_write_it(text: str) -> None:
    assert parse_color(text) == (60, 16, 152)


@pytest.mark.parametrize("text", ["", "#3C10", "red", "60 16", "60 16 256", "1 2 3 4", "-1 2 3"])
def test_what_is_no_color_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ClassTableError, match="is not a colour; write #RRGGBB"):
        parse_color(text)


def test_unknown_colors_are_marked_and_void_ones_are_not() -> None:
    rgb = SCHEMA.decode(IDS)
    rgb[1, 2] = (255, 0, 1)
    rgb[0, 0] = (9, 9, 9)
    ids, unknown = SCHEMA.encode(rgb)
    assert unknown is not None
    assert np.argwhere(unknown).tolist() == [[1, 2]]
    assert ids[0, 0] == ids[1, 2] == IGNORE


def test_one_hot_holds_a_single_one_but_where_ignored() -> None:
    one_hot = SCHEMA.one_hot(IDS)
    assert one_hot.shape == (3, 3, 4)
    assert np.array_equal(one_hot.sum(axis=0), (IDS != IGNORE).astype(int))
    assert np.array_equal(SCHEMA.from_one_hot(one_hot), IDS)


def test_nearest_is_by_distance_and_knows_void() -> None:
    ids, distances = SCHEMA.nearest(np.array([[250, 4, 3], [3, 4, 0], [128, 128, 128]], np.uint8))
    assert ids.tolist() == [0, IGNORE, 1]
    assert distances.tolist() == pytest.approx([50**0.5, 5.0, 0.0])


def test_an_ignored_class_becomes_void_and_the_ids_close_up() -> None:
    left = SCHEMA.without(["road"])
    assert left.names == ("roof", "tree")
    assert left.void_colors == ((0, 0, 0), (9, 9, 9), (128, 128, 128))
    with pytest.raises(ClassTableError, match=r"--ignore-class 'rood': no such class; there are roof, road, tree"):
        SCHEMA.without(["rood"])
    with pytest.raises(ClassTableError, match="at least one class"):
        SCHEMA.without(["roof", "road", "tree"])


def test_a_schema_survives_json() -> None:
    assert ClassSchema.from_dict(SCHEMA.to_dict()) == SCHEMA


@pytest.mark.parametrize(
    ("names", "palette", "words"),
    [
        ((), (), "at least one class"),
        (("a", "a"), ((1, 1, 1), (2, 2, 2)), "name 'a' occurs twice"),
        (("a", "b"), ((1, 1, 1), (1, 1, 1)), "#010101 is given to 'a' and 'b'"),
        (("a", "b"), ((1, 1, 1),), "2 names but 1 colours"),
        (tuple(map(str, range(256))), distinct_colors(256), "256 classes; at most 255"),
    ],
)
def test_impossible_schemas(names: tuple[str, ...], palette: tuple[tuple[int, int, int], ...], words: str) -> None:
    with pytest.raises(ClassTableError, match=words):
        ClassSchema(names, palette)


def test_further_colors_of_a_class_are_read_as_it_and_never_drawn() -> None:
    merged = ClassSchema(("roof", "road"), ((255, 0, 0), (128, 128, 128)), (), (((200, 0, 0), 0), ((9, 9, 9), 1)))
    rgb = np.array([[[255, 0, 0], [200, 0, 0], [9, 9, 9]]], np.uint8)
    assert merged.encode(rgb)[0].tolist() == [[0, 0, 1]]
    assert merged.decode(np.array([[0, 0, 1]], np.uint8)).tolist() == [[[255, 0, 0], [255, 0, 0], [128, 128, 128]]]
    assert merged.nearest(np.array([[201, 0, 0]], np.uint8))[0].tolist() == [0]
    assert ClassSchema.from_dict(merged.to_dict()) == merged
    left = merged.without(["roof"])
    assert left.merged == (((9, 9, 9), 0),)
    assert left.void_colors == ((255, 0, 0), (200, 0, 0))
    assert "merged_colors" not in SCHEMA.to_dict()


TABLES = {
    "csv": "name,color\nroof,#FF0000\nroad,808080\n",
    "csv with rgb, blanks and a BOM-like blank line": "\n name, r, g, b\n roof, 255, 0, 0\n\nroad, 128, 128, 128\n",
    "semicolons, other columns": "id;name;r;g;b\n0;roof;255;0;0\n1;road;128;128;128\n",
    "json list": '[{"name": "roof", "color": "#FF0000"}, {"name": "road", "color": "128,128,128"}]',
    "json of a tool": '{"classes": [{"title": "roof", "color": "#f00000"}, {"title": "road", "color": "#808080"}]}',
    "json by name": '{"roof": "#FF0000", "road": [128, 128, 128]}',
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES.keys())
def test_tables_as_people_write_them(text: str) -> None:
    schema = parse_table(text, "t").schema
    assert schema.names == ("roof", "road")
    assert schema.colors[1] == (128, 128, 128)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty; expected id,name for masks of ids, or name,color or name,r,g,b for masks of colours"),
        ("what,where\na,#000000", "its first line is 'what,where'; expected id,name for masks of ids"),
        ("id,color\n1,#000000", "its header is id, color, without a column of names; expected id,name"),
        ("name,color\na,#000000,4", "line 2 has 3 cells, the header 2"),
        ("name,color\na,#00", "'#00' is not a colour"),
        ("name,color\n", "at least one class"),
        ('{"classes": 3}', "no list of classes"),
        ('[{"name": "a"}]', r'the entry {"name": "a"} has no name and color'),
        ("[1, 2", "not valid JSON"),
        ("name,color\na,#010101\nb,#010101", "#010101 is given to 'a' and 'b'"),
    ],
)
def test_broken_tables_are_refused_naming_the_file(text: str, words: str) -> None:
    with pytest.raises(ClassTableError, match=words) as caught:
        parse_table(text, "data/my.csv")
    assert str(caught.value).startswith("data/my.csv: ")
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path) -> None:
    with pytest.raises(ClassTableError, match=r"none\.csv: cannot be read"):
        read_table(tmp_path / "none.csv")


def test_a_written_table_reads_back() -> None:
    named = ClassSchema(('a, "b"', "c;d", "Land (unpaved area)"), SCHEMA.colors)
    assert parse_table(class_table_csv(named), "t").schema == named


@given(st.integers(1, 255))
def test_distinct_colors_are_distinct_and_the_same_every_time(n: int) -> None:
    assert len(set(distinct_colors(n))) == n
    assert distinct_colors(n) == distinct_colors(255)[:n]
