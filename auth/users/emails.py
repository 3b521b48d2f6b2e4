"""Letters to people who sign in."""

from auth.users.mail import send_mail
from auth.users.one_time_links import LINK_LIFETIMES, Purpose
from auth.users.users import User

SUBJECTS = {"invitation": "Your invitation to GoKart", "reset": "A new password for GoKart"}
TEXTS = {
    "invitation": "You have been invited to GoKart. Choose a password here:",
    "reset": "Somebody, you we hope, asked for a new password. Choose it here:",
}


async def send_link_email(user: User, purpose: Purpose, url: str) -> None:
    """Raises `auth.users.mail.MailError`."""
    hours = int(LINK_LIFETIMES[purpose].total_seconds() // 3600)
    text = (
        f"Hello {user.name},\n\n{TEXTS[purpose]}\n\n{url}\n\n"
        f"The link works once, for {f'{hours // 24} days' if hours > 48 else f'{hours} hours'}. "
        "If you did not expect this letter, you need not do anything.\n"
    )
    await send_mail(user.email, SUBJECTS[purpose], text)
