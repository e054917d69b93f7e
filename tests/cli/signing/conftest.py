"""Fixtures that the tests of keys and ceremonies share with those of signed metadata."""

from __future__ import annotations

from tests.signing.conftest import begun, client, house, newcomer, s3, web

__all__ = ["begun", "client", "house", "newcomer", "s3", "web"]
