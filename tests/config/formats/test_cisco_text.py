"""What texts for Cisco IOS look like: several routers, prompts, other commands, errors with their places."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cisco_text import LIST, OUTSIDE, POLICY, CiscoText, policy_map
from ikev1.config import ConfigError, Rule, Side, load
from ikev1.config.formats.settings_lexer import MOST_LINES

TYPED = """\
Notes on the first router:

```
Router# conf t
Router(config)# hostname R1
R1(config)#crypto isakmp policy 10
R1(config-isakmp)#encr aes 256
R1(config-isakmp)#hash sha256
R1(config-isakmp)#auth pre-share
R1(config-isakmp)#gr 14
R1(config-isakmp)#exit
R1(config)#cry isa key what-both-know addr 198.51.100.7
R1(config)#cry ips trans TS esp-aes 256 esp-sha256-hmac
R1(cfg-crypto-trans)#exit
R1(config)#cry map VPN 10 ipsec-i
R1(config-crypto-map)#set peer 198.51.100.7 ! the branch
R1(config-crypto-map)#set trans TS
R1(config-crypto-map)#match addr 101
R1(config-crypto-map)#int g0/0
R1(config-if)#ip address 192.0.2.1 255.255.255.0
R1(config-if)#crypto map VPN
R1(config-if)#access-list 101 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
R1(config)#end
R1#show crypto isakmp sa
```
"""


CERTIFICATE = "crypto pki certificate chain T\n certificate 01\n  3082\n  quit\n"


def unindented(whole: str) -> str:
    return "".join(f"{line.strip()}\n" for line in whole.splitlines())


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: TYPED,
        unindented,
        lambda whole: whole.replace("\n", "  \r\n"),
        lambda whole: "".join(f"`R1(config-x)#{line}`\n\nThen:\n\n" for line in whole.splitlines()),
        lambda whole: whole.replace(" 14\n", " 14 # more than 5\n").replace("TS\n", "TS ##all of it\n"),
        lambda whole: whole.replace(" set peer", " no set pfs\n ! Incomplete\n set peer"),
        lambda whole: "".join(f"    {line}\n" for line in whole.splitlines()),
        lambda whole: whole.upper().replace("WHAT-BOTH-KNOW", "what-both-know"),
        lambda whole: whole.replace("\ncrypto", "\n!\ncrypto").replace("\nacc", "\n! networks\nacc"),
        lambda whole: "\n".join(sorted(whole.split("\ncrypto"), reverse=True)) and whole.replace(LIST, "") + LIST,
        lambda whole: f"banner motd ^C\ncrypto isakmp key nonsense\nhostname R9\n^C\n{whole}",
        lambda whole: f"banner login #\ncrypto isakmp nonsense #\n{whole}",
        lambda whole: whole.replace(
            "interface", "crypto pki certificate chain T\n certificate 01\n  3082\n  quit\ninterface"
        ),
        lambda whole: whole.replace(" set peer", " set peer 203.0.113.5\n no set peer 203.0.113.5\n set peer"),
        lambda whole: f"{whole}crypto isakmp key nonsense address 0.0.0.0\nno crypto isakmp key nonsense\n",
        lambda whole: f"no ip http server\nno crypto isakmp diagnose error\n{whole}",
        lambda whole: "".join(f"line vty {n}\n transport input ssh\n exec-timeout 5\n" for n in range(700)) + whole,
    ],
)
def test_the_same_router_in_other_texts(text: CiscoText, change: Callable[[str], str]) -> None:
    whole = policy_map()
    plain = text.connection(whole)
    changed = text.connection(change(whole))
    assert (changed.policies, changed.tunnels, changed.secret) == (plain.policies, plain.tunnels, plain.secret)
    assert (changed.local_address, changed.remotes) == (plain.local_address, plain.remotes)


SECOND = policy_map().replace("R1", "R2").replace("192.0.2.1", "198.51.100.9").replace("10.1.", "10.3.")


def test_several_routers_in_one_text(text: CiscoText) -> None:
    both = f"version 15.7\n{policy_map()}\nBuilding configuration...\nversion 15.7\n{SECOND}"
    assert text.connection(both, side=Side("R1")).local_address == "192.0.2.1"
    assert text.connection(both, side=Side("R2")).local_address == "198.51.100.9"
    assert text.connection(both, side=Side("R2", is_peer=True)).remote_address == "198.51.100.9"
    (fault,) = text.faults(both)
    assert fault.rule is Rule.SEVERAL_DEVICES
    assert "R1, R2" in fault.text
    (fault,) = text.faults(both, side=Side("R3"))
    assert fault.rule is Rule.INVALID_VALUE


def test_errors_of_another_router_do_not_matter(text: CiscoText) -> None:
    both = f"{policy_map()}{SECOND}crypto nonsense\n"
    assert text.connection(both, side=Side("R1"))
    assert text.faults(both, side=Side("R2"))[0].rule is Rule.UNKNOWN_KEY


def test_a_text_without_hostname(text: CiscoText) -> None:
    nameless = policy_map().replace("hostname R1\n", "")
    assert text.connection(nameless, side=Side("Router")).local_address == "192.0.2.1"


def test_other_formats_have_one_end(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write("connections { }"), side=Side("R1"))
    assert caught.value.findings[0].rule is Rule.UNKNOWN_FORMAT


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "column"),
    [
        (" encr aes 256", " encr aes 512", "crypto isakmp policy 10.encryption", 3, 11),
        (" encr aes 256", " encyption aes", "crypto isakmp policy 10.encyption", 3, 2),
        (" group 14", " group fourteen", "crypto isakmp policy 10.group", 6, 8),
        (" group 14", " group", "crypto isakmp policy 10.group", 6, 2),
        (" group 14", " group 14 5", "crypto isakmp policy 10.group", 6, 11),
        ("isakmp policy 10", "isakmp policy ten", "crypto isakmp policy ten", 2, 22),
        (" set transform-set TS", " set transform-set OTHER", "crypto map VPN 10.set transform-set", 11, 2),
        (" match address 101", " match address 102", "crypto map VPN 10.match address", 12, 2),
        (" set peer", " set pear", "crypto map VPN 10.set", 10, 2),
        ("crypto isakmp key", "crypto isakmp kay", "crypto isakmp kay", 7, 1),
        ("crypto isakmp key", "rypto isakmp key", "rypto", 7, 1),
        ("address 198.51.100.7", "address x.x.x.x", "crypto isakmp key", 7, 42),
        ("address 198.51.100.7", "address 198.51.100.7 255.0.255.0", "crypto isakmp key", 7, 55),
    ],
)
def test_errors_have_a_place(text: CiscoText, old: str, new: str, key: str, line: int, column: int) -> None:
    finding = text.faults(policy_map().replace(old, new, 1))[0]
    assert (finding.key, finding.line, finding.column) == (key, line, column)


def test_each_misspelled_command_is_reported(text: CiscoText) -> None:
    whole = policy_map(more="rypto isakmp policy 1\ncrpto isakmp key x\nrouter ospf 1\ncrytpo ipsec df-bit\n")
    assert [finding.key for finding in text.faults(whole)] == ["rypto", "crpto", "crytpo"]


def test_an_unknown_command_can_be_ignored(text: CiscoText) -> None:
    whole = policy_map("set nonsense 5")
    assert text.fault(whole)[:2] == ("crypto map VPN 10.set", Rule.UNKNOWN_KEY)
    assert text.connection(whole, "set")


@pytest.mark.parametrize(
    "more",
    [
        "crypto ipsec df-bit clear\n",
        "crypto ipsec security-association idle-time 600\n",
        "no crypto isakmp something new\n",
        "crypto call admission limit ike sa 100\n",
    ],
)
def test_what_does_no_harm_is_a_warning(text: CiscoText, more: str) -> None:
    loaded = text.load(policy_map(more=more))
    line = policy_map(more=more).splitlines().index(more.strip()) + 1
    assert (Rule.NO_COUNTERPART, line) in {(each.rule, each.line) for each in loaded.warnings}


def test_ikev2_is_skipped(text: CiscoText) -> None:
    more = """\
