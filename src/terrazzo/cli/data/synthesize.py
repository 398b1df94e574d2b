"""`terrazzo synthesize`: a synthetic world to try everything on, with no download."""

from pathlib import Path

from terrazzo.cli.output import next_command, wrote
from terrazzo.scenes.synthesize import Synthesized


def tell(made: Synthesized, *, height: int, width: int) -> None:
    """Print where the world is."""
    from terrazzo.patches.cutting import fitting_size

    wrote("a synthetic world", [made.path], made.kept)
    data: list[str | Path] = [made.path]
    if made.layout == "geotiff":
        data = [f"rgb={made.path / 'ortho'},dsm={made.path / 'dsm'}", made.path / "labels"]
    next_command("terrazzo", "prepare", *data, "--patch-size", str(fitting_size(height, width)), "--out", "patches")
