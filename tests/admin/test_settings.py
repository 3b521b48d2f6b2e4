"""The settings page: requiring two-factor authentication of all staff, and when figures are final."""

import re
from base64 import b64decode

import httpx
import pyotp
import pytest
from markupsafe import escape

from core.errors import GokartError
from tests.support.database import execute
from tests.support.people import Browser, advertiser_browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox
from tests.support.wait import wait_until
from web.pages.logo import read_logo

REQUIRED = {"staff_totp_required": "on"}


def owner_with_totp(sandbox: Sandbox) -> tuple[Browser, str]:
    """A client that is signed in with two factors, and the owner's email address."""
    secret = pyotp.random_base32()
    client, email = browser(sandbox), create_staff_user(sandbox, totp_secret=secret)
    client.sign_in(email, root="/staff")
    assert client.post("/staff/sign-in/code", data={"code": pyotp.TOTP(secret).now()}).status_code == 303
    return client, email


def test_an_owner_without_it_cannot_require_it(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    response = client.post("/staff/settings", data=REQUIRED)
    assert response.status_code == 400
    assert "your own two-factor authentication first" in response.text
    assert staff_browser(sandbox, "viewer").get("/staff").status_code == 200


def test_staff_without_it_are_redirected_to_the_setup(sandbox: Sandbox) -> None:
    client, _ = owner_with_totp(sandbox)
    viewer = staff_browser(sandbox, "viewer")
    assert client.post("/staff/settings", data=REQUIRED).headers["location"] == "/staff/settings?done"
    assert viewer.get("/staff").headers["location"] == "/staff/account/two-step"
    assert client.get("/staff").status_code == 200
    client.post("/staff/settings")
    assert viewer.get("/staff").status_code == 200


def test_it_lists_staff_without_it(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    viewer = create_staff_user(sandbox, "viewer")
    page = client.get("/staff/settings").text
    assert f"Not set up yet: {viewer}." in page
    assert f"{email}," not in page


def test_the_audit_log_names_who_required_it(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    client.post("/staff/settings", data=REQUIRED)
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"]) == (f"staff:{email}", "setting")
    assert last["after"] == '{"staff_totp_required": true}'


def test_an_owner_sets_when_figures_are_final(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    assert 'value="30"' in client.get("/staff/settings").text
    assert client.post("/staff/settings", data={"final_after_days": "45"}).status_code == 303
    assert 'value="45"' in client.get("/staff/settings").text
    assert audit(sandbox)[-1]["after"] == '{"final_after_days": 45}'
    client.post("/staff/settings", data={})
    assert 'value="45"' in client.get("/staff/settings").text


@pytest.mark.parametrize("text", ["", "-1", "1.5", "731", "many"])
def test_days_until_figures_are_final_are_a_whole_number(sandbox: Sandbox, text: str) -> None:
    client = staff_browser(sandbox)
    response = client.post("/staff/settings", data={"final_after_days": text})
    assert response.status_code == 400
    assert "Enter a whole number of days from 0 to 730." in response.text


# --- name, support contact and time zone ---


def page_with(client: Browser, path: str, text: str) -> str:
    """The page, once every process knows of the change after which it contains the text."""
    wait_until(lambda: text in client.get(path).text)
    return client.get(path).text


def refused(sandbox: Sandbox, field: str, text: str) -> str:
    """The error at the field."""
    response = staff_browser(sandbox).post("/staff/settings", data={field: text})
    assert response.status_code == 400
    found = re.search(rf'<small id="{field}-error" class="error">(.*?)</small>', response.text)
    assert found, response.text
    return found[1]


def test_an_owner_renames_the_tenant(sandbox: Sandbox) -> None:
    client, name = staff_browser(sandbox), 'Größe <b>"Co"</b> ' + "x" * 100
    assert client.post("/staff/settings", data={"name": f" {name} "}).status_code == 303
    page_with(client, "/staff", str(escape(name)))
    entry = next(entry for entry in reversed(audit(sandbox)) if entry["subject"] == "tenant")
    assert (entry["action"], entry["label"]) == ("changed", name)
    assert entry["actor"].startswith("staff:")
    assert "1 to 200 characters" in refused(sandbox, "name", "x" * 201)


def test_the_support_contact_is_on_every_page(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    contact = {"support_email": " Help@Acorn.example ", "support_url": "https://acorn.example/help?a=<b>"}
    assert client.post("/staff/settings", data=contact).status_code == 303
    assert audit(sandbox)[-1]["subject"] == "setting"
    reader = advertiser_browser(sandbox, scopes=["singular"])
    for path in "/forgot", "/staff/sign-in", "/", "/account", "/nothing":
        page = page_with(reader, path, "help@acorn.example")
        assert 'href="mailto:help@acorn.example"' in page
        assert "https://acorn.example/help?a=&lt;b&gt;" in page
    execute("UPDATE {s}.advertiser SET status = 'paused' WHERE id = $1", sandbox.owner, schema=sandbox.tenant.schema)
    assert "Contact help@acorn.example or https://acorn.example/help" in reader.get("/keys").text
    client.post("/staff/settings", data={"support_email": "", "support_url": " "})
    wait_until(lambda: "help@acorn" not in reader.get("/account").text)


def test_the_page_of_a_suspended_tenant_names_the_support(sandbox: Sandbox) -> None:
    staff_browser(sandbox).post("/staff/settings", data={"support_email": "help@acorn.example"})
    execute("UPDATE tenant SET status = 'suspended' WHERE slug = $1", sandbox.tenant.slug)
    client = browser(sandbox, headers={"Accept": "text/html"})
    wait_until(lambda: client.get("/").status_code == 403)
    assert "or contact help@acorn.example." in client.get("/").text


@pytest.mark.parametrize(
    "url",
    [
        *("http://acorn.example", "javascript:alert(1)", "https://", "https:/acorn.example", "acorn.example"),
        *("https://a b.example", "https://user:secret@acorn.example", "https://[::1", "https://a.example:port"),
        "https://acorn.example/" + "x" * 500,
    ],
)
def test_the_support_page_is_an_https_url(sandbox: Sandbox, url: str) -> None:
    assert "Enter a URL that begins with https://" in refused(sandbox, "support_url", url)


def test_other_fields_keep_what_was_entered(sandbox: Sandbox) -> None:
    assert "is not a valid email address" in refused(sandbox, "support_email", "nobody")
    form = {"time_zone": "Mars/Olympus", "name": "Kept"}
    page = staff_browser(sandbox).post("/staff/settings", data=form).text
    assert 'value="Mars/Olympus"' in page
    assert 'value="Kept"' in page
    assert "Enter the IANA name of a time zone" in page


def test_an_owner_sets_the_time_zone(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    assert client.post("/staff/settings", data={"time_zone": "europe/berlin"}).status_code == 303
    assert 'value="Europe/Berlin"' in client.get("/staff/settings").text
    assert audit(sandbox)[-1]["after"] == '{"time_zone": "Europe/Berlin"}'


# --- the logo ---

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    + (300).to_bytes(4, "big")
    + (80).to_bytes(4, "big")
    + b"\x08\x02\0\0\0"
    + bytes(20)
)


def upload(client: Browser, content: bytes, name: str = "logo.png") -> httpx.Response:
    return client.post("/staff/settings/logo", files={"logo": (name, content)})


def test_a_logo_is_in_the_header_of_all_pages(sandbox: Sandbox) -> None:
    client, anybody = staff_browser(sandbox), browser(sandbox)
    assert 'class="logo"' not in anybody.get("/sign-in").text
    assert upload(client, PNG).status_code == 303
    page = page_with(anybody, "/sign-in", 'class="logo"')
    url = re.search(r'<img class="logo" src="(/logo/\w+)" alt="">', page)
    assert url
    image = anybody.get(url[1])
    assert image.content == PNG
    assert image.headers["content-type"] == "image/png"
    assert image.headers["x-content-type-options"] == "nosniff"
    assert image.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert anybody.get("/logo/other").status_code == 404
    entry = audit(sandbox)[-1]
    assert (entry["subject"], entry["action"]) == ("logo", "created")
    assert '"content": "(secret)"' in entry["after"]
    assert "300 by 80 pixels" in client.get("/staff/settings").text
    assert client.post("/staff/settings/logo/remove").status_code == 303
    wait_until(lambda: 'class="logo"' not in anybody.get("/sign-in").text)
    assert anybody.get(url[1]).status_code == 404


def test_the_page_shows_at_once_what_was_saved(sandbox: Sandbox) -> None:
    """Other pages show the logo from a cache, which hears of a change a moment later."""
    client = staff_browser(sandbox)
    for _ in range(5):
        upload(client, PNG)
        assert 'alt="Current logo"' in client.get("/staff/settings").text
        client.post("/staff/settings/logo/remove")
        assert 'alt="Current logo"' not in client.get("/staff/settings").text


def test_another_tenant_does_not_have_the_logo(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    upload(staff_browser(sandbox), PNG)
    page = page_with(browser(sandbox), "/sign-in", 'class="logo"')
    url = page.partition('class="logo" src="')[2].partition('"')[0]
    assert browser(other_sandbox).get(url).status_code == 404
    assert 'class="logo"' not in browser(other_sandbox).get("/sign-in").text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "Choose a PNG, JPEG or WebP image."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Choose a PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(50), "Choose a PNG, JPEG or WebP image."),
        (PNG[:20], "Choose a PNG, JPEG or WebP image."),
        (PNG + bytes(100_000), "The file is larger than 100 kB."),
        (PNG.replace((300).to_bytes(4, "big"), (1001).to_bytes(4, "big")), "The image has 1,001 by 80 pixels."),
        (PNG.replace((80).to_bytes(4, "big"), bytes(4)), "The image has 300 by 0 pixels."),
    ],
)
def test_a_file_that_is_not_a_small_image_is_rejected(sandbox: Sandbox, content: bytes, error: str) -> None:
    response = upload(staff_browser(sandbox), content)
    assert response.status_code == 400
    assert error in response.text
    assert execute("SELECT FROM {s}.logo", schema=sandbox.tenant.schema) == []


# How images of 123 by 45 pixels begin that an encoder wrote: in base64, by media type.
IMAGES = [
    ("image/png", "iVBORw0KGgoAAAANSUhEUgAAAHsAAAAtCAIAAAABcoPCAAAAfklEQVR4"),
    ("image/jpeg", f"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP{'/' * 86}wAALCAAtAHsBAREA"),  # baseline
    ("image/jpeg", f"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP{'/' * 86}wgALCAAtAHsBAREA"),  # progressive
    ("image/webp", "UklGRjwAAABXRUJQVlA4IDAAAADwAwCdASp7AC0AP83m8HK/uDMsIWgD"),  # lossy
    ("image/webp", "UklGRiQAAABXRUJQVlA4TBcAAAAvegALAAfQhCY0of8BICH8ny9F9D91"),  # lossless
    ("image/webp", "UklGRmYAAABXRUJQVlA4WAoAAAAQAAAAegAALAAAQUxQSBAAAAABB9CE"),  # lossy with transparency
]


@pytest.mark.parametrize(("media_type", "start"), IMAGES)
def test_images_are_measured(media_type: str, start: str) -> None:
    content = b64decode(start)
    logo = read_logo(content)
    assert (logo.media_type, logo.width, logo.height) == (media_type, 123, 45)
    for size in range(20):
        with pytest.raises(GokartError, match="Choose a PNG, JPEG or WebP"):
            read_logo(content[:size])
