"""The 1099 report: from payouts and tax forms to the file."""

import csv
import json
from dataclasses import replace
from datetime import date
from io import StringIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.payouts import service
from portal.payouts.models import Payout
from portal.payouts.service import NecRow
from portal.tax.calculation import NecOutcome
from tests.commissions.story import Story, a_version
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.factories.tax import SSN, W8, W9, signed
from tests.payouts.paying import finance, make, owed_120, sent_batch, take
from tests.statements.books import a_month, close

CORPORATION = replace(W9, details={**W9.details, "us_class": "c_corporation"})


def pay(story: Story, minor: int, *, on: date, currency: str = "USD") -> None:
    """A transfer that somebody noted; the books are not what this is about."""
    story.session.add(
        Payout(
            id=new_id(),
            partner_id=story.enrollment.partner_id,
            program_id=story.version.program_id,
            amount_minor=minor,
            currency=currency,
            paid_on=on,
            reference=str(new_id()),
            form_id=new_id(),
            recorded_by_id=finance().id,
            recorded_at=story.version.effective_from,
        )
    )
    story.session.flush()


def rows(session: Session, year: int = 2026) -> dict[str, NecRow]:
    report = service.nec_report(session, year)
    return {row.year_of.partner.name: row for row in report.rows}


def an_american(session: Session) -> Story:
    story = Story(session)
    story.enrollment.partner.country = "US"
    signed(session, story.user(), story.enrollment.partner, W9)
    return story


class TestReport:
    @pytest.mark.parametrize(
        ("year", "minor", "outcome"),
        [
            (2025, 600_00, NecOutcome.REPORTED),
            (2025, 599_99, NecOutcome.BELOW_THRESHOLD),
            (2026, 2_000_00, NecOutcome.REPORTED),
            (2026, 1_999_99, NecOutcome.BELOW_THRESHOLD),
        ],
    )
    def test_the_threshold_follows_the_year(
        self, session: Session, year: int, minor: int, outcome: NecOutcome
    ) -> None:
        story = an_american(session)
        pay(story, minor, on=date(year, 12, 31))
        pay(story, 9_000_00, on=date(year + 1, 1, 1))
        pay(story, 9_000_00, on=date(year - 1, 12, 31))

        [row] = rows(session, year).values()

        assert row.gross == Money(minor, "USD")
        assert row.outcome is outcome

    def test_foreigners_and_corporations_are_not_reported(
        self, session: Session
    ) -> None:
        foreign, company, unknown = (Story(session) for _ in range(3))
        unknown.enrollment.partner.country = "US"
        signed(session, foreign.user(), foreign.enrollment.partner, W8)
        signed(session, company.user(), company.enrollment.partner, CORPORATION)
        for story in (foreign, company, unknown):
            pay(story, 5_000_00, on=date(2026, 6, 1))

        found = rows(session)

        def row_of(story: Story) -> NecRow:
            return found[story.enrollment.partner.name]

        assert row_of(foreign).outcome is NecOutcome.FOREIGN
        assert row_of(company).outcome is NecOutcome.CORPORATION
        assert row_of(unknown).outcome is NecOutcome.REPORTED
        assert row_of(unknown).lacks_form
        assert not row_of(company).lacks_form

    def test_only_what_left_and_stayed_away_counts(self, session: Session) -> None:
        story = owed_120(session)
        make(session, finance())
        assert rows(session) == {}
        session.rollback()
        story = owed_120(session)
        batch = sent_batch(session)
        assert rows(session)[story.enrollment.partner.name].gross.minor == 120_00

        take(session, batch, f"{batch.name}-00001,failed,account closed")

        assert rows(session) == {}

    def test_what_was_withheld_is_part_of_it_and_alone_enough(
        self, session: Session
    ) -> None:
        story = Story(session, a_version(payout={"days_after": 15}))
        story.enrollment.partner.country = "US"
        [statement] = close(session, a_month(story), withholds_us_tax=True)
        assert statement.withholding_minor == 28_80  # 24 % without a number
        pay(story, statement.closing_minor, on=date(2026, 2, 15))

        report = service.nec_report(session, 2026)

        [row] = report.rows
        assert row.outcome is NecOutcome.REPORTED
        assert report.total == Money(120_00, "USD")
        assert report.withheld == Money(28_80, "USD")

    def test_other_currencies_are_named_and_left_out(self, session: Session) -> None:
        pay(an_american(session), 5_000_00, on=date(2026, 6, 1), currency="EUR")

        report = service.nec_report(session, 2026)

        assert report.rows == []
        assert report.other_currencies == ["EUR"]


