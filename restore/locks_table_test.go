package restore

// lockTables is what the statements of lockTable are run on. Of every
// partitioned table, low and mid's leaf have rows.
const lockTables = `
	CREATE SCHEMA s;
	CREATE TABLE s.parent (id integer PRIMARY KEY, k integer);
	CREATE TABLE s.child (id integer NOT NULL, parent_id integer, self_id integer, k integer);
	CREATE UNIQUE INDEX child_id ON s.child (id);
	CREATE UNIQUE INDEX child_key ON s.child (id);
	CREATE UNIQUE INDEX child_self ON s.child (id);
	ALTER TABLE s.child ADD CONSTRAINT child_self UNIQUE USING INDEX child_self;
	ALTER TABLE s.child ADD CONSTRAINT to_parent FOREIGN KEY (parent_id) REFERENCES s.parent (id) NOT VALID;
	ALTER TABLE s.child ADD CONSTRAINT to_self FOREIGN KEY (self_id) REFERENCES s.child (id) NOT VALID;
	ALTER TABLE s.child ADD CONSTRAINT positive CHECK (k > 0) NOT VALID;
	CREATE TABLE s.plain (id integer NOT NULL, k integer);
	CREATE TABLE s.parts (id integer NOT NULL, k integer) PARTITION BY RANGE (id);
	CREATE TABLE s.low PARTITION OF s.parts FOR VALUES FROM (0) TO (100);
	CREATE TABLE s.mid PARTITION OF s.parts FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
	CREATE TABLE s.leaf PARTITION OF s.mid FOR VALUES FROM (100) TO (200);
	CREATE TABLE s.rest PARTITION OF s.parts DEFAULT;
	CREATE TABLE s.loose (id integer NOT NULL, k integer);
	CREATE INDEX parts_k ON ONLY s.parts (k);
	CREATE INDEX low_k ON s.low (k);
	CREATE INDEX mid_k ON ONLY s.mid (k);
	CREATE INDEX leaf_k ON s.leaf (k);
	CREATE TABLE s.targets (id integer PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE s.target PARTITION OF s.targets FOR VALUES FROM (0) TO (200);
	CREATE VIEW s.view AS SELECT id, k FROM s.plain;
	CREATE MATERIALIZED VIEW s.matview AS SELECT plain.id, parent.k FROM s.plain JOIN s.parent USING (id) WITH NO DATA;
	CREATE MATERIALIZED VIEW s.second AS SELECT * FROM s.matview WITH NO DATA;
	CREATE SEQUENCE s.seq;
	CREATE STATISTICS s.stats ON id, k FROM s.plain;
	CREATE PUBLICATION lock_table;
	CREATE FUNCTION s.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
	INSERT INTO s.parent SELECT i, i FROM generate_series(1, 100) i;
	INSERT INTO s.child SELECT i, i, i, i FROM generate_series(1, 100) i;
	INSERT INTO s.plain SELECT i, i FROM generate_series(1, 100) i;
	INSERT INTO s.targets SELECT i FROM generate_series(1, 199) i;
	INSERT INTO s.parts SELECT i, i FROM generate_series(1, 199) i;`

