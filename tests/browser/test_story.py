"""The whole story: from the first staff account, created at the command line, to an advertiser's API key and Singular's
first request.
"""

import re
from uuid import uuid4

import httpx
from playwright.sync_api import Page, expect

from tests.browser.page_watcher import PageWatcher
from tests.support.database import execute
from tests.support.sandbox import MAY, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server, run_cli
from tests.support.wait import wait_for_value, wait_until

CHOSEN = "a password of my own"


def set_password(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("New password").fill(CHOSEN)
    page.get_by_label("Confirm password").fill(CHOSEN)
    page.get_by_role("button", name="Set password and sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)


def test_a_tenants_first_day(open_page: PageWatcher, server: Server, sandbox: Sandbox) -> None:
    """The tenant is new. `sandbox` is only used for the format of the records."""
    slug = f"s{uuid4().hex[:10]}"
    port = str(server.port)
    run_cli("tenants", "create", slug, "--name", "Acorn Media", GOKART_PORT=port)
    output = run_cli(
        "staff", "invite", slug, "--email", "olga@acorn.example", "--name", "Olga", "--role", "owner", GOKART_PORT=port
    )
    (link,) = re.findall(r"http://\S+/staff/link/\S+", output)
    app, api = f"http://app.{slug}.localhost:{port}", f"api.{slug}.localhost"

    olga = open_page()
    set_password(olga, link)
    expect(olga).to_have_url(f"{app}/staff")
    olga.goto(f"{app}/staff/keys/new-ingest")
    olga.get_by_label("Name").fill("Tracker")
    olga.get_by_role("button", name="Create API key").click()
    ingest = olga.locator("#key").inner_text()

    def send(method: str, kind: str, record: dict[str, object]) -> None:
        headers = {"Host": api, "Authorization": f"ApiToken {ingest}"}
        response = httpx.request(method, f"{server.url}/api/v1/ingest/{kind}", headers=headers, json=[record])
        assert response.json()["accepted"] == 1

    offer = offer_record(sandbox, name="Grow an oak", advertiserName="Brown Boots", storeId="com.oak", os="ANDROID")
    send("PUT", "offers", offer | {"campaignName": "OAK_2026"})
    send("POST", "conversions", conversion_callback(sandbox, offer["id"], revenue="12.34"))

    olga.goto(f"{app}/staff/people/logins/new")
    olga.get_by_label("Advertiser").select_option(offer["advertiserId"])
    olga.get_by_label("Email").fill("anna@boots.example")
    olga.get_by_label("Name").fill("Anna")
    olga.get_by_role("button", name="Create invitation").click()

    anna = open_page()
    set_password(anna, olga.locator("#link").inner_text())
    anna.goto(f"{app}/?date_from=2025-05-01&date_to=2025-05-31")
    expect(anna.locator("main")).to_contain_text("12.34")
    anna.get_by_role("link", name="API keys").click()
    anna.get_by_role("link", name="Create API key").first.click()
    anna.get_by_label("Name").fill("Reports and Singular")
    anna.get_by_label("Cost report", exact=True).check()
    anna.get_by_label("Singular", exact=True).check()
    anna.get_by_role("button", name="Create API key").click()
    key = anna.locator("#key").inner_text()

    def pull(path: str) -> httpx.Response:
        headers = {"Host": api, "Authorization": f"ApiToken {key}"}
        return httpx.get(f"{server.url}/api/v1/integrations/cost-report/{path}", headers=headers, params=MAY)

    assert [row["revenue"] for row in pull("json").json()["data"]] == [12.34]
    assert pull("singular/json").status_code == 403, "nobody has switched it on"

    anna.get_by_role("link", name="Singular", exact=True).click()
    anna.get_by_role("button", name="Request access").click()
    olga.goto(f"{app}/staff")
    olga.get_by_role("link", name="Brown Boots").first.click()
    olga.get_by_role("button", name="Enable Singular").click()
    wait_for_value(lambda: pull("singular/json").status_code, 200)
    (item,) = pull("singular/json").json()["data"]["items"]
    assert (item["campaign_name"], item["cost"]) == ("OAK_2026", 12.34)

    singulars = "SELECT FROM {s}.request_log WHERE status = 200 AND endpoint LIKE '%singular%'"
    wait_until(lambda: bool(execute(singulars, schema=f"t_{slug}")))
    anna.goto(f"{app}/singular")
    expect(anna.get_by_role("cell", name="Data sent").first).to_be_visible()
    olga.goto(f"{app}/admin/#/audit_log")
    expect(olga.get_by_text("advertiser:anna@boots.example").first).to_be_visible()
