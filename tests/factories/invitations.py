from datetime import timedelta

import factory

from portal.accounts.tokens import token_hash
from portal.invitations.models import Invitation
from portal.kit.ids import new_token
from tests.factories.base_factory import NOW, Factory
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramFactory


class InvitationFactory(Factory):
    """Sent, and good for 30 days."""

    class Meta:
        model = Invitation

    class Params:
        token = factory.LazyFunction(new_token)

    program = factory.SubFactory(ProgramFactory)
    program_id = factory.SelfAttribute("program.id")
    email = factory.Sequence(lambda n: f"invited{n}@guest{n}.example")
    token_sha256 = factory.LazyAttribute(lambda row: token_hash(row.token))
    invited_by = factory.SubFactory(UserFactory, reviewer=True)
    invited_by_id = factory.SelfAttribute("invited_by.id")
    created_at = NOW
    sent_at = NOW
    expires_at = NOW + timedelta(days=30)
