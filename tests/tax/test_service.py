from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Executable, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import unmet
from portal.kit.errors import Invalid, NotFound
from portal.kit.secrets import UnreadableSecret
from portal.mail.models import OutboxEmail
from portal.partners.models import Partner
from portal.programs.definition import Blocks
from portal.tax import queries, sealed, service
from portal.tax.drafts import Draft
from portal.tax.models import TaxForm, TaxFormSecret, TaxFormTransition, VatDeclaration
from portal.tax.rules import FormKind, FormStatus, Place, WithholdingReason
from tests.enrollments.gates import enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.tax import KEYS, SSN, UNPROVEN, W8, W9, owner, signed

GATE = {
    "key": "tax",
    "kind": "tax_form",
    "title": "Sign your tax form",
    "blocks": ["payout"],
}
END = datetime(2030, 1, 1, tzinfo=UTC)
"""The first moment after a W-8 signed at NOW, in UTC."""


def mails(session: Session) -> list[OutboxEmail]:
    return list(session.scalars(select(OutboxEmail).order_by(OutboxEmail.to)))


def actions(session: Session, form: TaxForm) -> list[str]:
    session.flush()
    return list(
        session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.subject_id == form.id)
            .order_by(AuditEvent.id)
        )
    )


def waits_for(session: Session, enrollment: Enrollment, at: datetime) -> list[str]:
    statuses = enrollments.checklist(session, enrollment, now=at)
    return [status.gate.key for status in unmet(statuses, Blocks.PAYOUT)]


@pytest.mark.parametrize(
    ("draft", "status", "reasons", "last4"),
    [
        (W9, FormStatus.ACCEPTED, [], "4399"),
        (W8, FormStatus.ACCEPTED, [], "1809"),
        (UNPROVEN, FormStatus.SUBMITTED, ["unproven_number"], "0692"),
        (
            replace(W8, tin_kind=None, tin=""),
            FormStatus.SUBMITTED,
            ["no_number"],
            "",
        ),
        (
            replace(W8, treaty_bps=1_500, place=Place.IN_US),
            FormStatus.SUBMITTED,
            ["treaty"],
            "1809",
        ),
        (
            replace(
                W8,
                kind=FormKind.W8BEN_E,
                details={"entity_class": "other", "fatca_class": "other"},
            ),
            FormStatus.SUBMITTED,
            ["special_entity"],
            "1809",
        ),
    ],
    ids=["w-9", "w-8ben", "unproven", "no number", "treaty", "special entity"],
)
def test_the_portal_accepts_what_it_can_prove(
    session: Session,
    draft: Draft,
    status: FormStatus,
    reasons: list[str],
    last4: str,
) -> None:
    form = signed(session, *owner(), draft)

    assert (form.status, form.review_reasons) == (status, reasons)
    assert (form.tin_last4, form.version) == (last4, 1)
    assert (form.signed_on, form.remote_address) == (NOW.date(), "192.0.2.7")
    last_day = None if draft.kind is FormKind.W9 else date(2029, 12, 31)
    assert form.valid_until_on == last_day
    expected = ["tax_form.submitted"]
    if status is FormStatus.ACCEPTED:
        expected.append("tax_form.accepted")
    assert actions(session, form) == expected


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(W9, tin="666-12-3456"), "tin"),
        (replace(W8, tin="none"), "tin"),
        (replace(W8, country="US"), "country"),
        (replace(W9, country="DE"), "country"),
    ],
)
def test_what_cannot_be_right_is_refused(
    session: Session, draft: Draft, field: str
) -> None:
    user, partner = owner()

    with pytest.raises(Invalid) as refused:
        signed(session, user, partner, draft)

    assert refused.value.field == field
    assert queries.of_partner(session, partner.id) == []


def test_no_secret_lies_open_in_the_database(session: Session) -> None:
    form = signed(session, *owner(), W9)
    tables = ("tax_forms", "tax_form_secrets", "audit_events", "outbox_emails")

    for table in tables:
        rows = session.execute(text(f"SELECT t::text FROM {table} t"))  # noqa: S608 - names of our own
        dump = " ".join(rows.scalars())
        assert SSN not in dump
        assert SSN.replace("-", "") not in dump
        assert "Planted" not in dump
    secret = session.get_one(TaxFormSecret, form.id)
    assert sealed.opened(secret.sealed, form.id, keys=KEYS)["tin"] == "536904399"


def test_a_secret_opens_for_its_own_form_only(session: Session) -> None:
    first = signed(session, *owner(), W9)
    second = signed(session, *owner(), W8)
    secret = session.get_one(TaxFormSecret, first.id).sealed

    with pytest.raises(UnreadableSecret, match="another tax form"):
        sealed.opened(secret, second.id, keys=KEYS)


