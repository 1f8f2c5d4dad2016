"""Flaws in rewards that are not cash, and in gates."""

from collections.abc import Iterator

from portal.programs.definition import (
    Moment,
    ProgramDefinition,
    Reward,
)
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.phrases import gettext as _


def reward_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong with each reward."""
    for reward in definition.rewards:
        path = f"rewards.{reward.key}"
        if reward.is_review_gating:
            yield Flaw(
                f"{path}.asks",
                _(
                    "Asking only happy customers for reviews is against the rules of "
                    "authorities and of review sites: ask everyone."
                ),
                _("A customer who would give 2 stars is never asked."),
            )
        yield from _cap_flaws(reward, path)
        if reward.true_up_days and reward.follows not in (
            Moment.FIRST_PAYMENT,
            Moment.PAYMENT,
        ):
            yield Flaw(
                f"{path}.true_up_days",
                _("Seats come with a payment: let the reward follow a payment."),
                _("A sign-up has no seats, so there are none to give up."),
            )


def _cap_flaws(reward: Reward, path: str) -> Iterator[Flaw]:
    cap = reward.cap
    if cap is None:
        return
    if cap.total is not None and reward.value is not None and cap.total < reward.value:
        yield Flaw(
            f"{path}.cap.total",
            _("The cap is below one reward: raise the cap, or lower the value."),
            _("The first friend already goes over the cap."),
        )
    if reward.at_count and cap.count:
        yield Flaw(
            f"{path}.cap.count",
            _("A milestone is reached once, so the cap changes nothing: remove it."),
            _("The second time the number is reached gives nothing anyway."),
        )
