"""Class tables in the forms of people and tools: each gives the ids, names and colours that it was written with."""

import json

import pytest

from terrazzo.classes.table_forms.registry import FORMS, rows_of
from terrazzo.classes.tables import ClassTable, parse_table
from terrazzo.errors import ClassTableError

NAMES = ("background", "building", "low vegetation")
COLORS = ((0, 0, 0), (128, 64, 128), (0, 250, 7))

IDS = {
    "Roboflow _classes.csv": "Pixel Value, Class\n0, background\n1, building\n2, low vegetation\n",
    "value,label": "value,label\n2,low vegetation\n0,background\n1,building\n",
    "Class ID;Class Name": "Class ID;Class Name\n0;background\n1;building\n2;low vegetation\n",
    "code and label": "Label,Code\nbackground,0\nbuilding,1\nlow vegetation,2\n",
    "class of numbers, label of names": "class,label\n0,background\n1,building\n2,low vegetation\n",
    "label of numbers, class of names": "class,label\nbackground,0\nbuilding,1\nlow vegetation,2\n",
    "index with tabs": "Idx\tRatio\tName\n0\t0.4\tbackground\n1\t0.3\tbuilding\n2\t0.3\tlow vegetation\n",
    "ids of a spreadsheet": "id,name,\n0.0,background,\n1.0,building,\n2.0,low vegetation,\n",
    "quotes": '"id","name"\n"0","background"\n"1","building"\n"2","low vegetation"\n',
    "no headings": "0,background\n1,building\n2,low vegetation\n",
    "no headings, names first": "background,0\nbuilding,1\nlow vegetation,2\n",
    "blanks": "0 background\n1 building\n2 low vegetation\n",
    "YAML by id": "# legend\n0: background\n1: building\n2: low vegetation\n",
    "YAML by name": "background: 0\nbuilding: 1\nlow vegetation: 2\n",
    "YOLO data.yaml": "path: ../sets\nnc: 3\nnames:\n  0: background\n  1: building\n  2: low vegetation\n",
    "JSON by id": '{"0": "background", "1": "building", "2": "low vegetation"}',
    "JSON by name": '{"background": 0, "building": 1, "low vegetation": 2}',
    "id2label in a config": '{"size": 3, "id2label": {"0": "background", "1": "building", "2": "low vegetation"}}',
    "nnU-Net dataset.json": '{"channel_names": {"0": "R"}, "labels": {"background": 0, "building": 1, '
    '"low vegetation": 2}, "numTraining": 4}',
    "COCO categories": '{"images": [], "categories": [{"id": 1, "name": "building", "supercategory": "x"}, '
    '{"id": 0, "name": "background"}, {"id": 2, "name": "low vegetation"}]}',
    "categories in a dataset": '{"dataset": {"categories": [{"id": 0, "name": "background"}, '
    '{"id": 1, "name": "building"}, {"id": 2, "name": "low vegetation"}]}}',
}

