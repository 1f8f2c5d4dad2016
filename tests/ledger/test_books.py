"""Booking, balances, and the walls that keep the books from being rewritten."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.kit.money import CurrencyMismatch, Money
from portal.ledger.models import (
    JournalEntry,
    LedgerAccount,
    LedgerIsAppendOnly,
    Posting,
)
from portal.ledger.service import (
    Booking,
    Line,
    balance,
    book,
    book_all,
    entries_with_prefix,
)
from portal.partners.models import Partner
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerFactory

PROGRAM = new_id()


@pytest.fixture
def partner(session: Session) -> Partner:
    del session
    partner: Partner = PartnerFactory.create()
    return partner


def sides(partner: Partner, minor: int = 500, currency: str = "USD") -> list[Line]:
    amount = Money(minor, currency)
    return [
        Line(LedgerAccount.PARTNER_PAYABLE, amount, partner.id, PROGRAM),
        Line(LedgerAccount.COMMISSION_EXPENSE, -amount, partner.id, PROGRAM),
    ]


def settle(session: Session) -> None:
    session.flush()
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


class TestBooking:
    def test_a_balanced_entry_is_kept(self, session: Session, partner: Partner) -> None:
        entry = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)

        settle(session)
        assert [posting.amount for posting in entry.postings] == [
            Money(500, "USD"),
            Money(-500, "USD"),
        ]

    def test_booking_again_writes_nothing(
        self, session: Session, partner: Partner
    ) -> None:
        first = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)
        later = NOW + timedelta(days=1)

        again = book(session, "sale:1", sides(partner), occurred_at=NOW, now=later)

        assert again.id == first.id
        assert again.recorded_at == NOW

    @pytest.mark.parametrize("times", [1, 3])
    def test_the_same_key_with_other_lines_is_refused(
        self, session: Session, partner: Partner, times: int
    ) -> None:
        book(session, "sale:1", sides(partner) * 2, occurred_at=NOW, now=NOW)

        with pytest.raises(ValueError, match="other lines"):
            book(session, "sale:1", sides(partner) * times, occurred_at=NOW, now=NOW)

    def test_several_are_booked_at_once_and_those_that_are_known_stay(
        self, session: Session, partner: Partner
    ) -> None:
        first = book(session, "a", sides(partner), occurred_at=NOW, now=NOW)

        kept, new = book_all(
            session,
            [
                Booking(key=key, lines=sides(partner), occurred_at=NOW, now=NOW)
                for key in ("a", "b")
            ],
        )

        assert kept is first
        assert (new.key, len(new.postings)) == ("b", 2)

    @pytest.mark.parametrize("wrong", [[], [0], [0, 0, 1]])
    def test_what_does_not_balance_is_refused(
        self, session: Session, partner: Partner, wrong: list[int]
    ) -> None:
        lines = [sides(partner)[index] for index in wrong]

        with pytest.raises(ValueError, match="balance"):
            book(session, "sale:1", lines, occurred_at=NOW, now=NOW)

    def test_two_currencies_are_refused(
        self, session: Session, partner: Partner
    ) -> None:
        lines = [sides(partner)[0], sides(partner, currency="EUR")[1]]

        with pytest.raises(CurrencyMismatch):
            book(session, "sale:1", lines, occurred_at=NOW, now=NOW)

    def test_a_balance_is_the_sum_of_its_postings(
        self, session: Session, partner: Partner
    ) -> None:
        other: Partner = PartnerFactory.create()
        for number, minor in enumerate((500, 250, -100)):
            lines = sides(partner, minor)
            book(session, f"sale:{number}", lines, occurred_at=NOW, now=NOW)
        book(session, "sale:other", sides(other), occurred_at=NOW, now=NOW)

        def payable(currency: str) -> Money:
            return balance(
                session,
                LedgerAccount.PARTNER_PAYABLE,
                partner_id=partner.id,
                program_id=PROGRAM,
                currency=currency,
            )

        assert payable("USD") == Money(650, "USD")
        assert payable("EUR") == Money(0, "EUR")

    def test_entries_are_found_by_the_beginning_of_their_key(
        self, session: Session, partner: Partner
    ) -> None:
        for key in ("fee:1", "fee:2", "fe%:3"):
            book(session, key, sides(partner), occurred_at=NOW, now=NOW)

        found = entries_with_prefix(session, "fee:")

        assert [entry.key for entry in found] == ["fee:1", "fee:2"]
        assert len(found[0].postings) == 2

    def test_a_change_in_python_is_refused_before_the_database(
        self, session: Session, partner: Partner
    ) -> None:
        entry = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)

        entry.postings[0].amount_minor = 1
        with pytest.raises(LedgerIsAppendOnly):
            session.flush()

    def test_a_removal_in_python_is_refused_before_the_database(
        self, session: Session, partner: Partner
    ) -> None:
        entry = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)

        session.delete(entry.postings[0])
        with pytest.raises(LedgerIsAppendOnly):
            session.flush()

    def test_a_row_that_was_only_touched_is_no_change(
        self, session: Session, partner: Partner
    ) -> None:
        entry = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)

        entry.postings[0].amount_minor = 500
        session.flush()

        assert not session.dirty


BOOKS = ("ledger_journal_entries", "ledger_postings", "audit_events")
REWRITES = [
    "UPDATE {} SET id = id",
    "UPDATE {} SET id = gen_random_uuid()",
    "DELETE FROM {}",
    "DELETE FROM {} WHERE false",
    "TRUNCATE {}",
    "TRUNCATE {} CASCADE",
    "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT (id) DO UPDATE SET id = {0}.id",
    "MERGE INTO {0} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
]
OWNERS_TOOLS = [
    "ALTER TABLE {} DISABLE TRIGGER append_only",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON {}",
    "ALTER TABLE {} DROP COLUMN id",
    "ALTER TABLE {} RENAME TO gone",
    "DROP TABLE {} CASCADE",
    "CREATE TRIGGER other BEFORE INSERT ON {} EXECUTE FUNCTION refuse_rewrite()",
    "ALTER TABLE {} OWNER TO portal_app",
]
WAYS_AROUND = [
    "SET session_replication_role = replica",
    "ALTER FUNCTION refuse_rewrite() RENAME TO gone",
    "DROP FUNCTION refuse_unbalanced() CASCADE",
    "SET ROLE postgres",
    "ALTER ROLE portal_app SUPERUSER",
    "CREATE TABLE ledger_copy (id int)",
]


def refused(session: Session, statement: str, **values: object) -> bool:
    """Tell whether the database refuses a statement, deferred triggers included."""
    try:
        with session.begin_nested():
            session.execute(text(statement), values)
            session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except DBAPIError:
        return True
    return False


@pytest.fixture
def booked(session: Session, partner: Partner) -> JournalEntry:
    entry = book(session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)
    settle(session)
    return entry


class TestWalls:
    @pytest.mark.parametrize("table", BOOKS)
    @pytest.mark.parametrize("attack", REWRITES + OWNERS_TOOLS)
    def test_the_portal_cannot_rewrite_the_books(
        self, session: Session, booked: JournalEntry, attack: str, table: str
    ) -> None:
        del booked

        assert refused(session, attack.format(table))

    @pytest.mark.parametrize("attack", WAYS_AROUND)
    def test_the_portal_cannot_get_around_the_walls(
        self, session: Session, booked: JournalEntry, attack: str
    ) -> None:
        del booked

        assert refused(session, attack)

    @pytest.mark.parametrize("table", BOOKS)
    @pytest.mark.parametrize("attack", REWRITES)
    def test_not_even_the_owner_rewrites_them_by_accident(
        self, owner_session: Session, attack: str, table: str
    ) -> None:
        partner = PartnerFactory.create()
        book(owner_session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)
        settle(owner_session)

        assert refused(owner_session, attack.format(table))

    def test_replication_mode_does_not_switch_the_walls_off(
        self, owner_session: Session
    ) -> None:
        partner = PartnerFactory.create()
        book(owner_session, "sale:1", sides(partner), occurred_at=NOW, now=NOW)
        settle(owner_session)
        owner_session.execute(text("SET LOCAL session_replication_role = replica"))

        assert refused(owner_session, "DELETE FROM ledger_postings")

    POST = (
        "INSERT INTO ledger_postings (id, entry_id, account, partner_id, program_id,"
        " amount_minor, currency) SELECT gen_random_uuid(), :entry, :account,"
        " partner_id, program_id, :minor, :currency FROM ledger_postings LIMIT 1"
    )

    @pytest.mark.parametrize(
        ("minor", "currency"), [(1, "USD"), (-1, "USD"), (0, "USD"), (1, "EUR")]
    )
    def test_a_posting_that_tips_an_entry_is_refused(
        self, session: Session, booked: JournalEntry, minor: int, currency: str
    ) -> None:
        assert refused(
            session,
            self.POST,
            entry=booked.id,
            account="payout_clearing",
            minor=minor,
            currency=currency,
        )

    def test_an_entry_without_postings_is_refused(self, session: Session) -> None:
        assert refused(
            session,
            "INSERT INTO ledger_journal_entries (id, key, description, occurred_at,"
            " recorded_at) VALUES (gen_random_uuid(), 'empty', '', now(), now())",
        )

    def test_an_entry_with_one_posting_is_refused(
        self, session: Session, partner: Partner
    ) -> None:
        line = sides(partner)[0]
        entry = JournalEntry(
            id=new_id(), key="half", description="", occurred_at=NOW, recorded_at=NOW
        )
        session.add(entry)
        session.add(
            Posting(
                entry_id=entry.id,
                account=line.account,
                partner_id=line.partner_id,
                program_id=line.program_id,
                amount_minor=1,
                currency="USD",
            )
        )

        with pytest.raises(DBAPIError, match="does not balance"):
            settle(session)

    def test_a_debt_to_nobody_is_refused(
        self, session: Session, booked: JournalEntry
    ) -> None:
        assert refused(
            session,
            "INSERT INTO ledger_postings (id, entry_id, account, amount_minor,"
            " currency) VALUES (gen_random_uuid(), :entry, 'partner_payable', 1,"
            " 'USD')",
            entry=booked.id,
        )
