from datetime import UTC, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments import queries as enrollments
from portal.jobs import TASKS
from portal.kit import secrets
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.partners.models import Partner
from portal.tax import queries
from portal.tax.models import TaxForm, TaxFormSecret
from portal.tax.rules import FormStatus
from tests.conftest import CountQueries, SignIn
from tests.enrollments.gates import enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.tax import (
    AMERICAN,
    COMPANY,
    KEYS,
    PERSON,
    UNPROVEN,
    W8,
    W9,
    owner,
    signed,
)
from tests.tax.test_service import GATE, waits_for


@pytest.fixture
def payee(session: Session) -> tuple[User, Partner]:
    del session
    return owner()


@pytest.fixture
def client(payee: tuple[User, Partner], sign_in: SignIn) -> FlaskClient:
    return sign_in(payee[0])


def the_form(session: Session, partner: Partner) -> TaxForm:
    [form] = queries.of_partner(session, partner.id)
    return form


def test_a_partner_without_a_form_is_led_to_one(client: FlaskClient) -> None:
    page = client.get("/app/tax").text

    assert "No tax form yet" in page
    assert "US rules ask to withhold 30%" in page
    assert "You have not said yet whether you are registered" in page


@pytest.mark.parametrize(
    ("us_person", "payee_is", "path"),
    [
        ("yes", "person", "/app/tax/forms/w-9/new?place=in-us"),
        ("no", "person", "/app/tax/forms/w-8ben/new?place=in-us"),
        ("no", "company", "/app/tax/forms/w-8ben-e/new?place=in-us"),
    ],
)
def test_three_questions_lead_to_the_form(
    client: FlaskClient, us_person: str, payee_is: str, path: str
) -> None:
    empty = client.post("/app/tax/choose")
    assert empty.status_code == 422
    assert "Say who is paid." in empty.text
    answers = {"us_person": us_person, "payee": payee_is, "place": "in-us"}

    answer = client.post("/app/tax/choose", data=answers)

    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    form = client.get(path).text
    assert "Under penalties of perjury" in form
    if us_person == "no":
        assert 'value="in-us" checked' in form


@pytest.mark.parametrize(
    ("kind", "answers", "last4"),
    [
        ("w-9", AMERICAN, "4399"),
        ("w-8ben", PERSON, "1809"),
        ("w-8ben-e", COMPANY, "5976"),
    ],
)
def test_a_signed_form_counts_at_once_and_shows_only_four_digits(
    session: Session,
    payee: tuple[User, Partner],
    client: FlaskClient,
    *,
    kind: str,
    answers: dict[str, str],
    last4: str,
) -> None:
    answer = client.post(f"/app/tax/forms/{kind}/new", data=answers)

    assert answer.status_code == 303
    home = client.get("/app/tax").text
    assert "Your form is signed and accepted." in home
    assert "US rules ask to withhold nothing" in home
    form = the_form(session, payee[1])
    page = client.get(f"/app/tax/forms/{form.public_id}").text
    assert f"ends with {last4}" in page
    assert answers["tin"] not in page + home
    assert answers["street"] not in page + home
    again = client.get(f"/app/tax/forms/{kind}/new").text
    assert answers["name"] in again
    assert answers["tin"] not in again


@pytest.mark.parametrize(
    ("kind", "answers", "message"),
    [
        ("w-9", {}, "Type your full name to sign."),
        ("w-9", AMERICAN | {"tin": "666-12-3456"}, "This cannot be such a number"),
        ("w-9", AMERICAN | {"us_class": "king"}, "Not a valid choice"),
        ("w-8ben", PERSON | {"country": "US"}, "Not a valid choice"),
        ("w-8ben", PERSON | {"born_on": "1785-12-10"}, "Enter your date of birth."),
        ("w-8ben", PERSON | {"born_on": "soon"}, "Not a valid date value"),
        (
            "w-8ben",
            PERSON | {"treaty_rate": "31", "treaty_article": "12"},
            "from 0 to 30 percent",
        ),
        ("w-8ben", PERSON | {"treaty_rate": "15"}, "Name the article"),
        ("w-8ben", PERSON | {"certify": ""}, "Tick this to sign the form."),
    ],
)
def test_a_wrong_answer_is_told_beside_its_question(
    session: Session,
    payee: tuple[User, Partner],
    client: FlaskClient,
    *,
    kind: str,
    answers: dict[str, str],
    message: str,
) -> None:
    answer = client.post(f"/app/tax/forms/{kind}/new", data=answers)

    assert answer.status_code == 422
    assert message in answer.text
    assert "There is a problem" in answer.text
    assert queries.of_partner(session, payee[1].id) == []


