package restore

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestSplitWidth(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		size, all, split int64
		jobs, want       int
	}{
		{1000 * mb, 1000 * mb, 100 * mb, 4, 4},   // all there is
		{1000 * mb, 2000 * mb, 100 * mb, 4, 2},   // half of it
		{1000 * mb, 2000 * mb, 100 * mb, 16, 8},  //
		{1000 * mb, 2000 * mb, 400 * mb, 16, 2},  // each at least 400 MB
		{1000 * mb, 4000 * mb, 100 * mb, 4, 1},   // no more than its share
		{150 * mb, 150 * mb, 100 * mb, 4, 1},     // half would be less than split
		{1000 * mb, 1000 * mb, 0, 4, 1},          // not wanted
		{-1, 1000 * mb, 100 * mb, 4, 1},          // size unknown
		{1000 * mb, 0, 100 * mb, 4, 1},           //
		{1000 * mb, 1000 * mb, 100 * mb, 1, 1},   //
		{1 << 62, 1 << 62, 1 << 40, 1, 1},        // a hostile size
		{1000 * mb, 1100 * mb, 100 * mb, 64, 10}, //
	} {
		if got := splitWidth(tt.size, tt.all, tt.split, tt.jobs); got != tt.want {
			t.Errorf("splitWidth(%d, %d, %d, %d) = %d, want %d", tt.size, tt.all, tt.split, tt.jobs, got, tt.want)
		}
	}
}

func TestLastRowEnd(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{"a\tb\nc\td\n", 8},
		{"a\tb\nc\td", 4},
		{"no end", 0},
		{"", 0},
		{"a\nb\\\nc", 2},        // a line feed behind a backslash is part of a value
		{"a\nb\\\\\nc", 6},      // a backslash that is one itself
		{"a\nb\\\\\\\nc", 2},    //
		{"a\nb\\nc\\\\n\n", 10}, // \n as pg_dump writes it
		{"\\\\\nc", 0},          // what is before may be a backslash, too
		{"\nc", 0},              // likewise
	} {
		if got := lastRowEnd([]byte(tt.text)); got != tt.want {
			t.Errorf("lastRowEnd(%q) = %d, want %d", tt.text, got, tt.want)
		}
	}
}

// TestRowSplitter reads random rows with several readers: each gets whole rows,
// and together they get all.
func TestRowSplitter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	var want []string
	for i := range 20000 {
		row := fmt.Sprintf("%d\t%s", i, strings.Repeat(`x\\y`, rnd.IntN(30)))
		if i%5000 == 17 {
			row += strings.Repeat("long", splitPiece) // of several pieces
		}
		if i%7 == 0 {
			row += "\\\n" + "continued"
		}
		want = append(want, row)
		text.WriteString(row + "\n")
	}
	slices.Sort(want)
	for _, readers := range []int{1, 2, 8} {
		all := newRowSplitter(iotest.HalfReader(bytes.NewReader(text.Bytes())))
		parts := make([]bytes.Buffer, readers)
		var wg sync.WaitGroup
		for i := range parts {
			wg.Go(func() {
				if _, err := io.CopyBuffer(struct{ io.Writer }{&parts[i]}, all.part(), make([]byte, 64<<10)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var got []string
		for i := range parts {
			rows := strings.ReplaceAll(parts[i].String(), "\\\nc", "\\\rc") // not a row end
			if rows == "" {
				continue
			}
			for row := range strings.SplitSeq(strings.TrimSuffix(rows, "\n"), "\n") {
				got = append(got, strings.ReplaceAll(row, "\r", "\n"))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d readers got %d rows, want %d, or not the same", readers, len(got), len(want))
		}
	}
}

// TestRowSplitterFails ends all readers with the error of the text, or because
// one of them has given up, also in the middle of a row.
func TestRowSplitterFails(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("a\nb\n"), zeros{})
	all := newRowSplitter(endless)
	first, second := all.part(), all.part()
	if _, err := first.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, first, 3*splitPiece); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error)
	go func() {
		_, err := second.Read(make([]byte, 10))
		waits <- err
	}()
	all.stop()
	if err := <-waits; err != errStopped {
		t.Errorf("the other reader: %v, want %v", err, errStopped)
	}
	broken := newRowSplitter(iotest.ErrReader(io.ErrUnexpectedEOF))
	for range 2 {
		if _, err := io.ReadAll(broken.part()); err != io.ErrUnexpectedEOF {
			t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
