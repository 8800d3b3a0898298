"""`ikev1 ipsec`: the command `ipsec` of strongSwan and of libreswan, for programs that call it."""
