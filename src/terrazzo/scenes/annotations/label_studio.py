"""Label Studio's JSON export: polygons, rectangles, ellipses and brush strokes.

Source: https://labelstud.io/guide/task_format.
"""

from collections import Counter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from terrazzo.errors import InputError
from terrazzo.scenes.annotations.pictures import Annotated, Document, ellipse, outlined, polygon

_LABELS = ("polygonlabels", "rectanglelabels", "ellipselabels", "brushlabels")


def is_label_studio(document: Any) -> bool:
    """Whether a JSON value is a list of Label Studio's tasks."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(task, dict) and "data" in task and "annotations" in task for task in document)
    )


def read_label_studio(document: Any, where: str) -> Document:
    """The pictures of an export. Of several annotations of one task the first that was not cancelled counts."""
    left: Counter[str] = Counter()
    pictures = []
    for task in document:
        done = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
        left["further annotation of a task"] += max(len(done) - 1, 0)
        shapes: list[tuple[str, shapely.Polygon]] = []
        size = None
        for result in done[0]["result"] if done else ():
            named = next((result["value"][key] for key in _LABELS if result["value"].get(key)), None)
            if named is None:
                left[f"{result.get('type')} without an area"] += 1
                continue
            size = int(result["original_height"]), int(result["original_width"])
            areas = _areas(result["value"], size)
            if not areas:
                left["polygon of fewer than three points or without area"] += 1
            shapes += [(str(named[0]), area) for area in areas]
        pictures.append(Annotated(_image(task["data"], where), size, tuple(shapes)))
    return Document(tuple(pictures), left=+left)


def _image(data: Any, where: str) -> str:
    """The path of a task's image: the value under `image`, else the only text that looks like a file."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = texts.get("image") or next((value for value in texts.values() if "." in value[-6:]), None)
    if named is None:
        raise InputError(f"{where}: a task names no image; export the project as JSON again")
    return named.split("?d=")[-1]  # local files come as /data/local-files/?d=folder/a.jpg


def _areas(value: Any, size: tuple[int, int]) -> list[shapely.Polygon]:
    """The areas of one result in pixels; Label Studio gives percent of the sides, and turns about the first corner."""
    height, width = size
    if "rle" in value:
        return outlined(decoded_strokes(value["rle"], size))
    share = np.array([width, height]) / 100
    if "points" in value:
        made = polygon(np.asarray(value["points"], np.float64) * share)
    elif "radiusX" in value:
        made = ellipse(
            value["x"] * share[0], value["y"] * share[1], value["radiusX"] * share[0], value["radiusY"] * share[1]
        )
        made = made and _turned(made, value, (value["x"] * share[0], value["y"] * share[1]))
    else:
        x, y, w, h = (value[key] for key in ("x", "y", "width", "height"))
        made = polygon(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], np.float64) * share)
        made = made and _turned(made, value, (x * share[0], y * share[1]))
    return [] if made is None else [made]


def _turned(shape: shapely.Polygon, value: Any, about: tuple[float, float]) -> shapely.Polygon:
    """The shape turned clockwise, as the picture is seen, by the value's rotation in degrees."""
    angle = np.deg2rad(float(value.get("rotation") or 0))
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned: shapely.Polygon = shapely.transform(shape, lambda xy: (xy - about) @ matrix + about)
    return turned


def decoded_strokes(rle: list[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (H, W) of brush strokes in Label Studio's run lengths of an RGBA image; painted where alpha is not 0.

    A stream of bits: 32 for the number of values, 5 for the bits of a value less 1, four times 4 for the bits of a
    run's length less 1. Then runs: 1 bit, whether one value is repeated; 2 bits, which of the four; the length less 1;
    and one value, or as many values as the length says. Source: label_studio_sdk.converter.brush.
    """
    bits = np.unpackbits(np.asarray(rle, np.uint8))
    place = 0

    def take(n: int) -> int:
        nonlocal place
        if place + n > len(bits):
            raise ValueError("brush strokes cut short")
        place += n
        return int(bits[place - n : place] @ (1 << np.arange(n - 1, -1, -1, dtype=np.int64)))

    n_values, value_bits = take(32), take(5) + 1
    length_bits = [take(4) + 1 for _ in range(4)]
    height, width = size
    if n_values != height * width * 4:
        raise ValueError(f"brush strokes of {n_values} values for an image of {height} x {width} pixels")
    values = np.zeros(n_values, np.uint8)
    done = 0
    while done < n_values:
        repeated = take(1)
        end = min(done + 1 + take(length_bits[take(2)]), n_values)
        if repeated:
            values[done:end] = take(value_bits)
        else:
            n = (end - done) * value_bits
            words = bits[place : place + n].reshape(-1, value_bits)
            values[done:end] = words @ (1 << np.arange(value_bits - 1, -1, -1))
            place += n
        done = end
    return values.reshape(height, width, 4)[..., 3] > 0
