"""Octets to values and back: the ISAKMP message format of RFC 2408, with the IPsec DOI (RFC 2407) and IKE (RFC 2409).

No keys, no clock, no state but that of a `fragmentation.Reassembly`, and nothing outside the standard library.
"""
