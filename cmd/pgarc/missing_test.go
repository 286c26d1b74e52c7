package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// A loss takes something from a database.
type loss struct {
	name, sql string
	want      string // what is missing then
	want18    string // … in PostgreSQL 18, where that differs
}

// losses are statements that take something from a restored murmur database,
// and all that pgarc diff -d then names.
var losses = []loss{
	{name: "story", sql: `
		ALTER TABLE statuses DROP CONSTRAINT fk_rails_256483a9ab;
		DROP INDEX index_statuses_20190820;
		DROP TRIGGER touch ON statuses;
		DROP FUNCTION atomic_sum(integer, integer);
		REVOKE SELECT ON accounts FROM "Murmur Reader";
		COMMENT ON TABLE statuses IS NULL;
		DROP VIEW public_statuses`, want: `
DEFAULT public.public_statuses.visibility
FUNCTION public.atomic_sum(integer, integer)
VIEW public.public_statuses
FK CONSTRAINT public.statuses.fk_rails_256483a9ab
INDEX public.index_statuses_20190820
TRIGGER public.public_statuses.ins_public_status
TRIGGER public.statuses.touch
ACL public.TABLE accounts: no SELECT for Murmur Reader
ACL public.TABLE public_statuses
COMMENT public.COLUMN public_statuses.text
COMMENT public.CONSTRAINT fk_rails_256483a9ab ON statuses
COMMENT public.INDEX index_statuses_20190820
COMMENT public.TABLE statuses
COMMENT public.TRIGGER touch ON statuses
COMMENT public.VIEW public_statuses`},
	{name: "table", sql: `DROP TABLE tags CASCADE`, want: `
DEFAULT public.tags.id
SEQUENCE public.tags_id_seq
SEQUENCE OWNED BY public.tags_id_seq
TABLE public.tags
SEQUENCE SET public.tags_id_seq: the sequence is missing
TABLE DATA public.tags: the table is missing
CONSTRAINT public.tags.tags_pkey
FK CONSTRAINT public.featured_tags.fk_rails_23a9055c7c
FK CONSTRAINT public.statuses_tags.fk_rails_623fc2c83d
INDEX public.index_tags_on_display_name
INDEX public.index_tags_on_name_c
INDEX public.index_tags_on_name_lower_btree
PUBLICATION TABLE public.murmur_pub.tags
RULE public.tags.log_tag_delete
TRIGGER public.tags.Mixed "trigger"
ACL public.TABLE tags
COMMENT public.RULE log_tag_delete ON tags`, want18: `
DEFAULT public.tags.id
SEQUENCE public.tags_id_seq
SEQUENCE OWNED BY public.tags_id_seq
TABLE public.tags
SEQUENCE SET public.tags_id_seq: the sequence is missing
TABLE DATA public.tags: the table is missing
CHECK CONSTRAINT public.tags.tags_score_hint
CONSTRAINT public.tags.tags_display_known
CONSTRAINT public.tags.tags_pkey
FK CONSTRAINT public.featured_tags.fk_rails_23a9055c7c
FK CONSTRAINT public.statuses_tags.fk_rails_623fc2c83d
INDEX public.index_tags_on_display_name
INDEX public.index_tags_on_name_c
INDEX public.index_tags_on_name_lower_btree
PUBLICATION TABLE public.murmur_pub.tags
RULE public.tags.log_tag_delete
TRIGGER public.tags.Mixed "trigger"
ACL public.TABLE tags
COMMENT public.RULE log_tag_delete ON tags`},
	{name: "two tables with rows", sql: `DROP TABLE polls, bookings CASCADE`, want: `
DEFAULT public.bookings.id
DEFAULT public.polls.id
SEQUENCE public.bookings_id_seq
SEQUENCE public.polls_id_seq
SEQUENCE OWNED BY public.bookings_id_seq
SEQUENCE OWNED BY public.polls_id_seq
TABLE public.bookings
TABLE public.polls
SEQUENCE SET public.bookings_id_seq: the sequence is missing
SEQUENCE SET public.polls_id_seq: the sequence is missing
TABLE DATA public.bookings: the table is missing
TABLE DATA public.polls: the table is missing
CONSTRAINT public.bookings.bookings_pkey
CONSTRAINT public.bookings.no_two_at_once
CONSTRAINT public.polls.polls_pkey
FK CONSTRAINT public.poll_votes.fk_rails_a6e6974b7e
FK CONSTRAINT public.polls.fk_rails_3e0d9f1115
FK CONSTRAINT public.polls.fk_rails_5b19a0c011
COMMENT public.CONSTRAINT "enough options, isn't it?" ON polls`},
	{name: "default", sql: `ALTER TABLE blocks ALTER id DROP DEFAULT`, want: `
DEFAULT public.blocks.id`},
	{name: "policy and row security", sql: `DROP POLICY read_public ON statuses; ALTER TABLE users DISABLE ROW LEVEL SECURITY`, want: `
POLICY public.statuses.read_public
ROW SECURITY public.users
COMMENT public.POLICY read_public ON statuses`},
	{name: "publications", sql: `ALTER PUBLICATION murmur_pub DROP TABLE tags; ALTER PUBLICATION schema_pub DROP TABLES IN SCHEMA ext_things; DROP PUBLICATION "Every Thing"`, want: `
PUBLICATION Every Thing
PUBLICATION TABLE public.murmur_pub.tags
PUBLICATION TABLES IN SCHEMA ext_things.schema_pub.ext_things`},
	{name: "attached index", sql: `DROP INDEX index_events_on_account_id`, want: `
INDEX ext_things.events 2024 Oct_account_id_idx
INDEX ext_things.events_2024_q4_account_id_idx
INDEX ext_things.events_2024_q4_rest_account_id_idx
INDEX public.events_2024_q1_account_id_idx
INDEX public.events_2024_q2_account_id_idx
INDEX public.events_2024_q3_account_id_idx
INDEX public.index_events_on_account_id
INDEX ATTACH ext_things.events 2024 Oct_account_id_idx
INDEX ATTACH ext_things.events_2024_q4_account_id_idx
INDEX ATTACH ext_things.events_2024_q4_rest_account_id_idx
INDEX ATTACH public.events_2024_q1_account_id_idx
INDEX ATTACH public.events_2024_q2_account_id_idx
INDEX ATTACH public.events_2024_q3_account_id_idx`},
	{name: "partition", sql: `ALTER TABLE deliveries DETACH PARTITION deliveries_0`, want: `
TABLE ATTACH public.deliveries_0
INDEX ATTACH public.deliveries_0_pkey`},
	{name: "dropped partition", sql: `DROP TABLE deliveries_1`, want: `
TABLE public.deliveries_1
TABLE ATTACH public.deliveries_1
TABLE DATA public.deliveries_1: the table is missing
CONSTRAINT public.deliveries_1.deliveries_1_pkey
INDEX ATTACH public.deliveries_1_pkey`},
	{name: "owned sequences", sql: `ALTER SEQUENCE blocks_id_seq OWNED BY NONE; ALTER SEQUENCE mutes_id_seq RESTART`, want: `
SEQUENCE OWNED BY public.blocks_id_seq
SEQUENCE SET public.mutes_id_seq: the sequence was never used`},
	{name: "large objects", sql: `SELECT lo_unlink(70003), lo_unlink(70002)`, want: `
BLOB 70002
BLOB 70003
BLOBS BLOBS: 2 of 5 large objects
COMMENT LARGE OBJECT 70003`, want18: `
BLOB METADATA 70002..70004: 1 of 2 large objects
BLOB METADATA 70003: 1 of 1 large objects
BLOBS 70002..70004: 1 of 2 large objects
BLOBS 70003: 1 of 1 large objects
COMMENT LARGE OBJECT 70003`},
	{name: "rows", sql: `TRUNCATE mentions; ALTER TABLE mentions DISABLE TRIGGER count_them; ALTER TABLE mentions ENABLE TRIGGER count_them`, want: `
TABLE DATA public.mentions: the table is empty`},
	{name: "grants", sql: `
		GRANT EXECUTE ON FUNCTION timestamp_id(text) TO PUBLIC;
		REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION timestamp_id(text) FROM murmur_app;
		REVOKE SELECT (email) ON users FROM PUBLIC;
		REVOKE USAGE ON SCHEMA public FROM murmur_app;
		REVOKE ALL ON SEQUENCE lonely_seq FROM murmur_app;
		REVOKE ALL ON LARGE OBJECT 70001 FROM murmur_app;
		REVOKE ALL ON FOREIGN SERVER files FROM murmur_app;
		ALTER DEFAULT PRIVILEGES FOR ROLE murmur_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
		ALTER DEFAULT PRIVILEGES FOR ROLE murmur_owner IN SCHEMA public REVOKE SELECT ON TABLES FROM "Murmur Reader"`, want: `
DEFAULT ACL DEFAULT PRIVILEGES FOR FUNCTIONS: EXECUTE for PUBLIC not revoked
DEFAULT ACL public.DEFAULT PRIVILEGES FOR TABLES: no SELECT for Murmur Reader
ACL FOREIGN SERVER files: no USAGE for murmur_app
ACL LARGE OBJECT 70001: no SELECT for murmur_app
ACL SCHEMA public: no USAGE for murmur_app
ACL public.COLUMN users.email: no SELECT (email) for PUBLIC
ACL public.FUNCTION timestamp_id(table_name text): EXECUTE for PUBLIC not revoked, no grant option for EXECUTE for murmur_app
ACL public.SEQUENCE lonely_seq: no SELECT for murmur_app, no USAGE for murmur_app`},
	{name: "comments", sql: `
		COMMENT ON COLUMN statuses.text IS NULL; COMMENT ON CAST (geo_point AS text) IS NULL; COMMENT ON PROCEDURE purge(int, interval) IS NULL;
		COMMENT ON OPERATOR ===(geo_point, geo_point) IS NULL; COMMENT ON CONSTRAINT handle_length ON DOMAIN handle IS NULL;
		COMMENT ON LARGE OBJECT 70003 IS NULL; COMMENT ON AGGREGATE longest(text) IS NULL; COMMENT ON OPERATOR CLASS geo_ops USING btree IS NULL`, want: `
COMMENT CAST (public.geo_point AS text)
COMMENT LARGE OBJECT 70003
COMMENT public.AGGREGATE longest(text)
COMMENT public.COLUMN statuses.text
COMMENT public.CONSTRAINT handle_length ON DOMAIN handle
COMMENT public.OPERATOR === (public.geo_point, public.geo_point)
COMMENT public.OPERATOR CLASS geo_ops USING btree
COMMENT public.PROCEDURE purge(INOUT n integer, IN older interval)`},
	{name: "types and operators", sql: `DROP OPERATOR FAMILY geo_family USING btree CASCADE; DROP TYPE empty_enum; DROP CAST (status_visibility AS bytea);
		DROP AGGREGATE my_percentile(float8 ORDER BY float8); DROP CONVERSION murmur_conv`, want: `
AGGREGATE public.my_percentile(double precision, double precision)
CAST CAST (public.status_visibility AS bytea)
CONVERSION public.murmur_conv
OPERATOR CLASS public.geo_ops
OPERATOR FAMILY public.geo_family
TYPE public.empty_enum
COMMENT public.OPERATOR CLASS geo_ops USING btree`},
	{name: "everything else", sql: `
		DROP TEXT SEARCH CONFIGURATION murmur_search; DROP TEXT SEARCH TEMPLATE murmur_template; DROP USER MAPPING FOR murmur_app SERVER "Other Server";
		DROP EVENT TRIGGER "note drop"; DROP STATISTICS "expr stats"; DROP RULE log_tag_delete ON tags; DROP PROCEDURE purge(int, interval);
		DROP EXTENSION pg_trgm CASCADE; DROP MATERIALIZED VIEW instances CASCADE; DROP FOREIGN TABLE remote_statuses; DROP ACCESS METHOD second_heap CASCADE`, want: `
ACCESS METHOD second_heap
EXTENSION pg_trgm
FOREIGN TABLE public.remote_statuses
MATERIALIZED VIEW public.instance_totals
MATERIALIZED VIEW public.instances
PROCEDURE public.purge(integer, interval)
TABLE public.on_second_heap
TEXT SEARCH CONFIGURATION public.murmur_search
TEXT SEARCH TEMPLATE public.murmur_template
USER MAPPING USER MAPPING murmur_app SERVER Other Server
TABLE DATA public.on_second_heap: the table is missing
EVENT TRIGGER note drop
INDEX public.index_accounts_on_display_name_trgm
INDEX public.index_instances_on_domain
INDEX public.index_statuses_on_text_trgm
MATERIALIZED VIEW DATA public.instances
RULE public.tags.log_tag_delete
STATISTICS public.expr stats
ACL public.PROCEDURE purge(INOUT n integer, IN older interval)
COMMENT ACCESS METHOD second_heap
COMMENT EXTENSION pg_trgm
COMMENT public.FOREIGN TABLE remote_statuses
COMMENT public.PROCEDURE purge(INOUT n integer, IN older interval)
COMMENT public.RULE log_tag_delete ON tags
COMMENT public.TEXT SEARCH CONFIGURATION murmur_search`},
	{name: "materialized view data", sql: `REFRESH MATERIALIZED VIEW card_counts WITH NO DATA`, want: `
MATERIALIZED VIEW DATA public.card_counts`},
	{name: "loop of views", sql: `DROP FUNCTION first_card() CASCADE`, want: `
FUNCTION public.first_card()
VIEW public.first_card_view`},
	{name: "partitioned partition", sql: `ALTER TABLE event_notes DROP CONSTRAINT IF EXISTS event_notes_event_fk, DROP CONSTRAINT IF EXISTS event_notes_event_id_occurred_at_fkey;
		DROP TABLE ext_things.events_2024_q4; DROP TABLE events_2024_q1`, want: `
TABLE ext_things.events 2024 Oct
TABLE ext_things.events_2024_q4
TABLE ext_things.events_2024_q4_rest
TABLE public.events_2024_q1
TABLE ATTACH ext_things.events 2024 Oct
TABLE ATTACH ext_things.events_2024_q4
TABLE ATTACH ext_things.events_2024_q4_rest
TABLE ATTACH public.events_2024_q1
TABLE DATA ext_things.events 2024 Oct: the table is missing
TABLE DATA ext_things.events_2024_q4_rest: the table is missing
TABLE DATA public.events_2024_q1: the table is missing
CONSTRAINT ext_things.events 2024 Oct.events 2024 Oct_pkey
CONSTRAINT ext_things.events_2024_q4.events_2024_q4_pkey
CONSTRAINT ext_things.events_2024_q4_rest.events_2024_q4_rest_pkey
CONSTRAINT public.events_2024_q1.events_2024_q1_pkey
FK CONSTRAINT public.event_notes.event_notes_event_fk
INDEX ext_things.events 2024 Oct_account_id_idx
INDEX ext_things.events_2024_q4_account_id_idx
INDEX ext_things.events_2024_q4_rest_account_id_idx
INDEX public.events_2024_q1_account_id_idx
INDEX public.q1_kind
INDEX ATTACH ext_things.events 2024 Oct_account_id_idx
INDEX ATTACH ext_things.events 2024 Oct_pkey
INDEX ATTACH ext_things.events_2024_q4_account_id_idx
INDEX ATTACH ext_things.events_2024_q4_pkey
INDEX ATTACH ext_things.events_2024_q4_rest_account_id_idx
INDEX ATTACH ext_things.events_2024_q4_rest_pkey
INDEX ATTACH public.events_2024_q1_account_id_idx
INDEX ATTACH public.events_2024_q1_pkey
INDEX ATTACH public.q1_kind`},
}

