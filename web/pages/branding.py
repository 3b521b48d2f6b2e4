"""How a tenant presents itself: its logo and support contact, on every page and in emails."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from database.pool import SCHEMA_ERRORS, connection
from tenants.cache import tenant_cache
from tenants.tenant import Tenant


class Branding(msgspec.Struct, frozen=True):
    """`logo` is the path of the image, None without one. `time_zone` is an IANA name: that of the days of staff pages,
    and the one that new advertisers get.
    """

    logo: str | None = None
    support_email: str | None = None
    support_url: str | None = None
    time_zone: str = "UTC"

    @property
    def support_links(self) -> list[tuple[str, str]]:
        """(URL, text) of each way to contact the support."""
        links = []
        if self.support_email:
            links.append((f"mailto:{self.support_email}", self.support_email))
        if self.support_url:
            links.append((self.support_url, self.support_url.removeprefix("https://")))
        return links

    def contact(self, otherwise: str) -> str:
        """Whom to contact, within a sentence; `otherwise` without a support contact."""
        return " or ".join(filter(None, [self.support_email, self.support_url])) or otherwise


NO_BRANDING = Branding()
_current: ContextVar[Branding] = ContextVar("branding", default=NO_BRANDING)


def current_branding() -> Branding:
    """Of the page that is being rendered. Templates have it as `branding()`."""
    return _current.get()


@contextmanager
def branded(branding: Branding) -> Iterator[None]:
    """Pages that the block renders have this branding."""
    token = _current.set(branding)
    try:
        yield
    finally:
        _current.reset(token)


async def branding_of(tenant: Tenant | None) -> Branding:
    """The default for the platform (None) and for a tenant whose schema is outdated. Raises DatabaseUnavailable."""
    if tenant is None:
        return NO_BRANDING

    async def load() -> Branding:
        async with connection() as db:
            try:
                row = await db.fetchrow(
                    f"""
                    SELECT '/logo/' || logo.digest AS logo, support_email, support_url, time_zone
                    FROM {tenant.schema}.setting LEFT JOIN {tenant.schema}.logo ON true
                    """
                )
            except SCHEMA_ERRORS:
                return NO_BRANDING
        return Branding(**row) if row else NO_BRANDING

    return await tenant_cache.get_or_load(tenant.schema, Branding, load)
