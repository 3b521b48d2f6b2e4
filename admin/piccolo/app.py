"""Piccolo Admin over the tables and views of a tenant.

It is reached only through `admin.piccolo.proxy`, which identifies the user and enforces roles and table rules.
"""

import logging
from collections.abc import Sequence
from typing import cast, overload

from piccolo_admin.endpoints import AdminRouter, MetaResponseModel
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount

from admin.piccolo import page
from admin.piccolo.listings import TABLES
from auth.users.sessions import Session
from auth.users.users import User
from settings import settings
from tenants.tenant import current_tenant

# They log errors that the request's log line already has, and invalid input, which is not an error of the server.
for name in ("piccolo_admin.endpoints", "piccolo_api.crud.exceptions"):
    logging.getLogger(name).disabled = True

LINKS = {
    "Admin": "/staff",
    "API keys": "/staff/keys",
    "Users": "/staff/people",
    "Singular": "/staff/singular",
    "Corrections": "/staff/corrections",
    "Requests": "/staff/requests",
    "Account": "/staff/account",
}


class OwnHost(Sequence[str]):
    """The host that Piccolo's check of the origin allows: the bound tenant's."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return (f"app.{current_tenant().slug}.{settings.base_host}",)[index]

    def __len__(self) -> int:
        return 1


class PiccoloUser(BaseUser):
    """The user of the session, as Piccolo expects it."""

    def __init__(self, user: User) -> None:
        self.user = user

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.user.email

    @property
    def user_id(self) -> int:
        return self.user.id


class SessionBackend(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        session = cast(Session, conn.scope["state"]["session"])
        return AuthCredentials(["authenticated"]), PiccoloUser(session.user)


class TenantAdmin(AdminRouter):
    def __init__(self) -> None:
        super().__init__(
            *TABLES, allowed_hosts=OwnHost(), default_language_code="en", sidebar_links=LINKS, production=True
        )
        # Replaces the backend that reads Piccolo's own session cookie and session table.
        private = next(route for route in self.routes if isinstance(route, Mount) and route.path == "/api")
        assert isinstance(private.app, AuthenticationMiddleware)
        private.app.backend = SessionBackend()

    def get_meta(self) -> MetaResponseModel:
        return super().get_meta().model_copy(update={"site_name": page.site_name()})

    async def get_root(self, request: Request) -> HTMLResponse:
        return HTMLResponse(page.render_piccolo_page())


piccolo = TenantAdmin()
