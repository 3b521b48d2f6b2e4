"""The emails with one-time links."""

from auth.users.mail import send_mail
from auth.users.one_time_links import Purpose, describe_lifetime
from auth.users.users import User

SUBJECTS = {"invitation": "Your invitation to GoKart", "reset": "Reset your GoKart password"}
TEXTS = {
    "invitation": "You have been invited to GoKart. Choose your password here:",
    "reset": "Someone requested a new password for your GoKart account. Choose it here:",
}


async def send_link_email(user: User, purpose: Purpose, url: str) -> None:
    """Raises `auth.users.mail.MailError`."""
    text = (
        f"Hello {user.name},\n\n{TEXTS[purpose]}\n\n{url}\n\n"
        f"The link works once, within {describe_lifetime(purpose)}. "
        "If you did not expect this email, you can ignore it.\n"
    )
    await send_mail(user.email, SUBJECTS[purpose], text)
