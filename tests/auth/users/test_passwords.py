"""How passwords are kept, and what a test server keeps instead."""

from auth.users.passwords import Argon2, Pbkdf2

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
