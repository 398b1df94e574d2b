"""`terrazzo synthesize`: a synthetic world to try everything on, with no download."""

from terrazzo.cli.output import next_command, wrote
from terrazzo.scenes.synthesize import Synthesized


def tell(made: Synthesized, *, height: int, width: int) -> None:
    """Print where the world is."""
    from terrazzo.patches.cutting import fitting_size

    wrote("a synthetic world", [made.path], made.kept)
    next_command("terrazzo", "prepare", made.path, "--patch-size", str(fitting_size(height, width)), "--out", "patches")
