"""The state of an engine and what changes it: datagrams, commands and timers.

Read `receive` first: the way of one datagram. `transaction` is the one way to change state, `boundary` where a fault of
the program ends.

- Before there is an SA, `stateless_responder`, `half_open`, `aggressive_responder`, `first_message_refusals` and
  `admission` handle messages of unknown peers.
- `fragments` keeps IKE fragments, `receive_fragment` processes the messages that they make. `other_version` handles
  messages of IKEv2, `unsupported_exchange` XAUTH, `connected` the end of a Quick Mode with the Commit bit.
- Under an SA, `receive_informational` handles notifies and deletes, `phase2_limits` bounds what a peer may begin,
  `refuse` says what is done about a message that is refused, `dpd` asks whether a peer is there, and where.
- `established` is what follows the end of phase 1, `ended` what follows the end of an ISAKMP SA.
- `commands` holds what the operator or a timer begins, `timers` what each timer does when it is due.
- `engine_state` holds the state, `sa_table` and `child_table` find SAs in it, `report_limits` counts what was said.
"""
