from pathlib import Path

import pytest

from portal.config import VARIABLES, Settings, SettingsError

SECRET = {"PORTAL_SECRET_KEY": "x" * 32}
PRODUCTION = SECRET | {
    "PORTAL_ENV": "production",
    "PORTAL_BASE_URL": "https://partners.acme.example",
    "DATABASE_URL": "postgresql://portal_app:secret@db/portal",
    "DATABASE_OWNER_URL": "postgresql://owner:secret@db/portal",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old",
    "PORTAL_ENCRYPTION_KEYS": "e" * 32,
}


def test_every_setting_is_documented_and_read() -> None:
    fields = {name for name in Settings.__dataclass_fields__ if name != "testing"}

    assert fields == set(VARIABLES)
    assert all(variable.meaning for variable in VARIABLES.values())


def test_the_defaults_fit_a_laptop(tmp_path: Path) -> None:
    settings = Settings.from_env({"PORTAL_INSTANCE_DIR": str(tmp_path)})

    assert settings.base_url == "http://localhost:8000"
    assert settings.uses_sandbox
    assert not settings.is_secure
    assert settings.link_hosts == {"localhost"}


def test_a_laptop_keeps_its_own_secret(tmp_path: Path) -> None:
    env = {"PORTAL_INSTANCE_DIR": str(tmp_path / "new")}

    first, second = Settings.from_env(env), Settings.from_env(env)

    assert len(first.secret_key) >= 32
    assert first.secret_key == second.secret_key
    assert first.secret_key not in repr(first)


def test_production_settings_are_read() -> None:
    settings = Settings.from_env(PRODUCTION)

    assert settings.stripe_webhook_secrets == ("whsec_new", "whsec_old")
    assert settings.database_url.startswith("postgresql+psycopg://portal_app")
    assert settings.is_secure


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("y" * 40 + "\n")

    assert (
        Settings.from_env({"PORTAL_SECRET_KEY_FILE": str(path)}).secret_key == "y" * 40
    )


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PORTAL_SECRET_KEY_FILE names"):
        Settings.from_env({"PORTAL_SECRET_KEY_FILE": str(tmp_path / "no")})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("PORTAL_ENV", "staging", "give development or production"),
        ("PORTAL_SECRET_KEY", "short", "at least 32 characters"),
        ("PORTAL_BASE_URL", "partners.acme.example", "give a whole address"),
        ("PORTAL_PORT", "80a", "whole number from 1 to 65535"),
        ("PORTAL_PORT", "70000", "whole number from 1 to 65535"),
        ("PORTAL_SMTP_URL", "mail.acme.example", "smtp://user:password@host:port"),
        ("DATABASE_URL", "mysql://db/portal", "postgresql://"),
        ("DATABASE_URL", "postgresql://", "postgresql://"),
        ("PORTAL_LOCALES", "en,klingon", "no language"),
        ("PORTAL_DEMO", "maybe", "yes or no"),
        ("PORTAL_LOG_LEVEL", "LOUD", "DEBUG or INFO"),
        ("PORTAL_SESSION_HOURS", "0", "from 1 to 720"),
        ("PORTAL_PAYER_IBAN", "DE02", "no IBAN"),
        ("PORTAL_PAYER_COMPANY_ID", "12-345", "that your bank assigned"),
        ("PORTAL_ENCRYPTION_KEYS", "e" * 32 + ",short", "at least 32 characters"),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(
    name: str, value: str, remedy: str
) -> None:
    with pytest.raises(SettingsError, match=remedy) as caught:
        Settings.from_env(SECRET | {name: value})

    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"PORTAL_BASE_URL": "http://partners.acme.example"}, "begin with https"),
        ({"PORTAL_DEMO": "yes"}, "PORTAL_DEMO must be no"),
        ({"DATABASE_OWNER_URL": ""}, "go together"),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": ""}, "at least 32"),
    ],
)
def test_production_refuses_what_is_unsafe(
    change: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Settings.from_env(PRODUCTION | change)


def test_production_encrypts_with_keys_of_their_own() -> None:
    assert Settings.from_env(PRODUCTION).data_keys == ("e" * 32,)
    with pytest.raises(SettingsError, match="PORTAL_ENCRYPTION_KEYS must be set"):
        Settings.from_env(PRODUCTION | {"PORTAL_ENCRYPTION_KEYS": ""})


def test_a_laptop_encrypts_with_its_own_secret() -> None:
    settings = Settings.from_env(SECRET)

    assert settings.data_keys == (settings.secret_key,)
    assert settings.payer_iban == ""