def test_who_sees_a_number_is_kept(session: Session) -> None:
    staff = UserFactory.create(finance=True)
    form = signed(session, *owner(), W9)

    seen = service.show_number(session, form, keys=KEYS, actor=staff, now=NOW)

    assert (seen["tin"], seen["street"]) == ("536904399", "1 Planted Lane")
    assert actions(session, form)[-1] == "tax_form.number_shown"

    session.delete(session.get_one(TaxFormSecret, form.id))
    session.flush()
    assert service.show_number(session, form, keys=KEYS, actor=staff, now=NOW) == {}


def test_a_form_that_counts_goes_on_until_the_new_one_is_accepted(
    session: Session,
) -> None:
    user, partner = owner()
    staff = UserFactory.create(finance=True)
    first = signed(session, user, partner)
    second = signed(session, user, partner, UNPROVEN)
    assert queries.accepted(session, partner.id) is first

    third = signed(session, user, partner, UNPROVEN)
    assert (second.status, first.status) == (FormStatus.REPLACED, FormStatus.ACCEPTED)

    service.accept(session, third, actor=staff, now=NOW)
    session.flush()

    assert [f.version for f in queries.of_partner(session, partner.id)] == [3, 2, 1]
    assert queries.accepted(session, partner.id) is third
    assert first.status is FormStatus.REPLACED
    assert third.decided_by_id == staff.id


def test_a_decided_form_is_not_decided_again(session: Session) -> None:
    user, partner = owner()
    staff = UserFactory.create(finance=True)
    form = signed(session, user, partner)

    with pytest.raises(TaxFormTransition):
        service.accept(session, form, actor=staff, now=NOW)
    service.send_back(session, form, actor=staff, reason="Wrong name", now=NOW)
    with pytest.raises(TaxFormTransition):
        service.send_back(session, form, actor=staff, reason="Again", now=NOW)

    assert form.status is FormStatus.RETURNED


def test_a_returned_form_tells_owners_and_finance_why(session: Session) -> None:
    user, partner = owner()
    PartnerMemberFactory.create(
        partner=partner, user__role="partner_marketer", user__email="m@people.example"
    )
    PartnerMemberFactory.create(partner=partner, user__is_active=False)
    clerk = PartnerMemberFactory.create(partner=partner, user__role="partner_finance")
    staff = UserFactory.create(finance=True)
    form = signed(session, user, partner, UNPROVEN)

    with pytest.raises(Invalid, match="Say what is wrong"):
        service.send_back(session, form, actor=staff, reason="  ", now=NOW)
    service.send_back(session, form, actor=staff, reason="No such number", now=NOW)
    session.flush()

    found = mails(session)
    assert {mail.to for mail in found} == {user.email, clerk.user.email}
    assert {mail.template for mail in found} == {"tax/returned"}
    assert found[0].context["reason"] == "No such number"
    assert actions(session, form)[-1] == "tax_form.returned"


def test_an_accepted_form_opens_the_gate_to_its_last_day(session: Session) -> None:
    """It blocks payout, not earning."""
    user, partner = owner()
    enrollment = enrolled(GATE, time_zone="America/New_York")
    enrollment.partner = partner
    session.flush()
    assert waits_for(session, enrollment, NOW) == ["tax"]

    signed(session, user, partner)
    session.flush()

    end = END + timedelta(hours=5)
    assert waits_for(session, enrollment, NOW) == []
    assert waits_for(session, enrollment, end - timedelta(seconds=1)) == []
    assert waits_for(session, enrollment, end) == ["tax"]


def test_a_returned_form_shuts_the_gate_and_a_w9_opens_it_for_good(
    session: Session,
) -> None:
    user, partner = owner("US")
    staff = UserFactory.create(finance=True)
    enrollment = enrolled(GATE)
    enrollment.partner = partner
    ended = enrolled(GATE)
    ended.partner = partner
    ended.move_to(EnrollmentStatus.TERMINATED)
    session.flush()
    form = signed(session, user, partner)
    day = timedelta(days=1)

    service.send_back(session, form, actor=staff, reason="Not yours", now=NOW + day)
    assert waits_for(session, enrollment, NOW + day) == ["tax"]
    signed(session, user, partner, W9, NOW + 2 * day)

    assert waits_for(session, enrollment, END + 400 * day) == []
    assert waits_for(session, ended, NOW) == ["tax"]


