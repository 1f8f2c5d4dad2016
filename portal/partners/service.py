"""What can happen to a partner. Callers own the transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.ids import new_id
from portal.partners.models import Partner, PartnerMember


def create(
    session: Session, *, name: str, country: str, website: str, now: datetime
) -> Partner:
    """Take in a new partner; it has no people yet."""
    partner = Partner(
        id=new_id(), name=name, country=country, website=website, created_at=now
    )
    session.add(partner)
    audit.record(session, "partner.created", partner.id, actor=None, at=now, name=name)
    return partner


def add_member(
    session: Session, partner: Partner, user: User, *, now: datetime
) -> PartnerMember:
    """Give `user` a place in `partner`. A user belongs to one partner only."""
    member = PartnerMember(user=user, partner=partner, joined_at=now)
    session.add(member)
    return member
