"""The state of an engine and what changes it: datagrams, commands and timers.

Read `receive` first: the way of one datagram. Before there is an SA, `stateless_responder`, `half_open`,
`aggressive_responder`, `first_message_refusals` and `admission` handle messages of unknown peers;
`receive_informational` handles notifies and deletes. `commands` holds what the operator or a timer begins, `timers`
what is due, `established` what follows the end of phase 1, `dpd` dead peer detection. `engine_state` holds the state,
`sa_table` and `child_table` find SAs in it.
"""
