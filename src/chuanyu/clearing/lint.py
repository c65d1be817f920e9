"""What the catalogue of PostgreSQL says about the ledger: fit for Citus, and closed to the node's role.

Every primary key, unique key and foreign key begins with `book`; no triggers, which Citus refuses; nothing but reading and
the functions for the node's role; no temporary objects of its own, and every function of the database that acts as its owner
looks for them last: a type of the same name there would run whatever the node's role wants, as the owner.
"""

from collections.abc import Iterator

from chuanyu.identity import sql

NODE = "chuanyu_node"
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
COLUMN_WRITES = ("INSERT", "UPDATE", "REFERENCES")

_TABLES = (
    "SELECT c.oid, c.relname FROM pg_class c WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p')"
)
_KEYS = """
SELECT c.relname, i.relname, a.attname FROM pg_index x
  JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
 WHERE c.relnamespace = 'ledger'::regnamespace AND (x.indisunique OR x.indisprimary) AND a.attname IS DISTINCT FROM 'book'
UNION ALL
SELECT c.relname, k.conname, a.attname FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
 WHERE c.relnamespace = 'ledger'::regnamespace AND k.contype IN ('p', 'u', 'f', 'x') AND a.attname IS DISTINCT FROM 'book'
"""
_TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'ledger'::regnamespace AND NOT t.tgisinternal
"""
_FUNCTIONS = """
SELECT p.proname,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g WHERE g.grantee = 0),
       (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = p.proowner),
       p.prosrc ~ '\\mctid\\M'
  FROM pg_proc p WHERE p.pronamespace = 'ledger'::regnamespace
"""


# pg_temp comes first unless it is named, and then a type there hides the one that is meant
_DEFINERS = """
SELECT p.pronamespace::regnamespace::text, p.proname FROM pg_proc p
 WHERE p.prosecdef AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s = 'search_path=pg_catalog, pg_temp')
   AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY 1, 2
"""


def problems() -> Iterator[str]:
    """Every line that is wrong; none when all is well."""
    for table, key, column in sql.rows(_KEYS, []):
        yield f"ledger.{table}: {key} begins with {column or 'an expression'}, not with book"
    for table, trigger in sql.rows(_TRIGGERS, []):
        yield f"ledger.{table}: trigger {trigger}"
    for schema, function in sql.rows(_DEFINERS, []):
        yield f"{schema}.{function}: acts as its owner without the fixed search_path pg_catalog, pg_temp"
    for function, public, superuser, ctid in sql.rows(_FUNCTIONS, []):
        if public:
            yield f"ledger.{function}: anybody may call it"
        if superuser:
            yield f"ledger.{function}: belongs to a superuser"
        if ctid:
            yield f"ledger.{function}: uses ctid, which is another row on Citus"
    yield from _privileges()


def _privileges() -> Iterator[str]:
    role = sql.row("SELECT rolsuper, oid FROM pg_roles WHERE rolname = %s", [NODE])
    if role is None:
        yield f"there is no role {NODE}"
        return
    if role[0]:
        yield f"{NODE} is a superuser"
    if sql.row("SELECT has_database_privilege(%s, current_database(), 'TEMPORARY')", [NODE]) == (True,):
        yield f"{NODE} may make temporary tables and types: REVOKE ALL ON DATABASE … FROM PUBLIC, {NODE}"
    if sql.row("SELECT has_schema_privilege(%s, 'ledger', 'CREATE')", [NODE]) == (True,):
        yield f"{NODE} may make tables in schema ledger"
    for oid, table in sql.rows(_TABLES, []):
        for what in WRITES:
            if sql.row("SELECT has_table_privilege(%s, %s::oid, %s)", [NODE, oid, what]) == (True,):
                yield f"ledger.{table}: {NODE} has {what}"
        for what in COLUMN_WRITES:
            if sql.row("SELECT has_any_column_privilege(%s, %s::oid, %s)", [NODE, oid, what]) == (True,):
                yield f"ledger.{table}: {NODE} has {what} on a column"
        owner = "SELECT pg_has_role(%s, c.relowner, 'MEMBER') FROM pg_class c WHERE c.oid = %s"
        if sql.row(owner, [NODE, oid]) == (True,):
            yield f"ledger.{table}: {NODE} is or may become its owner"
