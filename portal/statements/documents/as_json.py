"""The statement for programs: the data behind the hash, the hash, where to check it."""

import json

from portal.statements.documents.data import statement_data
from portal.statements.models import Statement


def render(statement: Statement, verify_url: str) -> bytes:
    """Return the JSON file."""
    content = {
        "statement": statement_data(statement),
        "sha256": statement.sha256,
        "verify_url": verify_url,
    }
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
