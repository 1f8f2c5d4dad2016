from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.demo.story.script import DemoStory
from portal.demo.story.stage import Setting
from portal.extensions import db
from portal.kit.clock import utc_now

SETTING = Setting(
    org_name="Acme",
    base_url="http://localhost",
    shop_url="http://localhost:8027",
    sandbox_url="http://localhost:8026",
    webhook_secret="whsec_test",
    password="k7-plum-otter-42",
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "stripe-sandbox.json"


@pytest.fixture(scope="module")
def story(app: Flask, state: Path) -> Iterator[DemoStory]:
    """The whole story, told once into a transaction that never commits."""
    with app.app_context():
        engines = db.engines
        db.session.configure(join_transaction_mode="create_savepoint")
        engine = engines[None]
        with engine.connect() as connection:
            outer = connection.begin()
            engines[None] = connection  # type: ignore[index]  # everyone shares it
            told = DemoStory(SETTING, now=utc_now(), say=lambda _: None)
            told.tell(state)
            yield told
            db.session.remove()
            engines[None] = engine  # type: ignore[index]  # as it was
            outer.rollback()


@pytest.fixture
def after(app: Flask, story: DemoStory) -> Iterator[Session]:
    """A session that looks at what the story left."""
    del story
    with app.app_context():
        session = db.session()
        yield session
        session.rollback()
