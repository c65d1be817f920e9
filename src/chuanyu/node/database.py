"""Roles, database and migrations of one node. The owner makes tables; the node's role owns nothing and only uses them."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

OWNER = "chuanyu_owner"
NODE = "chuanyu_node"

# What the owner lays down before any table exists. `ledger`, the message log and others narrow it in their own migrations.
GRANTS = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO chuanyu_node;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO chuanyu_node;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO chuanyu_node;
"""
# the node reads which migrations are applied, and never says so itself
AFTER = """
REVOKE ALL ON TABLE django_migrations FROM chuanyu_node;
GRANT SELECT ON TABLE django_migrations TO chuanyu_node;
"""
# a statement or a forgotten transaction of the running node ends by itself
LIMITS = {"statement_timeout": "60s", "lock_timeout": "20s", "idle_in_transaction_session_timeout": "60s"}


def create(superuser_url: str, *, database: str, passwords: Mapping[str, str]) -> None:
    """As the superuser: the two roles and the database, if they are not there. Passwords are set to those given."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role in (OWNER, NODE):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            connection.execute(
                sql.SQL(
                    "{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
                ).format(verb, sql.Identifier(role), sql.Literal(passwords[role]))
            )
        for setting, limit in LIMITS.items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(NODE), sql.Identifier(setting), sql.Literal(limit)
                )
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
            )
        for name in (database, "postgres", "template1"):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(NODE))
        )


def grant(owner_url: str) -> None:
    """As the owner: what its future tables allow the node's role. Harmless to repeat."""
    with psycopg.connect(owner_url) as connection:
        connection.execute(GRANTS)


def migrate() -> None:
    """Apply migrations in this process, whose default database is connected as the owner."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        cursor.execute(AFTER)
