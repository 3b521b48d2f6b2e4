"""What browser pages load: our own files, and those that npm has put into assets/."""

from pathlib import Path

from core.errors import GokartError
from web.assets import Asset

OWN = Path(__file__).parent / "static"
PACKAGES = Path(__file__).parents[2] / "assets" / "node_modules"

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    "pico.css": PACKAGES / "@picocss" / "pico" / "css" / "pico.min.css",
    "htmx.js": PACKAGES / "htmx.org" / "dist" / "htmx.min.js",
    "chart.umd.js": PACKAGES / "chart.js" / "dist" / "chart.umd.min.js",
} | {file.name: file for file in OWN.iterdir() if file.suffix in MEDIA_TYPES}


def read(name: str, file: Path) -> Asset:
    """Raises GokartError where npm has not been run."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise GokartError(f"{file} is missing; type: make env") from error
    if name == "pico.css":
        content = in_layer(content)
    return Asset(name, content, MEDIA_TYPES[file.suffix])


def in_layer(css: bytes) -> bytes:
    """As a cascade layer: every rule of app.css, which is in none, overrides Pico's, however specific that is."""
    return b"@layer pico{" + css.removeprefix(b'@charset "UTF-8";') + b"}"


ASSETS = {name: read(name, file) for name, file in FILES.items()}
URLS = {name: f"/static/{asset.digest}/{name}" for name, asset in ASSETS.items()}


def asset_url(name: str) -> str:
    """The file's URL, for templates. Raises KeyError."""
    return URLS[name]
