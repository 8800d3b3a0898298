"""What is imported, exported and imported again is the same, whatever the configuration."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikev1.config import ConfigError, Side, load, load_written
from ikev1.config.export import exported
from ikev1.config.formats import read
from vpncfg import SITES, USER, vpncfg

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda name: name != "include")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
SECRETS = TEXTS.filter(lambda secret: secret[:2] not in ("0x", "0s")) | st.binary(min_size=1, max_size=20).map(
    lambda octets: f"0x{octets.hex()}"
)
ADDRESSES = st.ip_addresses(v=4).map(str).filter(lambda address: address != "0.0.0.0")
NETWORKS = st.builds(lambda first, second: f"10.{first}.{second}.0/24", st.integers(0, 255), st.integers(0, 255))
TIMES = st.builds(lambda number, unit: f"{number}{unit}", st.integers(10, 50), st.sampled_from(["m", "h"]))
YES = st.sampled_from(["yes", "no"])


def keys(**values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    """Some of the keys."""
    return st.fixed_dictionaries({}, optional=values)


PROPOSALS = ["default", "aes256-sha256-modp2048", "aes128-aes256-sha1-sha256-ecp256-modp2048", "3des-md5-modp1024"]
CHILD = keys(
    local_ts=NETWORKS,
    remote_ts=st.builds(
        lambda *networks: ", ".join(networks), NETWORKS, NETWORKS | st.just("fec2::/16"), NETWORKS | st.just("dynamic")
    ),
    rekey_time=TIMES,
    rekey_bytes=st.integers(2**20, 2**40).map(str),
    esp_proposals=st.sampled_from(["default", "aes128gcm16-esn-noesn", "aes256-sha256-ecp256, aes128-sha1"]),
    mode=st.just("tunnel"),
    ipcomp=YES,
    start_action=st.sampled_from(["none", "trap", "start"]),
    mark_out=st.integers(1, 2**32 - 1).map(str),
    if_id_in=st.integers(1, 2**32 - 1).map(str),
    replay_window=st.integers(32, 4096).map(str),
)
CONNECTION = keys(
    local_addrs=ADDRESSES,
    proposals=st.sampled_from(PROPOSALS),
    aggressive=YES,
    encap=YES,
    pull=YES,
    fragmentation=st.sampled_from(["yes", "accept", "force", "no"]),
    unique=st.sampled_from(["no", "never", "keep", "replace"]),
    keyingtries=st.integers(0, 10).map(str),
    dpd_delay=TIMES,
    dpd_timeout=TIMES,
    rekey_time=TIMES,
    reauth_time=TIMES,
    over_time=st.integers(60, 500).map(str),
)
IDENTITIES = st.sampled_from(["gw.example.org", "carol@example.org", "keyid:group", "fqdn:192.0.2.1", "C=CH, O=lab"])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(values: dict[str, Any]) -> str:
    """Sections and keys in the syntax of strongSwan."""
    lines = []
    for key, value in values.items():
        lines.append(f"{key} {{\n{written(value)}\n}}" if isinstance(value, dict) else f"{key} = {quoted(value)}")
    return "\n".join(lines)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Connections with a pre-shared key, each to an address of its own."""
    connections: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)), 1):
        local = draw(IDENTITIES)
        remote = draw(IDENTITIES.map(lambda identity: identity.replace("gw", "peer")) | st.just("%any"))
        connections[name] = {
            "version": draw(st.sampled_from(["0", "1"])),
            "remote_addrs": f"198.51.100.{number}",
            **draw(CONNECTION),
            **({"remote_addrs": "%any"} if draw(st.booleans()) and number == 1 else {}),
            "local": {"auth": "psk", "id": local},
            "remote": {"auth": "psk", "id": remote},
            "children": draw(st.dictionaries(NAMES, CHILD, min_size=1, max_size=2)),
        }
        if connections[name]["remote_addrs"] == "%any":  # such a peer cannot be called
            connections[name]["children"] = {
                child: {**keys, "start_action": "none"} for child, keys in connections[name]["children"].items()
            }
    owners = draw(st.lists(IDENTITIES | ADDRESSES | st.sampled_from(["%any", "*.example.org"]), max_size=3))
    of_owners = {f"ike-{number}": {"id": owner, "secret": draw(SECRETS)} for number, owner in enumerate(owners)}
    return {"connections": connections, "secrets": {"ike": {"secret": draw(SECRETS)}, **of_owners}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations())
