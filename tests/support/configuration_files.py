"""The files that the configurations of the documents name: secrets, our key and certificate, and a key of the peer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authority import der, pkcs8, root, rsa_key

SECRET = b"a secret that both ends know"
AUTHORITY = partial(root, "C=CH, O=lab, CN=root", 1)  # of ``ca``


def provide_files(folder: Path, configuration: dict[str, Any]) -> None:
    """Write the files that the connections and authorities of ``configuration`` name."""
    key, identity = rsa_key(1), "C=CH, O=lab, CN=branch"
    authority = AUTHORITY()
    contents = {
        "secret_file": SECRET,
        "private_key": pkcs8(key),
        "certificate": der(authority.issue(identity, key=key)),
        "ca": authority.der,
        "peer_public_key": rsa_key(2).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }
    if "users" in configuration:
        (folder / configuration["users"]["file"]).touch(mode=0o600)
    if "secret_file" in (radius := configuration.get("radius", {})):
        (folder / radius["secret_file"]).touch(mode=0o600)
        (folder / radius["secret_file"]).write_bytes(SECRET)
    named = (*configuration.get("connection", {}).values(), *configuration.get("authority", {}).values())
    for connection in named:
        for option in connection.keys() & contents.keys():
            file = folder / connection[option]
            file.touch(mode=0o600)
            file.write_bytes(contents[option])
