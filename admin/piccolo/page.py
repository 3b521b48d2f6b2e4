"""The page of Piccolo Admin, and the files that it loads."""

import re
from html import escape
from pathlib import Path

import piccolo_admin

from tenants.tenant import current_tenant
from web.pages.assets import Asset, asset_url
from web.pages.security import CONTENT_SECURITY_POLICY

DIST = Path(piccolo_admin.__file__).parent / "dist"
# SHA-256 of the style sheets that Piccolo's script inserts into the page. Browsers report them when the policy lacks
# them.
STYLE_HASHES = (
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  # of an empty one: the script adds its text later
    "U2kEcnngcrfdto6sFJKrtW80odoJ5yOgdz80DpMDrWA=",
    "36E+CbvABov6CENfak/CBFxx0LsZtt+fKdRCtVFGtkw=",
    "t4I2teZN5ZH+VM+XOiWlaPbsjQHe+k9d6viXPpKpNWA=",
)
POLICY = CONTENT_SECURITY_POLICY.replace(
    "style-src", "style-src " + " ".join(f"'sha256-{digest}'" for digest in STYLE_HASHES)
)
CSV_CELL = re.compile(rb"""`"\$\{(\w+)\(String\((\w+)\),'"','""'\)\}"`""")  # quotes a cell
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}


def load_asset(file: Path) -> Asset:
    """Replaces the script's `new Function`, which the content security policy forbids, and neutralises spreadsheet
    formulas in its CSV export.
    """
    content = file.read_bytes().replace(b'new Function("return this")()', b"globalThis")
    content = CSV_CELL.sub(rb"""`"${\1(String(\2),'"','""').replace(/^[-=+@\\t\\r\\n]/,"'$&")}"`""", content)
    return Asset(file.name, content, MEDIA_TYPES[file.suffix])


def versioned_name(asset: Asset) -> str:
    return f"{asset.digest}-{asset.name}"


FILES = {versioned_name(asset): asset for asset in map(load_asset, (DIST / "assets").iterdir())}


def customize(page: str) -> str:
    """Piccolo's page with versioned names of its files, and with this site's icon, style sheet and script."""
    for name, asset in FILES.items():
        page = page.replace(f"./assets/{asset.name}", f"./assets/{name}")
    # Before Piccolo's own script, which reads the colour scheme when it starts.
    first = f'  <script type="module" src="{asset_url("admin.js")}"></script>\n'
    last = (
        f'  <link rel="icon" href="{asset_url("mark.svg")}" type="image/svg+xml">\n'
        f'  <link rel="stylesheet" href="{asset_url("admin.css")}">\n'
    )
    return page.replace("<head>\n", f"<head>\n{first}").replace("</head>", f"{last}</head>")


TEMPLATE = customize((DIST / "index.html").read_text(encoding="utf-8"))


def render_piccolo_page() -> str:
    return TEMPLATE.replace("<title>Piccolo Admin</title>", f"<title>{escape(site_name())}</title>")


def site_name() -> str:
    return f"{current_tenant().name} — GoKart admin"
