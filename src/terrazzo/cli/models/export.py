"""`terrazzo export`: a model file in the forms that other programs read."""

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.model.exporting.export import Exported
from terrazzo.system.reporting import how_many


def tell(done: Exported) -> None:
    """Print the parity and where the file is."""
    if done.difference is not None:
        line(f"parity: probabilities differ by {done.difference:.1e} at most, float32, random input (allowed: 1e-04)")
    if done.int8 is not None:
        line(f"int8: {done.int8.words}, on {how_many(done.int8.n_patches, 'validation patch')}")
    wrote("an export", [done.path], done.kept)
    next_command("terrazzo", "inspect", done.path)