crypto ikev2 proposal P
 encryption aes-gcm-256
 nonsense
crypto ikev2 profile Q
 match identity remote any
crypto ipsec profile R
 set ikev2-profile Q
interface Tunnel0
 tunnel source Gi0/0
 tunnel destination 198.51.100.7
 tunnel protection ipsec profile R
"""
    loaded = text.load(policy_map(more=more))
    assert len(loaded.settings.connections) == 1
    assert [each.key for each in loaded.warnings if each.rule is Rule.NOT_IKEV1] == [
        "crypto ikev2",
        "crypto ikev2",
        "crypto ipsec profile R.set ikev2-profile",
    ]


def test_secrets_in_a_file_that_others_can_read_are_refused(write: Callable[..., Path]) -> None:
    file = write(policy_map(), "router.cfg", 0o644)
    with pytest.raises(ConfigError) as caught:
        load(file)
    (finding,) = caught.value.findings
    assert (finding.rule, finding.key, finding.line) == (Rule.READABLE_BY_OTHERS, "crypto isakmp key", 7)
    assert "what-both-know" not in str(caught.value)


HOSTS = "".join(
    f"access-list 101 permit ip host 10.1.{high}.{low} any\n" for high in range(20) for low in range(1, 255)
)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("x\n" * (MOST_LINES + 1), Rule.SYNTAX),
        (f"crypto isakmp key {'k' * (1 << 20)} address 0.0.0.0\n", Rule.SYNTAX),
        ("banner motd ^C\nno end\n", Rule.SYNTAX),
        ("crypto isakmp key \x00 address 0.0.0.0\n", Rule.SYNTAX),
        ("crypto isakmp key \xfc address 0.0.0.0\n".encode("latin-1"), Rule.SYNTAX),
        ("".join(f"hostname R{number}\ncrypto isakmp enable\n" for number in range(1000)), Rule.SYNTAX),
        ("nothing\n", Rule.NOT_IKEV1),
        ("crypto isakmp policy 10\n", Rule.NO_USABLE_POLICY),
        ("isakmp key ours address 192.0.2.1\ncrypto map M interface outside\n", Rule.NOT_SUPPORTED),  # of PIX
        (policy_map(acl=HOSTS), Rule.INVALID_VALUE),
        (policy_map(acl=HOSTS.replace("permit", "deny") + HOSTS), Rule.INVALID_VALUE),
    ],
)
def test_hostile_files(write: Callable[..., Path], content: str | bytes, rule: Rule) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(content, "router.cfg"), format="cisco")
    assert caught.value.findings[0].rule is rule


def test_many_groups_of_groups(text: CiscoText) -> None:
    groups = "".join(
        f"object-group network G{number}\n" + "".join(f" group-object G{other}\n" for other in range(40))
        for number in range(40)
    )
    acl = f"{groups}access-list 101 permit ip object-group G0 any\n"
    assert text.faults(policy_map(acl=acl))[0].rule is Rule.INVALID_VALUE


_WORDS = """
    crypto isakmp ipsec map keyring profile group access-list permit deny ip tcp any host eq set peer match address
    tunnel protection source mode gre interface Tunnel0 no banner ^C dynamic-map client configuration username aaa
    0.0.0.0 255.255.255.0 10 0 6 7 object-group network R1(config)# ! exit hostname local pool key tunnel-group type
    ipsec-l2l ikev1 remote-access attributes general-attributes object subnet pre-shared-key identity virtual-template
"""
WORDS = st.sampled_from([*policy_map().split(), *POLICY.split(), *OUTSIDE.split(), *_WORDS.split()])
LINES = st.builds(
    lambda blank, words: blank + " ".join(words), st.sampled_from(["", " ", "\t"]), st.lists(WORDS, max_size=7)
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=30), st.booleans())
def test_no_text_is_a_surprise(tmp_path: Path, lines: list[str], is_peer: bool) -> None:
    """Every text is read or refused."""
    file = tmp_path / "router.cfg"
    file.touch(mode=0o600)
    whole = [*policy_map().splitlines()]
    file.write_text("\n".join([*whole[: len(lines)], *lines, *whole[len(lines) :]]))
    with suppress(ConfigError):
        load(file, format="cisco", side=Side("R1", is_peer))
