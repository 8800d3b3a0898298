"""Connections: ``[connection.NAME]``, each one peer or one kind of peer."""

from __future__ import annotations

from ikev1.config.authentication import methods_of
from ikev1.config.credentials import read_credential
from ikev1.config.files import Files
from ikev1.config.findings import NO_PROOF, Rule
from ikev1.config.identities import own_identity, peers_identity
from ikev1.config.policies import Draft, policies_for
from ikev1.config.pools import pool_names, virtual_addresses
from ikev1.config.rekeying import read_connection_lives
from ikev1.config.secrets import Secrets
from ikev1.config.table import Table
from ikev1.config.trust import read_trust
from ikev1.config.tunnels import read_tunnel
from ikev1.config.values import (
    ANY,
    boolean,
    check_name,
    duration,
    duration_or_never,
    each,
    endpoint,
    fragment_size,
    integer,
    member,
    port,
    remotes,
    text,
)
from ikev1.config.xauth import read_xauth, with_xauth_methods
from ikev1.core.records.mode_config import ModeConfigMethod
from ikev1.core.records.settings import (
    Aggressive,
    Connection,
    DpdAction,
    Fragmentation,
    Mode,
    NatTraversal,
    ProposalCheck,
    Trust,
    Unique,
)

# Seconds: a dead peer is noticed, and called again, within a minute
DPD_DELAY = 20.0
DPD_TIMEOUT = 30.0


def read_connections(top: Table, drafts: tuple[Draft, ...], secrets: Secrets, files: Files) -> tuple[Connection, ...]:
    """All connections; ``drafts`` are the policies of those without proposals of their own."""
    return tuple(_read_connection(name, table, drafts, secrets, files) for name, table in top.tables("connection"))


def _read_connection(name: str, table: Table, drafts: tuple[Draft, ...], secrets: Secrets, files: Files) -> Connection:
    table.whole(check_name, name)
    check = table.take("proposal_check", member(ProposalCheck), ProposalCheck.CLAIM)
    tunnels = []
    for tunnel_name, tunnel_table in table.tables("tunnel"):
        tunnel_table.whole(check_name, tunnel_name)
        tunnels.append(read_tunnel(tunnel_name, tunnel_table, check, files))
    secret = secrets.take(table, "secret")
    credential = read_credential(table, secrets, files)
    xauth = read_xauth(table, secrets)
    if not xauth.is_hybrid_client and not any(key in table for key in ("secret", "secret_file", "private_key")):
        table.findings.error(table.path, Rule.NO_CREDENTIAL, f"requires {NO_PROOF}")
    trust = read_trust(table, files)
    lives = read_connection_lives(table)
    remote_address, *others = table.take("remote_address", remotes, (ANY,))
    methods = methods_of(secret, credential, trust, hybrid_client=xauth.is_hybrid_client)
    mode = table.take("mode", member(Mode), Mode.MAIN)
    policies = policies_for(table, drafts, methods, check, lives.lifetime, mode)
    connection = Connection(
        name=name,
        policies=with_xauth_methods(policies, xauth, table),
        tunnels=tuple(tunnels),
        secret=secret,
        credential=credential,
        trust=trust,
        mode=mode,
        aggressive=table.take("aggressive", member(Aggressive), Aggressive.ACCEPT),
        local_address=table.take("local_address", endpoint, ANY),
        remote_address=remote_address,
        further_remote_addresses=tuple(others),
        local_id=table.take("local_id", own_identity(credential), None),
        remote_id=table.take("remote_id", peers_identity, _named_by_keys(trust)),
        same_identity=table.take("same_identity", boolean, False),
        remote_port=table.take("remote_port", port, 500),
        nat_traversal=_read_nat_traversal(table),
        fragmentation=table.take("fragmentation", member(Fragmentation), Fragmentation.YES),
        fragment_size=table.take("fragment_size", fragment_size, None),
        rekey=table.take("rekey", boolean, True),
        rekeying=lives.rekeying,
        unique=table.take("unique", member(Unique), Unique.REPLACE),
        close_children=table.take("close_children", boolean, False),
        keyingtries=table.take("keyingtries", integer(0, 1_000_000), 0),
        dpd_delay=table.take("dpd_delay", duration_or_never, DPD_DELAY),
        dpd_timeout=table.take("dpd_timeout", duration, DPD_TIMEOUT),
        dpd_action=table.take("dpd_action", member(DpdAction), None),
        pools=table.take("pools", pool_names, ()),
        vips=table.take("vips", virtual_addresses, ()),
        install_routes=table.take("install_routes", boolean, True),
        install_dns=table.take("install_dns", boolean, True),
        local_lan=table.take("local_lan", boolean, False),
        mode_config=table.take("mode_config", member(ModeConfigMethod), ModeConfigMethod.PULL),
        groups=table.take("groups", each(text), ()),
    )
    table.finish()
    return xauth.applied_to(connection)


def _read_nat_traversal(table: Table) -> NatTraversal:
    """NAT traversal; ``encapsulation = true`` is an older way to write ``nat_traversal = "force"``."""
    chosen = table.take("nat_traversal", member(NatTraversal), None)
    forced = table.take("encapsulation", boolean, None)
    if chosen is not None and forced is not None and forced is not (chosen is NatTraversal.FORCE):
        table.findings.error(
            table.key("encapsulation"),
            Rule.NAT_TRAVERSAL_TWICE,
            f"contradicts nat_traversal = {chosen.value!r}: remove it; encapsulation = true is the same as "
            'nat_traversal = "force"',
        )
    return chosen or (NatTraversal.FORCE if forced else NatTraversal.AUTO)


def _named_by_keys(trust: Trust) -> str | None:
    """The identity that all keys of the peer belong to, None if they belong to several."""
    named = {known.identity for known in trust.public_keys}
    return named.pop() if len(named) == 1 else None
