"""The sandbox: hosts that are systemd containers on this machine, in a network of their own."""
