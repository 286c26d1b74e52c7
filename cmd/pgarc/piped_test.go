package main

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/restore"
)

// TestPipedHint: who restored from a pipe is told what --resume needs, and what
// else helps; who did not, is not.
func TestPipedHint(t *testing.T) {
	for _, piped := range []bool{false, true} {
		var b strings.Builder
		w := bufio.NewWriter(&b)
		ending{result: &restore.Result{Journal: true}, goOn: "pgarc restore - -d db --resume", piped: piped}.writeNext(w, false)
		w.Flush()
		if !strings.Contains(b.String(), "pgarc restore - -d db --resume\n") || strings.Contains(b.String(), "pgarc restore FILE --missing") != piped {
			t.Errorf("piped %t: %s", piped, b.String())
		}
	}
}

// TestStreamLostHint: --resume cannot help with data that a server lost, so it
// is not what is advised.
func TestStreamLostHint(t *testing.T) {
	got := strings.Join(hints(fmt.Errorf("TABLE DATA public.t (1): %w", restore.ErrStreamLost)), "\n")
	if !strings.Contains(got, "--spool") || strings.Contains(got, "--resume") {
		t.Errorf("hint: %s", got)
	}
}
