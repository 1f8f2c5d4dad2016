import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.statements.rules import Payment
from tests.commissions.story import Story
from tests.statements.books import a_month, close


@pytest.mark.parametrize("template", ["statements/ready", "statements/held"])
@pytest.mark.parametrize("payment", Payment)
def test_the_mails_say_what_matters(
    app: Flask, session: Session, template: str, payment: Payment
) -> None:
    story = Story(session)
    story.user()
    [statement] = close(session, a_month(story))
    mail = session.scalars(select(OutboxEmail)).one()
    context = mail.context | {"payment": payment, "gate": "Tax form"}
    if payment is not Payment.DUE:
        context["pays_on"] = ""

    with app.app_context():
        rendered = render(template, context, "en")

    assert "January 2026" in rendered.subject
    for body in (rendered.text, rendered.html):
        assert statement.number in body
        assert "$120.00" in body
        assert f"http://localhost/app/statements/{statement.public_id}" in body
