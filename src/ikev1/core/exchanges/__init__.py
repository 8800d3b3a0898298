"""The exchanges, each a table of messages, and the interpreter that runs the tables.

Read `main_mode` first, then `interpreter`, `payload_grammar` (what the rows' notation means) and `protection`
(encryption and the HASHes of phase 2). `phase1_steps` holds the steps that Main Mode and Aggressive Mode share.
`aggressive_mode`, `rsa_encryption`, `revised_rsa_encryption`, `quick_mode`, `new_group_mode` and `informational` are
the other tables; `registry` lists them all. `negotiated_pair` makes the pair of a Quick Mode, `pair_replacement` says
which pairs it replaces.
`transaction_exchange` is the table of XAUTH and mode config: what its messages mean is a `transaction_topic`, of which
`xauth` (`xauth_server`, `xauth_client`) and `mode_config` are the two; `config_attributes` reads their attributes.
"""