BOTH = {
    "ESRI .emd": '{"Framework": "x", "Classes": [{"Value": 0, "Name": "background", "Color": [0, 0, 0]}, '
    '{"Value": 1, "Name": "building", "Color": [128, 64, 128]}, '
    '{"Value": 2, "Name": "low vegetation", "Color": [0, 250, 7]}]}',
    "QGIS style": '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n<qgis><pipe><colorPalette>'
    '<paletteEntry alpha="255" value="0" label="background" color="#000000"/>'
    '<paletteEntry alpha="255" value="1" label="building" color="#804080"/>'
    '<paletteEntry alpha="255" value="2" label="low vegetation" color="#00fa07"/>'
    "</colorPalette></pipe></qgis>",
    "SLD": '<StyledLayerDescriptor xmlns="http://www.opengis.net/sld" xmlns:sld="http://www.opengis.net/sld">'
    '<sld:ColorMap type="values"><sld:ColorMapEntry color="#000000" label="background" quantity="0"/>'
    '<sld:ColorMapEntry color="#804080" label="building" quantity="1"/>'
    '<sld:ColorMapEntry color="#00fa07" label="low vegetation" quantity="2"/></sld:ColorMap></StyledLayerDescriptor>',
    "FLAIR's pairs by id": "classes:\n  0: [background, '#000000']\n  1: [building, '#804080']\n"
    "  2: [low vegetation, [0, 250, 7]]\n",
    "QGIS colour map": "# QGIS Generated Color Map Export File\nINTERPOLATION:EXACT\n0,0,0,0,255,background\n"
    "1,128,64,128,255,building\n2,0,250,7,255,low vegetation\n",
    "raster attribute table": "Value,Count,Red,Green,Blue,Class_name\n0,9,0,0,0,background\n"
    "1,9,128,64,128,building\n2,9,0,250,7,low vegetation\n",
    "id, name, hex": "id,name,hex\n0,background,#000000\n1,building,#804080\n2,low vegetation,#00FA07\n",
    "id, name and colour without headings": "0 background 0 0 0\n1 building 128 64 128\n2 low vegetation 0 250 7\n",
    "by id in YAML": "0: {name: background, color: [0, 0, 0]}\n1: {name: building, color: '#804080'}\n"
    "2: {name: low vegetation, color: '0 250 7'}\n",
    "by name in JSON": '{"background": {"id": 0, "color": [0, 0, 0]}, "building": {"id": 1, "color": [128, 64, 128]}, '
    '"low vegetation": {"id": 2, "color": {"r": 0, "g": 250, "b": 7}}}',
}

TINTED = {
    "CVAT labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbuilding:128,64,128::\n"
    "low vegetation:0,250,7::\n",
    "CamVid label_colors.txt": "0 0 0\t\tbackground\n128 64 128\tbuilding\n0 250 7\t\tlow vegetation\n",
    "names and colours in blanks": "background 0 0 0\nbuilding 128 64 128\nlow vegetation 0 250 7\n",
    "names and hex": "background,#000000\nbuilding,#804080\nlow vegetation,#00FA07\n",
    "label and rgb": 'Label,RGB\nbackground,"0,0,0"\nbuilding,"(128, 64, 128)"\nlow vegetation,"[0 250 7]"\n',
    "values that are colours": "name,value\nbackground,#000000\nbuilding,#804080\nlow vegetation,#00FA07\n",
    "colour with alpha": "class;colour\nbackground;#000000FF\nbuilding;#804080ff\nlow vegetation;#00FA07FF\n",
    "Supervisely's colours": '{"background": [0, 0, 0], "building": [128, 64, 128], "low vegetation": [0, 250, 7]}',
    "pairs": '[["background", [0, 0, 0]], ["building", "#804080"], ["low vegetation", [0, 250, 7]]]',
    "names by colour": '{"#000000": "background", "(128, 64, 128)": "building", "0,250,7": "low vegetation"}',
    "mmsegmentation": '{"classes": ["background", "building", "low vegetation"], '
    '"palette": [[0, 0, 0], [128, 64, 128], [0, 250, 7]]}',
}

NAMED = {
    "a name a line": "background\nbuilding\nlow vegetation\n",
    "Windows line ends and a heading": "class\r\nbackground\r\nbuilding\r\nlow vegetation\r\n",
    "JSON list": '["background", "building", "low vegetation"]',
    "YAML list": "- background\n- building\n- low vegetation\n",
    "YOLO data.yaml": "train: images\nnc: 3\nnames: [background, building, low vegetation]\n",
}


@pytest.mark.parametrize("text", IDS.values(), ids=IDS)
def test_ids_and_names(text: str) -> None:
    table = parse_table(text, "t")
    assert (table.schema.names, table.values) == (NAMES, (0, 1, 2))
    assert (table.has_ids, table.has_colors) == (True, False)


@pytest.mark.parametrize("text", BOTH.values(), ids=BOTH)
def test_ids_names_and_colours(text: str) -> None:
    table = parse_table(text, "t")
    assert (table.schema.names, table.values, table.schema.colors) == (NAMES, (0, 1, 2), COLORS)
    assert (table.has_ids, table.has_colors) == (True, True)


