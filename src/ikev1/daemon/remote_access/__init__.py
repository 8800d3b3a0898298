"""Users of clients: `users` checks them by the backends of `ikev1.aaa`, and `accounting` reports their sessions.

`updown` runs the hook of a tunnel when it comes up and goes down (`updown_environment`, `updown_journal`, `hook`); it
serves all tunnels.
"""
