from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.kit.clock import day_start
from portal.kit.errors import NotFound
from portal.kit.ids import new_id
from portal.programs import queries, service
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset
from portal.programs.models import Program, ProgramVersion, VersionState
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.programs.definitions import HUBSPOT, MONDAY, changed


def publish(session: Session, definition: ProgramDefinition) -> ProgramVersion:
    return service.publish(session, definition, actor=None, effective_from=NOW, now=NOW)


class TestPublish:
    def test_the_first_version_opens_the_program_and_is_on_record(
        self, session: Session
    ) -> None:
        admin = UserFactory.create(admin=True)

        version = service.publish(
            session, preset(MONDAY), actor=admin, effective_from=NOW, now=NOW
        )

        assert (version.number, version.program.key) == (1, MONDAY)
        assert version.definition == preset(MONDAY)
        assert version.published_by_id == admin.id
        assert version.program.public_id.startswith("pgm_")
        audited = session.scalars(select(AuditEvent)).one()
        assert (audited.action, audited.subject_id) == (
            "program.published",
            version.program.id,
        )
        assert audited.details["version"] == 1

    def test_only_the_first_version_may_start_in_the_past(
        self, session: Session
    ) -> None:
        year_ago = NOW - timedelta(days=365)
        service.publish(
            session, preset(MONDAY), actor=None, effective_from=year_ago, now=NOW
        )

        with pytest.raises(service.StartsTooEarly, match="a sale of Mar 1, 2026"):
            service.publish(
                session,
                changed(hold={"days": 31}),
                actor=None,
                effective_from=NOW - timedelta(seconds=1),
                now=NOW,
            )

    def test_numbers_have_no_gaps_and_each_version_waits_for_its_moment(
        self, session: Session
    ) -> None:
        first = publish(session, preset(MONDAY))
        later = NOW + timedelta(days=30)
        second = service.publish(
            session,
            changed(hold={"days": 31}),
            actor=None,
            effective_from=later,
            now=NOW,
        )

        assert (first.number, second.number) == (1, 2)
        program_id = first.program_id
        before = queries.current_version(session, program_id, later - timedelta(1))
        assert before is first
        assert queries.current_version(session, program_id, later) is second
        assert queries.versions(session, program_id) == [second, first]

    def test_a_version_cannot_start_before_one_that_waits(
        self, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        service.publish(
            session,
            changed(hold={"days": 31}),
            actor=None,
            effective_from=NOW + timedelta(days=30),
            now=NOW,
        )

        with pytest.raises(service.StartsTooEarly, match="to take its place"):
            publish(session, changed(hold={"days": 32}))

    def test_of_two_that_start_at_once_the_later_one_counts(
        self, session: Session
    ) -> None:
        first = publish(session, preset(MONDAY))
        second = publish(session, changed(hold={"days": 31}))

        assert queries.current_version(session, first.program_id, NOW) is second

    def test_what_says_the_same_is_not_published(self, session: Session) -> None:
        publish(session, preset(MONDAY))

        with pytest.raises(service.DefinitionUnchanged, match="Version 1"):
            publish(session, preset(MONDAY))

    @pytest.mark.parametrize(
        "parts", [{"currency": "EUR"}, {"time_zone": "Europe/Berlin"}]
    )
    def test_the_books_keep_their_currency_and_their_months(
        self, session: Session, parts: dict[str, object]
    ) -> None:
        publish(session, preset(MONDAY))

        with pytest.raises(service.BooksWouldBreak):
            publish(session, changed(**parts))

    @pytest.mark.parametrize(
        "part", [{"holdback": {"bps": 1000, "months": 3}}, {"draw": {"minor": 50_00}}]
    )
    def test_what_the_close_would_not_do_is_not_promised(
        self, session: Session, part: dict[str, object]
    ) -> None:
        payout = dump_json(preset(MONDAY))["payout"] | part
        definition = changed(payout=payout | {"schedule": "quarterly"})

        with pytest.raises(
            service.NotCarriedOut, match="need a payout that is monthly"
        ):
            publish(session, definition)
        with pytest.raises(service.NotCarriedOut):
            service.examine(session, definition, effective_from=NOW, now=NOW)

        assert session.scalars(select(Program)).all() == []
        publish(session, changed(payout=payout | {"schedule": "monthly"}))

    def test_customers_whom_nobody_can_register_are_not_promised(
        self, session: Session
    ) -> None:
        policy = {"window_days": 90, "registration": {"days": 90, "max_open": 25}}
        definition = changed(attribution=policy)

        with pytest.raises(service.NotCarriedOut, match="Simulations follow it"):
            publish(session, definition)
        with pytest.raises(service.NotCarriedOut):
            service.examine(session, definition, effective_from=NOW, now=NOW)

        assert session.scalars(select(Program)).all() == []

    def test_a_program_keeps_its_key(self, session: Session) -> None:
        program = publish(session, preset(MONDAY)).program

        with pytest.raises(service.KeyChanged, match="stays monday-affiliate"):
            service.publish(
                session,
                changed(key="other"),
                actor=None,
                effective_from=NOW,
                now=NOW,
                program=program,
            )

    def test_an_edited_program_may_be_named(self, session: Session) -> None:
        program = publish(session, preset(MONDAY)).program

        version = service.publish(
            session,
            changed(hold={"days": 31}),
            actor=None,
            effective_from=NOW,
            now=NOW,
            program=program,
        )

        assert version.program is program

    def test_a_new_text_of_the_agreement_needs_a_new_version(
        self, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        agreement = dump_json(preset(MONDAY))["agreement"]

        with pytest.raises(service.AgreementReworded):
            publish(session, changed(agreement=agreement | {"text": "Other."}))

        renamed = agreement | {"text": "Other.", "version": "2026-08"}
        assert publish(session, changed(agreement=renamed)).number == 2

    def test_by_when_to_sign_again_is_settled_with_the_version(
        self, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        old = dump_json(preset(MONDAY))["agreement"]
        new = old | {"version": "2026-08", "sign_again": {"within_days": 30}}

        def later(agreement: object, days: int) -> int:
            return service.publish(
                session,
                changed(agreement=agreement),
                actor=None,
                effective_from=NOW + timedelta(days=days),
                now=NOW,
            ).number

        assert later(new, 5) == 2
        other = new | {"sign_again": {"within_days": 60}}
        with pytest.raises(service.AgreementReworded):
            later(other, 6)
        # A version that takes the place of a coming one settles it anew...
        assert later(other, 5) == 3
        # ... unless the agreement counts already.
        with pytest.raises(service.AgreementReworded):
            later(old | {"sign_again": {"within_days": 60}}, 5)

    def test_an_agreement_may_come_and_go(self, session: Session) -> None:
        gates = [
            gate
            for gate in dump_json(preset(MONDAY))["gates"]
            if gate["key"] != "agreement"
        ]
        publish(session, preset(MONDAY))

        assert publish(session, changed(agreement=None, gates=gates)).number == 2
        assert publish(session, preset(MONDAY)).number == 3


def test_a_published_version_never_changes(
    session: Session, connection: Connection
) -> None:
    version = publish(session, preset(MONDAY))
    session.flush()

    for statement in (
        "UPDATE program_versions SET number = 9",
        "DELETE FROM program_versions",
    ):
        with pytest.raises(DBAPIError), connection.begin_nested():
            connection.execute(text(statement))

    session.refresh(version)
    assert version.number == 1


class TestQueries:
    def test_only_public_programs_are_listed_by_name(self, session: Session) -> None:
        publish(session, preset(HUBSPOT))
        publish(session, preset(MONDAY))
        publish(session, changed(key="hidden", name="A", visibility="unlisted"))
        publish(session, changed(key="invited", name="B", visibility="invite_only"))

        listed = [row.program.key for row in queries.listed(session, NOW)]
        everything = [row.program.key for row in queries.all_current(session, NOW)]

        assert listed == [MONDAY, HUBSPOT]
        assert everything == ["hidden", MONDAY, "invited", HUBSPOT]
        assert queries.listed(session, NOW - timedelta(days=1)) == []

    def test_what_visitors_may_open(self, session: Session) -> None:
        publish(session, changed(key="hidden", visibility="unlisted"))
        publish(session, changed(key="invited", visibility="invite_only"))

        assert queries.open_to_visitors(session, "hidden", NOW).number == 1
        for key, at in (
            ("invited", NOW),
            ("nothing", NOW),
            ("hidden", NOW - timedelta(days=1)),
        ):
            with pytest.raises(queries.NoSuchProgram):
                queries.open_to_visitors(session, key, at)

    def test_a_version_is_found_by_its_id(self, session: Session) -> None:
        published = publish(session, preset(MONDAY))
        session.flush()

        assert queries.version(session, published.id) is published
        with pytest.raises(NotFound):
            queries.version(session, published.program_id)

    def test_a_fresh_program_has_no_version(self, session: Session) -> None:
        program = Program(key="fresh", created_at=NOW)
        session.add(program)

        assert queries.by_key(session, "fresh", lock=True) is program
        assert queries.latest_version(session, program.id) is None

    def test_the_overview_shows_the_newest_even_if_it_waits(
        self, session: Session
    ) -> None:
        publish(session, preset(MONDAY))
        service.publish(
            session,
            changed(hold={"days": 31}),
            actor=None,
            effective_from=NOW + timedelta(days=1),
            now=NOW,
        )

        overview = queries.overviews(session, NOW)[0]

        assert (overview.latest.number, overview.is_upcoming) == (2, True)

    def test_history_names_who_published(self, session: Session) -> None:
        admin = UserFactory.create(admin=True, name="Dana")
        publish(session, preset(MONDAY))
        later = NOW + timedelta(days=1)
        version = service.publish(
            session,
            changed(hold={"days": 31}),
            actor=admin,
            effective_from=later,
            now=NOW,
        )

        history = queries.history(session, version.program_id, NOW)

        assert [row.publisher for row in history] == ["Dana", None]
        assert queries.pick(history, None).version.number == 1
        assert queries.pick(history, 2).version.number == 2
        with pytest.raises(queries.NoSuchProgram):
            queries.pick(history, 3)

    def test_without_an_agreement_nothing_was_reworded(self, session: Session) -> None:
        gates = [
            gate
            for gate in dump_json(preset(MONDAY))["gates"]
            if gate["kind"] != "agreement"
        ]
        version = publish(session, changed(agreement=None, gates=gates))

        history = queries.history(session, version.program_id, NOW)

        assert queries.agreement_before(history, 1) is None

    def test_a_version_is_coming_then_in_force_then_past(
        self, session: Session
    ) -> None:
        version = publish(session, preset(MONDAY))
        for name, days in (("Ten", 10), ("Twenty", 20), ("Corrected", 20)):
            service.publish(
                session,
                changed(name=name),
                actor=None,
                effective_from=NOW + timedelta(days=days),
                now=NOW,
            )

        def states(days: int) -> list[VersionState]:
            at = NOW + timedelta(days=days)
            rows = queries.history(session, version.program_id, at)
            return [row.state for row in reversed(rows)]

        coming, in_force = VersionState.COMING, VersionState.IN_FORCE
        past, replaced = VersionState.PAST, VersionState.REPLACED
        assert states(-1) == [coming, coming, replaced, coming]
        assert states(0) == [in_force, coming, replaced, coming]
        assert states(10) == [past, in_force, replaced, coming]
        assert states(20) == [past, past, replaced, in_force]

    def test_a_program_that_has_not_begun_shows_its_newest_version(
        self, session: Session
    ) -> None:
        version = publish(session, preset(MONDAY))

        history = queries.history(session, version.program_id, NOW - timedelta(days=1))

        assert queries.pick(history, None).version is version
        with pytest.raises(queries.NoSuchProgram):
            queries.pick([], None)

    def test_versions_stand_in_the_order_in_which_they_take_effect(
        self, session: Session
    ) -> None:
        first = publish(session, preset(MONDAY))
        second = publish(session, changed(hold={"days": 31}))

        assert queries.versions_of(session, first.program_id) == [first, second]


class TestBasedOn:
    """Who edits a version names it, so that nothing is overwritten unseen."""

    def second(self, session: Session, based_on: int | None) -> ProgramVersion:
        """Dana and Lee edited version 1; Dana has published, now Lee does."""
        publish(session, preset(MONDAY))
        publish(session, changed(name="Dana's"))
        return service.publish(
            session,
            changed(name="Lee's"),
            actor=None,
            effective_from=NOW,
            now=NOW,
            based_on=based_on,
        )

    def test_what_somebody_published_meanwhile_is_not_overwritten(
        self, session: Session
    ) -> None:
        with pytest.raises(service.PublishedMeanwhile, match="published version 2"):
            self.second(session, based_on=1)

    def test_who_has_seen_the_newest_version_may_go_on(self, session: Session) -> None:
        assert self.second(session, based_on=2).number == 3

    def test_who_names_none_overwrites_whatever_is_there(
        self, session: Session
    ) -> None:
        assert self.second(session, based_on=None).number == 3

    def test_a_new_program_does_not_become_a_version_of_an_old_one(
        self, session: Session
    ) -> None:
        with pytest.raises(service.KeyTaken, match="of that key already"):
            self.second(session, based_on=0)

    def test_a_key_that_names_a_page_is_refused(self, session: Session) -> None:
        with pytest.raises(service.KeyTaken, match="has a page new"):
            publish(session, changed(key="new"))


class TestExamine:
    def test_it_refuses_what_publishing_would_and_leaves_no_trace(
        self, session: Session
    ) -> None:
        def examine(definition: ProgramDefinition) -> None:
            service.examine(session, definition, effective_from=NOW, now=NOW)

        examine(preset(MONDAY))
        assert session.scalars(select(Program)).all() == []
        publish(session, preset(MONDAY))
        examine(changed(name="Other"))
        with pytest.raises(service.DefinitionUnchanged):
            examine(preset(MONDAY))
        session.add(Program(key="fresh", created_at=NOW))
        examine(changed(key="fresh"))
        assert len(session.scalars(select(ProgramVersion)).all()) == 1


def test_a_day_begins_at_midnight_where_the_program_is() -> None:
    day = date(2026, 7, 1)

    begins = day_start(day, ZoneInfo("America/New_York"))

    assert begins == datetime(2026, 7, 1, 4, tzinfo=UTC)


class TestTwoAtOnce:
    def test_who_creates_the_same_program_second_is_told(
        self, session: Session
    ) -> None:
        @event.listens_for(session, "before_flush", once=True)
        def _other(session: Session, *_args: object) -> None:
            session.connection().execute(
                insert(Program).values(id=new_id(), key=MONDAY, created_at=NOW)
            )

        with pytest.raises(service.PublishedAtOnce):
            publish(session, preset(MONDAY))

    def test_any_other_broken_rule_of_the_database_is_a_bug(
        self, session: Session
    ) -> None:
        @event.listens_for(session, "before_flush", once=True)
        def _break(session: Session, *_args: object) -> None:
            for row in session.new:
                row.created_at = None

        with pytest.raises(IntegrityError):
            publish(session, preset(MONDAY))
