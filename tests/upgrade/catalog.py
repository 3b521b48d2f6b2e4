"""The objects of a schema as PostgreSQL describes them, to compare schemas whatever the order of their columns."""

from tests.support.separate_database import Platform, Transaction

Objects = dict[tuple[str, str], str]  # definitions by kind and name
# Each row: what an object is, its name, its definition. {s} is the schema. Partitions of months are left out.
OBJECTS = r"""
WITH tables AS (
    SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.reloptions FROM pg_class c
    WHERE relnamespace = '{s}'::regnamespace AND NOT relispartition AND relkind IN ('r', 'p', 'v', 'S')
)
SELECT 'relation' AS kind, relname AS name,
        concat_ws(' ', relkind::text, relpersistence::text, reloptions) AS definition
    FROM tables
UNION ALL
SELECT 'column', relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod),
        CASE WHEN attnotnull THEN 'NOT NULL' END, 'identity' || nullif(attidentity::text, ''),
        'generated' || nullif(attgenerated::text, ''), 'DEFAULT ' || pg_get_expr(adbin, adrelid))
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
    LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', relname || '.' || conname, pg_get_constraintdef(o.oid) FROM tables t JOIN pg_constraint o
    ON o.conrelid = t.oid WHERE contype <> 'n' -- the columns have NOT NULL
UNION ALL
SELECT 'index', c.relname, pg_get_indexdef(i.indexrelid)
    FROM tables t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'trigger', relname || '.' || tgname, pg_get_triggerdef(g.oid) FROM tables t JOIN pg_trigger g
    ON g.tgrelid = t.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'view', relname, pg_get_viewdef(oid) FROM tables WHERE relkind = 'v'
UNION ALL
SELECT 'function', oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = '{s}'::regnamespace
"""


def schema_objects(database: Platform | Transaction, schema: str) -> Objects:
    """In it, the schema is called `tenant`."""
    return {
        (row["kind"], row["name"].replace(schema, "tenant")): row["definition"].replace(schema, "tenant")
        for row in database.execute(OBJECTS.format(s=schema))
    }
