import json
from datetime import datetime
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from portal.enrollments import queries
from portal.enrollments.asking import moment_asked
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import Answer, SaleFate
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.errors import DomainError
from portal.kit.ids import parse_public_id
from portal.partners import queries as partners
from portal.programs.definition import Blocks, Gate
from portal.programs.sentences import team_phrase

_QUESTIONS = {
    Blocks.JOIN: "be in the program",
    Blocks.LINK: "link",
    Blocks.EARN: "earn",
    Blocks.PAYOUT: "be paid out",
}
_SALES = {
    SaleFate.EARNS: "A sale then earns.",
    SaleFate.HELD: "A sale then is held, and earns once this is done.",
    SaleFate.FORFEITED: "A sale then earns nothing, also not later.",
    SaleFate.NOBODYS: "The partner had not joined by then.",
}


@click.command("gates")
@click.argument("id_", metavar="ID")
@click.option(
    "--at",
    default="",
    help="A day, which means its end, or a day with a time, such as "
    "2026-11-20T14:30; in the program's time zone. Now if left out.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_appcontext
def gates(id_: str, *, at: str, as_json: bool) -> None:
    """Say whether a partner could join, link, earn and be paid at a moment.

    ID names an enrollment (enr_...), or a partner (prt_...) for all its programs. What
    was in the way is named.
    """
    session, now = db.session(), utc_now()
    try:
        found = [(one, _ask(session, one, at, now)) for one in _named(session, id_)]
    except (ValueError, DomainError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        answers = [_as_json(one, answer) for one, answer in found]
        click.echo(json.dumps(answers, indent=2))
        return
    for one, answer in found:
        _tell(one, answer)
    if not found:
        click.echo("This partner is in no program.")


def _named(session: Session, text: str) -> list[Enrollment]:
    if text.startswith("prt_"):
        partner = partners.get(session, parse_public_id("prt", text))
        return list(queries.of_partner(session, partner.id))
    return [queries.get(session, parse_public_id("enr", text))]


def _ask(session: Session, enrollment: Enrollment, at: str, now: datetime) -> Answer:
    moment = moment_asked(at, zone=enrollment.version.definition.zone, now=now)
    return queries.answer(session, enrollment, at=moment)


def _tell(enrollment: Enrollment, answer: Answer) -> None:
    definition = enrollment.version.definition
    moment = answer.moment.astimezone(definition.zone)
    click.echo(f"{enrollment.partner.name} in {definition.name}")
    click.echo(f"{enrollment.public_id}, at {moment:%Y-%m-%d %H:%M:%S %Z}")
    width = max(len(question) for question in _QUESTIONS.values())
    for blocks, question in _QUESTIONS.items():
        gates = [_name_of(one) for one in answer.in_the_way[blocks]]
        if not answer.is_member:
            gates = ["not in the program yet"]
        verdict = "yes" if answer.may(blocks) else f"no: {', '.join(gates)}"
        click.echo(f"  {question:<{width}}  {verdict}")
    click.echo(f"  {_SALES[answer.sale]}")


def _name_of(gate: Gate) -> str:
    whose = f"; it takes {team_phrase(gate)}" if gate.team else ""
    return f"{gate.title} ({gate.key}{whose})"


def _as_json(enrollment: Enrollment, answer: Answer) -> dict[str, Any]:
    return {
        "enrollment": enrollment.public_id,
        "partner": enrollment.partner.public_id,
        "program": enrollment.version.definition.key,
        "at": answer.moment.isoformat(),
        "is_member": answer.is_member,
        "sale": answer.sale.value,
        "may": {blocks.value: answer.may(blocks) for blocks in Blocks},
        "in_the_way": {
            blocks.value: [
                {
                    "gate": one.key,
                    "title": one.title,
                    "sales_while_unmet": one.sales_while_unmet.value,
                    "team": one.team.model_dump(mode="json") if one.team else None,
                }
                for one in answer.in_the_way[blocks]
            ]
            for blocks in Blocks
        },
    }
