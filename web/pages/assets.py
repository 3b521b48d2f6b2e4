"""Files that pages load: our own, and those that npm has installed into assets/. Served at GET /static/…

The URL of a file contains a digest of its content, so caches may keep it forever.
"""

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.errors import GokartError

if TYPE_CHECKING:  # the process that starts the workers needs no Litestar
    from litestar import Response

STATIC_DIR = Path(__file__).parent / "static"
PACKAGES = Path(__file__).parents[2] / "assets" / "node_modules"
CACHE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    "pico.css": PACKAGES / "@picocss" / "pico" / "css" / "pico.min.css",
    "htmx.js": PACKAGES / "htmx.org" / "dist" / "htmx.min.js",
    "chart.umd.js": PACKAGES / "chart.js" / "dist" / "chart.umd.min.js",
} | {file.name: file for file in STATIC_DIR.iterdir() if file.suffix in MEDIA_TYPES}


class Asset(msgspec.Struct, frozen=True, dict=True):
    name: str
    content: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        return blake2b(self.content, digest_size=6).hexdigest()

    def response(self) -> "Response[bytes]":
        from litestar import Response

        return Response(self.content, media_type=self.media_type, headers=CACHE_HEADERS)


def read_asset(name: str, file: Path) -> Asset:
    """Raises GokartError where npm has not been run."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise GokartError(f"{file} is missing; type: make env") from error
    return Asset(name, content, MEDIA_TYPES[file.suffix])


def in_layer(pico: Asset) -> Asset:
    """Pico in a cascade layer: every rule of app.css, which is in no layer, overrides it whatever its specificity."""
    css = b"@layer pico{" + pico.content.removeprefix(b'@charset "UTF-8";') + b"}"
    return msgspec.structs.replace(pico, content=css)


ASSETS = {name: read_asset(name, file) for name, file in FILES.items()}
ASSETS["pico.css"] = in_layer(ASSETS["pico.css"])
ASSET_URLS = {name: f"/static/{asset.digest}/{name}" for name, asset in ASSETS.items()}


def asset_url(name: str) -> str:
    """The file's URL, for templates. Raises KeyError."""
    return ASSET_URLS[name]
