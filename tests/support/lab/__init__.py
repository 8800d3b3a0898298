"""A lab of real IKEv1 peers in network namespaces: strongSwan, libreswan, ike-scan, tshark, and our own gateway.

`setup` installs what it needs. A test takes the fixture ``lab`` (see `lab.lab.Lab`), which ends and removes all that
it started, also after a failure.
"""