def test_imported_exported_and_imported_again(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "swanctl.conf"
        file.touch(mode=0o600)
        file.write_text(written(values))
        assert_same_again(file)


def assert_same_again(file: Path, name: str | None = None, side: Side | None = None) -> None:
    """Import ``file``, in the format ``name`` or the recognized one, export it beside it, and import that: nothing has
    changed.
    """
    file.with_name("strongswan.conf").write_text(
        "charon { i_dont_care_about_security_and_use_aggressive_mode_psk = yes }"
    )
    once = read(file, name, side=side)
    first = load_written(once, file)
    text, secrets = exported(once.values)
    for secret, content in secrets.items():
        file.with_name(secret).touch(mode=0o600)
        file.with_name(secret).write_text(f"{content}\n")
    again = file.with_name("ikev1.toml")
    again.touch(mode=0o600)
    again.write_text(text)
    second = load(again)
    assert (second.settings, second.gateway) == (first.settings, first.gateway)
    assert exported(read(again).values).text == text


CONN = keys(
    left=ADDRESSES,
    leftsubnet=NETWORKS,
    rightsubnet=NETWORKS,
    leftprotoport=st.sampled_from(["17/1701", "tcp", "udp/%any"]),
    type=st.just("tunnel"),
    aggressive=YES,
    compress=YES,
    forceencaps=YES,
    rekey=YES,
    fragmentation=st.sampled_from(["yes", "no", "force"]),
    ikelifetime=TIMES,
    keylife=TIMES.map(lambda time: f"{time[:-1]}h"),
    rekeymargin=st.integers(60, 540).map(str),
    rekeyfuzz=st.integers(0, 100).map(lambda number: f"{number}%"),
    keyingtries=st.sampled_from(["%forever", "1", "5"]),
    dpddelay=TIMES,
    dpdtimeout=TIMES,
    dpdaction=st.sampled_from(["clear", "hold", "restart"]),
    mark=st.integers(1, 2**32 - 1).map(str),
)
DIALECTS = {
    "stroke": keys(
        keyexchange=st.just("ikev1"),
        ike=st.sampled_from(["aes256-sha256-modp2048!", "aes128-aes256-sha1-ecp256"]),
        esp=st.sampled_from(["aes128gcm16!", "aes256-sha256-ecp256", "aes128-sha1"]),
        auto=st.sampled_from(["add", "route", "start"]),
    ),
    "libreswan": keys(
        ikev2=st.just("no"),
        ike=st.sampled_from(["aes256-sha2;modp2048", "aes-sha1;dh19,3des-md5"]),
        phase2alg=st.sampled_from(["aes_gcm-null", "aes256-sha2_512", "aes-sha1"]),
        pfs=YES,
        auto=st.sampled_from(["add", "ondemand", "start"]),
    ),
}
NAMES_OF_PEERS = st.sampled_from(["@peer.example.org", "carol@example.org", '"C=CH, O=lab"'])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(list(DIALECTS)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(
                st.builds(lambda both, own: {"auto": "add", **both, **own}, CONN, DIALECTS[name]),
                min_size=1,
                max_size=3,
            ),
        )
    ),
    NAMES_OF_PEERS,
    SECRETS.filter(lambda secret: '"' not in secret),
)
def test_ipsec_conf_is_the_same_again(drawn: tuple[str, list[dict[str, str]]], peer: str, secret: str) -> None:
    """Few words may not suffice to recognize the dialect."""
    dialect, conns = drawn
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ipsec.conf"
        lines = ["conn %default", "    authby=secret", f"    rightid={peer}"]
        for number, conn in enumerate(conns, 1):
            lines += [f"conn c{number}", f"    right=198.51.100.{number}", *(f"    {key}={conn[key]}" for key in conn)]
        file.write_text("\n".join(lines))
        file.chmod(0o600)
        secrets = file.with_name("ipsec.secrets")
        secrets.touch(mode=0o600)
        secrets.write_text(f': PSK "{secret}"\n')
        assert_same_again(file, dialect)