class TestPages:
    HERE = "/admin/payouts/1099"

    @pytest.fixture
    def staff(self, session: Session, sign_in: SignIn) -> FlaskClient:
        del session
        return sign_in(finance())

    def table(self, text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(StringIO(text.lstrip("\ufeff"))))

    def test_before_the_first_payout_it_is_empty(self, staff: FlaskClient) -> None:
        assert "Nobody was paid yet" in staff.get(self.HERE).text
        assert staff.get(f"{self.HERE}/2026.csv").status_code == 404

    def test_it_shows_the_latest_year_and_the_others(
        self, session: Session, staff: FlaskClient
    ) -> None:
        story = an_american(session)
        pay(story, 700_00, on=date(2025, 6, 1))
        pay(story, 700_00, on=date(2026, 6, 1))
        pay(story, 1, on=date(2026, 6, 1), currency="EUR")

        latest = staff.get(self.HERE).text
        before = staff.get(f"{self.HERE}?year=2025").text

        assert "Below the threshold" in latest
        assert "Payments in EUR are not in it" in latest
        assert "Download with tax numbers" not in latest
        assert "Forms for 2025" in before
        assert "$600.00" in before
        assert "Download with tax numbers" in before

    def test_who_did_not_sign_is_named(
        self, session: Session, staff: FlaskClient
    ) -> None:
        story = Story(session)
        story.enrollment.partner.country = "US"
        pay(story, 5_000_00, on=date(2026, 6, 1))

        assert "1 payee has to be reported" in staff.get(self.HERE).text

    def test_the_table_has_everybody_and_no_number(
        self, session: Session, staff: FlaskClient
    ) -> None:
        pay(an_american(session), 5_000_00, on=date(2026, 6, 1))
        pay(Story(session), 5_000_00, on=date(2026, 6, 1))

        text = staff.get(f"{self.HERE}/2026.csv").text

        assert SSN.replace("-", "") not in text
        assert [row["outcome"] for row in self.table(text)].count("reported") == 1
        assert len(self.table(text)) == 2

    def test_numbers_are_given_out_and_the_log_keeps_it(
        self, session: Session, staff: FlaskClient, sign_in: SignIn
    ) -> None:
        story = an_american(session)
        pay(story, 5_000_00, on=date(2026, 6, 1))
        unknown = Story(session)
        unknown.enrollment.partner.country = "US"
        pay(unknown, 5_000_00, on=date(2026, 6, 1))
        auditor = sign_in(UserFactory.create(role=Role.AUDITOR))
        assert auditor.post(f"{self.HERE}/2026/numbers").status_code == 403

        found = self.table(staff.post(f"{self.HERE}/2026/numbers").text)

        assert {row["tin"] for row in found} == {SSN.replace("-", ""), ""}
        [row] = [row for row in found if row["tin"]]
        assert row["street"] == "1 Planted Lane"
        assert row["box_1_nonemployee_compensation"] == "5000.00"
        shown = select(AuditEvent.id).where(
            AuditEvent.action == "tax_form.number_shown"
        )
        assert len(session.scalars(shown).all()) == 1

    def test_the_command_line_says_the_same(self, session: Session, app: Flask) -> None:
        story = an_american(session)
        pay(story, 5_000_00, on=date(2026, 6, 1))
        runner = app.test_cli_runner()

        said = runner.invoke(args=["payouts", "1099", "2026"]).output
        data = json.loads(
            runner.invoke(args=["payouts", "1099", "2026", "--json"]).output
        )
        file = runner.invoke(args=["payouts", "1099", "2026", "--csv", "-"]).output

        assert "1 forms for 2026, 5000.00 USD in box 1" in said
        assert (data["forms"], data["box_1_minor"]) == (1, 5_000_00)
        assert data["payees"][0]["outcome"] == "reported"
        assert story.enrollment.partner.public_id in file
