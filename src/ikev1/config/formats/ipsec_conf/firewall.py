"""leftfirewall and lefthostaccess: strongSwan's script, which adds rules of iptables for a tunnel."""

from __future__ import annotations

from pathlib import Path

from ikev1.config.findings import Rule
from ikev1.config.formats.ipsec_conf.ends import End
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.swanctl.options import Lost, yes

_NAME = "_updown"
FOLDERS = (  # of programs that are none of a user, in packages of strongSwan and where it installs them itself
    "/usr/lib/ipsec",
    "/usr/libexec/ipsec",
    "/usr/lib/strongswan",
    "/usr/libexec/strongswan",
    "/usr/local/libexec/ipsec",
)


def write_updown(local: End, remote: End, child: Tree) -> None:
    """Write the program that is run when the tunnel of a conn comes up and goes down."""
    options = local.options
    firewall, hostaccess = local.key("firewall"), local.key("hostaccess")
    child.copy(options, local.key("updown"), "updown")
    remote.get("updown")
    child.copy(options, hostaccess, "hostaccess")
    if options.take(firewall, yes, False):
        if local.key("updown") in options:
            text = f"cannot be combined with {local.key('updown')}, which may call strongSwan's script itself"
            options.findings.error(options.key(firewall), Rule.INVALID_VALUE, text)
        elif script := next((each for folder in FOLDERS if (each := Path(folder, _NAME)).is_file()), None):
            child.put("updown", f"{script} iptables", options.place(firewall))
        else:
            missing = f"strongSwan's script {_NAME} is not installed, so no rules are added to the firewall"
            options.lose(Lost(firewall, missing))
    of_peer = "the firewall of the other end is its own affair"
    options.lose(*(Lost(remote.key(key), of_peer, ("no",)) for key in ("firewall", "hostaccess")))
