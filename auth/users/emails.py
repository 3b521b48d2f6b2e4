"""Letters to people who sign in."""

from auth.users.mail import send_mail
from auth.users.one_time_links import LIVES, Purpose
from auth.users.users import Person

SUBJECTS = {"invitation": "Your invitation to GoKart", "reset": "A new password for GoKart"}
TEXTS = {
    "invitation": "You have been invited to GoKart. Choose a password here:",
    "reset": "Somebody, you we hope, asked for a new password. Choose it here:",
}


async def send_link(person: Person, purpose: Purpose, url: str) -> None:
    """Raises `auth.users.mail.MailError`."""
    hours = int(LIVES[purpose].total_seconds() // 3600)
    text = (
        f"Hello {person.name},\n\n{TEXTS[purpose]}\n\n{url}\n\n"
        f"The link works once, for {f'{hours // 24} days' if hours > 48 else f'{hours} hours'}. "
        "If you did not expect this letter, you need not do anything.\n"
    )
    await send_mail(person.email, SUBJECTS[purpose], text)
