package restore

import (
	"context"
	"slices"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Autovacuum finds the tables that a restore has just filled, and analyzes
// them: of each, up to 30,000 pages from all over. On a slow volume that takes
// most of the reads there are, and drives what the index builds work on out of
// the cache: a GIN index that takes 47 s by itself took 400 s beside it and the
// other builds. So it is put off until the restore is over, as far as that is
// possible without changing anything: a worker of autovacuum gives up its table
// when somebody waits for a lock on it (ProcSleep in
// src/backend/storage/lmgr/proc.c), and comes back after autovacuum_naptime. One
// that prevents wraparound does not give up.

// autovacuumQuery finds the tables that autovacuum works on, and nobody waits
// for. Roles that may not see others' sessions find none; nor does anybody where
// it would take long to be heard, with our own steps waiting behind.
const autovacuumQuery = `SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_locks l
	JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid AND a.backend_type = 'autovacuum worker' AND a.datname = pg_catalog.current_database()
	JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind = 'r' JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE l.mode = 'ShareUpdateExclusiveLock' AND l.granted
		AND (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout') <= 3000
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks o WHERE o.relation = l.relation AND o.database = l.database AND NOT o.granted)`

// tablesMade returns the tables that a plan makes.
func (p *Plan) tablesMade() map[Relation]bool {
	made := make(map[Relation]bool)
	for _, s := range p.Steps {
		if s.Action == ActionCreate && s.Entry.Kind == toc.Table {
			made[relationOf(s.Entry)] = true
		}
	}
	return made
}

// putOffAutovacuum ends what autovacuum is doing to tables that the restore has
// made. Those that the role may not lock it takes out of the set.
func (w *work) putOffAutovacuum(ctx context.Context, s *session, made map[Relation]bool) {
	if !w.opts.has(RewriteAutovacuum) || serverVersion(s.conn) < 100000 {
		return
	}
	rows, err := s.query(ctx, asLogin+autovacuumQuery)
	if err != nil {
		return
	}
	rows = slices.DeleteFunc(rows, func(r []string) bool { return !made[Relation{r[0], r[1]}] })
	for _, r := range rows {
		// The worker is told once deadlock_timeout is over.
		err := s.exec(ctx, `BEGIN; SELECT pg_catalog.set_config('lock_timeout', (setting::int + 300)::text, true) FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout';
			LOCK TABLE ONLY `+script.Qualified(r[0], r[1])+` IN SHARE UPDATE EXCLUSIVE MODE; ROLLBACK`)
		if isPrivilege(err) {
			delete(made, Relation{r[0], r[1]})
		}
		if err != nil && !s.lost() {
			_ = s.exec(ctx, "ROLLBACK")
		}
	}
}
