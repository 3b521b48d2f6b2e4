"""The page of Piccolo Admin, and the files that it loads."""

from html import escape
from pathlib import Path

import piccolo_admin

from tenants.tenant import current_tenant
from web.pages.assets import Asset, asset_url
from web.pages.security import CONTENT_SECURITY_POLICY

DIST = Path(piccolo_admin.__file__).parent / "dist"
# Of the style sheets that its script writes into the page, as a browser names them that is told of none.
STYLES = (
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  # an empty one, before its text comes
    "U2kEcnngcrfdto6sFJKrtW80odoJ5yOgdz80DpMDrWA=",
    "36E+CbvABov6CENfak/CBFxx0LsZtt+fKdRCtVFGtkw=",
    "t4I2teZN5ZH+VM+XOiWlaPbsjQHe+k9d6viXPpKpNWA=",
)
POLICY = CONTENT_SECURITY_POLICY.replace(
    "style-src", "style-src " + " ".join(f"'sha256-{digest}'" for digest in STYLES)
)
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}


def read(file: Path) -> Asset:
    """A part of the script finds out by `new Function` what the global object is, which our policy forbids."""
    content = file.read_bytes().replace(b'new Function("return this")()', b"globalThis")
    return Asset(file.name, content, MEDIA_TYPES[file.suffix])


def name_of(asset: Asset) -> str:
    return f"{asset.digest}-{asset.name}"


FILES = {name_of(asset): asset for asset in map(read, (DIST / "assets").iterdir())}


def with_ours(page: str) -> str:
    """Piccolo's page with the names that we give to its files, and what is ours in it."""
    for name, asset in FILES.items():
        page = page.replace(f"./assets/{asset.name}", f"./assets/{name}")
    # First, since Piccolo's own script asks at its start whether it is to be dark.
    first = f'  <script type="module" src="{asset_url("admin.js")}"></script>\n'
    last = (
        f'  <link rel="icon" href="{asset_url("mark.svg")}" type="image/svg+xml">\n'
        f'  <link rel="stylesheet" href="{asset_url("admin.css")}">\n'
    )
    return page.replace("<head>\n", f"<head>\n{first}").replace("</head>", f"{last}</head>")


PAGE = with_ours((DIST / "index.html").read_text(encoding="utf-8"))


def page() -> str:
    return PAGE.replace("<title>Piccolo Admin</title>", f"<title>{escape(title())}</title>")


def title() -> str:
    return f"{current_tenant().name} — GoKart admin"
