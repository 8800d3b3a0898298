"""The gateway as a process: it waits (asyncio), reads the clock and draws random numbers for the engine.

Read `gateway` first, which connects all parts, then `performer`, which performs the actions of the engine; `process`
starts and ends a gateway, `client` is one for `ikev1 connect`.

- `initiation` and `pending_operations` bring up tunnels on request and await the outcome; `autostart`, `back_off`,
  `initiation_window` and `traps` bring up those that start by themselves, `dead_peers` those whose peer is dead.
- `certificate_checker` checks certificates in threads; `remote_access` has users, addresses and hooks.
- `saved_sas` stores SAs for the next process; `protection` decides which traffic may pass through tunnels only;
  `plane_events` handles what the data plane reports, `network_changes` addresses and routes; `timer` waits for the next
  deadline.
- `net` has the sockets, `observe` the log and the counters, `vici` the control socket, `host` privileges and the choice
  of the data plane; `socks` and `l2tp` are for clients.
"""
