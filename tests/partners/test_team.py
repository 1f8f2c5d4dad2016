import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import service as accounts
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from portal.partners import queries, service
from portal.partners.models import Partner, PartnerMember
from tests.accounts.signing import NEW_PASSWORD, as_read, joined, mails_to, sessions_of
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import (
    PartnerFactory,
    PartnerMemberFactory,
    UserFactory,
)

INVITEE = {"email": "Fox@people.example", "role": "partner_finance"}
CHOICE = {"name": "Fox", "password": NEW_PASSWORD, "again": NEW_PASSWORD}


@pytest.fixture
def partner(session: Session) -> Partner:
    del session
    partner: Partner = PartnerFactory.create(name="Northwind & <Sons>")
    return partner


@pytest.fixture
def owner(partner: Partner) -> User:
    user = joined(name="Olive Owner")
    PartnerMemberFactory.create(user=user, partner=partner)
    return user


@pytest.fixture
def client(owner: User, sign_in: SignIn) -> FlaskClient:
    return sign_in(owner)


def member(partner: Partner, role: Role = Role.PARTNER_VIEWER) -> User:
    user = joined(role=role)
    PartnerMemberFactory.create(user=user, partner=partner)
    return user


def test_everybody_sees_the_team_and_only_owners_change_it(
    session: Session, partner: Partner, owner: User, sign_in: SignIn
) -> None:
    viewer = sign_in(member(partner))

    page = viewer.get("/app/team").text

    assert owner.name in page
    assert "Only owners can invite" in page
    assert viewer.post("/app/team", data=INVITEE).status_code == 403
    url = f"/app/team/{owner.public_id}"
    assert viewer.post(f"{url}/remove").status_code == 403
    assert (
        viewer.post(f"{url}/role", data={"role": "partner_viewer"}).status_code == 403
    )
    session.refresh(owner)
    assert owner.role is Role.PARTNER_OWNER


@pytest.mark.parametrize("people", [1, 6])
def test_the_page_costs_the_same_however_many_there_are(
    client: FlaskClient, partner: Partner, count_queries: CountQueries, people: int
) -> None:
    PartnerMemberFactory.create_batch(people, partner=partner)

    with count_queries() as statements:
        client.get("/app/team")

    assert len(statements) == 3  # who asks, their partner, its people


def test_an_invited_person_joins_the_team_with_the_role(
    session: Session, client: FlaskClient, partner: Partner
) -> None:
    response = client.post("/app/team", data=INVITEE)

    assert response.status_code == 303
    (mail,) = mails_to(session, "fox@people.example")
    rendered = as_read(client.application, mail)
    assert rendered.subject == "Olive Owner invites you to Northwind & <Sons>"
    assert "Northwind &amp; &lt;Sons&gt;" in rendered.html
    assert "http://localhost/join/" in rendered.text
    stranger = client.application.test_client()
    assert stranger.post(mail.context["secret_path"], data=CHOICE).status_code == 303
    assert stranger.get("/app/team").status_code == 200
    fox = session.scalars(select(User).where(User.email == "fox@people.example")).one()
    assert fox.role is Role.PARTNER_FINANCE
    assert queries.of_user(session, fox.id) == partner


def test_a_refusal_does_not_tell_where_an_address_is_in_use(
    session: Session, client: FlaskClient, partner: Partner
) -> None:
    emails = [
        member(partner).email,
        PartnerMemberFactory.create().user.email,
        UserFactory.create(admin=True).email,
        joined(is_active=False, admin=True).email,
        PartnerMemberFactory.create(user__is_active=False).user.email,
    ]

    for email in emails:
        response = client.post("/app/team", data={**INVITEE, "email": email})
        assert response.status_code == 422
        assert "This address cannot be invited" in response.text
        assert "already" not in response.text
    assert [mails_to(session, email) for email in emails] == [[]] * 5


def test_trying_addresses_out_comes_to_an_end(client: FlaskClient) -> None:
    used = PartnerMemberFactory.create().user.email
    statuses = [
        client.post("/app/team", data={**INVITEE, "email": used}).status_code
        for _ in range(31)
    ]

    assert statuses == [422] * 30 + [429]


@pytest.mark.parametrize("wrong", [{"email": ""}, {"email": "x"}, {"role": "admin"}])
def test_an_invitation_that_cannot_be_sent_says_why(
    client: FlaskClient, wrong: dict[str, str]
) -> None:
    assert client.post("/app/team", data={**INVITEE, **wrong}).status_code == 422


def test_a_role_of_the_vendor_is_not_given(
    session: Session, partner: Partner, owner: User
) -> None:
    with pytest.raises(accounts.RoleNotYours):
        service.invite(
            session,
            partner,
            email="x@y.example",
            role=Role.ADMIN,
            actor=owner,
            now=NOW,
        )