WORDS = TEXTS.map(str.strip).filter(lambda text: text and text[0] not in "\"'#;!=`" and text[-1] not in "\"'`")
OF_VPNC = {
    "IKE DH Group": st.sampled_from(["dh2", "dh5", "dh14"]),
    "Perfect Forward Secrecy": st.sampled_from(["nopfs", "server", "dh14"]),
    "NAT Traversal Mode": st.sampled_from(["natt", "none", "force-natt"]),
    "DPD idle timeout (our side)": st.integers(0, 86_400).map(str),
    "IPSEC target network": NETWORKS,
    "Local Addr": ADDRESSES,
    "Local Port": st.integers(501, 4499).map(str),
    "Interface name": NAMES,
    "Domain": WORDS,
    "Script": st.just("/etc/vpnc/script --now"),
    "Enable weak encryption": st.just(""),
    "Vendor": st.sampled_from(["cisco", "netscreen"]),
}
OF_CISCO = {
    "DHGroup": st.sampled_from(["1", "2", "5"]),
    "EnableNat": st.sampled_from(["0", "1"]),
    "PeerTimeout": st.integers(30, 480).map(str),
    "EnableLocalLAN": st.sampled_from(["0", "1"]),
    "EnableBackup": st.sampled_from(["0", "1"]),
    "BackupServer": st.just("192.0.2.2, gw.example.org"),
    "NTDomain": WORDS,
    "Description": TEXTS,
}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.booleans(), ADDRESSES, WORDS, WORDS, st.fixed_dictionaries({}, optional={**OF_VPNC, **OF_CISCO}))
def test_profiles_of_clients_are_the_same_again(
    pcf: bool, gateway: str, secret: str, user: str, drawn: dict[str, str]
) -> None:
    of_format = OF_CISCO if pcf else OF_VPNC
    first = (
        {"Host": gateway, "GroupName": "staff", "GroupPwd": secret, "Username": user, "UserPassword": secret}
        if pcf
        else {
            "IPSec gateway": gateway,
            "IPSec ID": "staff",
            "IPSec secret": secret,
            "Xauth username": user,
            "Xauth password": secret,
        }
    )
    values = {**first, **{key: value for key, value in drawn.items() if key in of_format}}
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / ("office.pcf" if pcf else "office.conf")
        file.touch(mode=0o600)
        lines = (f"{key}{'=' if pcf else ' '}{value}" for key, value in values.items())
        file.write_text("\n".join((*(["[main]"] if pcf else []), *lines)))
        assert_same_again(file)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["pcf", "vpnc"]),
    st.lists(
        st.sampled_from(
            [*OF_VPNC, *OF_CISCO, "[main]", "[", "]", "!Host", "enc_GroupPwd", "IPSec obfuscated secret"]
        ).flatmap(lambda key: TEXTS.map(lambda value: f"{key} {value}") | TEXTS.map(lambda value: f"{key}={value}"))
        | TEXTS,
        max_size=12,
    ),
)
def test_any_lines_are_a_profile_or_have_errors(name: str, lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "office.conf"
        file.touch(mode=0o600)
        file.write_text("\n".join(lines))
        with suppress(ConfigError):
            load(file, format=name)


CISCO_KEYS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=2, max_size=20).filter(
    lambda key: set(key) - set("*x!") and not key.startswith(("<", "[")) and not key.isdigit()
)
ENTRY = st.fixed_dictionaries(
    {
        "set transform-set": st.sampled_from(["A", "B", "A B", "C"]),
        "match address": st.sampled_from(["101", "NETS", "GRE"]),
    },
    optional={
        "set pfs": st.sampled_from(["", "group14", "group19"]),
        "set security-association lifetime": st.sampled_from(["seconds 7200", "kilobytes disable", "seconds 600"]),
        "set security-association replay": st.sampled_from(["disable", "window-size 1024"]),
        "set isakmp-profile": st.just("PROFILE"),
    },
)
GLOBAL = st.lists(
    st.sampled_from(
        [
            "crypto isakmp keepalive 30 5",
            "crypto isakmp aggressive-mode disable",
            "crypto isakmp identity hostname",
            "crypto isakmp nat keepalive 30",
            "crypto ipsec security-association lifetime seconds 28800",
            "crypto isakmp policy 5\n encr aes 192\n hash sha384\n authentication pre-share\n group 20",
            "crypto isakmp policy 30\n authentication pre-share",
            "crypto map VPN 900 ipsec-isakmp dynamic DYN\ncrypto dynamic-map DYN 5\n set transform-set A",
        ]
    ),
    unique=True,
)
CISCO_TEXT = """\
hostname R1
crypto isakmp policy 10
 encr aes 256
 authentication pre-share
 group 14
crypto keyring RING
 pre-shared-key address 0.0.0.0 0.0.0.0 key {key}
crypto isakmp profile PROFILE
 keyring RING
 match identity host peer.example.org
 self-identity user-fqdn r1@example.org
crypto ipsec transform-set A esp-aes 256 esp-sha256-hmac
crypto ipsec transform-set B esp-gcm 256
crypto ipsec transform-set C esp-3des esp-md5-hmac
 mode transport
access-list 101 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
access-list 101 permit udp 10.3.0.0 0.0.255.255 eq 53 any
ip access-list extended NETS
 permit ip host 10.1.0.1 any
ip access-list extended GRE
 permit gre any any
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map VPN
"""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENTRY, min_size=1, max_size=3), GLOBAL, CISCO_KEYS, st.booleans())
def test_a_text_for_cisco_is_the_same_again(
    entries: list[dict[str, str]], more: list[str], key: str, is_peer: bool
) -> None:
    text = [CISCO_TEXT.format(key=key), *more, f"crypto isakmp key {key} address 0.0.0.0"]
    for number, entry in enumerate(entries, 1):
        text += [f"crypto map VPN {number} ipsec-isakmp", f" set peer 198.51.100.{number}"]
        text += [f" {word} {value}" for word, value in entry.items()]
    if is_peer:  # what the peers of a dynamic map protect is not known
        text = [line for line in text if "DYN" not in line]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "router.cfg"
        file.touch(mode=0o600)
        file.write_text("\n".join(text))
        assert_same_again(file, "cisco", Side("R1", is_peer))


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
TABLES: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=3),
    lambda inner: st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES | inner, max_size=3),
    max_leaves=6,
)


