"""Handlers of the API."""

from litestar.handlers import HTTPRouteHandler

from web.requests import AnyConnection


class route(HTTPRouteHandler):  # noqa: N801  # named as Litestar's
    """Litestar's `route`, but its guards get the handler itself. Litestar copies the handler for each guard of each
    request, which takes longer than the guard.
    """

    __slots__ = ()

    async def authorize_connection(self, connection: AnyConnection) -> None:
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]
