package restore

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// A Wait is what the server says that one of its processes is doing.
type Wait struct {
	Event     string   // what it waits for, as "IO: DataFileRead"; empty: it is at work
	BlockedBy []uint32 // processes whose locks it waits for
	Phase     string   // of an index build, as "building index: scanning table"
	Portion   float64  // of that phase, 0 to 1; negative if unknown

	query string // when the server began with what it does, as it writes it
}

// watchEvery is how often the server is asked.
const watchEvery = 2 * time.Second

// keeper is a connection that does no work. It holds the lock of the journal:
// a server notices at once that the client of an idle session is gone, and
// only late that of a busy one. And it can ask what the others are doing.
type keeper struct {
	session *session
	journal *journal             // nil: none
	locked  bool                 // the session holds the lock
	former  uint32               // the process that held it last
	seen    map[uint32]*position // quick steps that processes were at when last looked
}

// keep watches over the sessions of a restore until ctx is done. It connects
// anew when its own is lost.
func (w *work) keep(ctx context.Context, k *keeper) {
	defer func() {
		if k.session != nil {
			k.session.close()
		}
	}()
	made := w.plan.tablesMade()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if k.session == nil || k.session.lost() {
			k.locked = false
			if k.session, _ = w.connect(ctx); k.session == nil {
				continue
			}
		}
		if k.journal != nil && !k.locked {
			w.lockAgain(ctx, k)
		}
		if k.journal != nil {
			_ = k.journal.estimate(ctx, k.session, time.Duration(w.left.Load()))
		}
		w.putOffAutovacuum(ctx, k.session, made)
		waits, err := k.session.waits(ctx, w.pids())
		if err != nil {
			continue
		}
		w.noteHeldUp(ctx, k, waits)
		select {
		case w.waits <- waits:
		case <-ctx.Done():
			return
		}
	}
}

// noteHeldUp notes in the journal the quick steps that take long after all, as
// those that wait for somebody's lock: so that they, too, can be seen and
// cancelled from outside. Others are noted before they begin. Of several in one
// message nobody knows which it is, so they are taken apart: cancelled, and
// done again one by one.
func (w *work) noteHeldUp(ctx context.Context, k *keeper, waits map[uint32]Wait) {
	seen := make(map[uint32]*position)
	for _, slot := range w.slots {
		pid, at := slot.pid.Load(), slot.at.Load()
		wait, active := waits[pid]
		if !active || at == nil || !at.step.Quick {
			continue
		}
		seen[pid] = at
		switch {
		case k.seen[pid] != at:
		case at.joined:
			at.takenApart.Store(true)
			_ = k.session.exec(ctx, asLogin+"SELECT pg_catalog.pg_cancel_backend(pid) "+stillAt(pid, wait.query))
		case k.journal != nil:
			_ = k.journal.beginLate(ctx, k.session, pid, wait.query, at.step)
		}
	}
	k.seen = seen
}

// stillAt is the rest of a SELECT from the server process that still works on
// what it began at the given time.
func stillAt(pid uint32, query string) string {
	return "FROM pg_catalog.pg_stat_activity WHERE pid = " + strconv.FormatUint(uint64(pid), 10) + " AND state = 'active' AND query_start = " + fromUTC(query)
}

// asLogin begins a query in which a session speaks for the role that connected,
// to whom all sessions of the restore belong, not for one chosen after that, who
// may neither see nor cancel what they do.
const asLogin = "SET LOCAL ROLE NONE; "

// lockAgain takes the lock over from a session that was lost. The server may not
// have noticed yet. If it is a session of another restore that has the lock,
// this one is to stop.
func (w *work) lockAgain(ctx context.Context, k *keeper) {
	rows, err := k.session.query(ctx, "SELECT pg_catalog.pg_try_advisory_lock("+journalLock+")")
	if err != nil {
		return
	}
	if rows[0][0] == "t" {
		k.locked, k.former = true, k.session.backend
		_ = k.session.exec(ctx, "UPDATE pgarc_journal.restore SET pid = "+k.session.pid()) // for who looks only
		return
	}
	switch holder, err := k.session.lockHolder(ctx); {
	case err != nil || holder == 0:
	case holder == k.former:
		_ = k.session.exec(ctx, asLogin+"SELECT pg_catalog.pg_terminate_backend("+strconv.FormatUint(uint64(holder), 10)+")")
	default:
		w.usurper.Store(holder)
	}
}

// pids returns the server processes of the slots, by their number.
func (w *work) pids() []uint32 {
	pids := make([]uint32, len(w.slots))
	for i, s := range w.slots {
		pids[i] = s.pid.Load()
	}
	return pids
}

// waits asks what processes are doing. Roles that may not see each other's
// sessions see nothing.
func (s *session) waits(ctx context.Context, pids []uint32) (map[uint32]Wait, error) {
	var list []string
	for _, pid := range pids {
		if pid != 0 {
			list = append(list, strconv.FormatUint(uint64(pid), 10))
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	build := "'', -1 FROM pg_catalog.pg_stat_activity a"
	if serverVersion(s.conn) >= 120000 {
		build = `coalesce(p.phase, ''), coalesce(CASE WHEN p.blocks_total > 0 THEN p.blocks_done::float8 / p.blocks_total
			WHEN p.tuples_total > 0 THEN p.tuples_done::float8 / p.tuples_total END, -1)
			FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_stat_progress_create_index p USING (pid)`
	}
	rows, err := s.query(ctx, asLogin+`SELECT pid, coalesce(wait_event_type, ''), coalesce(wait_event, ''),
		CASE WHEN wait_event_type = 'Lock' THEN pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(pid), ' ') ELSE '' END,
		coalesce(`+inUTC("query_start")+`, ''), `+
		build+` WHERE pid IN (`+strings.Join(list, ", ")+") AND state = 'active'")
	if err != nil {
		return nil, err
	}
	waits := make(map[uint32]Wait)
	for _, r := range rows {
		wait := Wait{query: r[4], Phase: r[5]}
		wait.Portion, _ = strconv.ParseFloat(r[6], 64)
		if r[1] != "" && r[1] != "Client" {
			wait.Event = r[1] + ": " + r[2]
		}
		for _, word := range strings.Fields(r[3]) {
			n, _ := strconv.ParseUint(word, 10, 32)
			wait.BlockedBy = append(wait.BlockedBy, uint32(n))
		}
		pid, _ := strconv.ParseUint(r[0], 10, 32)
		waits[uint32(pid)] = wait
	}
	return waits, nil
}
