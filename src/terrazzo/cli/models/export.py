"""`terrazzo export`: a model file in the forms that other programs read."""

from terrazzo.cli.output import line, next_command, wrote
from terrazzo.model.exporting.export import Exported


def tell(done: Exported) -> None:
    """Print the parity and where the file is."""
    if done.difference is not None:
        line(f"parity: probabilities differ by {done.difference:.1e} at most, float32, random input (allowed: 1e-04)")
    wrote("an export", [done.path], done.kept)
    next_command("terrazzo", "inspect", done.path)
