package restore_test

import (
	"slices"
	"testing"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
)

// TestIndexWorkers has index builds say how many parallel workers they may
// have: none while there is other work for all processors, and as many as the
// server gives for the one that would be the last.
func TestIndexWorkers(t *testing.T) {
	s := server(t)
	path := dumped(t, s, `
		CREATE FUNCTION public.told(id bigint, name text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
			$$ BEGIN IF id = 1 THEN RAISE WARNING '%: %', name, current_setting('max_parallel_maintenance_workers'); END IF; RETURN id; END $$;
		CREATE TABLE public.small (id bigint, body text);
		INSERT INTO public.small SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i;
		CREATE TABLE public.large (id bigint, body text);
		INSERT INTO public.large SELECT i, md5(i::text) FROM generate_series(1, 100000) AS i;
		CREATE INDEX small_1 ON public.small (public.told(id, 'small_1'));
		CREATE INDEX small_2 ON public.small (public.told(id, 'small_2'));
		CREATE INDEX large_1 ON public.large (public.told(id, 'large_1'));`)
	a, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, tt := range []struct {
		processors int
		without    restore.Rewrite
		want       []string
	}{
		{2, 0, []string{"warning: large_1: 2", "warning: small_1: 0", "warning: small_2: 0"}},
		{8, 0, []string{"warning: large_1: 2", "warning: small_1: 2", "warning: small_2: 2"}},
		{2, restore.RewriteSettings, []string{"warning: large_1: 2", "warning: small_1: 2", "warning: small_2: 2"}},
	} {
		var told []string
		opts := restore.Options{Jobs: 2, Processors: tt.processors, Without: tt.without, OnEvent: func(e restore.Event) {
			if e.Type == restore.EventNotice {
				told = append(told, e.Text)
			}
		}}
		expectNoFailures(t, runReader(t, s, a, scratchtest.Database(t, s), opts))
		slices.Sort(told)
		if !slices.Equal(told, tt.want) {
			t.Errorf("%d processors, without %b: %q, want %q", tt.processors, tt.without, told, tt.want)
		}
	}
}
