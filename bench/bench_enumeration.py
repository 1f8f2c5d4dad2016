"""Whether answer times tell a certificate that exists from one that does not.

500 known and 500 unknown numbers, alternating, through the whole application on its
own database. Prints both medians and their difference against the limit of 10 %.

.venv/bin/python bench/bench_enumeration.py
"""

import random
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import flask_migrate
from flask import Flask
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal.app import create_app
from portal.certification import service
from portal.certification.models import Attempt, AttemptStatus, Certificate
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.ids import new_id
from tests.factories import base_factory
from tests.factories.certification import exam, learner
from tests.postgres import throwaway_server

NUMBERS, LIMIT_PERCENT = 500, 10


def certificates(session: Session) -> list[str]:
    """Make as many certificates as are asked for, of one person."""
    base_factory.bind(session)
    (user, enrollment), certification, now = learner(), exam(session), utc_now()
    numbers = []
    for _ in range(NUMBERS):
        attempt = Attempt(
            id=new_id(),
            certification=certification,
            user=user,
            partner_id=enrollment.partner_id,
            status=AttemptStatus.PASSED,
            started_at=now,
            deadline_at=now,
            submitted_at=now,
            question_count=0,
            pass_percent=75,
        )
        session.add(attempt)
        session.flush()
        numbers.append(service.new_number())
        session.add(
            Certificate(
                number=numbers[-1],
                certification=certification,
                attempt_id=attempt.id,
                user_id=user.id,
                partner_id=enrollment.partner_id,
                holder_name=user.name,
                issued_at=now,
                expires_at=now.replace(year=now.year + 1),
            )
        )
    session.commit()
    return numbers


def seconds(app: Flask, number: str) -> float:
    client = app.test_client()
    before = perf_counter()
    page = client.get(f"/verify/{number}")
    page.close()
    return perf_counter() - before


def main() -> int:
    with throwaway_server() as server:
        settings = Settings(
            secret_key="0123456789abcdef0123456789abcdef",  # noqa: S106
            database_url=server.app_url,
            database_owner_url=server.owner_url,
            badge_keys=("4b" * 32,),
            testing=True,
        )
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            known = certificates(db.session())
            db.session.remove()
        unknown = [service.new_number() for _ in known]
        for number in known[:50] + unknown[:50]:
            seconds(app, number)  # warm
        random.shuffle(known)
        pairs = [
            (seconds(app, k), seconds(app, u))
            for k, u in zip(known, unknown, strict=True)
        ]
        with app.app_context():
            db.engine.dispose()
    there, none = (median(times) * 1_000 for times in zip(*pairs, strict=True))
    apart = 100 * abs(there - none) / max(there, none)
    print(f"known {there:.2f} ms, unknown {none:.2f} ms, {apart:.1f} % apart")
    print(f"limit {LIMIT_PERCENT} %")
    return int(apart >= LIMIT_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
