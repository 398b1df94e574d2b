"""Random augmentation of images and masks together: geometry, colours, other sensors and places, pasted classes.

Geometry is the same for all bands. Colours change in bands of light alone (`bands.light`): a height is a height in any
weather. Pixels are grey levels: deeper ones come with the range of each band as 0..255, and may lie beyond it.

The result depends on the seed argument alone. No global random state is read or changed, and the numbers are drawn on
the CPU whatever the device. Each option has its own numbers, so switching one on does not change the others. Nothing
reads a value back from the device, so a GPU never waits for the CPU.
"""

from terrazzo.training.augmentation.augment import Augmentation

__all__ = ["Augmentation"]
