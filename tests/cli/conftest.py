"""What a daemon answered to list-sas: a gateway in the middle of things; and gateways that run."""

from __future__ import annotations

from typing import Any

import pytest
from tests.daemon.conftest import impatient, meet  # noqa: F401  fixtures

ESTABLISHED: dict[str, Any] = {
    "uniqueid": "7",
    "version": "1",
    "state": "ESTABLISHED",
    "cisco-state": "QM_IDLE",
    "local-host": "192.0.2.1",
    "local-port": "4500",
    "local-id": "gw.example.org",
    "remote-host": "198.51.100.7",
    "remote-port": "4500",
    "remote-id": "branch.example.org",
    "initiator": "yes",
    "initiator-spi": "282bca108071a9b3",
    "responder-spi": "34717ddeeeb14f00",
    "nat-remote": "yes",
    "nat-any": "yes",
    "encr-alg": "AES_CBC",
    "encr-keysize": "256",
    "integ-alg": "HMAC_SHA2_256_128",
    "prf-alg": "PRF_HMAC_SHA2_256",
    "dh-group": "MODP_2048",
    "established": "15",
    "rekey-time": "81000",
    "life-time": "86385",
    "child-sas": {
        "office-3": {
            "name": "office",
            "uniqueid": "3",
            "reqid": "1",
            "state": "INSTALLED",
            "mode": "TUNNEL",
            "protocol": "ESP",
            "encap": "yes",
            "spi-in": "dbbf6366",
            "spi-out": "4b444ca8",
            "encr-alg": "AES_GCM_16",
            "encr-keysize": "256",
            "dh-group": "ECP_256",
            "bytes-in": "168",
            "packets-in": "2",
            "use-in": "3",
            "bytes-out": "0",
            "packets-out": "0",
            "replays-in": "4",
            "integrity-failures-in": "1",
            "malformed-in": "0",
            "selector-drops-in": "0",
            "dummies-in": "7",
            "refused-out": "0",
            "unsent-out": "2",
            "rekey-time": "3271",
            "life-time": "3585",
            "install-time": "15",
            "local-ts": ["10.1.0.0/16"],
            "remote-ts": ["10.2.0.0/16[tcp/80]"],
        }
    },
}

CONNECTING: dict[str, Any] = {
    "uniqueid": "8",
    "version": "1",
    "state": "CONNECTING",
    "cisco-state": "MM_WAIT_MSG5",
    "local-host": "192.0.2.1",
    "local-port": "500",
    "local-id": "%any",
    "remote-host": "203.0.113.9",
    "remote-port": "500",
    "remote-id": "%any",
    "initiator-spi": "0102030405060708",
    "responder-spi": "1112131415161718",
    "encr-alg": "3DES_CBC",
    "integ-alg": "HMAC_SHA1_96",
    "prf-alg": "PRF_HMAC_SHA1",
    "dh-group": "MODP_1024",
    "child-sas": {},
}


@pytest.fixture
def connecting() -> dict[str, Any]:
    """An ISAKMP SA whose peer has not proved anything yet."""
    return CONNECTING


@pytest.fixture
def sas() -> list[tuple[str, dict[str, Any]]]:
    """One ISAKMP SA that is established and carries a tunnel, and one that is on its way."""
    return [("branch", ESTABLISHED), ("roadwarriors", CONNECTING)]
