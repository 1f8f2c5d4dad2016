"""Writing a program on the staff's pages: check, review, publish."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.accounts.models import User
from portal.kit.clock import utc_now
from portal.programs import service
from portal.programs.documents import dump_yaml, preset
from portal.programs.models import ProgramVersion
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.programs.definitions import HUBSPOT, MONDAY, changed, with_flaw
from tests.programs.test_public_views import publish, read

EDIT = f"/admin/programs/{MONDAY}/edit"
NEW = "/admin/programs/new"
LONGER = changed(hold={"days": 31})


@pytest.fixture
def dana() -> User:
    user: User = UserFactory.create(admin=True, name="Dana")
    return user


@pytest.fixture
def admin(sign_in: SignIn, session: Session, dana: User) -> FlaskClient:
    """Dana's browser, where version 1 of the affiliate program is in force."""
    publish(session, preset(MONDAY))
    return sign_in(dana)


def send(
    client: FlaskClient, path: str = EDIT, *, do: str = "review", **fields: object
) -> TestResponse:
    """Press a button of the editor."""
    form = {"text": dump_yaml(LONGER), "based_on": 1, "do": do, **fields}
    return client.post(path, data=form)


def words(answer: TestResponse) -> str:
    """The page's text, without tags and with plain spaces."""
    assert answer.text.count("<h1") == 1
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def versions(session: Session) -> list[ProgramVersion]:
    session.expire_all()
    return list(session.scalars(select(ProgramVersion).order_by(ProgramVersion.number)))


class TestEditor:
    def test_it_begins_with_the_newest_version_in_words_and_as_yaml(
        self, admin: FlaskClient
    ) -> None:
        page = read(admin, EDIT)

        assert f"key: {MONDAY}" in page
        assert "Nothing yet: the text says what version 1 says." in page
        assert "A commission waits 30 days" in page

    def test_it_can_begin_with_an_older_version(
        self, admin: FlaskClient, session: Session
    ) -> None:
        now = utc_now()
        service.publish(session, LONGER, actor=None, effective_from=now, now=now)
        session.flush()

        assert "A commission waits 31 days" in read(admin, EDIT)
        assert "A commission waits 30 days" in read(admin, f"{EDIT}?from=1")

    def test_check_shows_what_partners_will_read_and_what_changes(
        self, admin: FlaskClient, session: Session
    ) -> None:
        answer = send(admin, do="check")

        assert answer.status_code == 200
        assert "A commission waits 31 days" in words(answer)
        assert "Waiting time, days: 31 instead of 30." in words(answer)
        assert "keep the terms they came under" in words(answer)
        assert len(versions(session)) == 1

    def test_lines_that_end_as_browsers_end_them_are_the_same_text(
        self, admin: FlaskClient
    ) -> None:
        text = dump_yaml(preset(MONDAY)).replace("\n", "\r\n")

        answer = send(admin, do="check", text=text)

        assert "Nothing yet: the text says what version 1 says." in words(answer)

    def test_every_problem_stands_beside_the_text_and_nothing_is_lost(
        self, admin: FlaskClient
    ) -> None:
        text = dump_yaml(LONGER).replace("currency: USD", "currency: usd  # mine")

        answer = send(admin, text=f"{text}zzz: 1\n", starts_on="2031-02-03")

        page = words(answer)
        assert answer.status_code == 422
        assert "The program has 2 problems. Nothing you wrote is lost." in page
        assert "currency use the three capital letters of a currency" in page
        assert "zzz is not known here: remove it" in page
        assert "currency: usd # mine" in page
        assert 'value="2031-02-03"' in answer.text

    def test_a_mistake_in_yaml_is_named_with_its_line(self, admin: FlaskClient) -> None:
        answer = send(admin, text="key: a\nkey: b\n")

        assert answer.status_code == 422
        assert "line 2, column 1 key is given twice: keep one" in words(answer)

    @pytest.mark.parametrize("do", ["check", "review"])
    def test_a_flaw_is_a_warning_with_an_example(
        self, admin: FlaskClient, do: str
    ) -> None:
        answer = send(admin, do=do, text=dump_yaml(with_flaw()))

        assert answer.status_code == 200
        assert "Probably not meant" in words(answer)
        assert "There is no part rules.nothing" in words(answer)
        assert "A visitor reads the term as your own" in words(answer)

    def test_an_empty_text_is_refused(self, admin: FlaskClient) -> None:
        answer = send(admin, text="")

        assert answer.status_code == 422
        assert "Write the program, or begin with one that is there." in words(answer)


class TestDay:
    @pytest.mark.parametrize("days", [-1, 0, 4_000])
    def test_a_day_that_has_begun_or_is_too_far_away_is_refused(
        self, admin: FlaskClient, days: int
    ) -> None:
        day = (utc_now() + timedelta(days=days)).date()

        answer = send(admin, starts_on=day.isoformat())

        assert answer.status_code == 422
        assert "Choose a day from" in words(answer)

    @pytest.mark.parametrize("day", ["soon", "0001-01-01", "9999-12-31"])
    def test_what_is_no_day_of_ours_is_refused(
        self, admin: FlaskClient, day: str
    ) -> None:
        answer = send(admin, starts_on=day)

        assert answer.status_code == 422
        assert f'value="{day}"' in answer.text


