"""The state of an engine and what changes it: datagrams, commands and timers.

Read `receive` first, which processes a datagram, then `answers`, which resumes the exchanges that wait for the
environment. All changes of state are made in a `transaction`; `boundary` contains internal errors.

- Before there is an SA, `stateless_responder`, `half_open`, `aggressive_responder`, `first_message_refusals` and
  `admission` handle messages of unknown peers.
- `fragments` stores IKE fragments, and `receive_fragment` processes the messages that they form. `other_version`
  handles messages of IKEv2.
- Under an SA, `receive_informational` handles notifications and Delete payloads, `phase2_limits` limits a peer's
  exchanges, `refuse` reports refused messages and notifies the peer, and `dpd` probes whether and where a peer is
  reachable. `unsupported_exchange` reports unknown exchanges, `connected` accepts CONNECTED.
- `remote_access` leads an ISAKMP SA of a remote user from phase 1 through XAUTH and `mode_config` to Quick Mode;
  `transact` begins Transaction exchanges, `early_messages` holds what comes too soon.
- `established` processes the end of phase 1, or of XAUTH, `ended` the end of an ISAKMP SA.
- `commands` and `closing` contain the operations that an operator or a timer initiates, `timers` the handler of each
  timer; `take_over` resumes the SAs of an earlier process.
- `engine_state` contains the state, `sa_table` and `child_table` index its SAs, and `report_limits` limits repeated
  reports.
"""
