"""GET /openapi.json and GET /docs."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from terrazzo.serving.http.openapi.document import document
from terrazzo.serving.http.openapi.reading import POLICY, page
from terrazzo.serving.http.site import site_of


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    return JSONResponse(document(site_of(request)))


async def docs(request: Request) -> Response:
    """GET /docs: the same for people, offline and without scripts."""
    return HTMLResponse(page(document(site_of(request))), headers={"Content-Security-Policy": POLICY})


ROUTES = [Route("/openapi.json", openapi), Route("/docs", docs)]