// lockTable says which locks the statements of a restore take: the strongest
// on each relation. It is the source of what tables.locks says.
var lockTable = []struct {
	name, sql, locks string
	since, until     int // versions; 0: any
}{
	{"COPY", "COPY s.plain FROM stdin\n500\t1\n",
		"plain ROW EXCLUSIVE", 0, 0},
	{"COPY with a foreign key", "COPY s.child FROM stdin\n500\t1\t1\t1\n",
		"child ROW EXCLUSIVE, child_id ROW SHARE, child_key ROW SHARE, child_self ROW SHARE, parent ROW SHARE, parent_pkey ROW SHARE", 0, 0},
	{"COPY a partition", "COPY s.leaf FROM stdin\n150\t1\n",
		"leaf ROW EXCLUSIVE, mid ACCESS SHARE, parts ACCESS SHARE", 0, 0},
	{"COPY by way of the root", "COPY s.parts FROM stdin\n150\t1\n",
		"leaf ROW EXCLUSIVE, mid ROW EXCLUSIVE, parts ROW EXCLUSIVE", 0, 0},
	{"TRUNCATE", "TRUNCATE ONLY s.plain",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"TRUNCATE, COPY FREEZE", "TRUNCATE ONLY s.plain; COPY s.plain FROM stdin WITH (FREEZE)\n500\t1\n",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"TRUNCATE a partition, COPY FREEZE", "TRUNCATE ONLY s.leaf; COPY s.leaf FROM stdin WITH (FREEZE)\n150\t1\n",
		"leaf ACCESS EXCLUSIVE, leaf_k ACCESS EXCLUSIVE, mid ACCESS SHARE, parts ACCESS SHARE", 0, 0},
	{"VACUUM", "VACUUM s.plain",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"ANALYZE", "ANALYZE s.plain",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"ANALYZE a partitioned table", "ANALYZE s.parts",
		"leaf SHARE UPDATE EXCLUSIVE, leaf_k ACCESS SHARE, low SHARE UPDATE EXCLUSIVE, low_k ACCESS SHARE, mid SHARE UPDATE EXCLUSIVE, parts SHARE UPDATE EXCLUSIVE, rest SHARE UPDATE EXCLUSIVE", 0, 0},
	{"CREATE INDEX", "CREATE INDEX i ON s.plain (k)",
		"i ACCESS EXCLUSIVE, plain SHARE", 0, 0},
	{"CREATE UNIQUE INDEX", "CREATE UNIQUE INDEX i ON s.plain (k)",
		"i ACCESS EXCLUSIVE, plain SHARE", 0, 0},
	{"CREATE INDEX on a partition", "CREATE INDEX i ON s.leaf (k)",
		"i ACCESS EXCLUSIVE, leaf SHARE", 0, 0},
	{"CREATE INDEX ON ONLY", "CREATE INDEX i ON ONLY s.parts (k)",
		"i ACCESS EXCLUSIVE, parts SHARE", 0, 0},
	{"CREATE INDEX on a materialized view", "CREATE INDEX i ON s.matview (k)",
		"i ACCESS EXCLUSIVE, matview SHARE", 0, 0},
	{"ALTER INDEX SET STATISTICS", "CREATE INDEX i ON s.plain ((k + 1)); ALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 10",
		"i ACCESS EXCLUSIVE, plain SHARE", 0, 0},
	{"ADD PRIMARY KEY", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c PRIMARY KEY (id)",
		"c ACCESS EXCLUSIVE, plain ACCESS EXCLUSIVE", 0, 0},
	{"ADD UNIQUE", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c UNIQUE (id)",
		"c ACCESS EXCLUSIVE, plain ACCESS EXCLUSIVE", 0, 0},
	{"ADD PRIMARY KEY, partitioned", "ALTER TABLE ONLY s.parts ADD CONSTRAINT c PRIMARY KEY (id)",
		"c ACCESS EXCLUSIVE, parts ACCESS EXCLUSIVE", 0, 0},
	{"ADD PRIMARY KEY, partition", "ALTER TABLE ONLY s.leaf ADD CONSTRAINT c PRIMARY KEY (id)",
		"c ACCESS EXCLUSIVE, leaf ACCESS EXCLUSIVE", 0, 0},
	{"ADD PRIMARY KEY USING INDEX", "ALTER TABLE ONLY s.child ADD CONSTRAINT child_key PRIMARY KEY USING INDEX child_key",
		"child ACCESS EXCLUSIVE, child_key ACCESS SHARE", 0, 0},
	{"ADD UNIQUE USING INDEX", "ALTER TABLE ONLY s.child ADD CONSTRAINT child_key UNIQUE USING INDEX child_key",
		"child ACCESS EXCLUSIVE, child_key ACCESS SHARE", 0, 0},
	{"ADD EXCLUDE", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c EXCLUDE USING btree (id WITH =)",
		"c ACCESS EXCLUSIVE, plain ACCESS EXCLUSIVE", 0, 0},
	{"ADD CHECK NOT VALID", "ALTER TABLE s.plain ADD CONSTRAINT c CHECK (k > 0) NOT VALID",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"ADD NOT NULL NOT VALID", "ALTER TABLE s.plain ADD CONSTRAINT c NOT NULL k NOT VALID",
		"plain ACCESS EXCLUSIVE", 18, 0},
	{"ADD FOREIGN KEY", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.parent (id)",
		"parent SHARE ROW EXCLUSIVE, parent_pkey ACCESS SHARE, plain SHARE ROW EXCLUSIVE", 0, 0},
	{"ADD FOREIGN KEY NOT VALID", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.parent (id) NOT VALID",
		"parent SHARE ROW EXCLUSIVE, plain SHARE ROW EXCLUSIVE", 0, 0},
	{"ADD FOREIGN KEY to itself NOT VALID", "ALTER TABLE ONLY s.child ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.child (id) NOT VALID",
		"child SHARE ROW EXCLUSIVE", 0, 0},
	{"VALIDATE a foreign key", "ALTER TABLE ONLY s.child VALIDATE CONSTRAINT to_parent",
		"child SHARE UPDATE EXCLUSIVE, child_id ACCESS SHARE, child_key ACCESS SHARE, child_self ACCESS SHARE, parent ROW SHARE, parent_pkey ACCESS SHARE", 0, 0},
	{"VALIDATE a foreign key to itself", "ALTER TABLE ONLY s.child VALIDATE CONSTRAINT to_self",
		"child SHARE UPDATE EXCLUSIVE, child_id ACCESS SHARE, child_key ACCESS SHARE, child_self ACCESS SHARE", 0, 0},
	{"VALIDATE CHECK", "ALTER TABLE s.child VALIDATE CONSTRAINT positive",
		"child SHARE UPDATE EXCLUSIVE", 0, 0},
	{"ADD FOREIGN KEY to a partitioned table", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.targets (id)",
		"plain SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, target_pkey ACCESS SHARE, targets SHARE ROW EXCLUSIVE", 0, 15},
	{"ADD FOREIGN KEY to a partitioned table", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.targets (id)",
		"plain SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, target_pkey ACCESS SHARE, targets SHARE ROW EXCLUSIVE, targets_pkey ACCESS SHARE", 16, 0},
	{"ADD FOREIGN KEY to a partitioned table NOT VALID", "ALTER TABLE ONLY s.plain ADD CONSTRAINT c FOREIGN KEY (k) REFERENCES s.targets (id) NOT VALID",
		"plain SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, targets SHARE ROW EXCLUSIVE", 0, 0},
	{"ADD FOREIGN KEY of a partitioned table", "ALTER TABLE s.parts ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES s.targets (id)",
		"leaf SHARE ROW EXCLUSIVE, leaf_k ACCESS SHARE, low SHARE ROW EXCLUSIVE, low_k ACCESS SHARE, mid SHARE ROW EXCLUSIVE, parts SHARE ROW EXCLUSIVE, rest SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, target_pkey ACCESS SHARE, targets SHARE ROW EXCLUSIVE", 0, 15},
	{"ADD FOREIGN KEY of a partitioned table", "ALTER TABLE s.parts ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES s.targets (id)",
		"leaf SHARE ROW EXCLUSIVE, leaf_k ACCESS SHARE, low SHARE ROW EXCLUSIVE, low_k ACCESS SHARE, mid SHARE ROW EXCLUSIVE, parts SHARE ROW EXCLUSIVE, rest SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, target_pkey ACCESS SHARE, targets SHARE ROW EXCLUSIVE, targets_pkey ACCESS SHARE", 16, 0},
	{"ADD FOREIGN KEY of a partitioned table NOT VALID", "ALTER TABLE s.parts ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES s.targets (id) NOT VALID",
		"leaf SHARE ROW EXCLUSIVE, low SHARE ROW EXCLUSIVE, mid SHARE ROW EXCLUSIVE, parts SHARE ROW EXCLUSIVE, rest SHARE ROW EXCLUSIVE, target SHARE ROW EXCLUSIVE, targets SHARE ROW EXCLUSIVE", 18, 0},
	{"ATTACH PARTITION", "ALTER TABLE ONLY s.parts ATTACH PARTITION s.loose FOR VALUES FROM (200) TO (300)",
		"loose ACCESS EXCLUSIVE, loose_k_idx ACCESS EXCLUSIVE, parts SHARE UPDATE EXCLUSIVE, parts_k SHARE UPDATE EXCLUSIVE, rest ACCESS EXCLUSIVE", 0, 0},
	{"INDEX ATTACH", "ALTER INDEX s.parts_k ATTACH PARTITION s.low_k",
		"low ACCESS SHARE, low_k ACCESS EXCLUSIVE, parts ACCESS SHARE, parts_k SHARE UPDATE EXCLUSIVE", 0, 0},
	{"INDEX ATTACH below one not attached", "ALTER INDEX s.mid_k ATTACH PARTITION s.leaf_k",
		"leaf ACCESS SHARE, leaf_k ACCESS EXCLUSIVE, mid ACCESS SHARE, mid_k SHARE UPDATE EXCLUSIVE", 0, 0},
	{"INDEX ATTACH of one not complete", "ALTER INDEX s.parts_k ATTACH PARTITION s.mid_k",
		"mid ACCESS SHARE, mid_k ACCESS EXCLUSIVE, parts ACCESS SHARE, parts_k SHARE UPDATE EXCLUSIVE", 0, 0},
	{"INDEX ATTACH that completes one", "ALTER INDEX s.parts_k ATTACH PARTITION s.mid_k; ALTER INDEX s.mid_k ATTACH PARTITION s.leaf_k",
		"leaf ACCESS SHARE, leaf_k ACCESS EXCLUSIVE, mid ACCESS SHARE, mid_k ACCESS EXCLUSIVE, parts ACCESS SHARE, parts_k SHARE UPDATE EXCLUSIVE", 0, 0},
	{"CLUSTER ON", "ALTER TABLE s.child CLUSTER ON child_id",
		"child SHARE UPDATE EXCLUSIVE, child_id SHARE UPDATE EXCLUSIVE", 0, 0},
	{"REPLICA IDENTITY", "ALTER TABLE ONLY s.child REPLICA IDENTITY USING INDEX child_id",
		"child ACCESS EXCLUSIVE, child_id SHARE", 0, 0},
	{"DEPENDS ON EXTENSION", "ALTER INDEX s.child_id DEPENDS ON EXTENSION plpgsql",
		"child_id ACCESS EXCLUSIVE", 0, 0},
	{"CREATE TRIGGER", "CREATE TRIGGER t BEFORE INSERT ON s.plain FOR EACH ROW EXECUTE FUNCTION s.trg()",
		"plain SHARE ROW EXCLUSIVE", 0, 0},
	{"CREATE TRIGGER on a partitioned table", "CREATE TRIGGER t BEFORE INSERT ON s.parts FOR EACH ROW EXECUTE FUNCTION s.trg()",
		"leaf SHARE ROW EXCLUSIVE, low SHARE ROW EXCLUSIVE, mid SHARE ROW EXCLUSIVE, parts SHARE ROW EXCLUSIVE, rest SHARE ROW EXCLUSIVE", 0, 0},
	{"CREATE CONSTRAINT TRIGGER", "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON s.plain FROM s.parent FOR EACH ROW EXECUTE FUNCTION s.trg()",
		"parent ACCESS SHARE, plain SHARE ROW EXCLUSIVE", 0, 0},
	{"DISABLE TRIGGER", "ALTER TABLE s.plain DISABLE TRIGGER ALL",
		"plain SHARE ROW EXCLUSIVE", 0, 0},
	{"CREATE RULE", "CREATE RULE r AS ON INSERT TO s.plain DO ALSO INSERT INTO s.parent VALUES (new.id)",
		"parent ROW EXCLUSIVE, plain ACCESS EXCLUSIVE", 0, 0},
	{"CREATE OR REPLACE VIEW", "CREATE OR REPLACE VIEW s.view AS SELECT plain.id, parent.k FROM s.plain JOIN s.parent USING (id)",
		"parent ACCESS SHARE, plain ACCESS SHARE, view ACCESS EXCLUSIVE", 0, 0},
	{"CREATE POLICY", "CREATE POLICY p ON s.plain USING (k IN (SELECT id FROM s.parent))",
		"parent ACCESS SHARE, plain ACCESS EXCLUSIVE", 0, 0},
	{"ENABLE ROW LEVEL SECURITY", "ALTER TABLE s.plain ENABLE ROW LEVEL SECURITY",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"CREATE STATISTICS", "CREATE STATISTICS s.st ON id, k FROM s.plain",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"ALTER STATISTICS SET STATISTICS", "ALTER STATISTICS s.stats SET STATISTICS 10",
		"", 0, 0},
	{"COMMENT ON TABLE", "COMMENT ON TABLE s.plain IS 'c'",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"COMMENT ON COLUMN", "COMMENT ON COLUMN s.plain.k IS 'c'",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"COMMENT ON VIEW", "COMMENT ON VIEW s.view IS 'c'",
		"view SHARE UPDATE EXCLUSIVE", 0, 0},
	{"COMMENT ON INDEX", "COMMENT ON INDEX s.child_id IS 'c'",
		"child_id SHARE UPDATE EXCLUSIVE", 0, 0},
	{"COMMENT ON CONSTRAINT", "COMMENT ON CONSTRAINT to_parent ON s.child IS 'c'",
		"child ACCESS SHARE", 0, 0},
	{"COMMENT ON STATISTICS", "COMMENT ON STATISTICS s.stats IS 'c'",
		"", 0, 0},
	{"SET DEFAULT", "ALTER TABLE ONLY s.plain ALTER COLUMN k SET DEFAULT nextval('s.seq')",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"OWNED BY", "ALTER SEQUENCE s.seq OWNED BY s.plain.k",
		"plain ACCESS SHARE, seq SHARE ROW EXCLUSIVE", 0, 0},
	{"setval", "SELECT pg_catalog.setval('s.seq', 7, true)",
		"seq ROW EXCLUSIVE", 0, 0},
	{"REFRESH", "REFRESH MATERIALIZED VIEW s.matview",
		"matview ACCESS EXCLUSIVE, parent ACCESS SHARE, parent_pkey ACCESS SHARE, plain ACCESS SHARE", 0, 0},
	{"REFRESH one that reads another", "REFRESH MATERIALIZED VIEW s.matview; REFRESH MATERIALIZED VIEW s.second",
		"matview ACCESS EXCLUSIVE, parent ACCESS SHARE, parent_pkey ACCESS SHARE, plain ACCESS SHARE, second ACCESS EXCLUSIVE", 0, 0},
	{"PUBLICATION ADD TABLE", "ALTER PUBLICATION lock_table ADD TABLE ONLY s.plain",
		"plain SHARE UPDATE EXCLUSIVE", 0, 0},
	{"PUBLICATION ADD TABLES IN SCHEMA", "ALTER PUBLICATION lock_table ADD TABLES IN SCHEMA s",
		"", 15, 0},
	{"GRANT", "GRANT SELECT ON s.plain TO public",
		"", 0, 17},
	{"GRANT", "GRANT SELECT ON s.plain TO public",
		"plain ACCESS SHARE", 18, 0},
	{"OWNER TO", "ALTER TABLE s.plain OWNER TO pg_database_owner",
		"plain ACCESS EXCLUSIVE", 0, 0},
	{"pg_restore_relation_stats", "SELECT pg_catalog.pg_restore_relation_stats('schemaname', 's', 'relname', 'plain', 'relpages', 1)",
		"plain SHARE UPDATE EXCLUSIVE", 18, 0},
	{"pg_restore_relation_stats of an index", "SELECT pg_catalog.pg_restore_relation_stats('schemaname', 's', 'relname', 'child_id', 'relpages', 1)",
		"child SHARE UPDATE EXCLUSIVE, child_id SHARE UPDATE EXCLUSIVE", 18, 0},
	{"pg_restore_attribute_stats", "SELECT pg_catalog.pg_restore_attribute_stats('schemaname', 's', 'relname', 'plain', 'attname', 'k', 'inherited', false, 'null_frac', 0.5::real)",
		"plain SHARE UPDATE EXCLUSIVE", 18, 0},
}
