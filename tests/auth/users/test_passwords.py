"""Which passwords are accepted, how they are kept, and what a test server keeps instead."""

import asyncio

import pytest

from auth.users.passwords import Argon2, Pbkdf2, check_new_password
from core.errors import GokartError

PASSWORD = "correct horse battery"


def test_argon2id_has_at_least_the_parameters_of_rfc_9106() -> None:
    """Its second recommended option: 64 MiB of memory, three passes, four lanes."""
    hashed = Argon2(weak=False)._hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_pbkdf2_has_at_least_the_iterations_that_owasp_recommends() -> None:
    _, iterations, _, _ = Pbkdf2(weak=False)._hash(PASSWORD).split("$")
    assert int(iterations) >= 600_000


def test_weak_hashes_are_verified_as_the_others() -> None:
    for hasher in (Argon2, Pbkdf2):
        for weak in (True, False):
            assert hasher(weak=not weak)._verify(hasher(weak=weak)._hash(PASSWORD), PASSWORD)
            assert not hasher(weak=not weak)._verify(hasher(weak=weak)._hash(PASSWORD), "another password")


def test_a_salt_makes_equal_passwords_different() -> None:
    for hasher in (Argon2(weak=True), Pbkdf2(weak=True)):
        assert hasher._hash(PASSWORD) != hasher._hash(PASSWORD)
        assert PASSWORD not in hasher._hash(PASSWORD)


NAMES = ["Anna Castell", "GoKart", "Limestone Digital", "limestone"]


def complaint(password: str) -> str:
    async def work() -> str:
        try:
            await check_new_password(password, password, "anna.castell@example.com", NAMES)
        except GokartError as error:
            return str(error)
        return ""

    return asyncio.run(work())


@pytest.mark.parametrize(
    "password",
    ["password12", "Password123!", "qwertyuiop", "1qaz2wsx3edc", "iloveyou12", "abcdefghij", "Limestone2026"],
)
def test_a_common_password_is_refused(password: str) -> None:
    assert "common or easy to guess" in complaint(password)


@pytest.mark.parametrize("password", ["limestone digital", "Anna-Castell", "LIMESTONEDIGITAL"])
def test_a_name_is_no_password(password: str) -> None:
    assert "your name or that of this site" in complaint(password)


@pytest.mark.parametrize("password", ["anna.castell@example.com", "Anna.Castell1"])
def test_the_email_address_is_no_password(password: str) -> None:
    assert "email address" in complaint(password)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, "another password", "x9$kq2Lm7!", "müde Katzen tanzen", "\U0001f600 ten pink foxes walk " * 4],
)
def test_other_passwords_are_accepted(password: str) -> None:
    assert complaint(password) == ""
