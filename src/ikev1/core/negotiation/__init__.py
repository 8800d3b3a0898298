"""Proposals and lifetimes: how they are offered, selected, accepted and checked.

Phase 1 is `phase1_proposal`. Phase 2 is `phase2_proposal`, with `phase2_transform` (one transform as attributes),
`phase2_offer` (the choices in an SA payload), `ipsec_suite` and `ipcomp`. `lifetime_attributes` reads and writes
lifetimes, `proposal_check` decides which lifetimes of the peer are acceptable, `rekey_times` computes when an SA is
rekeyed, `responder_lifetime` is the notification by which a responder shortens a lifetime.

`mode_config` reads and writes the attributes of a client's configuration.
"""
