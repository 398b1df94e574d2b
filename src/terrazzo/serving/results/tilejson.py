"""The tiles of a map as TileJSON 3.0.0 (https://github.com/mapbox/tilejson-spec/tree/master/3.0.0)."""

from typing import Any

from terrazzo.serving.results.addresses import Addresses
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import Footprint
from terrazzo.serving.results.tiles import Tiling


def tilejson(finished: FinishedMap, tiling: Tiling, place: Footprint, addresses: Addresses) -> dict[str, Any]:
    """What a client needs to draw the tiles. `addresses` are whole ones.

    `vector_layers` is empty, as the schema requires it and these tiles are pictures.
    """
    west, south, east, north = place.bbox
    middle = (west + (east if west <= east else east + 360)) / 2
    return {
        "tilejson": "3.0.0",
        "name": finished.name or finished.job_id,
        "scheme": "xyz",
        "tiles": [addresses.tiles()],
        "minzoom": tiling.least,
        "maxzoom": tiling.greatest,
        "bounds": list(place.around),
        "center": [middle if middle <= 180 else middle - 360, (south + north) / 2, tiling.least],
        "vector_layers": [],
    }
