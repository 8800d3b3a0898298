"""ESP in tunnel mode (RFC 4303): the interface of the data plane, and the backend that does it in userspace."""
