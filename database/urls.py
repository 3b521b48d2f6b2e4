"""The database's URL for what does not use the pool."""

from urllib.parse import unquote, urlsplit, urlunsplit

from database.engine import engine


def listen_url() -> str:
    """A URL where LISTEN and session locks work: not through PgBouncer in transaction mode."""
    return engine().options.listen_url or engine().url


def command_line_url() -> tuple[str, dict[str, str]]:
    """The URL without its password, and the password as environment: every user of a machine can read command lines."""
    parts = urlsplit(listen_url())
    if parts.password is None:
        return listen_url(), {}
    address = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=f"{parts.username or ''}@{address}"))
    return url, {"PGPASSWORD": unquote(parts.password)}
