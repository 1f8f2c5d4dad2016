"""What happened, as rows: for the tests that need a database."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.attribution import service as attribution
from portal.commissions import service
from portal.commissions.models import Commission
from portal.commissions.settling import Recomputed
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, GateInterval
from portal.programs.documents import dump_json, preset
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer, Refund, RefundKind, Sale
from portal.tracking.models import Click, ReferralLink
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

LONG_AGO = NOW - timedelta(days=700)

_numbers = count(1)


def a_version(**parts: Any) -> ProgramVersion:  # noqa: ANN401 - any part
    """A version of the first preset, in force for long, with parts replaced."""
    json = dump_json(preset(parts.pop("based_on", "hubspot-solutions-partner")))
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json=json | parts, effective_from=LONG_AGO
    )
    return version


@dataclass
class Story:
    """A partner in a program whose gates have been met for long."""

    session: Session
    version: ProgramVersion = field(default_factory=a_version)
    enrollment: Enrollment = field(init=False)
    link: ReferralLink = field(init=False)

    def __post_init__(self) -> None:
        self.enrollment = EnrollmentFactory.create(
            version=self.version, joined_at=LONG_AGO
        )
        for gate in self.version.definition.gates:
            self.session.add(
                GateInterval(
                    enrollment_id=self.enrollment.id,
                    gate_key=gate.key,
                    met_from=LONG_AGO,
                )
            )
        self.link = self.a_link()

    def a_link(self, **parts: Any) -> ReferralLink:  # noqa: ANN401 - any column
        number = next(_numbers)
        link = ReferralLink(
            enrollment_id=self.enrollment.id,
            code=f"code{number}",
            name=f"Link {number}",
            destination_url="{vendor}/",
            created_at=LONG_AGO,
            **parts,
        )
        self.session.add(link)
        self.session.flush()
        return link

    def user(self, role: Role = Role.PARTNER_OWNER) -> User:
        user: User = UserFactory.create(role=role)
        PartnerMemberFactory.create(user=user, partner=self.enrollment.partner)
        return user

    def click(
        self,
        when: datetime,
        *,
        visitor: str = "",
        link: ReferralLink | None = None,
        is_bot: bool = False,
        counts: bool = True,
    ) -> Click:
        click = Click(
            link_id=(link or self.link).id,
            visitor=visitor,
            clicked_at=when,
            is_bot=is_bot,
            counts=counts,
            referrer_host="",
            landing_url="https://vendor.example/",
        )
        self.session.add(click)
        self.session.flush()
        return click

    def customer(self, click: Click | None = None, **parts: Any) -> Customer:  # noqa: ANN401 - any column
        """A customer who came a day after the click, a year before NOW."""
        came = parts.pop("first_seen_at", NOW - timedelta(days=365))
        number = next(_numbers)
        given = click or self.click(came - timedelta(days=1))
        customer = Customer(
            **{
                "external_id": f"cus_{number}",
                "name": f"Braun{number} Labs",
                "email": f"buyer{number}@shop.example",
                "click_reference": given.public_id,
                "click_id": given.id,
                "click_told_at": came,
                "first_seen_at": came,
                **parts,
            }
        )
        self.session.add(customer)
        self.session.flush()
        return customer

    def credited(self, **parts: Any) -> Customer:  # noqa: ANN401 - any column
        """A customer whom the enrollment has the credit for."""
        customer = self.customer(**parts)
        attribution.attribute(self.session, customer, now=NOW)
        return customer

    def sale(
        self,
        customer: Customer,
        when: datetime,
        net_minor: int = 60_000,
        currency: str = "USD",
        country: str | None = None,
        *,
        tax_minor: int = 1,
    ) -> Sale:
        number = next(_numbers)
        sale = Sale(
            external_id=f"in_{number}",
            customer_id=customer.id,
            currency=currency,
            gross_minor=net_minor + tax_minor,
            tax_minor=tax_minor,
            net_minor=net_minor,
            occurred_at=when,
            recorded_at=when,
            description="",
            product=None,
            country=country,
        )
        self.session.add(sale)
        self.session.flush()
        return sale

    def refund(
        self,
        sale: Sale,
        when: datetime,
        gross_minor: int,
        kind: RefundKind = RefundKind.REFUND,
    ) -> Refund:
        number = next(_numbers)
        refund = Refund(
            external_id=f"re_{number}",
            sale_id=sale.id,
            kind=kind,
            gross_minor=gross_minor,
            occurred_at=when,
            recorded_at=when,
        )
        self.session.add(refund)
        self.session.flush()
        return refund

    def recompute(self, now: datetime = NOW) -> Recomputed:
        return service.recompute(self.session, self.enrollment.id, now=now)

    def freeze(self, until: datetime = NOW, label: str = "2026-02") -> list[Commission]:
        """Freeze what clears, as a close does; return what that froze."""
        frozen = service.settle(
            self.session,
            enrollments.locked(self.session, [self.enrollment.id]),
            until=until,
            period_label=label,
            now=until,
        ).lines[self.enrollment.id]
        kept = {line.id: line for line in self.lines()}
        return [kept[row.id] for row in frozen]

    def lines(self) -> list[Commission]:
        return list(
            self.session.scalars(
                select(Commission)
                .where(Commission.enrollment_id == self.enrollment.id)
                .order_by(Commission.occurred_at, Commission.id)
                # A recompute writes past the session.
                .execution_options(populate_existing=True)
            )
        )

    def amounts(self) -> list[int]:
        return [line.amount_minor for line in self.lines()]
