"""A configuration in each format that uses many of its words, to be damaged."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from racoon_conf import HEAD, SAINFO, SPD, remote
from vpncfg import SITES, USER, vpncfg

_CISCO = Path(__file__).parents[1] / "config" / "formats" / "cisco"


class Sample(NamedTuple):
    """The text of a file and its name, what begins a comment, and the files beside it."""

    name: str
    text: str
    comment: str = "#"
    beside: tuple[tuple[str, str], ...] = ()
    include: str = ""  # of the file itself, in the words of the format


_SECRETS = '@a @b : PSK "x"\n10.0.0.1 %any : PSK 0x0011\n: PSK \'q z\'\ncarol : XAUTH pw\n: RSA key.pem "pass"\n'
_TOML = """
[gateway]
retransmit_tries = 3
[policy.10]
encryption = "aes256"
group = 14
[connection.branch]
remote_address = ["198.51.100.7", "gw.example.org"]
remote_id = "CN=*, O=lab"
secret = "0s AAAA"
proposals = ["aes256-sha256-modp2048"]
dpd_delay = "30s"
xauth = "server"
xauth_backend = ["users"]
pools = "p"
[connection.branch.tunnel.net]
local = "10.1.0.0/16[tcp/80]"
remote = "10.2.0.0/16"
mark_in = "7/0xff"
lifetime = "1h"
start = "trap"
[shunt.s]
action = "pass"
remote = "10.3.0.0/24"
[pools.p]
addresses = "10.9.0.10-10.9.0.200"
[users]
secrets = { "carol" = "pw" }
[authority.a]
ca = "ca.pem"
crl_uris = ["http://a.example/crl"]
"""
_SWANCTL = """
connections { branch { version = 1
 remote_addrs = 198.51.100.7, 10.0.0.0/8
 proposals = aes256-aes128-sha256-modp2048, default
 aggressive = yes
 dpd_delay = 30s
 rand_time = 10m
 pools = p
 local-1 { auth = psk
 id = gw.example.org }
 remote { auth = psk
 id = "C=CH, O=lab, CN=*" }
 remote-2 { auth = xauth }
 children { net { local_ts = 10.1.0.0/16, dynamic[tcp/80]
 remote_ts = 10.2.0.0/16,fec2::/16
 esp_proposals = aes128gcm16-esn-noesn
 mark_in = 7/0xff
 updown = /bin/x y }
 p { mode = pass
 remote_ts = 10.3.0.0/24 } } } }
secrets { ike-1 { id-a = 10.0.0.1
 secret = 0x0011 }
 xauth { id = carol
 secret = 0sAAAA } }
pools { p { addrs = 10.9.0.0/24 } }
authorities { a { cacert = ca.pem
 crl_uris = http://a/b } }
"""
_IPSEC = """
config setup
    uniqueids=no
conn %default
    {version}
    ike=aes256-sha256-modp2048
    esp=aes128gcm16,aes256-sha1-modp1024
    rekeyfuzz=50%
conn a
    left=192.0.2.1
    leftsubnet=10.1.0.0/16
    leftid=@gw.example.org
    right=198.51.100.7
    rightsubnet=10.2.0.0/16
    rightid="C=CH, O=lab, CN=x"
    authby=secret
    dpdaction=restart
    auto=start
    mark=5/0xff
conn b
    also=a
    {users}
    right=%any
    auto=add
ca x
    cacert=ca.pem
    auto=add
"""
_VPNC = """IPSec gateway gw.example.org
IPSec ID staff
IPSec secret s3cret
IKE DH Group dh14
Perfect Forward Secrecy dh2
Xauth username carol
Xauth obfuscated password 11223344556677889900AABBCCDDEEFF
DPD idle timeout (our side) 30
IPSEC target network 10.0.0.0/8
Script /bin/x --y
"""
_PCF = """[main]
Host=gw.example.org
AuthType=1
GroupName=staff
enc_GroupPwd=AABBCC
Username=carol
UserPassword=pw
EnableBackup=1
BackupServer=a.b, c.d
DHGroup=2
PeerTimeout=90
"""
_STROKE = _IPSEC.format(version="keyexchange=ikev1", users="rightauth2=xauth\n    rightsourceip=10.9.0.0/24")
_LIBRESWAN = _IPSEC.format(
    version="ikev2=no",
    users="rightxauthclient=yes\n    rightaddresspool=10.9.0.1-10.9.0.9\n    ipsec-interface=yes",
)
_OF_RACOON = (("psk.txt", "198.51.100.7\tthe secret\n"), ("setkey.conf", SPD))
SAMPLES = {
    "toml": Sample("ikev1.toml", _TOML),
    "swanctl": Sample("swanctl.conf", _SWANCTL, include="include {}"),
    "stroke": Sample("ipsec.conf", _STROKE, beside=(("ipsec.secrets", _SECRETS),), include="include {}"),
    "libreswan": Sample("ipsec.conf", _LIBRESWAN, beside=(("ipsec.secrets", _SECRETS),), include="include {}"),
    "racoon": Sample(
        "racoon.conf",
        HEAD + remote("exchange_mode main;", 'my_identifier fqdn "a.b";', "dpd_delay 20;") + SAINFO,
        beside=_OF_RACOON,
        include='include "{}";',
    ),
    "vpnc": Sample("vpnc.conf", _VPNC),
    "pcf": Sample("office.pcf", _PCF, ";"),
    "cisco": Sample("router.cfg", (_CISCO / "policy-map.cfg").read_text(), "!"),
    "fritzbox": Sample("fritzbox.cfg", vpncfg(SITES, USER), "//"),
}
