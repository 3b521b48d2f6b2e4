"""The tenant's audit log. The tests of the platform's audit log cover the page itself."""

from auth.users.realms import STAFF
from tests.support.people import advertiser_browser, browser, create_staff_user, session_cookie, staff_browser
from tests.support.sandbox import Sandbox


def test_it_shows_the_actor_the_change_and_the_address(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "manager")
    manager = browser(sandbox, cookies=session_cookie(sandbox, STAFF, email))
    manager.post(f"/staff/singular/{sandbox.owner}", data={"singular": "off"})
    page = " ".join(staff_browser(sandbox, "viewer").get("/staff/audit", params={"subject": "advertiser"}).text.split())
    assert f'<td>staff:{email}</td> <td class="id">127.0.0.1</td>' in page
    assert "singular_enabled: true → false" in page
    assert "api token" not in page


def test_it_shows_only_this_tenants_changes(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    theirs = staff_browser(other_sandbox).get("/staff/audit").text
    assert str(other_sandbox.owner) in theirs
    assert str(sandbox.owner) not in theirs
    assert advertiser_browser(sandbox).get("/staff/audit").status_code == 303