@given(TABLES)
def test_what_is_written_is_what_tomllib_reads(table: dict[str, Any]) -> None:
    table.pop("connection", None)
    assert tomllib.loads(exported(table).text) == table


COMMENTED = """
# The head office

connections {
    # to the branch,
    ## since 2019
    branch {    # ask Carol
        version = 1
        remote_addrs = 198.51.100.7   # behind a NAT?
        # unique = never
        local { auth = psk }
        remote { auth = psk }
        children { net {
            local_ts = 10.1.0.0/16   # everything
            # the end
        } }
    }
}
secrets { # of no
    ike { # concern
        secret = "x" # here
    }
}
"""


def test_comments_stay_where_they_belong(write: Callable[..., Path]) -> None:
    imported = read(write(COMMENTED))
    lines = exported(imported.values, imported.places).text.split("\n")
    about = {
        lines[number]: list(takewhile(lambda line: line.startswith("#"), reversed(lines[:number])))[::-1]
        for number in range(len(lines))
    }
    assert "# The head office" in lines
    assert about["[connection.branch]"] == ["# to the branch,", "# since 2019", "# ask Carol"]
    assert about['remote_address = ["198.51.100.7"]'] == ["# behind a NAT?"]
    assert about["[connection.branch.tunnel.net]"] == ["# the end"]
    assert about['local = "10.1.0.0/16"'] == ["# everything"]
    assert not any(word in line for word in ("of no", "concern", "here") for line in lines)


COMMENTED_CONN = """
# to the branch
conn branch   # ask Carol
    keyexchange=ikev1
    # behind a NAT?
    right=198.51.100.7   # since 2019
    authby=secret
    auto=add
"""


def test_comments_of_ipsec_conf_stay_where_they_belong(write: Callable[..., Path]) -> None:
    write(': PSK "x"\n', "ipsec.secrets")
    imported = read(write(COMMENTED_CONN, "ipsec.conf"))
    lines = exported(imported.values, imported.places).text.split("\n")
    at = lines.index("[connection.branch]")
    assert lines[at - 1] == "# to the branch"
    at = lines.index('remote_address = ["198.51.100.7"]')
    assert lines[at - 2 : at] == ["# behind a NAT?", "# since 2019"]


