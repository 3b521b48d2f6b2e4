"""GET /static/…: what the pages of any browser host load, signed in or not."""

from litestar import Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.pages.assets import ASSETS
from web.requests import READ


@route("/static/{digest:str}/{name:str}", http_method=READ, include_in_schema=False, sync_to_thread=False)
def static(digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A page of another version asks for another content, which this URL must not stand for in anybody's cache."""
    if name not in ASSETS:
        raise NotFoundException
    response = ASSETS[name].response()
    if digest != ASSETS[name].digest:
        response.headers["Cache-Control"] = "no-store"
    return response
