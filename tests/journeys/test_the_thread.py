"""The whole thread through HTTP: from the public page to the statement."""

from tests.journeys import steps
from tests.journeys.world import World

OWNER = "mina@hanbit.example"


def test_an_agency_earns_and_can_prove_every_cent(world: World) -> None:
    steps.apply(world, steps.AGENCY, OWNER, steps.AGENCY_ANSWERS)
    steps.approve(world, "Hanbit Digital")
    owner = steps.join(world, OWNER, "Mina Park")
    steps.accept_agreement(owner)
    steps.pass_exam(world, owner)
    steps.pay_fee(world, owner)
    link = steps.copy_link(owner)
    print(link)
    world.later(days=1)
    steps.buy(world, link, "Bo Lindqvist", "bo@buyer.example")
    world.later(days=31)
    steps.close_month(world, steps.AGENCY, "2026-03")
    print(world.portal("verify"))
