"""What is reported after the close of its month."""

import pytest
from sqlalchemy.orm import Session

from portal.commissions.models import CommissionKind
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.sales.models import Sale
from portal.statements import queries, service
from portal.statements.models import Period, Statement
from portal.statements.rules import LineKind, Severity, Totals
from portal.verification.service import verify
from tests.commissions.story import Story
from tests.statements.books import a_month, a_period, approved, at, begin, close

ON = "2026-02-10"


def february(session: Session, story: Story) -> Period:
    return a_period(session, story.version.program_id, "2026-02")


def foreseen(session: Session, story: Story, period: Period) -> list[Totals]:
    """The totals of the preview and of the partner's running month, payouts apart."""
    [row] = service.preview(session, period).rows
    [running] = queries.so_far(session, story.enrollment.partner_id)
    return [row.totals, running.totals]


def closed(session: Session, period: Period) -> Statement:
    [statement] = close(session, period)
    assert verify(session, period.ends_at) == []
    return statement


def test_a_sale_of_a_closed_month_adjusts_it_on_the_next_statement(
    session: Session,
) -> None:
    story = Story(session)
    close(session, a_month(story))
    customer = story.credited(first_seen_at=at("2026-01-03"))
    sale = story.sale(customer, at("2026-01-31"), 10_000)
    story.recompute(at(ON))
    period = february(session, story)
    before = foreseen(session, story, period)

    statement = closed(session, period)

    [line] = statement.lines
    assert statement.totals == Totals(opening=12_000, adjustments=2_000)
    assert before == [statement.totals] * 2
    assert line.kind is LineKind.ADJUSTMENT
    assert line.occurred_at == sale.occurred_at
    assert line.what == f"Invoice {sale.external_id}"
    assert line.why.startswith("Reported after the close of 2026-01, so it adjusts")
    assert "20%" in line.why


@pytest.mark.parametrize(
    ("refunded_on", "kind"),
    [("2026-01-20", LineKind.ADJUSTMENT), (ON, LineKind.REVERSAL)],
)
def test_a_refund_of_a_frozen_sale_is_on_the_next_statement_with_its_date(
    session: Session, refunded_on: str, kind: LineKind
) -> None:
    story = Story(session)
    close(session, a_month(story))
    sale = session.get_one(Sale, story.lines()[0].sale_id)
    refund = story.refund(sale, at(refunded_on), sale.gross_minor)
    story.recompute(at("2026-02-12"))
    period = february(session, story)
    before = foreseen(session, story, period)

    statement = closed(session, period)

    [line] = statement.lines
    assert (line.kind, line.amount_minor) == (kind, -12_000)
    assert line.occurred_at == refund.occurred_at
    assert line.what.startswith("Refund of in_")
    assert before == [statement.totals] * 2
    assert statement.closing_minor == 0
    assert [row.kind for row in story.lines()] == [
        CommissionKind.EARNED,
        CommissionKind.REVERSAL,
    ]


def test_a_customer_whose_credit_is_not_decided_stops_the_close(
    session: Session,
) -> None:
    story = Story(session)
    period = a_month(story)
    story.sale(story.customer(first_seen_at=at("2026-01-05")), at("2026-01-06"))

    stops = [
        (found.key, found.text)
        for found in service.check(session, period, period.ends_at)
        if found.severity is Severity.STOP
    ]

    assert stops == [
        (
            "credits_waiting",
            "For 1 customer it is not decided yet who gets the credit.",
        )
    ]
    with pytest.raises(service.NotReadyToClose, match="who gets the credit"):
        close(session, period)


def test_a_month_behind_an_open_one_opens_with_what_that_one_will_close_with(
    session: Session,
) -> None:
    story = Story(session)
    january = a_month(story)
    story.sale(story.credited(first_seen_at=at("2026-01-03")), at(ON), 10_000)
    story.recompute(at("2026-02-28"))
    period = february(session, story)

    [row] = service.preview(session, period).rows
    draft = service.draft_now(session, story.enrollment, period)
    close(session, january)
    statement = closed(session, period)

    assert statement.totals == Totals(opening=12_000, earned=2_000)
    assert row.totals == draft.totals == statement.totals
    assert [line.kind for line in draft.lines] == [LineKind.EARNED]


def test_what_was_adjusted_by_hand_is_foreseen_once(session: Session) -> None:
    story = Story(session)
    a_month(story)
    approved(story, 500)
    period = february(session, story)

    [row] = service.preview(session, period).rows
    draft = service.draft_now(session, story.enrollment, period)

    [running] = queries.so_far(session, story.enrollment.partner_id)

    # The earlier month closes first and states it.
    assert running.totals == Totals(earned=12_000, adjustments=500)
    assert row.totals == draft.totals == Totals(opening=12_500)


def test_while_the_month_before_is_being_closed_its_statements_count_as_issued(
    session: Session,
) -> None:
    story = Story(session)
    january = a_month(story)
    period = february(session, story)
    begin(session, january)
    service.close_chunk(session, january.id, 1)

    [row] = service.preview(session, period).rows

    assert row.totals == Totals(opening=12_000)


def test_money_that_came_back_is_owed_again_and_says_so(session: Session) -> None:
    story = Story(session)
    close(session, a_month(story))
    whose = (story.enrollment.partner_id, story.version.program_id)
    back = Money(5_000, "USD")
    ledger.book(
        session,
        "payout:one:return",
        [
            ledger.Line(LedgerAccount.PARTNER_PAYABLE, back, *whose),
            ledger.Line(LedgerAccount.PAYOUT_CLEARING, -back, *whose),
        ],
        occurred_at=at(ON),
        now=at(ON),
        description="Bank transfer E2E-1 came back",
    )

    [statement] = close(session, february(session, story))

    [line] = statement.lines
    assert statement.totals == Totals(opening=12_000, payouts=-5_000)
    assert line.why == "Money that came back from your bank; it is owed again."
