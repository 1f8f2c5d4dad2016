"""The secret answers of a form as one encrypted text that opens for that form only."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from portal.kit import secrets

_OWNER = ""
"""Under which the text says whose it is; no answer is called so."""


def seal(values: Mapping[str, str], form_id: UUID, *, keys: Sequence[str]) -> str:
    """Return the answers encrypted; they open only for the same form."""
    plain = json.dumps({_OWNER: str(form_id), **values}, sort_keys=True)
    return secrets.encrypt(plain, keys=keys)


def opened(sealed: str, form_id: UUID, *, keys: Sequence[str]) -> dict[str, str]:
    """Return the answers that were sealed for this form.

    Raises:
        UnreadableSecret: No key fits, or they are another form's.
    """
    values: dict[str, str] = json.loads(secrets.decrypt(sealed, keys=keys))
    if values.pop(_OWNER) != str(form_id):
        raise secrets.UnreadableSecret("the secret of another tax form")
    return values
