"""The immutable values of the core: SAs, exchanges, settings, actions and events.

Read `ike_sa`, `exchange` and `child_sa` first (with `path` and `timer`), then `settings` (the configuration), `actions`
and `events` (the output of the engine), `answers` (the replies to its questions), `context` (the state of one step of
an exchange) and `refusal` (the rejection of a message). `remote_access` is about users (XAUTH), `mode_config` about
virtual addresses. `record` is the base class. `selector` is a traffic selector,
and `selector_index` finds pairs of them (`selector_blocks`, `selector_keys`).
"""
