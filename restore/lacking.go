package restore

import (
	"context"
	"fmt"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// Lacking are the sorts of things that a restore can do without where the
// server does not have them. Values can be joined by |.
type Lacking uint8

const (
	LackingRoles Lacking = 1 << iota
	LackingExtensions
	LackingTablespaces
)

// choose selects from the archive, with other names where they are asked for,
// and without what the server cannot do if that is to be skipped.
func (w *work) choose(ctx context.Context, s *session) (*toc.Selected, error) {
	sel, _, err := w.opts.Mapping.Apply(w.opts.Selection.Apply(w.exec.toc))
	if err != nil {
		return nil, err
	}
	if w.opts.SkipMissing != 0 {
		existing, err := s.existing(ctx, w.opts.SkipMissing)
		if err != nil {
			return nil, err
		}
		sel, w.result.LeftOut = existing.Keep(sel)
	}
	w.exec.toc = sel.TOC
	return sel, nil
}

// existing asks the server what it has.
func (s *session) existing(ctx context.Context, what Lacking) (script.Existing, error) {
	var x script.Existing
	for _, q := range []struct {
		what  Lacking
		sql   string
		names *map[string]bool
	}{
		{LackingRoles, "SELECT rolname FROM pg_catalog.pg_roles", &x.Roles},
		{LackingExtensions, "SELECT name FROM pg_catalog.pg_available_extensions", &x.Extensions},
		{LackingTablespaces, "SELECT spcname FROM pg_catalog.pg_tablespace", &x.Tablespaces},
	} {
		if what&q.what == 0 {
			continue
		}
		rows, err := s.query(ctx, q.sql)
		if err != nil {
			return x, fmt.Errorf("what the server has: %s: %w", q.sql, err)
		}
		*q.names = make(map[string]bool, len(rows))
		for _, r := range rows {
			(*q.names)[r[0]] = true
		}
	}
	return x, nil
}
