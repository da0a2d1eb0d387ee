-- What SQLite's planner is to believe. Left to itself it takes any first column of an index to narrow
-- a table down to ten rows, and a tenant may have them all: it would walk through the tenant rather
-- than use the index that was made for the question. Written and not measured, so that no plan
-- depends on what happened to be stored when.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat)
SELECT t.name,
    -- The primary key of a table without row ids goes by the table's name.
    CASE WHEN t.wr AND i.origin = 'pk' THEN t.name ELSE i.name END,
    '1000000' || (
        SELECT group_concat(
            CASE
                WHEN i."unique" AND c.seqno = width.max THEN ' 1'
                WHEN c.name = 'tenant' THEN ' 1000000'
                ELSE ' 10'
            END, '' ORDER BY c.seqno)
        FROM pragma_index_info(i.name) c,
            (SELECT max(seqno) AS max FROM pragma_index_info(i.name)) width
    )
FROM pragma_table_list t, pragma_index_list(t.name) i
WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite%';
ANALYZE sqlite_schema;