def test_an_expired_form_does_not_open_the_gate_of_a_new_program(
    session: Session,
) -> None:
    user, partner = owner()
    form = signed(session, user, partner)
    enrollment = enrolled(GATE, joined_at=END)
    enrollment.partner = partner
    session.flush()

    service.follow_gates(session, partner.id, now=END)
    assert waits_for(session, enrollment, END) == ["tax"]
    assert form.state(END.date()) == "expired"

    service.follow_gates(session, partner.id, now=END - timedelta(seconds=1))
    assert waits_for(session, enrollment, END - timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("days_before", "due"), [(61, None), (60, 60), (30, 30), (7, 7), (0, 7)]
)
def test_a_reminder_is_sent_once(
    session: Session, days_before: int, due: int | None
) -> None:
    form = signed(session, *owner())
    now = END - timedelta(days=days_before, hours=12)

    assert service.remind(session, form, now=now) == due
    assert service.remind(session, form, now=now) is None
    session.flush()

    assert len(mails(session)) == (0 if due is None else 1)
    if due:
        context = mails(session)[0].context
        assert context["days_left"] == days_before
        assert context["last_day"] == "Dec 31, 2029"


def test_nobody_is_reminded_who_did_their_part(session: Session) -> None:
    user, partner = owner()
    form = signed(session, user, partner)
    waiting = signed(session, user, partner, UNPROVEN)
    w9 = signed(session, *owner("US"), W9)
    now = END - timedelta(days=7)

    for one in (form, waiting, w9):
        assert service.remind(session, one, now=now) is None


def test_a_payee_is_judged_by_the_form_that_counts(session: Session) -> None:
    german, american, silent = owner(), owner("US"), owner("US")
    signed(session, *german)
    signed(session, *american, W9)
    partners = [partner.id for _, partner in (german, american, silent)]

    found = queries.payees(session, partners)

    reasons = [found[key].withholding(NOW.date()).reason for key in partners]
    assert reasons == [
        WithholdingReason.W8_VALID_OUTSIDE_US,
        WithholdingReason.W9_VALID,
        WithholdingReason.W9_MISSING,
    ]
    assert [found[key].is_us_person for key in partners] == [False, True, True]
    assert not any(found[key].is_corporation for key in partners)


def test_another_partner_finds_nothing(session: Session) -> None:
    form = signed(session, *owner())
    _, other = owner()

    with pytest.raises(NotFound):
        queries.get(session, form.id, partner_id=other.id)


def declared(
    session: Session, partner: Partner, number: str, from_on: date
) -> VatDeclaration:
    found = service.declare_vat(
        session,
        partner.id,
        country="GB",
        number=number,
        from_on=from_on,
        user=UserFactory.create(),
        remote_address="192.0.2.7",
        now=NOW,
    )
    session.flush()
    return found


def test_what_was_declared_about_vat_holds_from_its_day_on(session: Session) -> None:
    """Row 14.15: after the day of deregistering there is no number to bill with."""
    _, partner = owner("GB")
    declared(session, partner, "GB980780684", date(2026, 1, 1))
    declared(session, partner, "", date(2026, 3, 1))

    def number(on: date) -> str | None:
        holding = queries.vat_on(session, [partner.id], on).get(partner.id)
        return holding.party.number if holding else None

    assert number(date(2025, 12, 31)) is None
    assert number(date(2026, 2, 28)) == "GB980780684"
    assert number(date(2026, 3, 1)) == ""
    history = queries.vat_history(session, partner.id)
    assert [one.is_registered for one in history] == [False, True]
    assert history[1].is_proven


def test_a_declaration_is_refused_when_wrong_or_without_news(
    session: Session,
) -> None:
    _, partner = owner("GB")

    with pytest.raises(Invalid) as refused:
        declared(session, partner, "GB980780685", date(2026, 1, 1))
    assert refused.value.field == "number"
    declared(session, partner, "980780684", date(2026, 1, 1))
    with pytest.raises(service.NothingChanged):
        declared(session, partner, "GB 980780684", date(2026, 2, 1))


def test_the_portal_cannot_rewrite_what_was_signed(session: Session) -> None:
    form = signed(session, *owner())
    _, partner = owner("GB")
    vat = declared(session, partner, "", date(2026, 1, 1))
    attacks: list[Executable] = [
        update(TaxForm).where(TaxForm.id == form.id).values(name="Somebody else"),
        update(VatDeclaration).where(VatDeclaration.id == vat.id).values(number="1"),
        text("DELETE FROM tax_forms"),
    ]

    for attack in attacks:
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            session.begin_nested(),
        ):
            session.execute(attack)
