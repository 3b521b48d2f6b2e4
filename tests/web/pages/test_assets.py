"""The files that pages load are local or pinned, cached forever, and get a new URL when their content changes."""

import re
from pathlib import Path

import msgspec
import pytest

from core.errors import GokartError
from tests.support.sandbox import Sandbox
from web.pages.assets import ASSETS, PACKAGES, STATIC_DIR, Asset, asset_url, read_asset

LOCK = Path(__file__).parents[3] / "assets" / "package-lock.json"


def app(sandbox: Sandbox) -> str:
    return f"app.{sandbox.tenant.slug}.localhost"


@pytest.mark.parametrize("name", ASSETS)
def test_assets_are_public_and_immutable(module_sandbox: Sandbox, name: str) -> None:
    for host in (app(module_sandbox), "admin.localhost"):
        response = module_sandbox.request("GET", asset_url(name), host=host)
        assert response.status_code == 200
        assert response.content == ASSETS[name].content
        assert response.headers["content-type"].partition(";")[0] == ASSETS[name].media_type
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in response.headers


def test_its_url_changes_with_its_content() -> None:
    assert Asset("a.css", b"1", "text/css").digest != Asset("a.css", b"2", "text/css").digest


def test_the_url_of_another_version_is_not_cached(module_sandbox: Sandbox) -> None:
    response = module_sandbox.request("GET", "/static/0123456789ab/app.css", host=app(module_sandbox))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/static", "/static/x/none.css", "/static/x/..%2fassets.py", "/static/x/base.html"])
def test_unknown_urls_are_404(module_sandbox: Sandbox, path: str) -> None:
    assert module_sandbox.request("GET", path, host=app(module_sandbox)).status_code == 404


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".css")])
def test_style_sheets_ask_for_nothing_from_elsewhere(name: str) -> None:
    text = ASSETS[name].content.decode()
    assert "@import" not in text
    assert re.findall(r"url\(\s*(?![\"']?data:)[^)]*", text) == []


def test_our_scripts_name_no_host() -> None:
    for script in STATIC_DIR.glob("*.js"):
        assert not re.search(r"https?://", script.read_text(encoding="utf-8")), script


def test_a_missing_npm_package_is_reported_with_the_command() -> None:
    with pytest.raises(GokartError, match="make env"):
        read_asset("nothing.js", PACKAGES / "nothing" / "nothing.js")


def test_the_lock_pins_each_package_by_content_and_names_no_registry() -> None:
    packages = msgspec.json.decode(LOCK.read_bytes())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in fetched.values())
    assert "://" not in LOCK.read_text(encoding="utf-8")
