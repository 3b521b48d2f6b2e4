"""Where the database is: a server of the user's, or an embedded one that this process starts."""

import atexit
from functools import cache

from database.embedded import EmbeddedPostgres, EmbeddedPostgresError, binary

__all__ = ["EmbeddedPostgresError", "binary", "url"]


@cache
def url() -> str:
    """URL of the database. The first call may start the embedded server, which then stops with its last user.

    Raises EmbeddedPostgresError.
    """
    # Not at the top: the tests start a server of their own before the settings, which name it, are read.
    from settings import settings

    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = EmbeddedPostgres(settings.data_dir / "postgres")
    address = server.start()
    atexit.register(server.stop)
    return address
