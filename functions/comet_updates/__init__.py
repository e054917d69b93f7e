"""Comet Updates: a serverless software-update service that cannot tell its users apart."""

__version__ = "0.1.0"
