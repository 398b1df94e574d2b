"""A raster without labels described: what it is, what its values are, and what is doubtful about it."""

from pathlib import Path
from typing import Any

import numpy as np

from terrazzo.pixels.rasters.doubts import doubts, in_words
from terrazzo.pixels.rasters.raster import Raster, read_raster
from terrazzo.pixels.rasters.reading import Choice
from terrazzo.pixels.rasters.sampling import SEEN_PIXELS, Sample, sample
from terrazzo.scenes.inspection import Inspection

LAYOUT = "raster"
_FIGURES = ("min", "max", "mean", "std")


def inspect_raster(path: Path, nodata: float | None) -> Inspection:
    """What a raster is: size, bands, type, CRS, ground sampling distance, nodata, and statistics of each band.

    The statistics are those of the valid pixels of a sample (`sampling`). Raises ImageError if it cannot be read.
    """
    raster = read_raster(path, nodata=nodata)
    bands = tuple(i for i, color in enumerate(raster.colors, start=1) if color != "alpha") or (1,)
    seen = sample(raster, bands)
    statistics = [] if seen is None else [_statistics(raster, band, seen, i) for i, band in enumerate(bands)]
    value = {
        "layout": LAYOUT,
        "height": raster.height,
        "width": raster.width,
        "dtype": raster.dtype,
        "bands": list(raster.names),
        "colors": list(raster.colors),
        "crs": None if raster.crs is None else raster.crs.to_string(),
        "gsd_m": raster.gsd_m,
        "nodata": raster.nodata if raster.nodata is None or np.isfinite(raster.nodata) else str(raster.nodata),
        "valid_share": None if seen is None else float(seen.valid.mean()),
        "statistics": statistics,
        "refusal": None,
    }
    text = (
        f"{path}: a raster of {raster.height} x {raster.width} px of {raster.dtype}",
        f"bands: {', '.join(f'{i} {name}' for i, name in enumerate(raster.names, start=1))}",
        _place(raster),
        _validity(raster, seen),
        *_lines(statistics, raster.height * raster.width > SEEN_PIXELS),
        *raster.notes,
        *in_words([doubts(raster, Choice(bands), seen)]),
        "labels are wanted for training: polygons of classes, or a label raster",
    )
    return Inspection(text, value)


def _place(raster: Raster) -> str:
    if raster.crs is None:
        points = f"; placed by {len(raster.gcps)} ground control points" if raster.gcps else ""
        return f"CRS: none{points}"
    gsd = "not known" if raster.gsd_m is None else f"{raster.gsd_m:.3g} m"
    return f"CRS: {raster.crs.to_string()[:60]}; ground sampling distance: {gsd}"


def _validity(raster: Raster, seen: Sample | None) -> str:
    value = "none" if raster.nodata is None else f"{raster.nodata:g}"
    given = "" if raster.ignored is None else f", and {raster.ignored:g} by --nodata"
    share = "its pixels cannot be read" if seen is None else f"{seen.valid.mean():.1%} of the pixels are valid"
    return f"nodata: {value}{given}; {share}"


def _statistics(raster: Raster, band: int, seen: Sample, place: int) -> dict[str, Any]:
    """Least, greatest, mean and deviation of a band's valid values; the colours' in a palette image."""
    stored = seen.stored[0] if raster.palette is not None else seen.stored[place]
    values = stored[seen.valid]
    if raster.palette is not None:
        values = raster.palette[values, band - 1]
    about = {"band": band, "name": raster.names[band - 1]}
    known = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        figures = [float(getattr(known, name)()) for name in _FIGURES] if known.size else []
    finite = np.isfinite(figures).all() and len(figures)
    return about | dict(zip(_FIGURES, figures if finite else [None] * len(_FIGURES), strict=True))


def _lines(statistics: list[dict[str, Any]], of_sample: bool) -> list[str]:
    known = [entry for entry in statistics if entry["mean"] is not None]
    if not known:
        return []
    width = max(len(entry["name"]) for entry in known)
    return [
        f"values{' of a sample' if of_sample else ''}: band, name, least, greatest, mean, standard deviation",
        *(
            f"  {entry['band']:3d}  {entry['name']:{width}}  " + "  ".join(f"{entry[name]:10.6g}" for name in _FIGURES)
            for entry in known
        ),
    ]
