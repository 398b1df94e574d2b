"""Pictures of a training run and of single patches, as PNG and JPEG.

Drawn with matplotlib's Figure objects alone, so that nothing is shared between calls and no window system is asked for.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import InputError
from terrazzo.files import write_beside
from terrazzo.schema import IGNORE, ClassSchema

ERROR_COLOR = (225, 38, 48)
"""Wrong pixels in the errors panel."""
IGNORED_COLORS = ((176, 180, 186), (134, 139, 147))
"""The two stripes that mark ignored pixels."""

_STRIPE_PX = 4
_LOSS_LINES = (("train_loss", "training", "#8a94a6"), ("val_loss", "validation", "#c2410c"))
_SCORE_LINES = (
    ("val_accuracy", "accuracy", "#2563eb"),
    ("val_mean_dice", "mean Dice", "#9333ea"),
    ("val_mean_iou", "mean IoU", "#0f766e"),
)


@dataclass(frozen=True)
class Panels:
    """One patch four times, encoded: the photo and the errors as JPEG, truth and prediction as paletted PNG."""

    image: bytes
    truth: bytes
    prediction: bytes
    errors: bytes


def compare(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    schema: ClassSchema,
    max_px: int = 512,
) -> Panels:
    """The four panels of a patch: image (H, W, C), truth and predicted ids (H, W); at most `max_px` a side.

    Errors are red over the darkened grey image; pixels that the truth ignores are striped in truth and errors alike.
    Of more than three bands the first three are shown, of two the first.
    """
    return Panels(
        image=_jpeg(_rgb(image), max_px),
        truth=_class_png(truth, schema, max_px),
        prediction=_class_png(predicted, schema, max_px),
        errors=_jpeg(error_map(image, truth, predicted), max_px),
    )


def error_map(image: NDArray[np.uint8], truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where a prediction is wrong, (H, W, 3): wrong pixels red, right ones dark grey image, ignored ones striped."""
    grey = _rgb(image).mean(axis=2, keepdims=True)
    canvas = np.repeat(20 + 0.45 * grey, 3, axis=2)
    wrong = truth != predicted
    canvas[wrong] = 0.7 * np.array(ERROR_COLOR) + 0.3 * canvas[wrong]
    ignored = truth == IGNORE
    canvas[ignored] = np.array(IGNORED_COLORS)[_stripes(truth.shape)][ignored]
    return canvas.round().astype(np.uint8)


def plot_curves(rows: Sequence[Mapping[str, Any]], out_png: Path) -> None:
    """Write `out_png`: losses, validation scores and learning rate by epoch, the best epoch (mean IoU) marked.

    Rows are those of a run's metrics.csv, values as numbers or text; empty, missing and non-finite ones leave a gap.
    Raises InputError where there is no row.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not rows:
        raise InputError(f"{out_png}: no epoch to draw; the metrics have no row yet")
    figure = Figure(figsize=(12.5, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1, 1, 0.62])
    epochs = _column(rows, "epoch")
    _draw_lines(axes[0], epochs, rows, _LOSS_LINES)
    _draw_lines(axes[1], epochs, rows, _SCORE_LINES)
    _draw_lines(axes[2], epochs, rows, (("lr", "learning rate", "#64748b"),))
    for axis, title in zip(axes, ("Loss", "Validation scores", "Learning rate"), strict=True):
        axis.set_title(title, loc="left", fontsize=12, fontweight="bold")
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(axis="y", color="#e2e8f0")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(bottom=min(0.0, axes[0].get_ylim()[0]))
    axes[1].set_ylim(0, 1)
    axes[2].set_ylim(bottom=0)
    axes[2].yaxis.set_major_formatter("{x:.2g}")
    _mark_best(axes, epochs, _column(rows, "val_mean_iou"))
    for axis, place in zip(axes[:2], ("upper right", "lower right"), strict=True):
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc=place, fontsize=9, framealpha=1, edgecolor="white")
    with write_beside(out_png) as temporary:
        figure.savefig(temporary, format="png")


def _draw_lines(
    axis: Any, epochs: NDArray[np.float64], rows: Sequence[Mapping[str, Any]], lines: Sequence[tuple[str, str, str]]
) -> None:
    marker = "o" if len(rows) <= 25 else None
    for key, label, color in lines:
        values = _column(rows, key)
        if np.isfinite(values).any():
            axis.plot(epochs, values, color=color, label=label, linewidth=1.8, marker=marker, markersize=3.5)


def _mark_best(axes: Any, epochs: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
    if not np.isfinite(scores).any():
        return
    best = int(np.nanargmax(scores))
    for axis in axes[:2]:
        axis.axvline(epochs[best], color="#0f766e", linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    axes[1].plot(epochs[best], scores[best], "o", color="#0f766e", markersize=8)
    late = best >= len(epochs) / 2
    axes[1].annotate(
        f"best {scores[best]:.3f}\nepoch {epochs[best]:g}",
        (epochs[best], scores[best]),
        xytext=(-6 if late else 6, -10),
        textcoords="offset points",
        ha="right" if late else "left",
        va="top",
        fontsize=9,
        color="#0f766e",
    )


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    numbers = [float(row[key]) if row.get(key) not in (None, "") else math.nan for row in rows]
    values = np.array(numbers, np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bands that are shown, (H, W, 3)."""
    return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)


def _stripes(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """0 and 1 in diagonal stripes (H, W)."""
    rows, columns = np.indices(shape)
    stripes: NDArray[np.int64] = (rows + columns) // _STRIPE_PX % 2
    return stripes


def _class_png(ids: NDArray[np.uint8], schema: ClassSchema, max_px: int) -> bytes:
    """Ids (H, W) in their classes' colours, ignored pixels striped."""
    striped = schema.decode(ids)
    ignored = ids == IGNORE
    striped[ignored] = np.array(IGNORED_COLORS, np.uint8)[_stripes(ids.shape)][ignored]
    picture = _shrink(Image.fromarray(striped), max_px, Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _jpeg(rgb: NDArray[np.uint8], max_px: int) -> bytes:
    stream = io.BytesIO()
    picture = _shrink(Image.fromarray(np.ascontiguousarray(rgb)), max_px, Image.Resampling.BOX)
    picture.save(stream, "JPEG", quality=88, subsampling=0)
    return stream.getvalue()


def _shrink(picture: Image.Image, max_px: int, resampling: Image.Resampling) -> Image.Image:
    factor = max_px / max(picture.size)
    if factor >= 1:
        return picture
    return picture.resize((max(1, round(picture.width * factor)), max(1, round(picture.height * factor))), resampling)
