"""Verifies certificates of peers: the path to a trusted CA, the identity, and revocation.

This is blocking code that may fetch CRLs and OCSP responses; the daemon runs it in a thread. The only mutable state is
the cache of fetched responses, which has a lock.
"""
