"""Synthetic worlds as files: the layouts, mask formats and archives that real data sets come in."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.palettes import SYNTHETIC
from terrazzo.errors import InputError
from terrazzo.scenes.synthetic.georeferenced import geotiff
from terrazzo.scenes.synthetic.published import WRITERS, Plan, encoded
from terrazzo.scenes.synthetic.render import render
from terrazzo.scenes.synthetic.styles import STYLES, style_named
from terrazzo.system.files import Mark, read_json, write_beside, write_folder_beside, write_json

_WRITERS = {**WRITERS, "geotiff": geotiff}
LAYOUTS = ("flat", "humans-in-the-loop", *_WRITERS)
MASK_MODES = ("color", "palette", "id")
PARTS = 3
"""A tile is one scene cut into this many parts a side."""

WORLD = ".terrazzo-world.json"
"""The hidden file that distinguishes a synthetic world from real data of the same names."""
_WRITTEN_BY = "terrazzo synthesize"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_world(out: Path, *, as_zip: bool = False, **options: Any) -> Path:
    """Write `n_images` photos with their masks as the folder or .zip `out`, whole or not at all; return it.

    - layout "flat": images/scene_001.jpg and masks/scene_001.png
    - layout "humans-in-the-loop": Tile 1/images/image_part_001.jpg and so on, nine parts of one scene a tile in
      row-major order; `n_images` is rounded up to whole tiles
    - layouts "semantic-drone", "cityscapes", "cityscapes-pairs", "camvid": as published (`published`), with masks and
      tables of their own, so that `mask_mode` and `class_table` keep their defaults
    - layout "geotiff": ortho/, nir/, dsm/ and labels/ with a GeoTIFF each a scene (`georeferenced`), always as a folder
    - size: the least (height, width); images are up to an eighth larger, never a multiple of 32; in the layouts of
      published data sets and of GeoTIFFs exactly this size
    - style: one of STYLES, the look of the place; masks are the same in each
    - mask_mode: "color", "id" or "palette", with another order of the palette in each file
    - as_zip: an archive instead of a folder, with the data in a folder inside it
    - class_table: also write a classes.json that agrees with the masks

    Equal options give equal pixels. What was at `out` is replaced. Raises InputError for an option out of range.
    """
    world = _World(**options)
    if as_zip and Path(out).suffix.lower() != ".zip":
        raise InputError(f"{out}: an archive needs a name that ends in .zip")
    if as_zip and world.layout == "geotiff":
        raise InputError("--zip: rasters are read from folders, not archives; leave it out with --layout geotiff")
    if as_zip:
        with write_beside(Path(out)) as temporary:
            _write_zip(temporary, Path(out).stem, world)
    else:
        with write_folder_beside(Path(out)) as folder:
            names = []
            for name, raw in world.files():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(raw)
                names.append(name)
            write_json(folder / WORLD, {"written_by": _WRITTEN_BY, "files": names})
    return Path(out)


def world_mark(folder: Path) -> Mark:
    """How a folder is recognised as a synthetic world: it lists its own files."""
    names = read_json(folder / WORLD).get("files")
    return Mark((WORLD, *map(str, names if isinstance(names, list) else ())), ((WORLD, _WRITTEN_BY),))


@dataclass(frozen=True)
class _World:
    layout: str = "flat"
    n_images: int = 12
    size: tuple[int, int] = (256, 384)
    seed: int = 0
    style: str = "temperate"
    mask_mode: str = "color"
    class_table: bool = False

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise InputError(f"--layout {self.layout}: no such layout; there are {', '.join(LAYOUTS)}")
        style_named(self.style)
        if self.mask_mode not in MASK_MODES:
            raise InputError(f"--mask-mode {self.mask_mode}: no such mode; there are {', '.join(MASK_MODES)}")
        if self.layout in _WRITERS and (self.mask_mode != "color" or self.class_table):
            raise InputError(
                f"--mask-mode {self.mask_mode}: the layout {self.layout} has masks and a table of its own; "
                "leave it out, or use the layout flat"
            )
        if self.n_images < 1 or min(self.size) < 1 or self.seed < 0:
            raise InputError(
                f"{self.n_images} images of {self.size[0]} x {self.size[1]} px, seed {self.seed}; "
                "a world needs at least 1 image of at least 1 px, and a seed of 0 or more"
            )

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of every file, photo and mask in turn, the class table last."""
        if self.layout in _WRITERS:
            yield from _WRITERS[self.layout](Plan(self.n_images, self.size, self.seed, STYLES[self.style]))
            return
        pairs = self._flat() if self.layout == "flat" else self._tiles()
        for number, (folder, stem, photo, ids) in enumerate(pairs):
            yield f"{folder}images/{stem}.jpg", encoded(Image.fromarray(photo), "JPEG")
            yield f"{folder}masks/{stem}.png", encoded(self._mask(ids, number), "PNG")
        if self.class_table:
            yield "classes.json", json.dumps(SYNTHETIC.to_list(), indent=2).encode()

    def _flat(self) -> Iterator["_Pair"]:
        for number in range(self.n_images):
            seed, height, width = self._scene(number)
            yield "", f"scene_{number + 1:03d}", *render(seed, height, width, STYLES[self.style])

    def _tiles(self) -> Iterator["_Pair"]:
        for tile in range(-(-self.n_images // PARTS**2)):
            seed, height, width = self._scene(tile)
            photo, ids = render(seed, height * PARTS, width * PARTS, STYLES[self.style])
            for part in range(PARTS**2):
                top, left = part // PARTS * height, part % PARTS * width
                window = slice(top, top + height), slice(left, left + width)
                yield f"Tile {tile + 1}/", f"image_part_{part + 1:03d}", photo[window], ids[window]

    def _scene(self, number: int) -> tuple[int, int, int]:
        """The seed, height and width of a scene, or of one part if scenes are cut."""
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((self.seed, number))))
        height, width = (least + int(rng.integers(least // 8 + 1)) for least in self.size)
        return int(rng.integers(1 << 32)), height + (height % 32 == 0), width + (width % 32 == 0)

    def _mask(self, ids: NDArray[np.uint8], number: int) -> Image.Image:
        if self.mask_mode == "color":
            return Image.fromarray(SYNTHETIC.decode(ids))
        if self.mask_mode == "id":
            return Image.fromarray(ids)
        # Shifted by one place a file: neighbours never share an order.
        order = np.roll(np.arange(SYNTHETIC.n_classes), number + 1)
        mask = Image.fromarray(np.argsort(order).astype(np.uint8)[ids])
        mask.putpalette(np.array(SYNTHETIC.colors, np.uint8)[order].tobytes())
        return mask


_Pair = tuple[str, str, NDArray[np.uint8], NDArray[np.uint8]]


def _write_zip(path: Path, folder: str, world: _World) -> None:
    """Write the archive, its entries under `folder`, without times: equal worlds are equal bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in world.files():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", ZIP_DATE), raw)
