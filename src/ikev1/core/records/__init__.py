"""The values that the core works on. They are immutable; a change is a new value.

Read `ike_sa`, `exchange` and `child_sa` first (with `path` and `timer`), then `settings` (what the operator
configured), `actions` and `events` (what leaves the engine), `context` (the state of one step of an exchange) and
`refusal` (why a message is not accepted). `record` is the base class. `selector` and `selector_index` are about
traffic selectors.
"""
