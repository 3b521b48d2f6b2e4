"""The list of URLs in routes.py equals the routes of the app."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from litestar.handlers import BaseRouteHandler
from litestar.routes import ASGIRoute, BaseRoute, HTTPRoute

import page_sites
import routes
from main import api

SITES = {"API": api, "Portal": page_sites.PORTAL, "Admin": page_sites.ADMIN, "Platform": page_sites.PLATFORM_ADMIN}
ROOTS = {"Portal": "", "Admin": "/staff", "Platform": ""}
HEADING = re.compile(r"([A-Z]\w+(?:, [A-Z]\w+)*):")
LINE = re.compile(r"  (\S+) +([A-Z].*)")


class Endpoint(NamedTuple):
    site: str
    path: str
    method: str
    handler: str


def served() -> set[Endpoint]:
    return {
        Endpoint(site, route.path, method, handler.fn.__qualname__)
        for site, router in SITES.items()
        for route in router.routes
        for handler, method in handlers_of(route)
        if method != "OPTIONS"  # Litestar adds OPTIONS to every URL
    }


def handlers_of(route: BaseRoute) -> list[tuple[BaseRouteHandler, str]]:
    if isinstance(route, HTTPRoute):
        return [(handler, str(method)) for handler in route.route_handlers for method in handler.http_methods]
    assert isinstance(route, ASGIRoute)
    return [(route.route_handler, "ANY")]


def listed() -> Iterator[Endpoint]:
    """Routes of an entry such as `/sign-in  LoginController: GET form, POST login`, for each site of its heading."""
    sites: list[str] = []
    for line in str(routes.__doc__).splitlines():
        if heading := HEADING.match(line):
            sites = heading[1].split(", ")
        elif entry := LINE.fullmatch(line):
            controller, colon, handlers = entry[2].partition(": ")
            for methods, handler in (one.split() for one in (handlers if colon else entry[2]).split(", ")):
                for site in sites:
                    path = (ROOTS[site] if len(sites) > 1 else "") + entry[1]
                    for method in methods.split("|"):
                        yield Endpoint(site, path, method, f"{controller}.{handler}" if colon else handler)


def test_every_url_is_listed_with_its_handler() -> None:
    endpoints = list(listed())
    assert len(endpoints) == len(set(endpoints))
    assert set(endpoints) == served()
