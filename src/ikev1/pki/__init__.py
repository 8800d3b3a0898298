"""Whom to believe: certificates of peers, the paths to a trusted CA, and whether they were revoked.

Blocking code that may fetch CRLs and OCSP responses; the daemon runs it in a thread. Nothing here changes after it is
made but the cache of what was fetched, which has a lock.
"""
