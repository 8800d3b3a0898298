"""docs/recipes: what usually goes wrong has the code that the page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import remote_access, site_to_site
from clients.caller import Caller
from clients.channel import Refused
from clients.facts import Peer as Sender
from clients.facts import Sure, known, subnet
from clients.gateway import BOX, EVERYTHING, HOME, NAT, OURS, THEIR_GATEWAY, THEIRS, gateway
from clients.recipes import FOLDER, PAGES, loaded
from configuration_files import SECRET
from ikev1.cli.counter_help import OF_A_PAIR
from ikev1.core.records.events import Code
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType

OTHER = (IdType.FQDN, b"branch.example.org")


class Wrong(NamedTuple):
    """A peer that a page warns of, and why our gateway does not accept it."""

    page: str
    sender: Sender
    code: Code
    ours: Identification = subnet(THEIRS)
    theirs: Identification = subnet(OURS)
    secret: bytes = SECRET

    def __str__(self) -> str:
        return f"{self.sender.name}-{self.code}"


def with_pfs(sender: Sender, group: str) -> Sender:
    """The same peer with another group of perfect forward secrecy, or none."""
    bare = [each._replace(words=each.words.removesuffix("-modp2048")) for each in sender.esp]
    return replace(sender, esp=tuple(each._replace(words=f"{each.words}{group}") for each in bare))


WRONG = [
    Wrong("cisco-ios", site_to_site.CISCO_IOS, Code.PSK_MISMATCH, secret=b"another"),
    Wrong("cisco-ios", with_pfs(site_to_site.CISCO_IOS, ""), Code.NO_PROPOSAL_CHOSEN),
    Wrong("cisco-ios", with_pfs(site_to_site.CISCO_IOS, "-modp768"), Code.NO_PROPOSAL_CHOSEN),
    Wrong("cisco-ios", site_to_site.CISCO_IOS, Code.SELECTORS_UNACCEPTABLE, ours=subnet("10.3.0.0/16")),
    Wrong(
        "cisco-asa",
        replace(site_to_site.CISCO_ASA, ike=known(Sure.DOCUMENTED, "aes256-sha1-modp1024")),
        Code.NO_PROPOSAL_CHOSEN,
    ),
    Wrong("mikrotik", site_to_site.MIKROTIK_DEFAULT, Code.NO_PROPOSAL_CHOSEN),  # modp1024
    Wrong("mikrotik", with_pfs(site_to_site.MIKROTIK, ""), Code.NO_PROPOSAL_CHOSEN),
    Wrong("fortigate", site_to_site.FORTIGATE, Code.SELECTORS_UNACCEPTABLE, EVERYTHING, EVERYTHING),
    Wrong("fortigate", replace(site_to_site.FORTIGATE, identity=OTHER), Code.ID_MISMATCH),
    Wrong(
        "fortigate",
        replace(site_to_site.FORTIGATE, aggressive=True, ike=site_to_site.FORTIGATE.ike[:1]),
        Code.WRONG_MODE,
    ),
    Wrong(
        "azure",
        replace(site_to_site.AZURE, ike=known(Sure.DOCUMENTED, "aes256-sha256-modp2048")),
        Code.NO_PROPOSAL_CHOSEN,
    ),
    Wrong("fritzbox", site_to_site.FRITZBOX_DEFAULT, Code.WRONG_MODE, subnet(BOX)),
    Wrong("fritzbox", replace(site_to_site.FRITZBOX_DEFAULT, aggressive=False), Code.NO_PROPOSAL_CHOSEN, subnet(BOX)),
    Wrong("fritzbox", replace(site_to_site.FRITZBOX, identity=OTHER), Code.ID_MISMATCH, subnet(BOX)),
    Wrong("apple", remote_access.APPLE_CISCO_GROUP, Code.WRONG_MODE),
    Wrong("apple", remote_access.APPLE_L2TP, Code.NO_PROPOSAL_CHOSEN),  # without XAUTH
    Wrong("android", remote_access.ANDROID_XAUTH_IDENTIFIER, Code.WRONG_MODE),
    Wrong("vpnc", remote_access.VPNC, Code.NO_PROPOSAL_CHOSEN),  # dh2
    Wrong("vpnc", replace(remote_access.VPNC_DH14, identity=(IdType.KEY_ID, b"others")), Code.NO_CONNECTION),
    Wrong(
        "windows-l2tp",
        replace(remote_access.WINDOWS, ike=known(Sure.REMEMBERED, "3des-sha1-modp1024")),
        Code.NO_PROPOSAL_CHOSEN,
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_goes_wrong_has_the_code_that_the_page_says(tmp_path: Path, wrong: Wrong) -> None:
    us = gateway(loaded(wrong.page, tmp_path).settings)
    caller = Caller(us, wrong.sender, wrong.secret, THEIR_GATEWAY)
    with pytest.raises(Refused):
        caller.calls(wrong.ours, wrong.theirs)
    assert us.failures[-1] is wrong.code
    assert f"| `{wrong.code}`" in (FOLDER / f"{wrong.page}.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_code_of_a_page_exists(page: Path) -> None:
    codes = re.findall(r"^\| `([a-z-]+)`", page.read_text(), re.MULTILINE)
    assert set(codes) <= {code.value for code in Code} | OF_A_PAIR.keys()


@pytest.mark.parametrize("sender", [remote_access.APPLE_CISCO, remote_access.VPNC_DH14], ids=lambda each: each.name)
def test_a_wrong_password_is_refused(tmp_path: Path, sender: Sender) -> None:
    us = gateway(loaded("apple" if sender is remote_access.APPLE_CISCO else "vpnc", tmp_path).settings)
    caller = Caller(us, sender, SECRET, HOME, NAT)
    caller.phase1()
    with pytest.raises(Refused):
        caller.logs_in(b"alice", b"another password")
    assert us.failures == [Code.XAUTH_FAILED]
    assert not us.children
