package restore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A Setting is a configuration parameter of the restoring sessions. Nothing
// server-wide is ever changed.
type Setting struct {
	Name, Value string
}

// serverSetting is what pg_settings says of a parameter.
type serverSetting struct {
	value  string
	source string // "default", "configuration file", "database", "user", "client", …
}

// isUnset reports whether nobody has set it for this database, user or
// connection.
func (s serverSetting) isUnset() bool {
	return s.source == "default" || s.source == "configuration file"
}

// tune returns the settings with which sessions restore sooner, by rule from
// what the server reports and the number of sessions:
//
//   - synchronous_commit off: a crash can lose the last moments of a restore,
//     which has to be gone on with then anyway; the end is flushed;
//   - maintenance_work_mem: an eighth of shared_buffers shared among the
//     sessions, if that is more than the server's own default, up to 512 MB.
//     More of it makes index builds slower on a machine whose memory is its
//     page cache.
//
// What an admin has set for this database, user or connection stays.
func tune(server map[string]serverSetting, jobs int) []Setting {
	var list []Setting
	if server["synchronous_commit"].isUnset() && server["synchronous_commit"].value != "off" {
		list = append(list, Setting{"synchronous_commit", "off"})
	}
	have, _ := strconv.ParseInt(server["maintenance_work_mem"].value, 10, 64)                  // kB
	buffers, err := strconv.ParseInt(server["shared_buffers"].value, 10, 64)                   // of 8 kB
	want := min(buffers/int64(max(jobs, 1)), 512<<10)                                          // kB
	if err == nil && server["maintenance_work_mem"].isUnset() && have > 0 && want > have*5/4 { // a little more is not worth a word
		list = append(list, Setting{"maintenance_work_mem", strconv.FormatInt(want, 10) + "kB"})
	}
	return list
}

const tuneQuery = `SELECT name, setting, source FROM pg_catalog.pg_settings
	WHERE name IN ('synchronous_commit', 'maintenance_work_mem', 'shared_buffers', 'max_parallel_maintenance_workers')`

// chooseSettings decides about the settings of all sessions, and makes them in
// the first.
func (w *work) chooseSettings(ctx context.Context, first *session) error {
	if w.opts.has(RewriteSettings) {
		rows, err := first.query(ctx, tuneQuery)
		if err != nil {
			return fmt.Errorf("read the server's settings: %w", err)
		}
		server := make(map[string]serverSetting)
		for _, r := range rows {
			server[r[0]] = serverSetting{r[1], r[2]}
		}
		w.settings = tune(server, len(w.slots))
		w.savesWorkers = w.opts.savesWorkers(server)
		w.exec.keyCheck = keyCheck(serverVersion(first.conn))
	}
	for _, s := range w.opts.Settings { // the user's word is the last
		w.settings = slices.DeleteFunc(w.settings, func(x Setting) bool { return x.Name == s.Name })
		w.settings = append(w.settings, s)
		w.savesWorkers = w.savesWorkers && s.Name != "max_parallel_maintenance_workers"
	}
	text := settingList(w.settings)
	if w.savesWorkers {
		text = strings.TrimPrefix(text+", max_parallel_maintenance_workers = 0 while all processors are busy", ", ")
	}
	if text != "" {
		w.emit(Event{Type: EventSettings, Text: text})
	}
	return first.set(ctx, w.settings)
}

// keyCheck returns the settings with which the server checks a foreign key, as
// SQL, for one transaction. The check is a join of both tables
// (RI_Initial_Check in src/backend/utils/adt/ri_triggers.c). After a restore,
// where pages are all-visible, merging two indexes takes a third of the time
// of hashing one table and reading the other, but pages in the order of an
// index count as random, four times as dear. They are not: the indexes were
// just built. Parallel workers would take the processors from the restore's
// other sessions.
func keyCheck(version int) string {
	set := []string{"pg_catalog.set_config('random_page_cost', '1', true)"}
	if version >= 90600 {
		set = append(set, "pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)")
	}
	return "SELECT " + strings.Join(set, ", ") + "; "
}

// checksKey reports whether a step checks the rows of a foreign key.
func checksKey(s *Step) bool {
	return s.Entry.Kind == toc.FKConstraint && !s.Quick && (s.Action == ActionValidate || s.Action == ActionCreate)
}

// set makes settings in a session: all with one message, and only if that is
// refused one by one, to tell which it was.
func (s *session) set(ctx context.Context, settings []Setting) error {
	var all strings.Builder
	for _, x := range settings {
		all.WriteString(s.setting(x) + ";")
	}
	if len(settings) == 0 || s.exec(ctx, all.String()) == nil {
		return nil
	}
	for _, x := range settings {
		if err := s.exec(ctx, s.setting(x)); err != nil {
			return fmt.Errorf("set %s to %q: %w", x.Name, x.Value, err)
		}
	}
	return nil
}

func (s *session) setting(x Setting) string {
	return "SELECT pg_catalog.set_config(" + script.Literal(x.Name, s.stdStrings) + ", " + script.Literal(x.Value, s.stdStrings) + ", false)"
}

func settingList(settings []Setting) string {
	var list []string
	for _, s := range settings {
		list = append(list, s.Name+" = "+s.Value)
	}
	return strings.Join(list, ", ")
}

// flush makes the server write down all that was committed. Sessions do not
// wait for that while they work, by their own choice or the server's.
func (w *work) flush(ctx context.Context, s *session) error {
	// A transaction with an id writes a commit record, and waits for it and
	// all before it.
	return s.exec(ctx, "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) WHERE pg_catalog.current_setting('synchronous_commit') = 'off'; SELECT pg_catalog.txid_current()")
}
