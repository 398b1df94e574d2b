"""A finished map as a STAC item (version 1.1.0) with the projection extension 2.0.0.

https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md
"""

from collections.abc import Mapping
from typing import Any

from terrazzo.classes.schema import format_color
from terrazzo.serving.jobs.job import IMPROVE, Job
from terrazzo.serving.results.addresses import Addresses
from terrazzo.serving.results.files import FILES, JSON
from terrazzo.serving.results.finished import FinishedMap
from terrazzo.serving.results.footprint import footprint
from terrazzo.serving.results.tiles import tiling_of

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"


def stac_item(job: Job, finished: FinishedMap, addresses: Addresses) -> dict[str, Any]:
    """The item. `geometry` is null, and `bbox` absent, where the map lies nowhere on the earth."""
    place = footprint(finished)
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [PROJECTION],
        "id": job.id,
        "geometry": place.geometry if place else None,
        **({"bbox": list(place.bbox)} if place else {}),
        "properties": _properties(job, finished),
        "links": _links(addresses, tiling_of(finished) is not None),
        "assets": _assets(finished, addresses),
    }
    return item


def _properties(job: Job, finished: FinishedMap) -> dict[str, Any]:
    raster = finished.raster
    return {
        "title": finished.name or job.id,
        "datetime": job.finished or job.created,
        "created": job.finished or job.created,
        **_projection(finished),
        "proj:shape": [raster.height, raster.width],
        "proj:transform": list(finished.transform)[:6],
        "terrazzo:model": finished.model,
        "terrazzo:classes": [
            {"id": each.id, "name": each.name, "color": format_color(each.color)} for each in finished.classes
        ],
        "terrazzo:areas": finished.areas(),
        **_improvement(job),
    }


def _projection(finished: FinishedMap) -> Mapping[str, Any]:
    """The CRS by its code, and as WKT 2 where it has none; both null where there is no CRS."""
    if finished.crs is None:
        return {"proj:code": None, "proj:wkt2": None}
    authority = finished.crs.to_authority()
    return {
        "proj:code": ":".join(authority) if authority else None,
        "proj:wkt2": finished.crs.to_wkt(version="WKT2_2019"),
    }


def _improvement(job: Job) -> Mapping[str, Any]:
    """The map before, and the scores on the corrections kept aside."""
    if job.process != IMPROVE:
        return {}
    return {f"terrazzo:{key}": job.result[key] for key in ("before", "scores") if key in job.result}


def _links(addresses: Addresses, has_tiles: bool) -> list[dict[str, str]]:
    links = [
        ("self", addresses.results, "application/geo+json"),
        ("via", addresses.job, JSON),
        ("point", f"{addresses.point}?x={{x}}&y={{y}}", JSON),
        ("suggestions", f"{addresses.base}/suggestions", "application/geo+json"),
        ("corrections", f"{addresses.base}/corrections", "application/geo+json"),
    ]
    if has_tiles:
        links += [
            ("tilejson", addresses.tilejson, JSON),
            ("wmts", addresses.wmts, "application/xml"),
            ("xyz", addresses.tiles(), "image/png"),
        ]
    return [{"rel": rel, "href": href, "type": kind} for rel, href, kind in links]


def _assets(finished: FinishedMap, addresses: Addresses) -> dict[str, Any]:
    """The files that are there, by their keys."""
    assets = {}
    for file in FILES.values():
        if file.key is not None and finished.file(file.name).is_file():
            assets[file.key] = {
                "href": addresses.file(file.name),
                "type": file.media_type,
                "title": file.title,
                "roles": [file.role],
            }
    return assets
