"""The command `comet-updates`."""
