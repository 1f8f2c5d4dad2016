import gc
import secrets
import time
from datetime import datetime, timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select, text

from portal.commissions.models import Commission
from portal.config import Settings
from portal.demo import launcher
from portal.demo.purchase import buy as buy_over_http
from portal.demo.settings import DemoError, read_notes, write_notes
from portal.demo.shop import PLANS
from portal.demo.story.script import DemoStory, has_begun
from portal.demo.story.stage import Setting, StoryBroken
from portal.extensions import db
from portal.kit import postgres
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.ids import parse_public_id
from portal.sales.models import Customer
from portal.web.formats import money_text

group = AppGroup("demo", help="The demo: its story, and a purchase in it.")

NOTHING_TO_DO = 3
_PATIENCE = timedelta(seconds=20)


@group.command("seed")
@click.option("--seed", "chance", type=int, default=14, show_default=True)
@click.option(
    "--if-empty", is_flag=True, help="Do nothing, quietly, when there are data."
)
def seed(*, chance: int, if_empty: bool) -> None:
    """Tell the story of the last 14 months, in an empty database."""
    settings = _settings()
    notes = read_notes(settings.instance)
    with transaction(db.session()) as session:
        begun = has_begun(session)
        # A story that a power cut interrupts is told anew; it need not wait for disks.
        session.execute(text("SET SESSION synchronous_commit TO off"))
    if begun:
        if if_empty:
            click.echo("There are data already; the story is not told into them.")
            return
        click.echo("There are data already. Forget them: portal demo reset", err=True)
        raise click.exceptions.Exit(NOTHING_TO_DO)
    write_notes(settings.instance, notes.told("begun"))
    started = time.monotonic()
    setting = Setting(
        org_name=settings.org_name,
        base_url=settings.base_url,
        shop_url=settings.vendor_url,
        sandbox_url=settings.stripe_sandbox_url,
        webhook_secret=notes.webhook_secret,
        password=notes.password,
        seed=chance,
    )
    # A year of objects is made at once and ends with the command: looking for garbage
    # among them would only take time.
    gc.disable()
    try:
        story = DemoStory(setting, now=utc_now(), say=_progress)
        story.tell(settings.instance / "stripe-sandbox.json")
    except StoryBroken as error:
        raise click.ClickException(str(error)) from error
    finally:
        gc.enable()
    write_notes(settings.instance, notes.told("told"))
    click.echo(f"The story is told, in {time.monotonic() - started:.1f} seconds.")


@group.command("reset")
def reset() -> None:
    """Forget the demo's data; the demo must not be running."""
    settings = _settings()
    folder = settings.instance / "postgres"
    with launcher.only_one(settings.instance) as is_ours:
        if not is_ours:
            raise click.ClickException(
                "The demo is running. Stop it with Ctrl-C first."
            )
        if not _is_inside(settings.database_url, folder):
            raise click.ClickException(
                "This database is not the demo's own; nothing was deleted."
            )
        db.session.remove()
        db.engine.dispose()
        postgres.start(folder).stop()
        launcher.forget(settings.instance)
    click.echo("The demo's data are gone. `make demo` tells the story anew.")


@group.command("buy")
@click.option("--link", "code", required=True, help="What follows /r/: noor")
@click.option("--plan", type=click.Choice(list(PLANS)), default="growth")
def buy(code: str, plan: str) -> None:
    """Follow a partner's link in the running demo and buy with a test card."""
    addresses = read_notes(_settings().instance).addresses
    portal = addresses.url(addresses.web)
    name = f"Test Buyer {secrets.randbelow(9_000) + 1_000}"
    email = f"{name.lower().replace(' ', '-')}@example.com"
    try:
        reference = buy_over_http(
            portal,
            addresses.url(addresses.shop),
            code=code.rpartition("/")[2],
            plan=plan,
            name=name,
            email=email,
        )
    except DemoError as error:
        raise click.ClickException(str(error)) from error
    price = f"${PLANS[plan].minor // 100}"
    click.echo(f"{name} followed /r/{code} and bought {PLANS[plan].name} for {price}.")
    line = _commission_of(parse_public_id("clk", reference).hex, until=utc_now())
    if line is None:
        click.echo("No commission yet: nobody has the link, or a gate is closed.")
    else:
        click.echo(f"The partner earned {line}.")
    click.echo(f"  As the partner: {portal}/app/earnings and {portal}/app/customers")
    click.echo(
        f"  As staff:       {portal}/admin/events and {portal}/admin/commissions"
    )


def _commission_of(click_hex: str, *, until: datetime) -> str | None:
    """Wait a little for the worker; return what the purchase earned, in words."""
    until += _PATIENCE
    while True:
        with transaction(db.session()) as session:
            found = session.scalar(
                select(Commission)
                .join(Customer, Customer.id == Commission.customer_id)
                .where(Customer.click_id == click_hex)
                .limit(1)
            )
            if found is not None:
                return money_text(found.amount)
        if utc_now() > until:
            return None
        time.sleep(0.5)


def _progress(text: str) -> None:
    click.echo(f"  {text}")


def _is_inside(database_url: str, folder: Path) -> bool:
    """Tell whether a database is the embedded one of this folder."""
    return (folder / "PG_VERSION").exists() and database_url == (
        postgres.start(folder).app_url
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings
