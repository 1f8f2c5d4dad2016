import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.accounts.passwords import require_strong
from portal.demo import launcher
from portal.demo.__main__ import main
from portal.demo.launcher import Program, Troupe
from portal.demo.settings import (
    PORTS,
    Addresses,
    DemoError,
    Notes,
    mails_url,
    read_notes,
    readable_password,
    write_notes,
)


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers = free_ports(len(PORTS))
    for port, number in zip(PORTS, numbers, strict=True):
        monkeypatch.setenv(port.variable, str(number))
    return numbers


@pytest.fixture
def troupe(tmp_path: Path) -> Iterator[Troupe]:
    running = Troupe(tmp_path / "logs", {})
    yield running
    running.stop()


class TestStarting:
    def test_names_each_port_that_is_taken_and_how_to_choose_another(
        self, tmp_path: Path, ports: list[int], said: list[str]
    ) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", ports[4]))
            other.listen()
            assert launcher.launch(tmp_path, said.append) == 2
        [message] = said
        assert f"Port {ports[4]} is taken, and Acme's shop needs it." in message
        assert f"PORTAL_DEMO_SHOP_PORT={ports[4] + 100} make demo" in message
        assert not (tmp_path / "postgres").exists()

    def test_says_where_the_demo_runs_when_it_is_started_again(
        self, tmp_path: Path, said: list[str]
    ) -> None:
        notes = read_notes(tmp_path).at(Addresses(web=8100))
        write_notes(tmp_path, notes)
        with launcher.only_one(tmp_path) as is_ours:
            assert is_ours
            assert launcher.launch(tmp_path, said.append) == 0
        assert "running already" in said[0]
        assert "http://localhost:8100" in said[1]
        assert notes.password in said[1]

    def test_refuses_a_port_that_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
    ) -> None:
        monkeypatch.setenv("PORTAL_DEMO_MAIL_PORT", "mail")
        assert launcher.launch(tmp_path, said.append) == 2
        assert "PORTAL_DEMO_MAIL_PORT is 'mail'" in said[0]

    def test_says_that_python_is_too_old(self) -> None:
        assert "3.10 is too old" in launcher.python_problem((3, 10))
        assert launcher.python_problem((3, 11)) == ""

    def test_says_which_package_is_missing(self) -> None:
        assert "nothing_like_it is not" in launcher.missing_packages(
            ("nothing_like_it",)
        )
        assert launcher.missing_packages() == ""

    def test_takes_nothing_of_a_real_installation_along(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_real")
        monkeypatch.setenv("PORTAL_SMTP_URL", "smtp://real.example")
        monkeypatch.setenv("DATABASE_URL", "postgresql://real")
        env = launcher.environment(tmp_path, Addresses(), Notes.fresh(), {})
        assert "STRIPE_SECRET_KEY" not in env
        assert "DATABASE_URL" not in env
        assert env["PORTAL_SMTP_URL"] == "smtp://127.0.0.1:8024"
        assert env["PORTAL_DEMO"] == "yes"


class TestTheTroupe:
    def test_waits_until_programs_answer_and_stops_them(self, troupe: Troupe) -> None:
        [port] = free_ports(1)
        serve = (
            "import socket,time;s=socket.socket();"
            f"s.bind(('127.0.0.1',{port}));s.listen();time.sleep(60)"
        )
        troupe.start(Program("tester", ("-c", serve), (port,), {}))
        troupe.wait_until_ready()
        troupe.require_all()
        troupe.stop()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))

    def test_shows_the_log_of_a_program_that_ended(self, troupe: Troupe) -> None:
        [port] = free_ports(1)
        end = "print('no room here'); raise SystemExit(1)"
        troupe.start(Program("mail catcher", ("-c", end), (port,), {}))
        with pytest.raises(DemoError, match=r"(?s)mail catcher has stopped.*no room"):
            troupe.wait_until_ready()

    def test_shows_why_a_command_failed(self, tmp_path: Path) -> None:
        with pytest.raises(DemoError, match=r"(?s)portal nonsense.*No such command"):
            launcher.run_command(
                ("nonsense",),
                {"PORTAL_SECRET_KEY": "x" * 40, "DATABASE_URL": "postgresql://x/y"},
                tmp_path / "logs" / "command.log",
            )


class TestResetting:
    def test_forgets_only_what_is_the_demos(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_notes(tmp_path)
        (tmp_path / "mails").mkdir()
        (tmp_path / "mails" / "one.eml").write_text("x")
        (tmp_path / "secret_key").write_text("mine")
        monkeypatch.setenv("PORTAL_INSTANCE_DIR", str(tmp_path))
        assert main(["--reset-only"]) == 0
        assert main(["--reset-only"]) == 0  # repeatable
        assert sorted(p.name for p in tmp_path.iterdir()) == ["demo.lock", "secret_key"]

    def test_waits_for_the_demo_to_stop(self, tmp_path: Path, said: list[str]) -> None:
        read_notes(tmp_path)
        with launcher.only_one(tmp_path):
            assert launcher.reset(tmp_path, said.append) == 2
        assert (tmp_path / "demo.json").exists()


class TestTheNotes:
    def test_are_made_once_and_only_for_their_owner(self, tmp_path: Path) -> None:
        notes = read_notes(tmp_path)
        assert read_notes(tmp_path) == notes
        assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600

    def test_say_so_when_they_are_broken(self, tmp_path: Path) -> None:
        (tmp_path / "demo.json").write_text(json.dumps({"password": "x"}))
        with pytest.raises(DemoError, match="make reset-demo"):
            read_notes(tmp_path)

    def test_hold_a_password_that_the_portal_accepts(self) -> None:
        passwords = {readable_password() for _ in range(200)}
        assert len(passwords) == 200
        for password in passwords:
            require_strong(password, about=("noor", "Acme"))

    def test_give_each_program_a_port_of_its_own(self) -> None:
        assert Addresses.from_env({}) == Addresses()
        with pytest.raises(DemoError, match="the same"):
            Addresses.from_env({"PORTAL_PORT": "8027"})

    def test_know_where_mails_are_shown(self, ports: list[int]) -> None:
        assert mails_url() == f"http://localhost:{ports[2]}"


def test_the_panel_names_addresses_and_sign_ins() -> None:
    text = launcher.panel(Addresses(), "k7-plum-otter-42")
    assert "http://localhost:8000" in text
    assert "dana@demo.test" in text
    assert "k7-plum-otter-42" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert sys.executable
