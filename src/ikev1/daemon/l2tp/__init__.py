"""L2TP over transport mode, as client (RFC 3193): the system's xl2tpd and pppd, with files and routes of our own."""
