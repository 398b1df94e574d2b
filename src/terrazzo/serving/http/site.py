"""What every route works with, and who calls: `request.app.state.site`, `request.state.caller`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import Request

from terrazzo.serving.folder import DataFolder
from terrazzo.serving.http.work.machines import Machines
from terrazzo.serving.jobs.store import JobStore
from terrazzo.serving.models import Catalogue
from terrazzo.serving.settings import Settings
from terrazzo.serving.token_files import ADMIN, USER
from terrazzo.serving.uploads.store import UploadStore

if TYPE_CHECKING:
    from terrazzo.serving.http.access.tokens import Tokens


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the name and role of the token. Without a token file everyone is an admin with no name."""

    name: str = ""
    role: str = ADMIN

    def may_see(self, owner: str) -> bool:
        """Whether the caller may see and change what belongs to this name: one's own alone, an admin everything."""
        return self.role == ADMIN or (self.role == USER and self.name == owner)

    @property
    def listed(self) -> str | None:
        """Whose jobs `GET /jobs` lists: one's own; None, which means everyone's, for an admin."""
        return None if self.role == ADMIN else self.name


@dataclass(frozen=True)
class Site:
    """One server: what it was given, and where it keeps things."""

    settings: Settings
    folder: DataFolder
    jobs: JobStore
    uploads: UploadStore
    models: Catalogue
    tokens: "Tokens"
    machines: Machines = field(default_factory=Machines)

    def path(self, below: str) -> str:
        """The path of a route as clients see it: below `--root-path`."""
        return self.settings.root_path + below


def site_of(request: Request) -> Site:
    """The site of a request."""
    site: Site = request.app.state.site
    return site


def caller_of(request: Request) -> Caller:
    """Who sent the request."""
    caller: Caller = request.state.caller
    return caller
