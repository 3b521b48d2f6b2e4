"""Password rules and hashing.

Staff passwords are hashed like Piccolo's, so that its commands work; those of advertiser users with Argon2id.
"""

import hmac
from abc import ABC, abstractmethod
from asyncio import to_thread
from collections.abc import Collection
from decimal import Decimal
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from piccolo.apps.user.tables import BaseUser

from core.errors import GokartError
from database.pool import ConcurrencyLimit
from settings import settings

MIN_LENGTH = 10
MAX_LENGTH = 128  # Piccolo's
MIN_GUESSES = 1_000_000
MAX_GUESSED_LENGTH = 40  # characters
MIN_LOCAL_PART = 4  # shorter local parts of email addresses may be part of a password

_hashing = ConcurrencyLimit("signing in", 2)  # each takes a core, and 64 MiB with Argon2


class Hasher(ABC):
    """Slow on purpose, so in a thread, and never many at once. Raises DatabaseUnavailable."""

    @abstractmethod
    def _hash(self, password: str) -> str: ...

    @abstractmethod
    def _verify(self, hashed: str, password: str) -> bool: ...

    @cached_property
    def _dummy(self) -> str:
        return self._hash("unused password")

    async def hash(self, password: str) -> str:
        async with _hashing.slot():
            return await to_thread(self._hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Takes the same time if `hashed` is None, so that the response time does not reveal which users exist."""
        async with _hashing.slot():
            valid = await to_thread(lambda: self._verify(hashed or self._dummy, password[:MAX_LENGTH]))
        return valid and hashed is not None and len(password) <= MAX_LENGTH


class Argon2(Hasher):
    def __init__(self, *, weak: bool) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1) if weak else PasswordHasher()

    def _hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False


class Pbkdf2(Hasher):
    def __init__(self, *, weak: bool) -> None:
        self._iterations = 1 if weak else None  # None: Piccolo's

    def _hash(self, password: str) -> str:
        return BaseUser.hash_password(password, iterations=self._iterations)

    def _verify(self, hashed: str, password: str) -> bool:
        _, iterations, salt, _ = BaseUser.split_stored_password(hashed)
        return hmac.compare_digest(BaseUser.hash_password(password, salt, int(iterations)), hashed)


ARGON2: Hasher = Argon2(weak=settings.weak_password_hashing)
PBKDF2: Hasher = Pbkdf2(weak=settings.weak_password_hashing)


async def check_new_password(password: str, again: str, email: str, names: Collection[str]) -> None:
    """`names` are those of the user and of the tenant. Raises GokartError with the rule that the password breaks."""
    if password != again:
        raise GokartError("The passwords do not match.")
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise GokartError(f"Use a password of {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if len(set(password)) < MIN_LENGTH // 2:
        raise GokartError("Use more different characters in your password.")
    name = email.partition("@")[0]
    if password.lower() in email or (len(name) >= MIN_LOCAL_PART and name in password.lower()):
        raise GokartError("Your password must not contain your email address.")
    if letters(password) in {letters(each) for each in names}:
        raise GokartError("Your password must not be your name or that of this site.")
    if await to_thread(is_easy_to_guess, password, [email, *names]):
        raise GokartError("This password is common or easy to guess. Use, for example, four unrelated words.")


def letters(text: str) -> str:
    """Letters and digits, in lower case."""
    return "".join(one for one in text.casefold() if one.isalnum())


def is_easy_to_guess(password: str, names: Collection[str]) -> bool:
    """Whether it is among the first million guesses, by lists of common passwords, words and names, and by patterns of
    keyboards and dates. Only the beginning is looked at: the time rises with the square of the length.
    """
    from zxcvbn import zxcvbn  # its lists take 15 MB, in the few processes that set a password

    words = [word for name in names for word in (name, *name.split())]
    guesses: Decimal = zxcvbn(password[:MAX_GUESSED_LENGTH], words)["guesses"]
    return guesses < MIN_GUESSES
