"""`terrazzo compare`: two class maps become tables, a raster and polygons of what changed."""

from terrazzo.cli.output import line, wrote
from terrazzo.improving.comparing.comparison import Comparison


def tell(done: Comparison) -> None:
    """Print the areas by class, the changes and where the files are."""
    for text in done.lines():
        line(text)
    wrote("a comparison", [done.path / name for name in done.record["outputs"]], done.kept)
