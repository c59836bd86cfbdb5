from __future__ import annotations

import psycopg
import pytest

from tests.servers.postgresql import PostgreSQL, postgresql


def test_a_test_gets_an_empty_database_in_utf8(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("INSERT INTO note VALUES ('报价')")
        assert connection.execute("SELECT text, char_length(text) FROM note").fetchall() == [("报价", 2)]


def test_tests_do_not_see_each_others_tables(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_prepared_template_is_filled_once_and_copied(postgres: PostgreSQL) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE stamp AS SELECT 7 AS number")

    databases = [postgres.create(postgres.prepared("stamped", prepare)) for _ in range(2)]
    for database in databases:
        with psycopg.connect(postgres.url(database)) as connection:
            assert connection.execute("SELECT number FROM stamp").fetchone() == (7,)
        postgres.drop(database)
    assert len(prepared) == 1


def test_what_is_lent_comes_back_empty_and_what_was_changed_is_thrown_away(postgres: PostgreSQL) -> None:
    def prepare(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE lent (number integer PRIMARY KEY)")
            connection.execute("CREATE TABLE after (number integer REFERENCES lent)")

    template = postgres.prepared("lending", prepare)
    with postgres.lent(template) as first:
        still = psycopg.connect(postgres.url(first), autocommit=True)
        still.execute("INSERT INTO lent VALUES (1)")
        still.execute("INSERT INTO after VALUES (1)")
    with postgres.lent(template) as second, psycopg.connect(postgres.url(second), autocommit=True) as connection:
        assert second == first
        assert connection.execute("SELECT count(*) FROM lent, after").fetchone() == (0,)
        connection.execute("ALTER TABLE lent ADD COLUMN text text")
    with pytest.raises(psycopg.OperationalError):
        still.execute("SELECT 1")
    with postgres.lent(template) as third:
        assert third != first


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_what_was_committed_is_there_after_a_restart(durable: bool, fsync: str) -> None:
    with postgresql(durable=durable) as server:
        url = server.url(server.create())
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW fsync").fetchone() == (fsync,)
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        server.process.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.process.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
