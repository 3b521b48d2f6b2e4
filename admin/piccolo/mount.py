"""Mounts Piccolo Admin at app.TENANT.<base>/admin/, and loads it on the first request.

It comes with FastAPI, which takes longer to import than the rest of the app, and many processes never serve it.
"""

from asyncio import to_thread

from litestar import asgi
from starlette.types import ASGIApp, Receive, Scope, Send


@asgi("/admin", is_mount=True, copy_scope=False)
async def piccolo_proxy(scope: Scope, receive: Receive, send: Send) -> None:
    proxy = await to_thread(load_proxy)
    await proxy(scope, receive, send)


def load_proxy() -> ASGIApp:
    from admin.piccolo.proxy import serve_piccolo_admin

    return serve_piccolo_admin
