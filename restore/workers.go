package restore

import "context"

// An index build is given parallel workers by the server, two as a rule. While
// the restore itself keeps all processors busy these only cost: they write what
// they have sorted into files, and read it again. So where the number of
// processors is known, and there are as many connections, builds go without;
// all but one that would outlast what else is left if it had one processor to
// itself.

// savesWorkers reports whether index builds may have to do without parallel
// workers. What an admin has set for this database, user or connection stays.
func (o *Options) savesWorkers(server map[string]serverSetting) bool {
	workers := server["max_parallel_maintenance_workers"] // since PostgreSQL 11
	return o.Processors > 0 && o.Jobs >= o.Processors && workers.isUnset() && workers.value != "0"
}

// worksAlone reports whether a step is an index build that is to go without
// parallel workers.
func (w *work) worksAlone(step *Step) bool {
	if !w.savesWorkers || !isBuild(step) || step.Quick {
		return false
	}
	left := 0.0
	for _, s := range w.plan.Steps {
		if !w.sched.ended(s.ID) {
			left += w.rates.secondsOf(s)
		}
	}
	return w.rates.secondsOf(step)*float64(w.opts.Processors) <= left
}

// allowWorkers says whether index builds of the session have parallel workers.
func (s *session) allowWorkers(ctx context.Context, allow bool) error {
	if s.noWorkers == !allow {
		return nil
	}
	sql := "SET max_parallel_maintenance_workers = 0"
	if allow {
		sql = "RESET max_parallel_maintenance_workers"
	}
	err := s.exec(ctx, sql)
	if err == nil {
		s.noWorkers = !allow
	}
	return err
}
