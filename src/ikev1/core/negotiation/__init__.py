"""Proposals and lifetimes: how they are offered, chosen, accepted and checked.

Phase 1 is `phase1_proposal`. Phase 2 is `phase2_proposal`, with `phase2_transform` (one transform as attributes),
`phase2_offer` (one choice out of an SA payload), `ipsec_suite` and `ipcomp`. `lifetime_attributes` reads and writes
lifetimes, `proposal_check` judges those of the peer, `rekey_times` says when an SA is replaced, `responder_lifetime` is
the notify by which a responder shortens a lifetime.
"""
