"""The database's URL, as others than the pool need it."""

from urllib.parse import unquote, urlsplit, urlunsplit

import database
from settings import settings


def listen_url() -> str:
    """Where LISTEN works: not through PgBouncer in transaction mode."""
    return settings.listen_url.get_secret_value() if settings.listen_url else database.url()


def command_line_url() -> tuple[str, dict[str, str]]:
    """The URL without its password, and that for the environment: every user of a machine reads command lines."""
    parts = urlsplit(listen_url())
    if parts.password is None:
        return listen_url(), {}
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{address}"))
    return url, {"PGPASSWORD": unquote(parts.password)}
