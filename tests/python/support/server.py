"""What the servers differ in that the tests run on. A test that one of them cannot run says so."""

from __future__ import annotations

import pytest

from .cluster import Cluster
from .commands import value


def need_icu(cluster: Cluster) -> None:
    """Skip the test where the server is built without ICU."""
    # The collation "unicode" is in every catalog; the others come with ICU.
    known = "SELECT count(*) FROM pg_collation WHERE collprovider = 'i' AND collname <> 'unicode'"
    if value(cluster.url(), known) == "0":
        pytest.skip("the server is built without ICU")


def need_version(cluster: Cluster, major: int) -> None:
    """Skip the test where the server is older."""
    if int(value(cluster.url(), "SHOW server_version_num")) < major * 10000:
        pytest.skip(f"of PostgreSQL {major} on")
