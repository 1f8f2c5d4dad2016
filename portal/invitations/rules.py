"""How long invitations last, and what a table of people to invite may hold."""

DAYS = 30
"""For how long an invitation is good, unless somebody says otherwise."""
MOST_DAYS = 180
MOST_ROWS = 500
MOST_BYTES = 256_000
MOST_LENGTH = 200
"""Of a name."""
COLUMNS = ("email", "name", "company")
"""What a table may have; only the first must be there."""
