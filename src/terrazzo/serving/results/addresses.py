"""The addresses of one map: paths below the server's root path, or whole ones for other programs."""

from dataclasses import dataclass

TILE = "{z}/{x}/{y}"


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a map are read."""

    job_id: str
    root: str
    """What stands before `/maps`: the root path; for other programs scheme, host and root path."""

    @property
    def base(self) -> str:
        """The map's own address."""
        return f"{self.root}/maps/{self.job_id}"

    @property
    def job(self) -> str:
        """Its job."""
        return f"{self.root}/jobs/{self.job_id}"

    @property
    def results(self) -> str:
        """Its STAC item."""
        return f"{self.job}/results"

    @property
    def tilejson(self) -> str:
        """Its TileJSON."""
        return f"{self.base}/tilejson.json"

    @property
    def wmts(self) -> str:
        """Its WMTS capabilities."""
        return f"{self.base}/wmts.xml"

    @property
    def point(self) -> str:
        """What the map says at a point."""
        return f"{self.base}/point"

    def file(self, name: str) -> str:
        """One of its files."""
        return f"{self.base}/{name}"

    def tiles(self, tile: str = TILE) -> str:
        """The template of its tiles; of another `tile`, such as `{TileMatrix}/{TileCol}/{TileRow}`."""
        return f"{self.base}/tiles/{tile}.png"
