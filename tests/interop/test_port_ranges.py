"""What charon makes of a range of ports in IKEv1, for which a configuration with one is refused here."""

from __future__ import annotations

from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab


def test_charon_requests_the_first_port_alone(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    selectors = {"local_ts": f"{a.network}[tcp/80-90]", "remote_ts": f"{a.remote}[tcp/80-90]"}
    charon = lab.charon(a, CharonOptions(calls=True, plane="noesp", **selectors))  # type: ignore[arg-type]
    charon.control.initiate()
    child = ours.control.child()
    assert (child["local-ts"], child["remote-ts"]) == ([f"{b.network}[tcp/http]"], [f"{a.network}[tcp/http]"])