// lacks returns what pgarc diff -d names, a line each.
func lacks(t *testing.T, s *pgscratch.Server, path, db string, more ...string) []string {
	t.Helper()
	out, stderr, status := runArgs(t, append([]string{"diff", path, "-d", s.ConnString(db)}, more...)...)
	var names []string
	for line := range strings.Lines(out) {
		if presence, rest, ok := strings.Cut(line, "  "); ok && (presence == "missing" || presence == "incomplete") {
			names = append(names, strings.TrimSpace(rest))
		}
	}
	if want := min(len(names), 1); status != want || strings.Contains(stderr, "pgarc: error") {
		t.Fatalf("diff -d: exit status %d, want %d; stderr:\n%s\nstdout:\n%s", status, want, stderr, out)
	}
	return names
}

// TestMissing drops things from a restored database, and expects diff -d to
// name exactly these, restore --missing to bring exactly these back, and a
// second run to find nothing to do.
func TestMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, name := range []string{"15/c-gzip", "18/c-gzip"} {
		t.Run(name, func(t *testing.T) {
			f := fixtures.Get(t, name)
			s := serverFor(t, f)
			describe := dumpLines
			if s.Binaries().Major > scratchtest.Server(t).Binaries().Major {
				describe = catalogLines
			}
			db := scratchtest.Database(t, s)
			runArgs(t, "restore", f.Path, "-d", s.ConnString(db), "-q")
			if names := lacks(t, s, f.Path, db); len(names) > 0 {
				t.Fatalf("missing after a restore: %q", names)
			}
			before := describe(t, s, db)
			for _, l := range losses {
				t.Run(l.name, func(t *testing.T) {
					ask(t, s, db, "SET client_min_messages = error; "+l.sql)
					got := lacks(t, s, f.Path, db)
					want := strings.Split(strings.TrimSpace(l.want), "\n")
					if l.want18 != "" && f.Major == "18" {
						want = strings.Split(strings.TrimSpace(l.want18), "\n")
					}
					if !slices.Equal(got, want) {
						t.Errorf("diff -d names\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
					_, stderr, status := runArgs(t, "restore", f.Path, "-d", s.ConnString(db), "--missing")
					if status != exitOK {
						t.Errorf("restore --missing: exit status %d\n%s", status, stderr)
					}
					after := describe(t, s, db)
					gone, more := minus(before, after), minus(after, before)
					// The archive has an index of a partitioned table that only
					// some partitions have; what is attached gets it.
					more = slices.DeleteFunc(more, func(line string) bool {
						return line == "" || line == "--" || l.name == "partitioned partition" && strings.Contains(line, "_kind_occurred_at_idx")
					})
					if len(gone)+len(more) > 0 {
						t.Errorf("not as before\ngone:\n%s\nmore:\n%s", strings.Join(gone, "\n"), strings.Join(more, "\n"))
					}
					_, stderr, status = runArgs(t, "restore", f.Path, "-d", s.ConnString(db), "--missing")
					if status != exitOK || !strings.Contains(stderr, "nothing to do") {
						t.Errorf("second restore --missing: exit status %d\n%s", status, stderr)
					}
				})
			}
		})
	}
}
