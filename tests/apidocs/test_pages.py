"""The pages under /docs use the requested host and load nothing from other hosts."""

import re
from html.parser import HTMLParser

import pytest

from apidocs.document import document
from apidocs.pages import DOCS_ASSETS, NAMES
from main import api
from tests.support.sandbox import JSON, Sandbox

PAGES = ["/docs", *(f"/docs/{name}" for name in NAMES)]


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


class Page(HTMLParser):
    """Collects what a page loads, its links, the ids of its elements, and its inline scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += filter(None, [given.get("id")])
        target = given.get("src") or given.get("href")
        if target and not target.startswith("data:"):
            (self.links if tag == "a" else self.loads).append(target)
        if tag == "style" or (tag == "script" and not given.get("src")) or any(re.match("style$|on", n) for n in given):
            self.inline.append(str(self.get_starttag_text()))


def page(sandbox: Sandbox, path: str) -> Page:
    return Page(sandbox.request("GET", path).text)


@pytest.mark.parametrize("path", PAGES)
def test_it_is_served_without_an_api_key(sandbox: Sandbox, path: str) -> None:
    response = sandbox.request("GET", path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert sandbox.request("HEAD", path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_it_loads_nothing_from_other_hosts(sandbox: Sandbox, path: str) -> None:
    response = sandbox.request("GET", path)
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    read = Page(response.text)
    assert read.inline == []
    assert read.loads
    for url in read.loads:
        assert re.match(r"/[^/]", url)
        asset = sandbox.request("GET", url)
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]


@pytest.mark.parametrize("name", ["docs.css", "swagger-ui.css", "try-it.js"])
def test_assets_load_nothing_from_other_hosts(name: str) -> None:
    text = DOCS_ASSETS[name].content.decode()
    assert "@import" not in text
    if name.endswith(".css"):
        assert re.findall(r"url\(\s*(?![\"']?data:)[^)]*", text) == []
    else:
        assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", PAGES)
def test_its_links_work(sandbox: Sandbox, path: str) -> None:
    links = page(sandbox, path).links
    assert set(PAGES) <= set(links)
    for link in set(links):
        target, _, anchor = link.partition("#")
        target = target or path
        assert sandbox.request("GET", target).status_code == 200, link
        assert not anchor or anchor in page(sandbox, target).ids, link


EXAMPLES = ["/docs/cost-report", "/docs/singular", "/docs/query", "/docs/changes", "/docs/conversions"]


@pytest.mark.parametrize("path", EXAMPLES)
def test_its_examples_use_the_requested_host(sandbox: Sandbox, path: str) -> None:
    html = sandbox.request("GET", path, host=f"{sandbox.host}:8000").text
    assert f"http://{sandbox.host}:8000/api/v1/" in html
    assert "TENANT" not in html
    assert "getgokart.ai" not in html


def test_every_documented_error_is_explained_where_its_type_points(sandbox: Sandbox) -> None:
    ids = page(sandbox, "/docs/errors").ids
    operations = [operation for methods in document("", api)["paths"].values() for operation in methods.values()]
    statuses = {status for operation in operations for status in operation["responses"] if status >= "400"}
    refused_before_any_route = {"408", "431"}
    assert statuses | refused_before_any_route == {status for status in ids if status.isdigit()}


def test_each_error_is_explained_under_its_title(sandbox: Sandbox) -> None:
    html = sandbox.request("GET", "/docs/errors").text
    for response in document("", api)["components"]["responses"].values():
        for example in response["content"]["application/problem+json"]["examples"].values():
            status, title = example["value"]["status"], example["value"]["title"]
            assert title == "Bad Request" or f'<h2 id="{status}">{status} {title}</h2>' in html


def test_the_type_of_a_real_error_leads_to_its_explanation(sandbox: Sandbox) -> None:
    path, _, anchor = sandbox.get(JSON).json()["type"].partition("#")
    assert anchor in page(sandbox, path).ids


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/static/nothing.js", "/docs/static/page.html", "/schema"])
def test_unknown_urls_are_404(sandbox: Sandbox, path: str) -> None:
    assert sandbox.request("GET", path).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_an_unknown_tenant_is_404(sandbox: Sandbox, path: str) -> None:
    assert sandbox.request("GET", path, host="api.nobody.localhost").status_code == 404
