package restore_test

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/fixtures"
	"github.com/pgarc/pgarc/internal/pgscratch/scratchtest"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// stopping is a file whose bytes from some place on cannot be read before
// somebody says so.
type stopping struct {
	io.ReaderAt
	from atomic.Int64
	goOn chan struct{}
}

func (s *stopping) ReadAt(p []byte, off int64) (int, error) {
	if from := s.from.Load(); from > 0 && off+int64(len(p)) > from {
		if off < from {
			return s.ReaderAt.ReadAt(p[:from-off], off)
		}
		<-s.goOn
	}
	return s.ReaderAt.ReadAt(p, off)
}

// TestProgressOfLargeObjects: while large objects are loaded, progress says how
// much of them was read.
func TestProgressOfLargeObjects(t *testing.T) {
	s := server(t)
	f := fixtures.Get(t, "15/lobs")
	file, err := os.Open(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	in := &stopping{ReaderAt: file, goOn: make(chan struct{})}
	a, err := archive.NewReader(in, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.TOC.Entries {
		if e.Kind == toc.Blobs && e.DataSize > 10_000 {
			in.from.Store(e.Offset + e.DataSize - 10)
		}
	}
	if in.from.Load() == 0 {
		t.Fatal("no large objects")
	}
	var portion float64
	once := sync.OnceFunc(func() { close(in.goOn) })
	giveUp := time.AfterFunc(30*time.Second, once)
	defer giveUp.Stop()
	result, err := restore.Run(t.Context(), a, config(t, s, scratchtest.Database(t, s)), restore.Options{Jobs: 2, OnEvent: func(e restore.Event) {
		for _, r := range e.Progress.Running {
			if r.Step.Action == restore.ActionBlobs && r.Portion > 0 {
				portion = r.Portion
				once()
			}
		}
	}})
	if err != nil || len(result.Failed) > 0 {
		t.Fatalf("result %+v, error %v", result, err)
	}
	if portion <= 0.5 || portion > 1 {
		t.Errorf("portion of the large objects = %v, want most of them", portion)
	}
}