class TestReview:
    def test_it_says_in_words_what_changes_and_publishes_nothing(
        self, admin: FlaskClient, session: Session
    ) -> None:
        tomorrow = (utc_now() + timedelta(days=1)).date()

        answer = send(admin, starts_on=tomorrow.isoformat())

        page = words(answer)
        assert answer.status_code == 200
        assert "Publish version 2 of" in page
        assert "What changes from version 1" in page
        assert "Waiting time, days: 31 instead of 30." in page
        assert "keep the terms they came under" in page
        assert len(versions(session)) == 1

    def test_what_it_would_have_paid_is_one_button_away(
        self, admin: FlaskClient
    ) -> None:
        review = send(admin)

        trial = admin.post(
            f"/admin/programs/{MONDAY}/trial", data={"text": dump_yaml(LONGER)}
        )
        assert f'formaction="/admin/programs/{MONDAY}/trial"' in review.text
        assert "What Affiliate Program would have paid" in words(trial)
        assert (
            "formaction"
            not in send(admin, NEW, text=dump_yaml(preset(HUBSPOT)), based_on=0).text
        )

    def test_it_says_whom_terms_by_sale_are_for(self, admin: FlaskClient) -> None:
        answer = send(admin, text=dump_yaml(changed(terms_from="sale")))

        assert "also of customers from before" in words(answer)

    @pytest.mark.parametrize(
        ("definition", "problem"),
        [
            (preset(MONDAY), "Version 1 says exactly this already"),
            (changed(key="other"), "The key stays monday-affiliate"),
            (changed(currency="EUR"), "The currency stays USD"),
        ],
    )
    def test_what_cannot_be_published_comes_back_as_text(
        self, admin: FlaskClient, definition: object, problem: str
    ) -> None:
        text = dump_yaml(definition)  # type: ignore[arg-type]  # parametrized

        answer = send(admin, text=text)

        assert answer.status_code == 409
        assert problem in words(answer)
        assert f"currency: {definition.currency}" in words(answer)  # type: ignore[attr-defined]  # parametrized


class TestPublish:
    def confirm(self, client: FlaskClient, **fields: object) -> TestResponse:
        return send(client, EDIT, do="publish", confirmation=MONDAY, **fields)

    def test_a_new_version_counts_at_once(
        self, admin: FlaskClient, session: Session, dana: User
    ) -> None:
        answer = self.confirm(admin)

        assert answer.status_code == 303
        assert answer.location == f"/admin/programs/{MONDAY}/versions/2"
        newest = versions(session)[-1]
        assert (newest.number, newest.published_by_id) == (2, dana.id)
        assert newest.definition == LONGER
        assert "Version 2 is published." in read(admin, answer.location)

    def test_a_day_begins_at_midnight_where_the_program_is(
        self, admin: FlaskClient, session: Session
    ) -> None:
        seoul = changed(key="seoul", time_zone="Asia/Seoul")
        day = (utc_now() + timedelta(days=5)).date()

        answer = send(
            admin,
            NEW,
            do="publish",
            text=dump_yaml(seoul),
            based_on=0,
            starts_on=day.isoformat(),
            confirmation="seoul",
        )

        assert answer.status_code == 303
        starts = versions(session)[-1].effective_from
        assert starts.isoformat() == f"{day - timedelta(days=1)}T15:00:00+00:00"

    @pytest.mark.parametrize(
        ("typed", "problem"),
        [("yes", f"Type {MONDAY}, exactly so."), ("", "Type the program's key.")],
    )
    def test_the_key_must_be_typed(
        self, admin: FlaskClient, session: Session, typed: str, problem: str
    ) -> None:
        answer = send(admin, do="publish", confirmation=typed)

        assert answer.status_code == 422
        assert problem in words(answer)
        assert "What changes from version 1" in words(answer)
        assert len(versions(session)) == 1

    def test_the_second_of_two_who_edit_at_once_is_told_and_keeps_the_text(
        self, admin: FlaskClient, session: Session, sign_in: SignIn
    ) -> None:
        lee = sign_in(UserFactory.create(admin=True, name="Lee"))
        assert self.confirm(admin).status_code == 303

        mine = dump_yaml(changed(name="Lee's program"))
        refused = self.confirm(lee, text=mine)

        assert refused.status_code == 409
        assert "Someone published version 2 while you wrote." in words(refused)
        assert "name: Lee's program" in words(refused)
        assert 'name="based_on" value="2"' in refused.text
        assert len(versions(session)) == 2
        # Told of it, Lee may go on: what would be undone stands in the review.
        review = send(lee, text=mine, based_on=2)
        assert "Waiting time, days: 30 instead of 31." in words(review)
        assert self.confirm(lee, text=mine, based_on=2).status_code == 303


class TestNewProgram:
    def test_it_begins_with_a_preset(self, admin: FlaskClient) -> None:
        assert f"{NEW}?preset={HUBSPOT}" in admin.get(NEW).text

        page = read(admin, f"{NEW}?preset={HUBSPOT}")

        assert f"key: {HUBSPOT}" in page
        assert "What partners will read" in page
        assert "What changes" not in page
        assert admin.get(f"{NEW}?preset=nothing").status_code == 404

    def test_it_is_reviewed_in_words_and_published(
        self, admin: FlaskClient, session: Session
    ) -> None:
        text = dump_yaml(preset(HUBSPOT))

        review = send(admin, NEW, text=text, based_on=0)
        answer = send(
            admin, NEW, do="publish", text=text, based_on=0, confirmation=HUBSPOT
        )

        assert "Publish version 1 of" in words(review)
        assert "There are none: this is the first version." in words(review)
        assert "You earn 20% of what your customer pays" in words(review)
        assert answer.status_code == 303
        assert versions(session)[-1].definition == preset(HUBSPOT)

    def test_a_key_that_is_taken_is_refused(self, admin: FlaskClient) -> None:
        answer = send(admin, NEW, based_on=0)

        assert answer.status_code == 409
        assert "There is a program of that key already." in words(answer)
        assert 'name="based_on" value="0"' in answer.text