@pytest.mark.parametrize("text", TINTED.values(), ids=TINTED)
def test_names_and_colours(text: str) -> None:
    table = parse_table(text, "t")
    assert (table.schema.names, table.schema.colors) == (NAMES, COLORS)
    assert (table.has_ids, table.has_colors) == (False, True)


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
def test_names_alone_count_from_0(text: str) -> None:
    table = parse_table(text, "t")
    assert (table.schema.names, table.values) == (NAMES, (0, 1, 2))
    assert (table.has_ids, table.has_colors) == (False, False)


def test_the_first_name_of_labelme_is_255() -> None:
    table = parse_table("__ignore__\n_background_\nroof\n", "t")
    assert (table.schema.names, table.values, table.ignored) == (
        ("_background_", "roof"),
        (0, 1),
        (("__ignore__", 255),),
    )


def test_a_number_within_a_name_is_part_of_it() -> None:
    assert parse_table("class 1\nclass 2\nzone 30\n", "t").schema.names == ("class 1", "class 2", "zone 30")
    assert parse_table("grey roof\nred roof\n", "t").schema.names == ("grey roof", "red roof")


def test_ids_of_a_database_keep_the_order_of_the_file() -> None:
    rows = [{"title": "Water", "shape": "bitmap", "color": "#50E3C2", "id": 2736124, "hotkey": ""}]
    rows.append({"title": "Land", "shape": "bitmap", "color": "#F5A623", "id": 2736123, "hotkey": ""})
    table = parse_table(json.dumps({"classes": rows, "tags": []}), "meta.json")
    assert (table.schema.names, table.values) == (("Water", "Land"), (2736124, 2736123))


def merged(text: str) -> ClassTable:
    return parse_table(text, "t")


def test_rows_of_one_name_are_one_class() -> None:
    ids = merged("id,name\n0,background\n1,building\n7,background\n2,building\n")
    assert (ids.schema.names, ids.values, ids.also) == (("background", "building"), (0, 1), ((2, 1), (7, 0)))
    assert ids.notes() == [
        "classes: 'background' stands in several rows, which are merged: the values 0, 7",
        "classes: 'building' stands in several rows, which are merged: the values 1, 2",
    ]
    colors = merged("name,color\nroof,#FF0000\nroad,#808080\nroof,#800000\n")
    assert colors.schema.names == ("roof", "road")
    assert colors.schema.colors == ((255, 0, 0), (128, 128, 128))
    assert colors.schema.merged == (((128, 0, 0), 0),)
    assert colors.notes() == [
        "classes: 'roof' stands in several rows, which are merged: the colours #FF0000, #800000",
    ]


def test_values_of_a_merged_class_may_be_left_out_one_by_one() -> None:
    table = merged("id,name\n0,a\n1,b\n2,b\n3,a\n")
    left = table.without_values((1, 0, 3))
    assert (left.schema.names, left.values, left.also) == (("b",), (2,), ())
    assert left.ignored == (("a", 0), ("b", 1), ("a", 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,color\nroad,#000000\n,#FFFFFF\n", "line 3: the name is empty"),
        ("<qgis></qgis>", "no palette in it; in QGIS choose the paletted renderer"),
        ("<qgis>", "not valid XML"),
        ("names: [a, b\n", "not valid YAML"),
        ("images: 3\nclasses: 4\n", "no list of classes in it"),
        ("u,v,w\nd,e,f\n", "its first line is 'u,v,w'"),
    ],
)
def test_what_is_no_table_is_refused_with_both_ways_to_write_one(text: str, words: str) -> None:
    with pytest.raises(ClassTableError, match=words) as caught:
        parse_table(text, "my.txt")
    assert "id,name for masks of ids, or name,color or name,r,g,b for masks of colours" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refusal_lists_every_form() -> None:
    with pytest.raises(ClassTableError) as caught:
        rows_of("u,v,w\nd,e,f\n")
    assert all(form.name in str(caught.value) for form in FORMS)
