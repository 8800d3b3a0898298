"""The daemon's host: privileges, systemd, and the choice of the data plane."""
