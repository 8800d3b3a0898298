"""How the two ends of a conn authenticate: authby, leftauth and what belongs to them, as rounds of swanctl.conf."""

from __future__ import annotations

import re

from ikev1.config.findings import Rule
from ikev1.config.formats.ipsec_conf.ends import ANY, End
from ikev1.config.formats.ipsec_conf.folders import encoded_name
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.swanctl.options import Lost, Options, word

_INLINE = ("0x", "0s", "dns:", "ssh:")
_NAME = re.compile(r"(?=[^:/]*[A-Za-z])[A-Za-z0-9_.-]+")
_AUTHBY = word(
    secret="psk",  # noqa: S106  a word, no secret
    psk="psk",
    pubkey="pubkey",
    rsa="pubkey",
    rsasig="pubkey",
    ecdsa="pubkey",
    ecdsasig="pubkey",
    xauthpsk="psk",
    xauthrsasig="pubkey",
    never="never",
)


def write_rounds(local: End, remote: End, into: Tree, setup: Options) -> None:
    """Write the rounds of both ends."""
    conn = local.options
    by = conn.take("authby", _AUTHBY, "pubkey")
    user = None
    if conn.take("authby", str, "").startswith("xauth"):
        user = conn.take("xauth", word(client="local", server="remote"), "local")
    conn.take("xauth", str, None)
    for end, name in ((local, "local"), (remote, "remote")):
        round_ = into.section(name, conn.place())
        key = end.key("auth")
        auth = end.get("auth", by)
        round_.put("auth", "psk" if auth == "secret" else auth, conn.place(key if key in conn else "authby"))
        _write_identity(end, round_)
        _write_certificates(end, remote if end is local else local, round_)
        second = end.get("auth2") or ("xauth" if user == name else "")
        of_user = round_ if end.get("auth").startswith("xauth") else None
        if second:
            place = conn.place(end.key("auth2") if end.key("auth2") in conn else "authby")
            of_user = into.section(f"{name}-2", place)
            of_user.put("auth", second, place)
            of_user.put("round", 1)
        _write_user(end, of_user)
    if (strict := setup.take("strictcrlpolicy", _revocation, None)) is not None:
        into.section("remote").put("revocation", strict, setup.place("strictcrlpolicy"))


def _write_identity(end: End, into: Tree) -> None:
    """Write who an end is: without an id, who its address or name says, unless a certificate does."""
    key, addresses = end.key("id"), end.addresses
    who = end.get("id")
    if who.startswith("%") and who not in ANY:
        who = who[1:]
    if who:
        into.put("id", "%any" if who in ANY or who == "*" else who, end.options.place(key))
    elif len(addresses) == 1 and not end.get("cert") and (not end.local or _NAME.fullmatch(addresses[0])):
        into.put("id", addresses[0], end.options.place(end.side))


def _write_certificates(end: End, other: End, into: Tree) -> None:
    options = end.options
    if end.get("cert").startswith("%smartcard"):
        text = "is not supported: certificates and keys must be files"
        options.findings.error(options.key(end.key("cert")), Rule.NOT_SUPPORTED, text)
    else:
        into.copy(options, end.key("cert"), "certs")
    authority = other.get("ca") if end.get("ca") == "%same" else end.get("ca")
    if authority not in ("", "%any") and not end.local:
        try:
            into.put("cacerts", encoded_name(authority), options.place(end.key("ca")))
        except ValueError as error:
            options.findings.error(options.key(end.key("ca")), Rule.INVALID_VALUE, str(error))
    key = end.key("sigkey") if end.key("sigkey") in options else end.key("rsasigkey")
    public = options.take(key, str, "")
    if public.startswith(_INLINE):
        options.findings.error(options.key(key), Rule.NOT_SUPPORTED, "is not supported: write the key to a file")
    elif public:
        into.put("pubkeys", public, options.place(key))
    for alias in ("sigkey", "rsasigkey", "certpolicy"):
        end.get(alias)
    if not end.local:
        into.copy(options, end.key("certpolicy"), "cert_policy")


def _write_user(end: End, of_user: Tree | None) -> None:
    """What is about users: who this end is, and the groups of which the other must be."""
    options = end.options
    groups, groups2 = end.key("groups"), end.key("groups2")
    name = options.take("xauth_identity", str, "")
    if of_user is None:
        options.lose(Lost(end.key("id2"), "IKEv1 has no second identity"))
    elif not end.local:
        meaning = "any user is accepted; xauth_identity is for one user"
        options.lose(Lost(end.key("id2"), meaning, ("%any",), matters=True))
    else:
        name = name or end.get("id2") or end.get("id")
    if of_user is not None and name:
        of_user.put("xauth_id", name, options.place("xauth_identity"))
    if of_user is not None and not end.local:
        of_user.copy(options, groups2 if groups2 in options else groups, "groups")
    elif not end.local:
        meaning = "peers that are in none of the groups are accepted, too"
        options.lose(Lost(groups, meaning, matters=True), Lost(groups2, meaning, matters=True))
    for alias in ("groups", "groups2"):
        end.get(alias)


def _revocation(value: object) -> str:
    return word(yes="strict", no="relaxed", ifuri="ifuri")(str(value).lower())
