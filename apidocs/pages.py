"""The pages under /docs: Markdown files of the folder docs/, rendered once at start, and Swagger UI."""

import re
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from web.pages.assets import PACKAGES, Asset, read_asset

OWN = Path(__file__).parent / "static"
SWAGGER_UI = PACKAGES / "swagger-ui-dist"
TEXTS = Path(__file__).parents[1] / "docs"

DOCUMENTED_ORIGIN = "https://api.TENANT.getgokart.ai"  # replaced by the host of the request
SIBLING = re.compile(r"([a-z-]+)\.md(#.*)?")


DOCS_ASSETS: dict[str, Asset] = {
    file.name: read_asset(file.name, file)
    for file in (
        OWN / "docs.css",
        OWN / "try-it.js",
        SWAGGER_UI / "swagger-ui.css",
        SWAGGER_UI / "swagger-ui-bundle.js",
    )
}


def docs_asset_url(name: str) -> str:
    return f"/docs/static/{name}?{DOCS_ASSETS[name].digest}"


class DocPage(msgspec.Struct, frozen=True):
    title: str
    html: str


def read_doc_page(file: Path) -> DocPage:
    """Gives headings an id (`anchor`) and turns links to sibling files into links to their pages."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(file.read_text(encoding="utf-8"))
    headings = [(opening, inline) for opening, inline in pairwise(tokens) if opening.type == "heading_open"]
    for opening, inline in headings:
        opening.attrSet("id", anchor(inline.content))
    for token in tokens:
        for link in token.children or []:
            link_to_page(link)
    return DocPage(headings[0][1].content, markdown.renderer.render(tokens, markdown.options, {}))


def anchor(heading: str) -> str:
    """`400` for “400 Invalid filter …”, which a problem's `type` links to; otherwise the heading's words."""
    words = re.findall(r"[a-z0-9]+", heading.lower())
    return words[0] if re.fullmatch(r"\d{3}", words[0]) else "-".join(words)


def link_to_page(link: Token) -> None:
    sibling = SIBLING.fullmatch(str(link.attrGet("href") or ""))
    if sibling:
        link.attrSet("href", f"/docs/{sibling[1]}{sibling[2] or ''}")


NAMES = (
    "cost-report",
    "singular",
    "query",
    "formats",
    "changes",
    "conversions",
    "keep-a-copy",
    "intake",
    "notifications",
    "errors",
)
DOC_PAGES = {name: read_doc_page(TEXTS / f"{name}.md") for name in NAMES}
LAYOUT = Template((OWN / "page.html").read_text(encoding="utf-8"))


def docs_layout(path: str, title: str, main: str, head: str = "") -> str:
    entries = {"/docs": "Try it"} | {f"/docs/{name}": text.title for name, text in DOC_PAGES.items()}
    here = ' aria-current="page"'
    return LAYOUT.substitute(
        title=escape(title),
        css=docs_asset_url("docs.css"),
        head=head,
        links="\n".join(
            f'<a href="{target}"{here if target == path else ""}>{escape(name)}</a>' for target, name in entries.items()
        ),
        main=main,
    )


def doc_page(name: str, origin: str) -> str:
    """The page called `name`, with `origin` in its examples. Raises KeyError."""
    text = DOC_PAGES[name]
    article = f"<article>\n{text.html.replace(DOCUMENTED_ORIGIN, escape(origin))}</article>"
    return docs_layout(f"/docs/{name}", text.title, article)


TRY_IT = docs_layout(
    "/docs",
    "GoKart API",
    '<div id="try-it"><noscript>This page needs JavaScript. The other pages and <a href="/openapi.json">'
    "openapi.json</a> work without it.</noscript></div>",
    f'<link rel="stylesheet" href="{docs_asset_url("swagger-ui.css")}">\n'
    f'<script src="{docs_asset_url("swagger-ui-bundle.js")}" defer></script>\n'
    f'<script src="{docs_asset_url("try-it.js")}" type="module"></script>',
)
