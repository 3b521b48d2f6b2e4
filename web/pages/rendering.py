"""HTML pages from Jinja templates. `PageLayout` holds what every page shows around its content."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import jinja2
import msgspec
from litestar import Response
from litestar.enums import MediaType

from tenants.tenant import Tenant
from web.pages.assets import asset_url
from web.pages.branding import current_branding
from web.pages.formatting import TEMPLATE_FILTERS

ROOT = Path(__file__).parents[2]
FOLDERS = [
    ROOT / part / "templates"
    for part in (
        *("web/pages", "auth/users", "auth/api_keys", "reporting/dashboard", "reporting/drilldown"),
        *("saved_views", "portal", "admin", "admin/platform"),
    )
]


class NavLink(msgspec.Struct, frozen=True):
    """Of the navigation. `badge` is a short text such as a number, or None."""

    href: str
    label: str
    here: bool = False
    badge: str | None = None


class Notice(msgspec.Struct, frozen=True):
    kind: Literal["info", "success", "warning", "danger"]
    text: str
    href: str | None = None
    link_text: str = ""


class Reminder(msgspec.Struct, frozen=True):
    """One line that can be dismissed for a day. `dismiss` is the URL of the form that does it, and `place` that of the
    page to return to.
    """

    text: str
    href: str
    link_text: str
    dismiss: str
    place: str


class SignedInUser(Protocol):
    """The user who is signed in."""

    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str: ...


class PortalView(Protocol):
    """Staff view the portal as an advertiser sees it."""

    @property
    def name(self) -> str: ...
    @property
    def until(self) -> datetime: ...


class PageLayout(msgspec.Struct, frozen=True):
    """`tenant` is None on the platform's host; `current_user` is None if no user is signed in. An empty `home_url`: the
    tenant's name is not a link.
    """

    area: str
    tenant: Tenant | None
    current_user: SignedInUser | None = None
    nav: Sequence[NavLink] = ()
    notices: Sequence[Notice] = ()
    reminder: Reminder | None = None
    home_url: str = "/"
    sign_out_url: str = "/sign-out"
    account_url: str = "/account"
    view: PortalView | None = None


templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDERS),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["asset"] = asset_url
templates.globals["branding"] = current_branding
templates.filters.update(TEMPLATE_FILTERS)


def render_page(template: str, layout: PageLayout, *, status: int = 200, **context: Any) -> Response[str]:
    """Renders the template with the fields of the layout, the status and `context`."""
    around = {name: getattr(layout, name) for name in layout.__struct_fields__}
    text = templates.get_template(template).render(around | {"status": status} | context)
    return Response(text, status_code=status, media_type=MediaType.HTML)
