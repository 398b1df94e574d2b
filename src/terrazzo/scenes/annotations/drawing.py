"""A label that is drawn from polygons when it is read, in place of a mask file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import ImageError
from terrazzo.pixels.image_files import read_size
from terrazzo.pixels.image_view import ImageView, sampled
from terrazzo.pixels.masks import Mask
from terrazzo.scenes.trees import Tree
from terrazzo.system.files import digest


@dataclass(frozen=True, eq=False)
class Drawing:
    """The polygons of one image. It stands where a scene's mask file stands."""

    tree: Tree
    name: str
    """The annotation file's name in the tree."""
    image: str
    """The image's name in the tree."""
    polygons: NDArray[np.object_]
    """In pixels (x, y) from the upper left corner of the image as viewers show it, or in shares of its sides."""
    ids: NDArray[np.uint8]
    """The number of each polygon's class."""
    size: tuple[int, int] | None
    """(height, width) of the image by the annotation file; None: that of the image."""
    in_shares: bool = False

    @property
    def where(self) -> str:
        """The annotation file and the image, as messages show them."""
        return f"{self.tree.where(self.name)} (of {self.image.rsplit('/', 1)[-1]})"

    def read(self) -> bytes:
        """What distinguishes this label from others: size, class numbers and polygons."""
        import shapely

        shapes = b"".join(shapely.to_wkb(self.polygons).tolist())
        return repr((self.size, self.in_shares, self.ids.tolist(), digest(shapes))).encode()

    def mask(self, view: ImageView) -> Mask:
        """The class numbers (H, W) as drawn, 255 outside every polygon. Raises ImageError if the image is unreadable.

        A smaller view takes the value at the centre of each area, as for mask files.
        """
        import shapely

        from terrazzo.scenes.burnt_polygons import BurntPolygons

        height, width = self.size or read_size(self.tree.read(self.image), self.tree.where(self.image))
        if max(height, width) > 1 << 16:
            raise ImageError(f"{self.where}: gives its image {height} x {width} pixels; correct the annotation file")
        sides = np.array([width, height])
        polygons = shapely.transform(self.polygons, lambda xy: xy * sides) if self.in_shares else self.polygons
        burnt = BurntPolygons(polygons, self.ids)
        drawn = sampled(Image.fromarray(burnt.ids(0, 0, height, width)), view, self.where)
        n_outside = len(polygons) - int(shapely.intersects(polygons, shapely.box(0, 0, width, height)).sum())
        return Mask(
            self.where, np.asarray(drawn), file_size=(height, width), n_twice=burnt.n_twice, n_outside=n_outside
        )
