"""Python runs this at the start of a tool of the connectors: names below localhost are this machine, as in browsers."""

import socket
from typing import Any

_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    return _getaddrinfo("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)


socket.getaddrinfo = getaddrinfo
