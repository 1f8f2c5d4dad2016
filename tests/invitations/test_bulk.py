"""A table of people to invite: whom it invites, and what is wrong with the rest."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.throttle import INVITATIONS_PER_TARGET, count
from portal.invitations import bulk, service
from portal.invitations.models import Invitation
from portal.invitations.rules import MOST_BYTES, MOST_ROWS
from portal.kit.errors import Invalid
from portal.programs.models import ProgramVersion
from tests.factories.applications import version_with_join
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory


@pytest.fixture
def version(session: Session) -> ProgramVersion:
    del session
    return version_with_join(mode="invite")


@pytest.fixture
def reviewer(session: Session) -> User:
    del session
    user: User = UserFactory.create(reviewer=True, email="rae@vendor.example")
    return user


def test_each_wrong_line_is_named_and_the_others_are_invited(
    session: Session, version: ProgramVersion, reviewer: User
) -> None:
    member = PartnerMemberFactory.create(user__email="in@partner.example")
    EnrollmentFactory.create(partner=member.partner, version=version)
    service.invite(session, version, email="old@guest.example", actor=reviewer, now=NOW)
    session.flush()
    table = (
        "\ufeffEmail;Company;Name\r\n"
        "\r\n"
        "Ana@guest.example;Anatol; Ana \r\n"
        "not an address;;\r\n"
        "ana@guest.example;;\r\n"
        "old@guest.example;;\r\n"
        "in@partner.example;;\r\n"
        "rae@vendor.example;;\r\n"
        f"long@guest.example;{'x' * 201};\r\n"
        "odd@guest.example;bell \x07;\r\n"
        "bo@guest.example\r\n"
    )

    planned = bulk.plan(session, version, bulk.decoded(table.encode()), NOW)

    assert [(one.line, one.email, one.name, one.company) for one in planned.rows] == [
        (3, "ana@guest.example", "Ana", "Anatol"),
        (11, "bo@guest.example", "", ""),
    ]
    assert [(one.line, one.message) for one in planned.problems] == [
        (4, "Enter an e-mail address, such as name@example.com."),
        (5, "Stands on line 3 already."),
        (6, "Is invited already."),
        (7, "Is in this program already."),
        (8, "Works here. Staff cannot be partners."),
        (9, "company is too long."),
        (10, "company has characters we cannot show."),
    ]
    assert len(session.scalars(select(Invitation)).all()) == 1, "a trial writes nothing"


def test_who_got_enough_mails_today_is_left_out_and_named(
    session: Session, version: ProgramVersion, reviewer: User
) -> None:
    planned = bulk.plan(session, version, "email\na@x.example\nb@x.example\n", NOW)
    for _ in range(INVITATIONS_PER_TARGET.times):
        count(session, INVITATIONS_PER_TARGET, "a@x.example", now=NOW)

    left_out = bulk.send(
        session, version, planned.rows, actor=reviewer, note="", days=30, now=NOW
    )

    session.flush()
    assert [one.email for one in left_out] == ["a@x.example"]
    assert session.scalars(select(Invitation.email)).all() == ["b@x.example"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "There is nobody in this table"),
        ("email\n", "There is nobody in this table"),
        ("mail,name\na@x.example,A\n", "Begin with a line that names the columns"),
        ("email,phone\na@x.example,1\n", "Begin with a line that names the columns"),
        ("email,email\na@x.example,\n", "A column stands twice"),
        ('email\n"a@x.example\n', "Line 2 cannot be read"),
        (
            "email\n" + "".join(f"p{n}@x.example\n" for n in range(MOST_ROWS + 1)),
            "at most 500 people",
        ),
    ],
)
def test_what_is_no_table_is_refused(
    session: Session, version: ProgramVersion, table: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        bulk.plan(session, version, table, NOW)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x" * (MOST_BYTES + 1), "at most 256 kB"),
        (b"email\nM\xfcller@x.example\n", "Line 2: save the file as UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        bulk.decoded(content)
