"""A scene and a model whose map is ragged, as that of a model trained for a few epochs is.

Blocks of 16 px of random colours, with sensor noise; the class is that whose colour direction the blurred pixel follows
best. For each 100,000 pixels the map has about 600 areas, many of them specks.
"""

from pathlib import Path

import numpy as np

from benchmarks.prediction_memory import N_CLASSES

BLOCK, ROWS, NOISE = 16, 512, 5


def make_ragged_scene(path: Path, height: int, width: int) -> None:
    """A GeoTIFF in tiles of 512 px, UTM, 10 cm."""
    import rasterio
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    rng = np.random.default_rng(0)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": height, "width": width, "tiled": True}
    profile |= {"blockxsize": 512, "blockysize": 512, "compress": "deflate", "bigtiff": "if_safer"}
    with rasterio.open(path, "w", crs="EPSG:32640", transform=from_origin(5e5, 2.7e6, 0.1, 0.1), **profile) as scene:
        for row in range(0, height, ROWS):
            rows = min(ROWS, height - row)
            blocks = rng.integers(0, 256, (3, -(-rows // BLOCK), -(-width // BLOCK)))
            colors = blocks.repeat(BLOCK, 1).repeat(BLOCK, 2)[:, :rows, :width]
            noisy = (colors + rng.normal(0, NOISE, colors.shape)).clip(0, 255).astype(np.uint8)
            scene.write(noisy, window=Window(0, row, width, rows))


def make_ragged_model(path: Path) -> None:
    """A classic U-Net of two levels that blurs its input over 3 x 3 px twice and compares it with six colours."""
    import torch

    from terrazzo.classes.schema import ClassSchema, distinct_colors
    from terrazzo.model import bundle
    from terrazzo.model.header import Header, TrainingData
    from terrazzo.model.network import build_model
    from terrazzo.model.normalization import Normalization
    from terrazzo.recipe.sections import ModelSection

    section = ModelSection(filters=(3, 3), dropout=0)
    normalization = Normalization("unit", (0.0,) * 3, (1.0,) * 3)
    state = build_model(section, 3, N_CLASSES, normalization).state_dict()
    colors = np.random.default_rng(0).normal(size=(N_CLASSES, 3))
    colors /= np.linalg.norm(colors, axis=1, keepdims=True)
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.zero_()
            if name.startswith(("body.down.0", "body.merge.0")) and name.endswith("weight"):
                for band in range(3):
                    tensor[band, band] = 1 / 9
        state["body.head.weight"][:, :, 0, 0] = 40 * torch.tensor(colors)
        state["body.head.bias"][:] = -20 * torch.tensor(colors.sum(axis=1))
    header = Header(
        terrazzo_version="benchmark",
        model=section,
        bands=3,
        schema=ClassSchema(tuple(f"class {i}" for i in range(N_CLASSES)), distinct_colors(N_CLASSES)),
        normalization=normalization,
        patch_size=256,
        fit="crop",
        recipe={},
        training_data=TrainingData("", "group", {}, 0, (), 0, 0),
        key="",
    )
    bundle.save(path, header, state)
