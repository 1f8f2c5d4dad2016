import pytest

from portal.kit import secrets
from portal.kit.secrets import UnreadableSecret

OLD, NEW = ("o" * 32,), ("n" * 32,)
IBAN = "DE89370400440532013000"


def test_a_secret_comes_back_and_does_not_show() -> None:
    token = secrets.encrypt(IBAN, keys=NEW)

    assert secrets.decrypt(token, keys=NEW) == IBAN
    assert IBAN not in token
    assert IBAN[-4:] not in token.encode().hex()


def test_the_same_secret_never_looks_the_same_twice() -> None:
    assert secrets.encrypt(IBAN, keys=NEW) != secrets.encrypt(IBAN, keys=NEW)


def test_an_old_key_reads_until_the_secret_is_rotated() -> None:
    token = secrets.encrypt(IBAN, keys=OLD)

    assert secrets.decrypt(token, keys=NEW + OLD) == IBAN
    rotated = secrets.rotate(token, keys=NEW + OLD)
    assert secrets.decrypt(rotated, keys=NEW) == IBAN
    with pytest.raises(UnreadableSecret):
        secrets.decrypt(rotated, keys=OLD)


@pytest.mark.parametrize("read", [secrets.decrypt, secrets.rotate])
def test_without_its_key_nothing_is_read(read: object) -> None:
    token = secrets.encrypt(IBAN, keys=OLD)

    assert callable(read)
    with pytest.raises(UnreadableSecret, match="PORTAL_ENCRYPTION_KEYS"):
        read(token, keys=NEW)


def test_a_changed_text_is_refused() -> None:
    token = secrets.encrypt(IBAN, keys=NEW)
    changed = token[:-3] + ("AA=" if token[-3:] != "AA=" else "BB=")

    with pytest.raises(UnreadableSecret):
        secrets.decrypt(changed, keys=NEW)
