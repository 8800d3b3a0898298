from __future__ import annotations

from ikev1.core.records.events import Code
from ikev1.pki.errors import CertificateError


def test_every_error_has_a_code_that_is_documented() -> None:
    kinds = CertificateError.__subclasses__()
    assert len(kinds) >= 9
    for kind in kinds:
        assert Code(kind.code).value.startswith("cert-")