def test_a_claim_of_a_treaty_waits_for_staff_and_a_return_is_told(
    session: Session,
    payee: tuple[User, Partner],
    client: FlaskClient,
    sign_in: SignIn,
) -> None:
    claim = {"treaty_rate": "12,5 %", "treaty_article": "7", "place": "in-us"}
    client.post("/app/tax/forms/w-8ben/new", data=PERSON | claim)
    assert "We are looking at the W-8BEN" in client.get("/app/tax").text
    form = the_form(session, payee[1])
    assert form.treaty_bps == 1_250
    staff = sign_in(UserFactory.create(finance=True))
    address = f"/admin/tax/{form.public_id}"

    listed = staff.get("/admin/tax?status=submitted").text
    assert payee[1].name in listed
    assert "A rate of a tax treaty is claimed." in listed
    page = staff.get(address).text
    assert "12.5%, article 7" in page
    assert "Hauptstr. 1" not in page
    assert "Hauptstr. 1" in staff.post(f"{address}/number").text
    assert staff.post(f"{address}/return").status_code == 422
    returned = staff.post(f"{address}/return", data={"reason": "Article 7 is not it"})
    assert returned.status_code == 303
    assert "Article 7 is not it" in staff.get(address).text

    home = client.get("/app/tax").text
    assert "Your form was returned" in home
    assert "Article 7 is not it" in home
    assert "Article 7" in client.get(f"/app/tax/forms/{form.public_id}").text


def test_staff_accept_what_the_portal_could_not_prove(
    session: Session, payee: tuple[User, Partner], sign_in: SignIn
) -> None:
    form = signed(session, *payee, UNPROVEN, utc_now())
    enrollment = enrolled(GATE)
    enrollment.partner = payee[1]
    session.flush()
    staff = sign_in(UserFactory.create(admin=True))
    address = f"/admin/tax/{form.public_id}"

    assert staff.post(f"{address}/accept").status_code == 303
    assert staff.post(f"{address}/accept").status_code == 409

    session.expire_all()
    assert form.status is FormStatus.ACCEPTED
    found = enrollments.get(session, enrollment.id)
    assert waits_for(session, found, utc_now()) == []
    home = sign_in(payee[0]).get("/app/tax").text
    assert "These programs pay only while you have a valid form" in home


def test_an_erased_secret_is_told(
    session: Session, payee: tuple[User, Partner], sign_in: SignIn
) -> None:
    form = signed(session, *payee, W9, utc_now())
    session.delete(session.get_one(TaxFormSecret, form.id))
    session.flush()
    staff = sign_in(UserFactory.create(finance=True))

    page = staff.post(f"/admin/tax/{form.public_id}/number").text

    assert "were erased" in page


def test_staff_see_an_empty_list_and_auditors_decide_nothing(
    session: Session, payee: tuple[User, Partner], sign_in: SignIn
) -> None:
    auditor = sign_in(UserFactory.create(auditor=True))
    assert "No tax form yet" in auditor.get("/admin/tax").text
    assert "No form is in this state" in auditor.get("/admin/tax?status=returned").text
    form = signed(session, *payee, UNPROVEN, utc_now())

    page = auditor.get(f"/admin/tax/{form.public_id}").text
    assert "Return this form" not in page
    assert "Show number and address" not in page


