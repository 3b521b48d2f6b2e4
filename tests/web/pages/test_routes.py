"""Every page and form requires a login in its own realm and tenant."""

import re
from typing import NamedTuple

import pytest
from litestar import Router
from litestar.routes import HTTPRoute

from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from page_sites import ADMIN, PLATFORM_ADMIN, PORTAL
from tests.support.people import (
    Browser,
    advertiser_browser,
    browser,
    platform_browser,
    platform_staff_browser,
    staff_browser,
)
from tests.support.sandbox import Sandbox

PUBLIC = {
    "/sign-in",
    "/sign-in/code",
    "/sign-out",
    "/forgot",
    "/link/{token:str}",
    "/logo/{digest:str}",
    "/unsubscribe/{token:str}",
}
ROUTERS: dict[str, tuple[Router, Realm]] = {
    ADVERTISER.name: (PORTAL, ADVERTISER),
    STAFF.name: (ADMIN, STAFF),
    PLATFORM.name: (PLATFORM_ADMIN, PLATFORM),
}


class Call(NamedTuple):
    realm: str
    method: str
    path: str

    @property
    def url(self) -> str:
        uuid = "00000000-0000-4000-8000-000000000000"
        kinds = {"int": "1", "uuid": uuid, "str": "x", "path": "x"}
        return re.sub(r"\{\w+:(\w+)\}", lambda match: kinds[match[1]], self.path)


def calls_of(realm: str, router: Router) -> list[Call]:
    return [
        Call(realm, method, route.path)
        for route in sorted(router.routes, key=lambda route: route.path)
        if isinstance(route, HTTPRoute) and not str(route.path).startswith("/admin")
        for method in sorted(route.methods - {"OPTIONS"})
    ]


CALLS = [call for realm, (router, _) in ROUTERS.items() for call in calls_of(realm, router)]
GUARDED = [call for call in CALLS if call.path.removeprefix(ROUTERS[call.realm][1].root) not in PUBLIC]
ids = " ".join


def led_to_sign_in(client: Browser, call: Call) -> bool:
    response = client.request(call.method, call.url)
    root = ROUTERS[call.realm][1].root
    return response.status_code == 303 and response.headers["location"].startswith(f"{root}/sign-in")


def at(sandbox: Sandbox, realm: str) -> Browser:
    return platform_browser(sandbox) if realm == PLATFORM.name else browser(sandbox)


def test_there_are_routes_to_look_at() -> None:
    assert {call.realm for call in GUARDED} == set(ROUTERS)
    assert len(GUARDED) > 30


@pytest.fixture(scope="module")
def strangers(module_sandbox: Sandbox, module_other_sandbox: Sandbox) -> dict[str, list[Browser]]:
    """By realm: clients that are signed in elsewhere, but not in this realm."""
    advertiser, staff = advertiser_browser(module_sandbox), staff_browser(module_sandbox)
    outsiders = [advertiser_browser(module_other_sandbox), staff_browser(module_other_sandbox)]
    platform = platform_staff_browser(module_sandbox)
    return {
        ADVERTISER.name: [
            moved(client, at(module_sandbox, ADVERTISER.name)) for client in (staff, *outsiders, platform)
        ],
        STAFF.name: [moved(client, at(module_sandbox, STAFF.name)) for client in (advertiser, *outsiders, platform)],
        PLATFORM.name: [moved(client, at(module_sandbox, PLATFORM.name)) for client in (advertiser, staff, *outsiders)],
    }


def moved(signed_in: Browser, there: Browser) -> Browser:
    """A client with the cookies of another one, renamed to those of this realm."""
    values = list(signed_in.cookies.values())
    assert values
    for realm in (ADVERTISER, STAFF, PLATFORM):
        there.cookies.set(realm.cookie(secure=False), values[0])
    return there


@pytest.mark.parametrize("call", GUARDED, ids=ids)
def test_every_page_requires_a_session_of_its_site(
    module_sandbox: Sandbox, strangers: dict[str, list[Browser]], call: Call
) -> None:
    assert led_to_sign_in(at(module_sandbox, call.realm), call)
    assert all(led_to_sign_in(stranger, call) for stranger in strangers[call.realm])


@pytest.fixture(scope="module")
def owners(module_sandbox: Sandbox) -> dict[str, Browser]:
    """By realm: a client that is signed in as an owner, or as an administrator of the advertiser."""
    return {
        ADVERTISER.name: advertiser_browser(module_sandbox, admin=True),
        STAFF.name: staff_browser(module_sandbox),
        PLATFORM.name: platform_staff_browser(module_sandbox),
    }


NUMBERS = ["-1", "0", str(2**31), str(2**63), str(-(2**70)), "9" * 5_000]


@pytest.mark.parametrize("call", [call for call in GUARDED if ":int}" in call.path], ids=ids)
def test_a_number_that_nothing_has_is_not_found(
    module_sandbox: Sandbox, owners: dict[str, Browser], call: Call
) -> None:
    path = call.path.replace("{slug:str}", module_sandbox.tenant.slug)
    for number in NUMBERS:
        response = owners[call.realm].request(call.method, re.sub(r"\{\w+:int\}", number, path))
        assert response.status_code == 404, number[:20]


@pytest.mark.parametrize(
    ("realm", "page"),
    [
        (ADVERTISER.name, "/singular?before="),
        (STAFF.name, "/staff/keys?before="),
        (STAFF.name, "/admin/api/tables/staff/ids/?limit="),
        (PLATFORM.name, "/audit?before="),
        (PLATFORM.name, "/audit?after="),
        (PLATFORM.name, "/?page="),
    ],
)
def test_a_page_number_that_is_too_large_is_ignored(owners: dict[str, Browser], realm: str, page: str) -> None:
    for number in NUMBERS:
        assert owners[realm].get(page + number).status_code == 200, number[:20]
