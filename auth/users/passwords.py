"""Passwords: what is asked of one, and how it is kept.

Staff's are hashed as Piccolo does, so that its own commands read them; advertisers' with Argon2id.
"""

import hmac
from abc import ABC, abstractmethod
from asyncio import to_thread
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from piccolo.apps.user.tables import BaseUser

from core.errors import GokartError
from database.pool import ConcurrencyLimit

SHORTEST = 10
LONGEST = 128  # Piccolo's
SHORTEST_NAME = 4  # of an e-mail address, for a password to be too much like it

_hashing = ConcurrencyLimit("signing in", 2)  # each takes a core, and 64 MiB with Argon2


class Hasher(ABC):
    """Slow on purpose, so in a thread, and never many at once. Raises DatabaseUnavailable."""

    @abstractmethod
    def _hash(self, password: str) -> str: ...

    @abstractmethod
    def _is(self, hashed: str, password: str) -> bool: ...

    @cached_property
    def _nobodys(self) -> str:
        return self._hash("nobody has this password")

    async def hash(self, password: str) -> str:
        async with _hashing.slot():
            return await to_thread(self._hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Takes as long where there is nobody to compare with, so that the time does not tell who exists."""
        async with _hashing.slot():
            right = await to_thread(lambda: self._is(hashed or self._nobodys, password[:LONGEST]))
        return right and hashed is not None and len(password) <= LONGEST


class Argon2(Hasher):
    def __init__(self) -> None:
        self._hasher = PasswordHasher()

    def _hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def _is(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False


class Pbkdf2(Hasher):
    def _hash(self, password: str) -> str:
        return BaseUser.hash_password(password)

    def _is(self, hashed: str, password: str) -> bool:
        _, iterations, salt, _ = BaseUser.split_stored_password(hashed)
        return hmac.compare_digest(BaseUser.hash_password(password, salt, int(iterations)), hashed)


ARGON2: Hasher = Argon2()
PBKDF2: Hasher = Pbkdf2()


def check_new_password(password: str, again: str, email: str) -> None:
    """Raises GokartError, saying what a password must be."""
    if password != again:
        raise GokartError("The two passwords differ.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise GokartError(f"A password has {SHORTEST} to {LONGEST} characters.")
    if len(set(password)) < SHORTEST // 2:
        raise GokartError("This password repeats too few characters.")
    name = email.partition("@")[0]
    if password.lower() in email or (len(name) >= SHORTEST_NAME and name in password.lower()):
        raise GokartError("A password must not contain your e-mail address.")
