"""How users are checked: the tables of the backends, and what is reported about them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import Loaded, Rule

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]

RW = """
[connection.rw]
secret = "a shared secret of the group"
xauth = "server"
xauth_backend = {backends}
[connection.rw.tunnel.all]
"""


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    file = tmp_path / "hook"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def rules(found: Loaded) -> dict[str, Rule]:
    return {warning.key: warning.rule for warning in found.warnings}


def test_all_backends(loaded: Load, tmp_path: Path, hook: Path) -> None:
    found = loaded(
        RW.format(backends='["radius", "users", "pam", "command"]')
        + """
[users]
file = "users"
[pam]
service = "vpn"
timeout = 5
[command]
run = "hook --with 'an argument'"
[radius]
secret = "a long secret of all servers"
class_group = true
accounting = true
accounting_interval = "5m"
nas_identifier = "gw"
dead_time = 0
[radius.server.first]
address = "192.0.2.1"
[radius.server.second]
address = "2001:db8::1"
secret = "another long secret of it"
auth_port = 1645
acct_port = 1646
"""
    )
    (connection,) = found.settings.connections
    assert connection.xauth_backend == ("radius", "users", "pam", "command")
    checks = found.aaa
    assert checks.users is not None
    assert checks.users.file == str(tmp_path / "users")
    assert checks.pam is not None
    assert (checks.pam.service, checks.pam.timeout) == ("vpn", 5)
    assert checks.command is not None
    assert checks.command.run == (str(hook), "--with", "an argument")
    radius = checks.radius
    assert radius is not None
    servers = [(server.address, server.secret, server.auth_port, server.acct_port) for server in radius.servers]
    assert servers == [
        ("192.0.2.1", b"a long secret of all servers", 1812, 1813),
        ("2001:db8::1", b"another long secret of it", 1645, 1646),
    ]
    assert (radius.class_group, radius.filter_id, radius.accounting) == (True, False, True)
    assert (radius.accounting_interval, radius.nas_identifier, radius.dead_time) == (300, "gw", 0.0)
    assert "secret" not in repr(radius.servers).replace("<secret>", "").replace("secret=", "")
    assert not [rule for rule in rules(found).values() if rule in (Rule.NO_BACKEND, Rule.UNUSED_BACKEND)]


def test_a_backend_that_is_not_configured_or_not_used(loaded: Load, refused: Refused) -> None:
    broken = refused(RW.format(backends='["users", "radius"]') + '[users]\nfile = "users"\n')
    assert broken == {"connection.rw.xauth_backend": Rule.NO_BACKEND}
    found = loaded(RW.format(backends="'users'") + "[users]\nfile = 'users'\n[pam]\n")
    assert rules(found)["pam"] is Rule.UNUSED_BACKEND


@pytest.mark.parametrize(
    ("table", "key", "rule"),
    [
        ("[users]", "users.file", Rule.MISSING_KEY),
        ("[users]\nfiles = 'x'\nfile = 'y'", "users.files", Rule.UNKNOWN_KEY),
        ("[pam]\nservice = '../x'", "pam.service", Rule.INVALID_VALUE),
        ("[command]", "command.run", Rule.MISSING_KEY),
        ("[command]\nrun = 'missing'", "command.run", Rule.UNREADABLE_FILE),
        ("[command]\nrun = 'hook \"'", "command.run", Rule.INVALID_VALUE),
        ("[command]\nrun = '/etc'", "command.run", Rule.INVALID_FILE),
        ("[radius]", "radius", Rule.MISSING_KEY),
        ("[radius.server.a]\naddress = '192.0.2.1'", "radius.server.a", Rule.NO_CREDENTIAL),
        ("[radius.server.a]\nsecret = '0123456789abcdef'", "radius.server.a.address", Rule.MISSING_KEY),
        ("[radius]\naccounting_interval = 5", "radius.accounting_interval", Rule.INVALID_VALUE),
        ("[radius]\naccounting_interval = 300", "radius.accounting_interval", Rule.UNUSED_KEY),
        ("[connection.c]\nxauth = 'server'\nxauth_backend = 'ldap'", "connection.c.xauth_backend", Rule.INVALID_VALUE),
    ],
)
def test_what_is_refused(refused: Refused, hook: Path, table: str, key: str, rule: Rule) -> None:
    assert refused(table)[key] is rule


def test_a_file_of_users_that_cannot_be_used_is_reported(loaded: Load, tmp_path: Path) -> None:
    text = RW.format(backends="'users'") + "[users]\nfile = 'users'\n"
    assert rules(loaded(text))["users.file"] is Rule.UNREADABLE_FILE
    file = tmp_path / "users"
    file.touch(0o600)
    assert "users.file" not in rules(loaded(text))
    file.chmod(0o644)
    assert rules(loaded(text))["users.file"] is Rule.UNREADABLE_FILE


def test_a_backend_whose_package_is_missing(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrad", None)  # as if it were not installed
    text = "[radius]\nsecret = '0123456789abcdef'\n[radius.server.a]\naddress = '192.0.2.1'\n"
    assert refused(text) == {"radius": Rule.MISSING_PACKAGE}


def test_groups(loaded: Load, refused: Refused) -> None:
    text = RW.format(backends="'pam'") + "[pam]\n[connection.c]\nsecret = 'x'\n"
    (rw, _) = loaded(text.replace("[connection.rw.tunnel.all]", "groups = ['staff', 'vpn']")).settings.connections
    assert rw.groups == ("staff", "vpn")
    assert refused(text + "groups = 'staff'\n")["connection.c.groups"] is Rule.UNUSED_KEY


def test_a_short_secret_is_reported_without_being_shown(loaded: Load) -> None:
    found = loaded("[radius]\nsecret = 'q7!x'\n[radius.server.a]\naddress = '192.0.2.1'\n")
    (warning,) = [warning for warning in found.warnings if warning.rule is Rule.SHORT_SECRET]
    assert "q7!x" not in warning.text


@pytest.mark.parametrize(("method", "warns"), [("pap", True), ("eap-md5", False)])
def test_replies_that_others_can_forge_are_reported(loaded: Load, method: str, warns: bool) -> None:
    options = f"message_authenticator = 'auto'\nmethod = '{method}'"
    found = loaded(f"[radius]\n{options}\nsecret = '0123456789abcdef'\n[radius.server.a]\naddress = '192.0.2.1'\n")
    known = {warning.key: warning.rule for warning in found.warnings}
    assert (known.get("radius.message_authenticator") is Rule.FORGED_REPLIES) is warns


def test_a_program_that_others_can_change_is_not_run(refused: Refused, hook: Path) -> None:
    hook.chmod(0o777)
    assert refused("[command]\nrun = 'hook'")["command.run"] is Rule.CHANGEABLE_BY_OTHERS
    hook.chmod(0o600)
    assert refused("[command]\nrun = ['hook']")["command.run"] is Rule.INVALID_FILE


def test_an_updown_script(loaded: Load, refused: Refused, hook: Path) -> None:
    text = "[connection.c]\nsecret = 'a secret'\n[connection.c.tunnel.t]\nupdown = \"{}\"\n"
    (connection,) = loaded(text.format("hook a 'b c'")).settings.connections
    assert connection.tunnels[0].updown == (str(hook), "a", "b c")
    assert refused(text.format("missing"))["connection.c.tunnel.t.updown"] is Rule.UNREADABLE_FILE


def test_users_with_passwords_in_the_configuration(loaded: Load) -> None:
    users = loaded('[users]\nsecrets = { carol = "of carol", dave = "0x00ff" }').aaa.users
    assert users is not None
    assert (users.file, dict(users.secrets)) == ("", {"carol": b"of carol", "dave": b"\x00\xff"})
    assert "of carol" not in repr(users)


def test_passwords_of_users_are_secrets(refused: Refused) -> None:
    text = '[users]\nsecrets = { carol = "of carol" }'
    assert refused(text, 0o644) == {"users.secrets.carol": Rule.READABLE_BY_OTHERS}
    assert refused(f'{text}\nfile = "users"') == {"users": Rule.TWO_SECRETS}