REMOTE = st.fixed_dictionaries(
    {"exchange_mode": st.sampled_from(["main", "aggressive", "main, aggressive"])},
    optional={
        "proposal_check": st.sampled_from(["obey", "strict", "claim", "exact"]),
        "nat_traversal": st.sampled_from(["on", "off", "force"]),
        "ike_frag": st.sampled_from(["on", "off", "force"]),
        "dpd_delay": st.integers(0, 60).map(str),
        "dpd_retry": st.integers(1, 9).map(str),
        "passive": st.sampled_from(["on", "off"]),
        "lifetime": st.integers(10, 90).map(lambda number: f"time {number} min"),
        "my_identifier": st.sampled_from(
            ["address", 'fqdn "gw.example.org"', 'user_fqdn "a@b.example"', 'keyid tag "x"']
        ),
        "generate_policy": st.sampled_from(["on", "off", "unique"]),
    },
)
CIPHERS = st.sampled_from(["aes", "aes 256", "3des", "camellia 192"])
HASHES_OF_RACOON = st.sampled_from(["md5", "sha1", "sha256"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(REMOTE, CIPHERS, HASHES_OF_RACOON), min_size=1, max_size=3),
    st.lists(CIPHERS, min_size=1, max_size=3),
    NETWORKS,
    TEXTS.filter(lambda text: text.strip() == text and not text.startswith("0x")),
)
def test_racoon_conf_is_the_same_again(
    remotes: list[tuple[dict[str, str], str, str]], ciphers: list[str], network: str, secret: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines, keys, policies = [], [], []
        for number, (options, cipher, hashed) in enumerate(remotes, 1):
            peer = f"198.51.100.{number}"
            lines += [f"remote {peer} {{", *(f"{key} {value};" for key, value in options.items())]
            lines += [f"proposal {{ encryption_algorithm {cipher}; hash_algorithm {hashed}; dh_group 14;"]
            lines += ["authentication_method pre_shared_key; } }"]
            keys.append(f"{peer} {secret}")
            ends = f"192.0.2.1-{peer}"
            policies.append(f"spdadd {network} 10.200.{number}.0/24 any -P out ipsec esp/tunnel/{ends}/require;")
        lines += [f"sainfo anonymous {{ encryption_algorithm {', '.join(ciphers)};"]
        lines += ["authentication_algorithm hmac_sha1, hmac_sha256; compression_algorithm deflate; }"]
        for file, text in (("racoon.conf", lines), ("psk.txt", keys), ("setkey.conf", policies)):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text("\n".join(text))
        assert_same_again(folder / "racoon.conf")


COMMENTED_ROUTER = """\
hostname R1
! of both ends
crypto isakmp policy 10
 authentication pre-share
!
! ask Carol
crypto isakmp key secret address 198.51.100.7
crypto ipsec transform-set A esp-aes esp-sha-hmac
! since 2019
crypto map VPN 10 ipsec-isakmp
 description to the branch
 set peer 198.51.100.7
 set transform-set A
 match address 101
access-list 101 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
"""


def test_comments_of_a_router_stay_where_they_belong(write: Callable[..., Path]) -> None:
    imported = read(write(COMMENTED_ROUTER, "router.cfg"))
    lines = exported(imported.values, imported.places).text.split("\n")
    assert lines[lines.index("[policy.10]") - 1] == "# of both ends"
    at = lines.index("[connection.VPN-10]")
    assert lines[at - 2 : at] == ["# since 2019", "# to the branch"]


OF_BOX = keys(
    mode=st.sampled_from(["phase1_mode_idp", "phase1_mode_aggressive"]),
    phase1ss=st.sampled_from(['"all/all/all"', '"dh14/aes/sha"', '"LT8h/dh5/3des/md5"', '"alt/all-no-aes/all"']),
    phase2ss=st.sampled_from(['"esp-all-all/ah-none/comp-all/no-pfs"', '"LT2h/esp-aes-sha/ah-no/comp-lzs-no/pfs"']),
    localid=st.sampled_from(['{ fqdn = "box.example.org"; }', '{ key_id = "box"; }', "{ ipaddr = 198.51.100.9; }"]),
    remotehostname=st.sampled_from(['"gw.example.org"', '"198.51.100.7"']),
    key=SECRETS.map(quoted),
    name=TEXTS.map(quoted),
    always_renew=YES,
    use_nat_t=YES,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([SITES, USER]), OF_BOX, st.booleans())
def test_a_vpncfg_is_the_same_again(whole: dict[str, str | None], some: dict[str, str], is_peer: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "fritzbox.cfg"
        file.touch(mode=0o600)
        file.write_text(vpncfg({**whole, **some}))
        assert_same_again(file, side=Side("box", is_peer))
