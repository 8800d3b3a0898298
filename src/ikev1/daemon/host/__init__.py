"""What the daemon needs of the machine it runs on: privileges, systemd, and the choice of a data plane."""
