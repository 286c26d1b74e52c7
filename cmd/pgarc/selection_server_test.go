package main

import (
	"strings"
	"testing"

	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
)

// everything lists what a database has beyond a new one, extension members
// aside: a line for each object, comment and grant.
const everything = `
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
listed AS (
  SELECT 'extension ' || extname AS line FROM pg_extension WHERE extname <> 'plpgsql'
  UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$|^public$'
  UNION ALL SELECT CASE relkind WHEN 'r' THEN 'table ' WHEN 'p' THEN 'partitioned table ' WHEN 'i' THEN 'index '
      WHEN 'I' THEN 'partitioned index ' WHEN 'S' THEN 'sequence ' WHEN 'c' THEN 'row type ' WHEN 'v' THEN 'view ' ELSE relkind::text || ' ' END
      || c.oid::regclass || CASE WHEN relrowsecurity THEN ', row security' ELSE '' END
    FROM pg_class c WHERE c.oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
  UNION ALL SELECT 'type ' || typtype::text || ' ' || t.oid::regtype FROM pg_type t
    WHERE t.oid >= 16384 AND typtype IN ('d', 'e', 'r')
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_type'::regclass AND objid = t.oid)
  UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p WHERE p.oid >= 16384
    AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'i')
  UNION ALL SELECT 'constraint ' || conname || ' of ' || COALESCE(NULLIF(conrelid, 0)::regclass::text, contypid::regtype::text)
    || ', ' || contype::text || COALESCE(' to ' || NULLIF(confrelid, 0)::regclass, '')
    FROM pg_constraint c WHERE c.oid >= 16384 AND contype <> 'n'
  UNION ALL SELECT 'default of ' || adrelid::regclass || '.' || attname || ': ' || pg_get_expr(adbin, adrelid) FROM pg_attrdef
    JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE pg_get_expr(adbin, adrelid) LIKE '%(%'
  UNION ALL SELECT 'trigger ' || tgname || ' of ' || tgrelid::regclass || ', ' || tgfoid::regproc FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'policy ' || polname || ' of ' || polrelid::regclass FROM pg_policy
  UNION ALL SELECT 'rule ' || rulename || ' of ' || ev_class::regclass FROM pg_rewrite WHERE oid >= 16384
  UNION ALL SELECT 'publication ' || pubname FROM pg_publication
  UNION ALL SELECT 'owned ' || objid::regclass || ' by ' || refobjid::regclass || ' column ' || refobjsubid
    FROM pg_depend WHERE deptype IN ('a', 'i') AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
    AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'S')
  UNION ALL SELECT 'comment on ' || pg_describe_object(classoid, objoid, objsubid) FROM pg_description d WHERE objoid >= 16384
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = d.classoid AND m.objid = d.objoid)
  UNION ALL SELECT 'grants on ' || oid::regclass || ': ' || replace(relacl::text, 'arwdDxtm', 'arwdDxt') FROM pg_class WHERE oid >= 16384 AND relacl IS NOT NULL
  UNION ALL SELECT 'grants on ' || oid::regprocedure || ': ' || proacl::text FROM pg_proc WHERE oid >= 16384 AND proacl IS NOT NULL
  UNION ALL SELECT 'grants on ' || oid::regtype || ': ' || typacl::text FROM pg_type WHERE oid >= 16384 AND typacl IS NOT NULL AND typname = 'geo_point'
)
SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") || E'\n' FROM listed`

// accountsAlone is all that --with-dependents makes for accounts of the murmur
// database.
const accountsAlone = `comment on constraint handle_length
comment on extension pg_trgm
comment on function timestamp_id(text)
comment on type handle
constraint accounts_pkey of accounts, p
constraint accounts_sane_size of accounts, c
constraint fk_rails_2320833084 of accounts, f to accounts
constraint handle_length of handle, c
constraint handle_shape of handle, c
default of accounts.id: timestamp_id('accounts'::text)
extension pg_trgm
function timestamp_id(text)
function touch_updated_at()
grants on accounts: {postgres=arwdDxt/postgres,murmur_app=arwd/postgres,"\"Murmur Reader\"=r*/postgres"}
grants on geo_point: {postgres=U/postgres}
grants on timestamp_id(text): {murmur_owner=X/murmur_owner,murmur_app=X*/murmur_owner}
index accounts_pkey
index index_accounts_on_display_name_trgm
index index_accounts_on_domain_and_id
index index_accounts_on_fields
index index_accounts_on_moved_to_account_id
index index_accounts_on_uri
index index_accounts_on_url
index index_accounts_on_username_and_domain_lower
index search_index
owned accounts_id_seq by accounts column 1
row type geo_point
sequence accounts_id_seq
table accounts
trigger touch of accounts, touch_updated_at
type d handle
type r time_window
`

