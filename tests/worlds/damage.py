"""Files damaged by chance: bytes flipped, cut, doubled or zeroed, and the tags and keys of TIFFs changed."""

import random
import struct

_GEO_KEYS, _GEO_NUMBERS = 34735, 34736
_ODD_NUMBERS = (0.0, -1.0, 90.0, -90.0, 1e308, float("nan"), float("inf"), 6378137.0)


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """The bytes with one kind of damage; never the same as before."""
    kind = chance.choice(("flip", "flip", "flip", "cut", "double", "zero", "header"))
    place = chance.randrange(max(1, len(raw) - 1))
    data = bytearray(raw)
    if kind == "cut":
        return bytes(data[:place])
    if kind == "double":
        return bytes(data[:place] + data[place : place + 64] + data[place:])
    if kind == "zero":
        data[place : place + 32] = bytes(min(32, len(data) - place))
        return bytes(data) + b"\0"
    span = min(len(data), 300) if kind == "header" else len(data)
    for _ in range(chance.randrange(1, 9)):
        data[chance.randrange(span)] ^= 1 << chance.randrange(8)
    return bytes(data)


def damaged_tiff(raw: bytes, chance: random.Random) -> bytes:
    """A TIFF (little-endian, not BigTIFF) of which tags are cut, retyped or changed, or its place is another."""
    data = bytearray(raw)
    (start,) = struct.unpack_from("<I", data, 4)
    (n_tags,) = struct.unpack_from("<H", data, start)
    entries = range(start + 2, start + 2 + 12 * n_tags, 12)
    kind = chance.choice(("fewer", "tag", "type", "count", "value", "geo", "geo", "geo"))
    if kind == "fewer":
        struct.pack_into("<H", data, start, chance.randrange(n_tags))
        return bytes(data)
    if kind == "geo" and _geo_changed(data, entries, chance):
        return bytes(data)
    entry = chance.choice(entries)
    place, code, limit = {"tag": (0, "<H", 1 << 16), "type": (2, "<H", 14), "count": (4, "<I", 1 << 20)}.get(
        kind, (8, "<I", 1 << 32)
    )
    struct.pack_into(code, data, entry + place, chance.randrange(limit))
    return bytes(data)


def _geo_changed(data: bytearray, entries: range, chance: random.Random) -> bool:
    """Whether a key or a number of the coordinate reference system was changed: there may be none."""
    tags = {struct.unpack_from("<H", data, entry)[0]: struct.unpack_from("<II", data, entry + 4) for entry in entries}
    if _GEO_KEYS not in tags:
        return False
    n_keys, at = tags[_GEO_KEYS]
    if _GEO_NUMBERS in tags and chance.random() < 0.5:
        n_numbers, at = tags[_GEO_NUMBERS]
        number = chance.choice((*_ODD_NUMBERS, chance.uniform(-180, 180)))
        struct.pack_into("<d", data, at + 8 * chance.randrange(n_numbers), number)
    else:
        key = chance.choice(
            (chance.randrange(30), 1024, 2048, 3072, 3075, 9001, 9102, 32767, chance.randrange(1 << 16))
        )
        struct.pack_into("<H", data, at + 2 * chance.randrange(4, n_keys), key)
    return True
