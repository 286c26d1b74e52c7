package restore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/script"
)

// A Holder is somebody else's session that holds a lock which a statement of the
// restore needs.
type Holder struct {
	PID         uint32 // the server process
	User        string
	Application string // or what sort of process it is
	State       string // as pg_stat_activity has it: "idle in transaction"; empty: not to be seen
}

// String says it in a few words.
func (h Holder) String() string {
	text := "process " + strconv.FormatUint(uint64(h.PID), 10)
	if h.User != "" {
		text += " of " + h.User
	}
	about := slices.DeleteFunc([]string{h.Application, h.State}, func(s string) bool { return s == "" })
	if len(about) > 0 {
		text += " (" + strings.Join(about, ", ") + ")"
	}
	return text
}

// holders asks who holds locks that conflict with those of a step, apart from
// the restore itself. The server says it of a deadlock only, by a number, and of
// a lock timeout nothing. It is asked after the failure: who has ended meanwhile
// is not found.
func (w *work) holders(ctx context.Context, s *session, step *Step) []Holder {
	var which []string
	for _, l := range step.Locks {
		if strings.HasPrefix(l.Relation.Namespace, "\x00") {
			continue // no relation: see locks.go
		}
		var modes []string
		for m := AccessShare; m <= AccessExclusive; m++ {
			if l.Mode.Conflicts(m) {
				modes = append(modes, "'"+m.serverName()+"'")
			}
		}
		name := script.Literal(script.Qualified(l.Relation.Namespace, l.Relation.Name), s.stdStrings)
		which = append(which, "l.relation = pg_catalog.to_regclass("+name+") AND l.mode IN ("+strings.Join(modes, ", ")+")")
	}
	if len(which) == 0 {
		return nil
	}
	own := []string{"pg_catalog.pg_backend_pid()"}
	for _, pid := range w.pids() {
		own = append(own, strconv.FormatUint(uint64(pid), 10))
	}
	kind := "''"
	if serverVersion(s.conn) >= 100000 {
		kind = "a.backend_type"
	}
	rows, err := s.query(ctx, asLogin+`SELECT DISTINCT a.pid, coalesce(a.usename, ''), coalesce(nullif(a.application_name, ''), `+kind+`, ''), coalesce(a.state, '')
		FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
		AND a.pid NOT IN (`+strings.Join(own, ", ")+") AND ("+strings.Join(which, " OR ")+") ORDER BY 1")
	if err != nil {
		return nil // it would only have been good to know
	}
	var list []Holder
	for _, r := range rows {
		pid, _ := strconv.ParseUint(r[0], 10, 32)
		list = append(list, Holder{uint32(pid), r[1], r[2], r[3]})
	}
	return list
}

// serverName returns the mode as pg_locks has it: ShareRowExclusiveLock.
func (m LockMode) serverName() string {
	var b strings.Builder
	for _, word := range strings.Fields(m.String()) {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String() + "Lock"
}

// heldUp notes who is to blame for a failure that may pass, and says so the
// first time that the step is tried again.
func (w *work) heldUp(ctx context.Context, s *session, t *task, again bool) {
	e := t.err
	e.HeldBy = w.holders(ctx, s, e.Step)
	if !again || t.heldUp {
		return
	}
	t.heldUp = true
	by := ""
	if len(e.HeldBy) > 0 {
		by = ", held up by " + holderList(e.HeldBy)
	}
	w.notice(fmt.Sprintf("%s: %s%s; trying again", e.Step, e.Reason(), by))
}

func holderList(list []Holder) string {
	var texts []string
	for _, h := range list {
		texts = append(texts, h.String())
	}
	return strings.Join(texts, ", ")
}
