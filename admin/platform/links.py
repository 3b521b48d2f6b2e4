"""Handing a one-time link over: it is shown once, and mailed where this server sends mail."""

from typing import Any

from litestar import Response

from auth.users.emails import send_link_email
from auth.users.invitations import IssuedLink
from auth.users.login_pages import one_time_url
from auth.users.mail import MailError, mail_is_on
from auth.users.one_time_links import LINK_LIFETIMES
from web.pages.rendering import PageLayout, render_page


async def link_page(
    layout: PageLayout, invited: IssuedLink, origin: str, *, back: tuple[str, str], made: str = ""
) -> Response[Any]:
    """`origin` is that of the host where the user will sign in, `back` a page's path and title, `made` what else was
    done. A letter that cannot be sent takes nothing back.
    """
    user = invited.user
    url = one_time_url(origin, user.realm, invited.token)
    mail_error = None
    if mail_is_on():
        try:
            await send_link_email(user, invited.purpose, url)
        except MailError as error:
            mail_error = str(error)
    return render_page(
        "platform/link.html",
        layout,
        back=back,
        made=made,
        invited=invited.user,
        purpose=invited.purpose,
        days=LINK_LIFETIMES[invited.purpose].days,
        url=url,
        mailed=mail_is_on() and mail_error is None,
        mail_error=mail_error,
    )
