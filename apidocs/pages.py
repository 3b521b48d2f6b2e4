"""The pages under /docs: Markdown of the folder docs/, made into HTML once, at start; and what they load."""

import re
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from web.pages.assets import Asset

OWN = Path(__file__).parent / "static"
SWAGGER_UI = files("swagger_ui") / "static"
TEXTS = Path(__file__).parents[1] / "docs"

DOCUMENTED_ORIGIN = "https://api.TENANT.getgokart.ai"  # in the texts, where a page shows the host that was asked
SIBLING = re.compile(r"([a-z-]+)\.md(#.*)?")


ASSETS = {
    name: Asset(name, (folder / name).read_bytes(), media_type)
    for folder, name, media_type in [
        (OWN, "docs.css", "text/css"),
        (OWN, "try-it.js", "text/javascript"),
        (SWAGGER_UI, "swagger-ui.css", "text/css"),
        (SWAGGER_UI, "swagger-ui-bundle.js", "text/javascript"),
    ]
}


def url(name: str) -> str:
    return f"/docs/static/{name}?{ASSETS[name].digest}"


class Text(msgspec.Struct, frozen=True):
    title: str
    html: str


def read_text(file: Path) -> Text:
    """Headings get an id (`anchor`), and links to sibling files lead to their pages."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(file.read_text(encoding="utf-8"))
    headings = [(opening, inline) for opening, inline in pairwise(tokens) if opening.type == "heading_open"]
    for opening, inline in headings:
        opening.attrSet("id", anchor(inline.content))
    for token in tokens:
        for link in token.children or []:
            lead_to_page(link)
    return Text(headings[0][1].content, markdown.renderer.render(tokens, markdown.options, {}))


def anchor(heading: str) -> str:
    """`400` for «400 Invalid filter …», which a problem's `type` points at; else the heading's words."""
    words = re.findall(r"[a-z0-9]+", heading.lower())
    return words[0] if re.fullmatch(r"\d{3}", words[0]) else "-".join(words)


def lead_to_page(link: Token) -> None:
    sibling = SIBLING.fullmatch(str(link.attrGet("href") or ""))
    if sibling:
        link.attrSet("href", f"/docs/{sibling[1]}{sibling[2] or ''}")


TEXT_PAGES = {name: read_text(TEXTS / f"{name}.md") for name in ("cost-report", "singular", "errors")}
LAYOUT = Template((OWN / "page.html").read_text(encoding="utf-8"))


def layout(path: str, title: str, main: str, head: str = "") -> str:
    entries = {"/docs": "Try it"} | {f"/docs/{name}": text.title for name, text in TEXT_PAGES.items()}
    here = ' aria-current="page"'
    return LAYOUT.substitute(
        title=escape(title),
        css=url("docs.css"),
        head=head,
        links="\n".join(
            f'<a href="{target}"{here if target == path else ""}>{escape(name)}</a>' for target, name in entries.items()
        ),
        main=main,
    )


def text_page(name: str, origin: str) -> str:
    """The page called `name`, its examples at `origin`. Raises KeyError."""
    text = TEXT_PAGES[name]
    article = f"<article>\n{text.html.replace(DOCUMENTED_ORIGIN, escape(origin))}</article>"
    return layout(f"/docs/{name}", text.title, article)


TRY_IT = layout(
    "/docs",
    "GoKart API",
    '<div id="try-it"><noscript>This page needs JavaScript; the others, and <a href="/openapi.json">openapi.json</a>, '
    "do not.</noscript></div>",
    f'<link rel="stylesheet" href="{url("swagger-ui.css")}">\n'
    f'<script src="{url("swagger-ui-bundle.js")}" defer></script>\n'
    f'<script src="{url("try-it.js")}" type="module"></script>',
)
