"""Public ids as parts of addresses: `<pid(stm):statement_id>`."""

from typing import Any
from uuid import UUID

from werkzeug.routing import BaseConverter, Map, ValidationError

from portal.kit.ids import parse_public_id, public_id


class PublicIdConverter(BaseConverter):
    """Turn `stm_...` into its key and back; anything else is no such page."""

    def __init__(self, url_map: Map, prefix: str) -> None:
        super().__init__(url_map)
        self.prefix = prefix
        self.regex = f"{prefix}_[0-9a-z]{{26}}"

    def to_python(self, value: str) -> UUID:
        """Return the key behind the id."""
        try:
            return parse_public_id(self.prefix, value)
        except ValueError as error:
            raise ValidationError from error

    def to_url(self, value: Any) -> str:  # noqa: ANN401 - werkzeug's signature
        """Return the id of a key."""
        return public_id(self.prefix, value)
