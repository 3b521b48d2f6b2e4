"""/unsubscribe/…: stops emails of notifications or of a saved view, from a link in them, without signing in."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import realm_of
from auth.users.login_throttle import count_unsubscription
from auth.users.unsubscribe import Subscription, find_subscription
from notifications.service import NOTIFICATION_EMAILS, stop_notification_emails
from saved_views.service import find_view_to_stop, stop_view_emails
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest, client_address


class UnsubscribeController(Controller):
    path = "/unsubscribe/{token:str}"

    @get()
    async def confirm(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], token: FromPath[str]
    ) -> Response[Any]:
        subscription = await find_subscription(realm_of(request.route_handler), token)
        return await unsubscribe_page(request, layout, subscription)

    @post()
    async def stop(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], token: FromPath[str]
    ) -> Response[Any]:
        """The form of the page, or an email program: it sends no cookies, and must not be redirected."""
        realm, address = realm_of(request.route_handler), client_address(request.scope)
        subscription = await find_subscription(realm, token)
        await count_unsubscription(realm, subscription.user.id if subscription else None, address)
        page = await unsubscribe_page(request, layout, subscription, done=True)
        if subscription and page.status_code == 200:
            if subscription.emails == NOTIFICATION_EMAILS:
                await stop_notification_emails(subscription.user, address)
            else:
                await stop_view_emails(subscription, address)
        return page


async def unsubscribe_page(
    request: AnyRequest, layout: PageLayout, subscription: Subscription | None, *, done: bool = False
) -> Response[Any]:
    realm = realm_of(request.route_handler)
    about = await describe_emails(subscription) if subscription else None
    return render_page(
        "portal/unsubscribe.html",
        layout,
        status=200 if about else 404,
        action=request.url.path,
        about=about,
        email=subscription.user.email if subscription else "",
        done=done,
        sign_in=realm.path("/sign-in"),
    )


async def describe_emails(subscription: Subscription) -> str | None:
    """None if the view was deleted."""
    if subscription.emails == NOTIFICATION_EMAILS:
        return "Notifications"
    name = await find_view_to_stop(subscription)
    return f"The saved view “{name}”" if name else None
