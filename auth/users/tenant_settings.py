"""What owners set for their tenant: reading what a form sends, and saving it."""

from urllib.parse import urlsplit

from auth.users.users import read_email
from core.errors import GokartError
from database.transactions import transaction
from tenants.cache import notify_changed
from tenants.tenant import current_tenant
from web.pages.logo import Logo

MAX_URL_LENGTH = 500


def read_support_url(text: str) -> str:
    """Raises GokartError."""
    url = text.strip()
    wrong = GokartError("support_url: Enter a URL that begins with https://, such as https://example.com/help.")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise wrong from error
    plain = url.isprintable() and " " not in url and len(url) <= MAX_URL_LENGTH
    if not plain or parts.scheme != "https" or not host or parts.username is not None:
        raise wrong
    return url


def read_support_email(text: str) -> str:
    """Raises GokartError."""
    try:
        return read_email(text)
    except GokartError as error:
        raise GokartError(f"support_{error}") from error


async def save_logo(logo: Logo | None) -> None:
    """None removes it."""
    table = f"{current_tenant().schema}.logo"
    async with transaction() as db:
        if logo is None:
            await db.execute(f"DELETE FROM {table}")
        else:
            await db.execute(
                f"""
                INSERT INTO {table} (digest, media_type, width, height, content) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, media_type = excluded.media_type,
                    width = excluded.width, height = excluded.height, content = excluded.content
                """,
                logo.digest,
                logo.media_type,
                logo.width,
                logo.height,
                logo.content,
            )
        await notify_changed(db)
