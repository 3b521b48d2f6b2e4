"""The pages of the demo that `make screenshots` shows, by user."""

from collections.abc import Callable
from secrets import token_hex

import msgspec
from playwright.sync_api import Page


def nothing(page: Page) -> None:
    """Needs no action."""


class Shot(msgspec.Struct, frozen=True):
    """A page. `act` prepares it for the screenshot, and may open another page."""

    name: str
    path: str
    act: Callable[[Page], object] = nothing


class Tour(msgspec.Struct, frozen=True):
    """The shots of one user at one host. `enter` signs in on the page at `door`."""

    host: str
    shots: list[Shot]
    enter: Callable[[Page], object] = nothing
    door: str = "/"


ADVERTISER, STAFF, PLATFORM = "anna@brownboots.example", "nora@limestone.example", "kim@gokart.example"


def login_by_form(email: str, password: str) -> Callable[[Page], object]:
    """Returns a function that signs in on the page that shows the login form."""

    def enter(page: Page) -> None:
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)

    return enter


def make_key(page: Page) -> None:
    page.get_by_label("Name").fill(f"Finance export {token_hex(2)}")  # active keys have unique names
    for scope in page.locator("[name=scopes]").all():
        scope.check()
    page.get_by_role("button", name="Create API key").click()
    page.get_by_role("button", name="Copy").first.wait_for()


def follow(name: str) -> Callable[[Page], object]:
    """Returns a function that clicks the first link of the page's main part with this name."""
    return lambda page: page.locator("main").get_by_role("link", name=name).first.click()


def view_as_advertiser(page: Page) -> None:
    follow("Brown Boots")(page)
    page.get_by_role("button", name="View as advertiser").click()


def pause_offers(page: Page) -> None:
    for box in page.get_by_label("Select").all()[:2]:
        box.check()
    page.get_by_role("button", name="Pause").click()


def preview_corrections(page: Page) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    file = f"ConversionId,Status,RejectionReason\n{unknown},Rejected,Duplicate account\n{unknown},Sucess,\n"
    page.locator("input[type=file]").set_input_files(
        {"name": "corrections.csv", "mimeType": "text/csv", "buffer": file.encode()}
    )
    page.locator("main form button").first.click()


def tours(password: str) -> list[Tour]:
    """`password` is the one that the demo prints."""
    portal = [
        Shot("dashboard", "/"),
        Shot("dashboard-partners", "/?period=last_90_days&by=partner&sort=-rate&compare=year"),
        Shot("dashboard-export", "/", lambda page: page.get_by_role("button", name="Export").click()),
        Shot("conversions", "/conversions"),
        Shot("conversion", "/conversions?status=Rejected", lambda page: page.locator("#conversions a").first.click()),
        Shot("changed-days", "/changes"),
        Shot("changes", "/changes", lambda page: page.locator("#days a").first.click()),
        Shot("keys", "/keys"),
        Shot("requests", "/keys/requests"),
        Shot("key-new", "/keys/new"),
        Shot("key-shown", "/keys/new", make_key),
        Shot("key-rotate", "/keys", follow("Rotate")),
        Shot("key-revoke", "/keys", follow("Revoke")),
        Shot("singular", "/singular"),
        Shot("api", "/api"),
        Shot("team", "/team"),
        Shot("team-invite", "/team/new"),
        Shot("team-user", "/team", follow("Manage maya.okafor@brownboots.example")),
        Shot("notifications", "/notifications"),
        Shot("views", "/views"),
        Shot("account", "/account"),
        Shot("two-step", "/account/two-step"),
    ]
    staff = [
        Shot("staff-spend", "/staff"),
        Shot("staff-spend-offers", "/staff?period=this_month&by=offer&compare=month"),
        Shot("staff-views", "/staff/views"),
        Shot("staff-keys", "/staff/keys"),
        Shot("staff-key-new", "/staff/keys/new"),
        Shot("staff-ingest-key-new", "/staff/keys/new-ingest"),
        Shot("staff-people", "/staff/people"),
        Shot("staff-colleague-new", "/staff/people/staff/new"),
        Shot("staff-colleague", "/staff/people", follow("Manage marco@limestone.example")),
        Shot("staff-login-new", "/staff/people/logins/new"),
        Shot("staff-login", "/staff/people", follow("Manage maya.okafor@brownboots.example")),
        Shot("staff-advertisers", "/staff/advertisers"),
        Shot("staff-advertiser", "/staff/advertisers", follow("Brown Boots")),
        Shot("staff-advertiser-new", "/staff/advertisers/new"),
        Shot("staff-advertisers-import", "/staff/advertisers/import"),
        Shot("staff-offers", "/staff/offers"),
        Shot("staff-offer", "/staff/offers", lambda page: page.locator("tbody th a").first.click()),
        Shot("staff-offer-pause", "/staff/offers", pause_offers),
        Shot("staff-partners", "/staff/partners"),
        Shot("staff-singular", "/staff/singular"),
        Shot("staff-singular-advertiser", "/staff/singular", lambda page: page.locator("main td a").first.click()),
        Shot("staff-intake", "/staff/intake"),
        Shot("staff-rejected", "/staff/intake/rejected"),
        Shot("staff-corrections", "/staff/corrections"),
        Shot("staff-corrections-preview", "/staff/corrections", preview_corrections),
        Shot("staff-requests", "/staff/requests"),
        Shot("staff-audit", "/staff/audit"),
        Shot("staff-settings", "/staff/settings"),
        Shot("admin-advertisers", "/admin/#/advertiser"),
        Shot("admin-advertiser-new", "/admin/#/advertiser/add/"),
        Shot("admin-offers", "/admin/#/offer"),
        Shot("admin-keys", "/admin/#/api_token"),
        Shot("admin-conversions", "/admin/#/conversion_list"),
        Shot("admin-requests", "/admin/#/request_list"),
        Shot("admin-audit-log", "/admin/#/audit_log"),
        Shot("staff-account", "/staff/account"),
        Shot("view-as-advertiser", "/staff/advertisers", view_as_advertiser),
    ]
    platform = [
        Shot("platform-tenants", "/"),
        Shot("platform-tenant", "/tenants/demo"),
        Shot("platform-tenant-new", "/new"),
        Shot("platform-staff", "/staff"),
        Shot("platform-colleague", "/staff", follow("Manage lee@gokart.example")),
        Shot("platform-audit", "/audit"),
    ]
    return [
        Tour(
            "app.demo.localhost",
            [
                Shot("sign-in", "/"),
                Shot("forgot", "/forgot"),
                Shot("link-used", "/link/used"),
                Shot("unsubscribe-used", "/unsubscribe/used"),
                Shot("not-found", "/nowhere"),
            ],
        ),
        Tour("app.demo.localhost", portal, login_by_form(ADVERTISER, password)),
        Tour("app.demo.localhost", staff, login_by_form(STAFF, password), "/staff"),
        Tour("admin.localhost", platform, login_by_form(PLATFORM, password)),
    ]
