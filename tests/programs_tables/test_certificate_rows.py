"""The row about a company's certificates, which several people may hold."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import pytest

from portal.certification.team import Holding, Spell, standing
from portal.programs.definition import Counted, Team, TeamScope

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ENDS = datetime(2027, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("held", "is_admitted"),
    [
        ({"ann": ["sales", "admin"]}, True),
        ({"ann": ["sales"], "ben": ["sales"]}, True),
        ({"ann": ["sales"]}, False),
    ],
    ids=["one person holds 2", "two persons hold 1 each", "one person holds 1"],
)
def test_row_5_7_a_company_needs_two_certificates(
    held: dict[str, list[str]], *, is_admitted: bool
) -> None:
    asked = Team(who=TeamScope.AT_LEAST, number=2, counts=Counted.CERTIFICATES)
    people = {name: uuid5(NAMESPACE_URL, name) for name in held}
    spells = [Spell(person=person, since=NOW) for person in people.values()]
    holdings = [
        Holding(person=people[name], exam=exam, since=NOW, until=ENDS)
        for name, exams in held.items()
        for exam in exams
    ]

    assert standing(asked, spells, holdings, NOW).is_met is is_admitted