def test_an_expired_form_asks_for_a_new_one(
    session: Session, payee: tuple[User, Partner], client: FlaskClient
) -> None:
    signed(session, *payee, W8, utc_now() - timedelta(days=4 * 366))

    page = client.get("/app/tax").text

    assert "Sign a new one" in page
    assert "The W-8 has expired" in page


def test_vat_is_declared_in_the_browser(
    session: Session, payee: tuple[User, Partner], client: FlaskClient
) -> None:
    today = utc_now().astimezone(UTC).date().isoformat()
    wrong = {"registered": "yes", "country": "DE", "from_on": today}
    right = wrong | {"number": "DE 136 695 976"}
    no = wrong | {"registered": "no", "number": "DE136695976"}

    assert "registered" in client.get("/app/tax/vat").text
    assert "Enter your VAT number." in client.post("/app/tax/vat", data=wrong).text
    bad = client.post("/app/tax/vat", data=right | {"number": "DE136695977"})
    assert (bad.status_code, "cannot be a VAT number" in bad.text) == (422, True)
    assert client.post("/app/tax/vat", data=right).status_code == 303
    assert "DE136695976" in client.get("/app/tax").text
    assert 'value="DE136695976"' in client.get("/app/tax/vat").text
    client.post("/app/tax/vat", data=right)
    assert "nothing changed" in client.get("/app/tax").text
    client.post("/app/tax/vat", data=no)
    assert "Invoices in your name show no VAT" in client.get("/app/tax").text
    assert [one.number for one in queries.vat_history(session, payee[1].id)] == [
        "",
        "DE136695976",
    ]


def test_the_lists_take_the_same_number_of_queries_however_long(
    session: Session,
    payee: tuple[User, Partner],
    sign_in: SignIn,
    count_queries: CountQueries,
) -> None:
    partner, staff = sign_in(payee[0]), sign_in(UserFactory.create(finance=True))
    counted = []
    for _ in range(2):
        for _ in range(2):
            signed(session, *payee, UNPROVEN, utc_now())
            signed(session, *owner(), W9, utc_now())
        with count_queries() as statements:
            partner.get("/app/tax")
            staff.get("/admin/tax")
        counted.append(len(statements))

    assert counted[0] == counted[1]


def test_the_jobs_do_their_work_once(
    app: Flask, session: Session, payee: tuple[User, Partner]
) -> None:
    now = NOW.replace(month=11, day=20)
    signed(session, *payee, W8, now.replace(year=now.year - 3))
    late = enrolled(GATE, joined_at=now)
    late.partner = payee[1]
    session.flush()

    with app.app_context(), time_machine.travel(now, tick=False):
        for _ in range(2):
            TASKS["tax.follow_gates"]()
            TASKS["tax.remind"]()

    session.expire_all()
    assert waits_for(session, enrollments.get(session, late.id), now) == []
    [mail] = session.scalars(select(OutboxEmail)).all()
    assert mail.context["days_left"] == 41


def test_all_secrets_are_written_anew_with_the_first_key(
    app: Flask, session: Session, payee: tuple[User, Partner]
) -> None:
    form = signed(session, *payee, W9, utc_now())
    before = session.get_one(TaxFormSecret, form.id).sealed

    result = app.test_cli_runner().invoke(args=["tax", "reseal"])

    assert result.output == "1 tax forms are encrypted with the first key.\n"
    session.expire_all()
    after = session.get_one(TaxFormSecret, form.id).sealed
    assert after != before
    assert secrets.decrypt(after, keys=KEYS) == secrets.decrypt(before, keys=KEYS)


def test_a_us_partner_without_a_form_reads_of_backup_withholding(
    sign_in: SignIn,
) -> None:
    client = sign_in(owner("US")[0])

    assert "backup withholding of 24%" in client.get("/app/tax").text
    assert "Is the payee a US person?" in client.get("/app/tax/choose").text


def test_a_colleague_without_the_books_sees_no_tax(
    payee: tuple[User, Partner], sign_in: SignIn
) -> None:
    viewer = PartnerMemberFactory.create(
        partner=payee[1], user__role="partner_viewer"
    ).user

    assert sign_in(viewer).get("/app/tax").status_code == 403
