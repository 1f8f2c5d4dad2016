"""What happens, and when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.rules import RejectionReason
from portal.certification.bank import shipped
from portal.commissions import service as commissions
from portal.demo.story import cast, people
from portal.demo.story.books import Finance
from portal.demo.story.cast import Cast
from portal.demo.story.dates import MONTHS
from portal.demo.story.stage import Setting, Stage, StoryBroken
from portal.demo.story.trade import Market, make_link
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.kit.clock import add_months
from portal.kit.db import transaction
from portal.ledger import sealing
from portal.mail.models import MailStatus, OutboxEmail
from portal.programs.definition import GateKind
from portal.programs.models import Program
from portal.statements import service as statements
from portal.verification.service import verify

Say = Callable[[str], None]

_UTC = ZoneInfo("UTC")
_VALID_MONTHS = shipped(people.EXAM).valid_months
_RENEWS_BEFORE = timedelta(days=20)
"""How long before a certificate expires its holder passes the exam again."""
RECENT = timedelta(days=7)
"""Mails of this last time are really delivered; older ones count as sent."""


def has_begun(session: Session) -> bool:
    """Tell whether the database holds a program, of the story or of somebody's own."""
    return session.scalar(select(Program.id).limit(1)) is not None


class DemoStory:
    """Fourteen months, told by the services that the pages use."""

    def __init__(self, setting: Setting, *, now: datetime, say: Say) -> None:
        self._say = say
        self._now = now
        self.stage = Stage(setting, now.replace(microsecond=0))
        self.market = Market(self.stage)
        self._finance = Finance(self.stage)

    def tell(self, state: Path) -> None:
        """Seed the whole story and leave Stripe's account in a file.

        Args:
            state: The file that the running sandbox goes on from.

        Raises:
            StoryBroken: Something did not happen as it should, or the books do not
                hold.
        """
        stage, dates = self.stage, self.stage.dates
        self._say("Opening two programs")
        people.open_programs(stage, dates.start)
        self._partners()
        self._applicants()
        self.market.open()
        self._turns()
        for month in range(MONTHS + 1):
            if month < MONTHS - 1:
                stage.at(dates.on(month + 1, 3, 9), self._closing(month))
            self._say(f"Playing {dates.month(month):%B %Y}")
            stage.play(min(dates.month(month + 1), dates.now))
        self._end()
        stage.leave(state)
        self._say("Checking the books")
        self.check()

    def _closing(self, month: int) -> Callable[[datetime], None]:
        return lambda now: self._finance.close(month, now)

    def check(self) -> None:
        """Run every invariant of `portal verify`.

        Raises:
            StoryBroken: One does not hold.
        """
        findings = verify(db.session(), self._now)
        if findings:
            lines = [f"{f.invariant}: {f.row} {f.problem}" for f in findings[:10]]
            raise StoryBroken("The books do not hold:\n" + "\n".join(lines))

    def _partners(self) -> None:
        for who in cast.PARTNERS:
            if who not in (cast.KAIRA, cast.LUMEN):
                self._joins(who, self.stage.dates.on(*who.joins))
        self._kaira()
        self._lumen()
        self._team()

    def _joins(
        self,
        who: Cast,
        moment: datetime,
        *,
        exam_at: datetime | None = None,
        fee_at: datetime | None = None,
    ) -> None:
        """Note how a partner gets from the application to a link."""
        stage = self.stage
        has_exam = people.has_gate(who, GateKind.CERTIFICATION)
        stage.at(moment, lambda now: self._applies(who, now))
        signed = moment + timedelta(days=3, hours=2)
        stage.at(signed, lambda now: people.accept_agreement(stage, who, now))
        ready = signed + timedelta(hours=1)
        if has_exam:
            exam = exam_at or moment + timedelta(days=6)
            stage.at(exam, lambda now: people.sit_exam(stage, who, now, wrong=1))
            ready = exam + timedelta(hours=1)
            again = add_months(exam - _RENEWS_BEFORE, _VALID_MONTHS, _UTC)
            if who is not cast.KAIRA:
                stage.at(again, lambda now: people.sit_exam(stage, who, now))
        if people.has_gate(who, GateKind.FEE):
            paid = fee_at or moment + timedelta(days=7)
            stage.at(paid, lambda now: people.pay_fee(stage, who, now))
        stage.at(ready, lambda now: make_link(stage, who, now))

    def _applies(self, who: Cast, now: datetime) -> None:
        application_id = people.apply(self.stage, who, now)
        note = who.welcome
        self.stage.at(
            now + timedelta(days=2, hours=1),
            lambda at: people.approve(self.stage, who, application_id, at, note=note),
        )

    def _kaira(self) -> None:
        """A certificate that has expired, and a card that is refused."""
        stage, dates = self.stage, self.stage.dates
        exam = dates.ago(days=20, months=12)
        self._joins(
            cast.KAIRA,
            exam - timedelta(days=6),
            exam_at=exam,
            fee_at=dates.ago(days=4, months=12),
        )
        stage.at(
            dates.ago(days=18),
            lambda _: people.change_to_failing_card(stage, cast.KAIRA),
        )
        stage.at(
            dates.ago(days=19),
            lambda now: people.notice_ended_gates(cast.KAIRA, now),
        )

    def _lumen(self) -> None:
        """Signed, and the exam still ahead."""
        stage, who = self.stage, cast.LUMEN
        moment = stage.dates.ago(days=9)
        stage.at(moment, lambda now: self._applies(who, now))
        stage.at(
            moment + timedelta(days=3),
            lambda now: people.accept_agreement(stage, who, now),
        )

    def _team(self) -> None:
        stage, who = self.stage, cast.NORTHWIND
        for number, member in enumerate(cast.NORTHWIND_TEAM):
            joins = partial(people.invite_team, stage, who, member)
            stage.at(stage.dates.on(3, 2 + number), joins)

    def _applicants(self) -> None:
        stage, dates = self.stage, self.stage.dates

        def coupon_king(now: datetime) -> None:
            made = people.apply(stage, cast.COUPON_KING, now)
            stage.at(
                now + timedelta(days=1),
                lambda at: people.reject(
                    stage,
                    made,
                    at,
                    reason=RejectionReason.NOT_A_FIT,
                    note="We do not work with sites that list discount codes.",
                ),
            )

        def tidewater(now: datetime) -> None:
            made = people.apply(stage, cast.TIDEWATER, now)
            stage.at(
                now + timedelta(hours=20),
                lambda at: people.ask(
                    stage,
                    made,
                    at,
                    question="Which of your four clients may we call for a reference?",
                ),
            )

        def olive(now: datetime) -> None:
            made = people.begin(stage, cast.OLIVE, now)
            people.fill_in(cast.OLIVE, made, now + timedelta(minutes=6), steps=1)

        stage.at(dates.ago(days=16), coupon_king)
        stage.at(dates.ago(days=5), tidewater)
        stage.at(dates.ago(days=2), olive)
        stage.at(
            dates.ago(days=1.2),
            lambda now: _drop(people.apply(stage, cast.BRIGHTLINE, now)),
        )
        stage.at(
            dates.today() - timedelta(minutes=1),
            lambda now: _drop(people.apply(stage, cast.HANBIT, now)),
        )

    def _turns(self) -> None:
        """Note what goes wrong."""
        stage, dates, market = self.stage, self.stage.dates, self.market
        fern = market.of(cast.BLUE_FERN)[1].name
        noor = market.of(cast.NOOR)
        sorrel = market.of(cast.SORREL)[0].name

        def fern_returns(now: datetime) -> None:
            del now
            market.refund(fern, payments=3)
            market.leave(fern)

        stage.at(dates.on(10, 2), fern_returns)
        stage.at(dates.on(9, 27), lambda _: market.refund(noor[2].name, half=True))
        stage.at(dates.ago(days=12), lambda _: market.dispute(sorrel))
        stage.at(
            dates.on(11, 8),
            lambda now: people.suspend(
                stage,
                cast.FAST_TRAFFIC,
                now,
                reason="Bought adverts on our name, after a warning.",
            ),
        )

    def _end(self) -> None:
        """Bring everything up to now."""
        now = self.stage.dates.now
        with transaction(db.session()) as session:
            keys = session.scalars(select(Enrollment.id)).all()
            commissions.recompute_all(session, keys, now=now)
            statements.ensure_all_periods(session, now)
            while sealing.seal(session, now=now):
                pass  # a batch at a time
            waiting = session.scalars(
                select(OutboxEmail).where(
                    OutboxEmail.status == MailStatus.QUEUED,
                    OutboxEmail.queued_at < now - RECENT,
                )
            )
            for email in waiting:
                email.mark_sent(at=email.queued_at)


def _drop(value: object) -> None:
    del value
