"""An image and its labels read and cut by rows of patches, so that memory does not grow with the scene."""

STRIP_BYTES = 64 << 20
"""About so many bytes are held of an image at a time, while stored values become 8 bits."""
_BYTES = 8  # of a stored value on its way

Window = tuple[int, int, int, int]
"""Row, column, height and width."""


def strips(height: int, width: int, bands: int, patch_size: int, fit: str) -> list[Window]:
    """The windows to read one after another, of whole patches, row-major; under `pad` the last ones are smaller.

    Law: under `crop` they cover each whole patch once, under `pad` each pixel once; none is larger than STRIP_BYTES
    allows, unless it is one patch.
    """
    if fit == "crop":
        height, width = height // patch_size * patch_size, width // patch_size * patch_size
    step = max(1, STRIP_BYTES // (patch_size * patch_size * bands * _BYTES)) * patch_size
    return [
        (row, col, min(patch_size, height - row), min(step, width - col))
        for row in range(0, height, patch_size)
        for col in range(0, width, step)
    ]
