"""The UDP side: sockets, ISAKMP and ESP in UDP, NAT keepalives, and the recording of messages."""