// TestRestoreTableThatWorks restores one table with all that it needs and has
// into an empty database, and uses it.
func TestRestoreTableThatWorks(t *testing.T) {
	archive := fixtures.Get(t, "15/c-gzip")
	for _, version := range []string{"15", "18"} {
		t.Run("server "+version, func(t *testing.T) {
			s := serverFor(t, fixtures.Fixture{Major: version})
			database := scratchtest.Database(t, s)
			_, stderr, status := runArgs(t, "restore", archive.Path, "-d", s.ConnString(database), "-t", "accounts", "--with-dependents")
			if status != exitOK || !strings.Contains(stderr, " 0 failed, 0 skipped") {
				t.Fatalf("exit status %d, stderr:\n%s", status, stderr)
			}
			if got := ask(t, s, database, everything); got != accountsAlone {
				t.Errorf("the database has\n%s\nwant\n%s", got, accountsAlone)
			}
			// The sequence goes on where it was; default, trigger and key work.
			if got := ask(t, s, database, useAccounts); got != "t|t|t|t" {
				t.Errorf("the table does not work: id from the default, row kept, trigger fired, key holds: %s", got)
			}
		})
	}
}

const useAccounts = `
CREATE TEMP TABLE before AS SELECT last_value + is_called::int AS next, count(*) AS n FROM accounts_id_seq, accounts GROUP BY 1;
SET search_path = public;
INSERT INTO accounts (username, created_at, updated_at) VALUES ('newcomer', '2001-01-01', '2001-01-01');
UPDATE accounts SET note = 'changed' WHERE username = 'newcomer';
DO $$ BEGIN
  UPDATE accounts SET moved_to_account_id = 1 WHERE username = 'newcomer';
  RAISE 'no key';
EXCEPTION WHEN foreign_key_violation THEN
  UPDATE accounts SET display_name = 'held' WHERE username = 'newcomer';
END $$;
SELECT concat_ws('|', a.id > 0 AND s.is_called AND s.last_value = b.next, (SELECT count(*) FROM accounts) = b.n + 1,
  a.updated_at > '2020-01-01', a.display_name = 'held')
FROM accounts a, accounts_id_seq s, before b WHERE username = 'newcomer'`

// TestRestoreSelections restores selections of the murmur database into empty
// ones: nothing may fail for want of something.
func TestRestoreSelections(t *testing.T) {
	archive := fixtures.Get(t, "15/c-gzip")
	s := serverFor(t, archive)
	for _, args := range []string{
		// Of one index of statuses a function needs the extension unaccent, but
		// in its text alone, of which the archive says nothing.
		"-t statuses --with-dependents --exclude-index index_statuses_on_text_trgm",
		"-t users --with-deps",
		"-t events_2024_q1 --with-dependents",
		"-n ext_things --with-dependents",
		"-t account_cards -t instance* --with-deps",
		"-t identities -t MixedCase -t tags --with-dependents",
		"-I index_accounts* --with-deps",
		"-T touch --with-deps",
		"-P first_card -P *geo* --with-deps",
		"--exclude-table accounts --exclude-type view,matview,rule,policy,event-trigger --exclude-function first_card",
		"--exclude-table events* --exclude-table ext_things.events* --exclude-table event_notes",
		"--exclude-table-data * --exclude-type fk,trigger",
	} {
		t.Run(args, func(t *testing.T) {
			words := append([]string{"restore", archive.Path, "-d", s.ConnString(scratchtest.Database(t, s))}, strings.Fields(args)...)
			_, stderr, status := runArgs(t, words...)
			if status != exitOK || !strings.Contains(stderr, " 0 failed, 0 skipped") {
				t.Errorf("exit status %d, stderr:\n%s", status, stderr)
			}
		})
	}
}
