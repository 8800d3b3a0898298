"""The kernel's packet filter (nf_tables), which drops packets that are received or sent unprotected."""
