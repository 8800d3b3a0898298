"""The kernel's packet filter (nf_tables): what keeps packets out that came or leave unprotected."""
