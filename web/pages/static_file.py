"""GET /static/…: the files of `assets`."""

from litestar import Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.pages.assets import ASSETS
from web.requests import READ_METHODS


@route("/static/{digest:str}/{name:str}", http_method=READ_METHODS, include_in_schema=False, sync_to_thread=False)
def static_file(digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A page of another version asks for other content; no cache may keep this content for that URL."""
    if name not in ASSETS:
        raise NotFoundException
    response = ASSETS[name].response()
    if digest != ASSETS[name].digest:
        response.headers["Cache-Control"] = "no-store"
    return response