def test_who_did_not_join_is_invited_again(
    session: Session, client: FlaskClient, partner: Partner
) -> None:
    waiting = PartnerMemberFactory.create(partner=partner).user

    response = client.post(f"/app/team/{waiting.public_id}/invite-again")

    assert response.status_code == 303
    assert len(mails_to(session, waiting.email)) == 1
    done = member(partner)
    assert client.post(f"/app/team/{done.public_id}/invite-again").status_code == 409


def test_another_role_is_told_by_mail_and_needs_a_new_sign_in(
    session: Session, client: FlaskClient, partner: Partner, sign_in: SignIn
) -> None:
    viewer = member(partner)
    theirs = sign_in(viewer)
    url = f"/app/team/{viewer.public_id}/role"

    response = client.post(url, data={"role": "partner_marketer"})
    client.post(url, data={"role": "partner_marketer"})

    assert response.status_code == 303
    session.refresh(viewer)
    assert viewer.role is Role.PARTNER_MARKETER
    assert theirs.get("/app/team").status_code == 302
    (mail,) = mails_to(session, viewer.email)
    assert "Partner marketer" in as_read(client.application, mail).text
    assert client.post(url, data={"role": "admin"}).status_code == 422


def test_who_is_removed_is_out_at_once(
    session: Session, client: FlaskClient, partner: Partner, sign_in: SignIn
) -> None:
    viewer = member(partner)
    theirs = sign_in(viewer)

    response = client.post(f"/app/team/{viewer.public_id}/remove")

    assert response.status_code == 303
    assert theirs.get("/app/team").status_code == 302
    session.expire_all()
    assert session.get(PartnerMember, viewer.id) is None
    assert not viewer.is_active
    assert sessions_of(session, viewer) == []
    (mail,) = mails_to(session, viewer.email)
    assert "removed you from" in as_read(client.application, mail).text
    actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["user.deactivated", "partner.member_removed"]


def test_who_was_removed_may_be_invited_anew(
    session: Session, client: FlaskClient, partner: Partner
) -> None:
    viewer = member(partner)
    client.post(f"/app/team/{viewer.public_id}/remove")

    response = client.post("/app/team", data={**INVITEE, "email": viewer.email})

    assert response.status_code == 303
    session.refresh(viewer)
    assert viewer.is_active
    assert viewer.password_hash is None
    assert viewer.role is Role.PARTNER_FINANCE


def test_who_was_shut_out_by_the_vendor_cannot_be_laundered(
    client: FlaskClient, partner: Partner
) -> None:
    shut_out = PartnerMemberFactory.create(partner=partner, user__is_active=False).user

    response = client.post(f"/app/team/{shut_out.public_id}/remove")

    assert response.status_code == 409


def test_the_last_owner_stays(
    session: Session, client: FlaskClient, partner: Partner, owner: User
) -> None:
    PartnerMemberFactory.create(partner=partner)  # an owner who never joined
    url = f"/app/team/{owner.public_id}"

    statuses = [
        client.post(f"{url}/role", data={"role": "partner_viewer"}).status_code,
        client.post(f"{url}/remove").status_code,
    ]

    assert statuses == [409, 409]
    session.refresh(owner)
    assert (owner.is_active, owner.role) == (True, Role.PARTNER_OWNER)


def test_an_owner_gives_the_right_to_another_who_takes_it_over(
    session: Session,
    client: FlaskClient,
    partner: Partner,
    owner: User,
    sign_in: SignIn,
) -> None:
    heir = member(partner)
    client.post(f"/app/team/{heir.public_id}/role", data={"role": "partner_owner"})
    own = client.post(f"/app/team/{owner.public_id}/remove").status_code
    session.expire_all()

    sign_in(heir).post(
        f"/app/team/{owner.public_id}/role", data={"role": "partner_viewer"}
    )

    assert own == 403
    session.refresh(owner)
    assert owner.role is Role.PARTNER_VIEWER


@pytest.mark.parametrize("verb", ["role", "remove", "invite-again"])
def test_people_of_another_partner_do_not_exist_here(
    client: FlaskClient, verb: str
) -> None:
    stranger = PartnerMemberFactory.create().user

    response = client.post(f"/app/team/{stranger.public_id}/{verb}")

    assert response.status_code == 404


def test_staff_have_no_team(sign_in: SignIn, session: Session) -> None:
    del session

    assert sign_in(UserFactory.create(admin=True)).get("/app/team").status_code == 403


def test_a_partner_without_a_company_is_told_so(
    sign_in: SignIn, session: Session
) -> None:
    del session

    assert sign_in(UserFactory.create()).get("/app/team").status_code == 404


def test_a_new_partner_is_noted(session: Session) -> None:
    partner = service.create(
        session, name="Northwind", country="DE", website="", now=NOW
    )
    session.flush()

    event = session.scalars(select(AuditEvent)).one()
    assert (event.action, event.subject_id) == ("partner.created", partner.id)
    assert queries.get(session, partner.id) is partner
    assert queries.owners(session, partner.id) == []
