import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import service
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit.models import AuditEvent
from tests.accounts.signing import joined, mails_to
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

NEWCOMER = {"email": "fox@acme.example", "name": "Fox", "role": "finance"}


@pytest.fixture
def admin(session: Session) -> User:
    del session
    return joined(admin=True)


@pytest.fixture
def client(admin: User, sign_in: SignIn) -> FlaskClient:
    return sign_in(admin)


def last_action(session: Session) -> AuditEvent:
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    return event


def test_the_page_lists_staff_and_what_each_role_may_do(client: FlaskClient) -> None:
    UserFactory.create(finance=True, name="Fox Mulder")
    UserFactory.create(auditor=True, name="Left Long Ago", is_active=False)
    UserFactory.create(name="Partner Person")

    page = client.get("/admin/users").text

    assert "Fox Mulder" in page
    assert "Left Long Ago" in page
    assert "Partner Person" not in page
    assert "Periods: close" in page
    assert "Team: manage" in page


@pytest.mark.parametrize("people", [1, 6])
def test_the_page_costs_the_same_however_many_there_are(
    client: FlaskClient, count_queries: CountQueries, people: int
) -> None:
    UserFactory.create_batch(people, finance=True)

    with count_queries() as statements:
        client.get("/admin/users")

    assert len(statements) == 3  # who asks, the people, whether payouts are frozen


def test_an_auditor_sees_the_page_and_changes_nothing(
    session: Session, sign_in: SignIn
) -> None:
    other = UserFactory.create(finance=True)
    client = sign_in(UserFactory.create(auditor=True))

    page = client.get("/admin/users").text

    assert "Send invitation" not in page
    assert client.post("/admin/users", data=NEWCOMER).status_code == 403
    url = f"/admin/users/{other.public_id}/deactivate"
    assert client.post(url).status_code == 403
    session.refresh(other)
    assert other.is_active


def test_an_admin_invites_by_mail(session: Session, client: FlaskClient) -> None:
    response = client.post("/admin/users", data=NEWCOMER)

    assert response.status_code == 303
    (mail,) = mails_to(session, "fox@acme.example")
    assert mail.template == "accounts/invited"
    assert last_action(session).details == {"role": "finance"}
    again = client.post("/admin/users", data=NEWCOMER)
    assert again.status_code == 422
    assert "signs in with this address already" in again.text


@pytest.mark.parametrize("wrong", [{"email": "nothing"}, {"role": "partner_owner"}])
def test_an_invitation_that_cannot_be_sent_says_why(
    client: FlaskClient, wrong: dict[str, str]
) -> None:
    assert client.post("/admin/users", data={**NEWCOMER, **wrong}).status_code == 422


def test_staff_roles_only(session: Session, admin: User) -> None:
    with pytest.raises(service.RoleNotYours):
        service.invite_staff(
            session,
            email="x@y.example",
            name="",
            role=Role.PARTNER_OWNER,
            actor=admin,
            now=NOW,
        )


def test_who_did_not_join_is_invited_again(
    session: Session, client: FlaskClient
) -> None:
    waiting = UserFactory.create(finance=True)

    response = client.post(f"/admin/users/{waiting.public_id}/invite-again")

    assert response.status_code == 303
    assert len(mails_to(session, waiting.email)) == 1


def test_another_role_needs_a_new_sign_in(
    session: Session, client: FlaskClient, sign_in: SignIn
) -> None:
    fox = UserFactory.create(finance=True)
    theirs = sign_in(fox)

    response = client.post(
        f"/admin/users/{fox.public_id}/role", data={"role": "auditor"}
    )

    assert response.status_code == 303
    session.refresh(fox)
    assert fox.role is Role.AUDITOR
    assert theirs.get("/account/security").status_code == 302
    assert last_action(session).details == {"before": "finance", "after": "auditor"}


def test_the_same_role_changes_nothing(
    session: Session, client: FlaskClient, sign_in: SignIn
) -> None:
    fox = UserFactory.create(finance=True)
    theirs = sign_in(fox)

    client.post(f"/admin/users/{fox.public_id}/role", data={"role": "finance"})

    assert theirs.get("/account/security").status_code == 200
    assert session.scalars(select(AuditEvent)).all() == []


def test_nobody_changes_their_own_role_or_shuts_themselves_out(
    client: FlaskClient, admin: User
) -> None:
    joined(admin=True)
    url = f"/admin/users/{admin.public_id}"

    assert client.post(f"{url}/role", data={"role": "auditor"}).status_code == 403
    assert client.post(f"{url}/deactivate").status_code == 403


def test_a_role_of_the_other_side_cannot_be_given(
    session: Session, client: FlaskClient, admin: User
) -> None:
    fox = UserFactory.create(finance=True)
    url = f"/admin/users/{fox.public_id}/role"

    assert client.post(url, data={"role": "partner_owner"}).status_code == 422
    with pytest.raises(service.RoleNotYours):
        service.change_role(session, fox, Role.PARTNER_OWNER, actor=admin, now=NOW)


def test_partners_people_are_not_managed_here(client: FlaskClient) -> None:
    partner = UserFactory.create()

    url = f"/admin/users/{partner.public_id}/deactivate"

    assert client.post(url).status_code == 404


def test_who_is_deactivated_is_out_at_once_and_may_come_back(
    session: Session, client: FlaskClient, sign_in: SignIn
) -> None:
    fox = UserFactory.create(finance=True)
    theirs = sign_in(fox)
    url = f"/admin/users/{fox.public_id}"

    client.post(f"{url}/deactivate")
    client.post(f"{url}/deactivate")
    client.post(f"{url}/reactivate")
    client.post(f"{url}/reactivate")

    assert theirs.get("/account/security").status_code == 302
    session.refresh(fox)
    assert fox.is_active
    actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all()
    assert actions == ["user.deactivated", "user.reactivated"]


def test_the_last_admin_who_can_sign_in_stays(session: Session, admin: User) -> None:
    UserFactory.create(admin=True)  # invited, never joined
    joined(admin=True, is_active=False)

    with pytest.raises(service.LastAdmin):
        service.deactivate(session, admin, actor=None, now=NOW)
    with pytest.raises(service.LastAdmin):
        service.change_role(session, admin, Role.AUDITOR, actor=None, now=NOW)
