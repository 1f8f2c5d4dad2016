"""Who gets the credit for a customer, and which part of a sale that is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from portal.attribution.rules import Candidate, Decision, LossReason, decide
from portal.attribution.splitting import refunded_parts
from portal.enrollments.rules import History, unmet_at
from portal.programs.definition import Blocks, ProgramDefinition
from portal.simulation.calculation.ordinals import Ordinals, ordinal
from portal.simulation.events import Click, Join, Register, Signup
from portal.tiers.facts import RefundFact, SaleFact


class CreditReason(StrEnum):
    """Why a customer is credited as it is."""

    CLICKS = "clicks"
    DIRECT = "direct"
    """Its sign-up names the partner, as a registered deal does."""
    REGISTRATION = "registration"
    """The partner had registered it, and the registration was open."""
    NO_CLICK = "no_click"
    """No click counts, so only sales that name a partner are credited."""
    EXISTING = "existing"
    """It was a customer before."""
    OPEN_OPPORTUNITY = "open_opportunity"
    """The vendor was selling to it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Who gets the credit for a customer.

    Attributes:
        customer: Who came.
        converted_at: When it signed up or first bought.
        reason: On which grounds.
        partners: Who shares it, the greatest share first; empty: nobody.
        weights: How much each has, in the same order.
        brought_by: Who referred it, for rewards; of several who share it, the first.
        decision: What the clicks came to; none where nobody looked at clicks.
    """

    customer: str
    converted_at: datetime
    reason: CreditReason
    partners: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    brought_by: str | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditCase:
    """All that decides about one customer.

    Attributes:
        customer: Who came.
        converted_at: When it signed up or first bought.
        signup: Its sign-up; none without one.
        clicks: Its clicks.
        registered_by: Whose open registration it had when it came; none without one.
    """

    customer: str
    converted_at: datetime
    signup: Signup | None
    clicks: Sequence[tuple[int, Click]]
    registered_by: str | None = None

    @property
    def owner(self) -> tuple[str, CreditReason] | None:
        """Whose the customer is whatever the clicks say, and why; none: clicks say."""
        signup = self.signup
        if signup and signup.partner:
            return signup.partner, CreditReason.DIRECT
        is_free = not signup or not (signup.existing or signup.open_opportunity)
        if self.registered_by and is_free:
            return self.registered_by, CreditReason.REGISTRATION
        return None


def credit_of(
    case: CreditCase,
    definition: ProgramDefinition,
    *,
    partners: Ordinals,
    joins: Mapping[str, Join],
    histories: Mapping[str, History],
) -> Credit:
    """Return who gets the credit for a customer.

    Args:
        case: The customer, its sign-up and its clicks.
        definition: The program, for its model and window.
        partners: The keys of the partners.
        joins: How each partner joined.
        histories: When the gates of each partner were met.
    """
    signup = case.signup
    if case.owner:
        owner, reason = case.owner
        return Credit(
            customer=case.customer,
            converted_at=case.converted_at,
            reason=reason,
            partners=(owner,),
            weights=(1,),
            brought_by=owner,
        )
    candidates = [
        Candidate(
            click_id=ordinal(number),
            link_id=partners.key(click.partner),
            enrollment_id=partners.key(click.partner),
            clicked_at=click.at,
            refused=_refused(click, definition, joins, histories),
        )
        for number, click in case.clicks
    ]
    decision = decide(
        candidates,
        window_days=definition.attribution.window_days,
        converted_at=case.converted_at,
        model=definition.attribution.model,
    )
    sharing = tuple(partners.name(w.enrollment_id) for w in decision.winners)
    credit = Credit(
        customer=case.customer,
        converted_at=case.converted_at,
        reason=CreditReason.CLICKS if sharing else CreditReason.NO_CLICK,
        partners=sharing,
        weights=tuple(winner.weight for winner in decision.winners),
        brought_by=sharing[0] if sharing else None,
        decision=decision,
    )
    if signup and signup.existing:
        # Rewards say of each referral why it counts for nothing, so they are told.
        return replace(credit, reason=CreditReason.EXISTING, partners=(), weights=())
    if signup and signup.open_opportunity:
        return replace(
            credit,
            reason=CreditReason.OPEN_OPPORTUNITY,
            partners=(),
            weights=(),
            brought_by=None,
        )
    return credit


def _refused(
    click: Click,
    definition: ProgramDefinition,
    joins: Mapping[str, Join],
    histories: Mapping[str, History],
) -> LossReason | None:
    if click.bot:
        return LossReason.BOT
    if is_barred(click, definition, joins, histories):
        return LossReason.LINK_GATE
    return None


def is_barred(
    event: Click | Register,
    definition: ProgramDefinition,
    joins: Mapping[str, Join],
    histories: Mapping[str, History],
) -> bool:
    """Tell whether a partner may not bring customers at the moment of an event."""
    unmet = unmet_at(definition.gates, histories[event.partner], Blocks.LINK, event.at)
    return event.at < joins[event.partner].at or bool(unmet)


def parts_of_refunds(
    sale: SaleFact, refunds: Sequence[RefundFact], weights: Sequence[int], index: int
) -> Iterator[RefundFact]:
    """Yield one partner's part of each refund of a sale.

    Args:
        sale: The whole sale.
        refunds: All its refunds.
        weights: The weights of those who share it.
        index: Which of them is the partner's.
    """
    if len(weights) == 1:
        yield from refunds
        return
    taken = had = 0
    for refund in sorted(
        refunds,
        key=lambda one: (max(one.occurred_at, sale.occurred_at), one.reference),
    ):
        taken += refund.net_minor
        left = min(max(taken, 0), sale.net_minor)
        part = refunded_parts(sale.net_minor, left, weights)[index]
        yield replace(refund, net_minor=part - had)
        had = part
