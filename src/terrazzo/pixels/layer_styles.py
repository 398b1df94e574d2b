"""The styles of a GeoPackage's layers, in the table from which QGIS takes them by itself.

`layer_styles` has the fields that QGIS gives it when it saves a style in a database. The style marked as default is
used when the layer is opened; the others are offered under Load Style. GDAL lists the table as a layer without
geometry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TABLE = "layer_styles"
_TIME = "update_time"
_FIXED_TIME = "2000-01-01T00:00:00.001"
"""The same style gives the same bytes. GDAL leaves .000 out, and versions before 3.7 warn of a time without it."""
_UTC = 100
"""GDAL's word for a time in UTC, the only one that a GeoPackage may hold."""


@dataclass(frozen=True)
class Style:
    """A style with its name and what it shows."""

    name: str
    description: str
    text: str
    """The content of a .qml file."""


def write_layer_styles(path: Path, where: tuple[str, str], styles: Sequence[Style]) -> None:
    """Add the table with a row a style, the first as default, to the GeoPackage at `path`.

    `where`: the layer, and its field of geometries.
    """
    import pyogrio  # a map without polygons has styles, and loads no library of layers

    layer, geometry_field = where
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": layer,
            "f_geometry_column": geometry_field,
            "styleName": style.name,
            "styleQML": style.text,
            "styleSLD": "",
            "useAsDefault": i == 0,
            "description": style.description,
            "owner": "",
            "ui": None,
            _TIME: np.datetime64(_FIXED_TIME, "ms"),
        }
        for i, style in enumerate(styles)
    ]
    columns = [
        np.array([row[name] for row in rows], None if isinstance(value, bool | np.datetime64) else np.object_)
        for name, value in rows[0].items()
    ]
    pyogrio.raw.write(
        str(path),
        None,
        columns,
        list(rows[0]),
        layer=TABLE,
        driver="GPKG",
        geometry_type=None,
        layer_options={"FID": "id"},
        gdal_tz_offsets={_TIME: np.full(len(rows), _UTC)},
        append=True,
    )
