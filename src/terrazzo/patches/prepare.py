"""A data set of pictures to patches as a recipe says, before training on them."""

from pathlib import Path
from typing import TYPE_CHECKING

from terrazzo.system.reporting import Reporter

if TYPE_CHECKING:
    from terrazzo.patches.prepared import Prepared
    from terrazzo.recipe.sections import DataSection


def prepare_by_section(
    data: Path, out: Path, section: "DataSection", overwrite: bool, reporter: Reporter
) -> "Prepared":
    """A data set of pictures prepared as a recipe's data section says. Raises what `write_patches` raises."""
    from terrazzo.patches.from_pictures import Pictures
    from terrazzo.patches.options import PatchOptions, SplitOptions
    from terrazzo.patches.write_patches import Preparation, write_patches
    from terrazzo.scenes.contract.options import LabelOptions

    reading = LabelOptions(downsample=section.downsample)
    cutting = PatchOptions(section.patch_size, section.fit)
    division = SplitOptions(section.split, section.val, section.test, section.seed)
    source = Pictures(data, section.layout)
    return write_patches(Preparation(source, out, reading, cutting, division, overwrite, reporter))
