"""From list-ike-policy to what `show isakmp policy` shows."""

from __future__ import annotations

from ikev1.cli.policies import policies_of, policies_text

POLICY = {
    "connection": "a",
    "priority": "20",
    "encryption": "AES_CBC-256",
    "hash": "SHA2_256",
    "authentication": "PRE_SHARED_KEY",
    "dh-group": "MODP_2048",
    "life-time": "86400",
    "life-kilobytes": "0",
}


def test_a_policy_names_all_connections_that_use_it_and_the_preferred_one_is_first() -> None:
    better = POLICY | {"priority": "10", "dh-group": "ECP_256", "life-kilobytes": "4096"}
    found = policies_of([POLICY, better, POLICY | {"connection": "b"}])
    assert [(policy.priority, policy.group, policy.connections) for policy in found] == [
        (10, "ECP_256", ["a"]),
        (20, "MODP_2048", ["a", "b"]),
    ]
    assert (found[0].lifetime, found[0].lifetime_kilobytes) == (86_400, 4096)
    assert policies_text(found).count("Protection suite of priority") == 2
    assert policies_of([]) == []
