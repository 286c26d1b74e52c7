package archive

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgarc/pgarc/toc"
)

// VerifyOptions say how [Reader.Verify] goes about it. The zero value is good.
type VerifyOptions struct {
	Jobs   int  // entries that are read at once; 0: GOMAXPROCS
	Digest bool // compute TableCheck.Digest

	// Progress, if set, is called from time to time by one goroutine.
	Progress func(VerifyProgress)
}

// VerifyProgress is how far a verification is.
type VerifyProgress struct {
	Entries, EntriesTotal int   // entries with data
	Stored, StoredTotal   int64 // bytes of the archive, as stored
	Bytes                 int64 // decompressed
}

// A Verification is what Verify found.
type Verification struct {
	Problems []Problem // in the order of the archive
	More     int       // how many problems were left out behind the first 1,000

	// Tables are the entries with data, in archive order: tables, and
	// the BLOBS entries of large objects.
	Tables []TableCheck

	// Notes are what is out of the ordinary and no problem, a line each.
	Notes []string

	// Unchecked is what cannot be known of this archive, a line each.
	Unchecked []string
}

// Sound reports whether there are no problems.
func (v *Verification) Sound() bool { return len(v.Problems) == 0 }

// maxProblems limits how many problems are kept, since a file decides over
// their number.
const maxProblems = 1000

// A Problem is one thing that is wrong with an archive.
type Problem struct {
	Entry  *toc.Entry // nil: of the archive as a whole
	File   string     // the file of a directory or the member of a tar archive; empty in custom format
	Offset int64      // byte offset, in the archive or in File; -1 if unknown
	What   string     // what is wrong
	Lost   string     // what is lost by it
	Err    error      // the error of the reader behind it, if there was one
}

// A TableCheck is what was found in the data of one entry. Where there was a
// problem, the numbers say how far reading got.
type TableCheck struct {
	Entry  *toc.Entry
	Rows   int64 // rows of a table, large objects of a BLOBS entry
	Bytes  int64 // of data, decompressed; the end marker of a COPY is not counted
	Stored int64 // of the archive, as stored

	// Digest is the SHA-256 of the data: of a table, of its Bytes as they
	// stand; of large objects, of each one's OID (4 bytes, most significant
	// first), content and length (8 bytes). Zero if not asked for, or if
	// the data could not be read to their end.
	Digest [32]byte

	Whole bool // the data were read to their end
}

// Verify reads the whole archive and reports all that is wrong with it: a
// table of contents whose entries contradict each other, data that are
// missing, do not decompress or have a wrong checksum, rows with a wrong number
// of columns, large objects that are not those of their list, and bytes that
// belong to nothing. What is found is in the Verification; the error is that
// of ctx alone.
//
// The entries are read in parallel, the largest first. Memory is about 1 MB
// for each, with zstd up to 9 MB; of entries that need more, up to 128 MB by
// zstd's long mode, one is read at a time. A stream is read in its order (see
// [NewStream]), and afterwards its data are passed.
func (r *Reader) Verify(ctx context.Context, opts VerifyOptions) (*Verification, error) {
	v := &verifier{reader: r, opts: opts, result: &Verification{}}
	v.checkTOC()
	if err := r.Locate(ctx); err != nil && ctx.Err() == nil {
		v.lost = err
		v.problem(problemOf(nil, err, "what comes behind it: the archive does not say where its data are"))
	}
	v.collect()
	stop := v.reportProgress()
	if r.Streaming() {
		v.readStream(ctx)
	} else {
		v.readAll(ctx)
	}
	stop()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s, ok := r.store.(verifiable); ok {
		s.verifyRest(v)
	}
	v.checkObjects()
	return v.finish(), nil
}

// verifiable is what a store adds to reading for Verify.
type verifiable interface {
	store

	// verifyObjects reads the large objects of a BLOBS entry.
	verifyObjects(w *entryReading, c *check)

	// verifyRest looks for what is in the archive and belongs to no entry.
	// It is called when all entries were read.
	verifyRest(v *verifier)
}

// A verifier is one run of Verify.
type verifier struct {
	reader *Reader
	opts   VerifyOptions
	lost   error // why data without offsets were not found

	checks []check // entries with data, in archive order

	mu     sync.Mutex // guards result
	result *Verification

	entriesDone         atomic.Int64
	storedDone, decoded atomic.Int64
	storedTotal         int64

	unsummed unsummed

	large sharedWindow
}

// A check is an entry with data and what reading it found. Only the goroutine
// that reads the entry writes to it.
type check struct {
	TableCheck
	end   int64    // custom format: offset behind the block; 0 if its end was not found
	found bool     // custom format: the block is where the TOC says
	files []string // directory and tar: the files that were read
	oids  []uint32 // large objects, in their order
}

// problem takes in a problem.
func (v *verifier) problem(p Problem) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.result.Problems) < maxProblems {
		v.result.Problems = append(v.result.Problems, p)
	} else {
		v.result.More++
	}
}

func (v *verifier) note(format string, args ...any) {
	v.result.Notes = append(v.result.Notes, fmt.Sprintf(format, args...))
}

// collect makes the list of entries with data.
func (v *verifier) collect() {
	for _, e := range v.reader.TOC.Entries {
		switch {
		case e.Data == toc.DataNone:
			continue
		case e.Data == toc.DataUnlocated && !v.reader.Streaming():
			v.problem(Problem{Entry: e, Offset: -1, What: "the data were not found", Lost: allOf(e), Err: v.lost})
			continue
		}
		v.checks = append(v.checks, check{TableCheck: TableCheck{Entry: e}})
		v.storedTotal += max(e.DataSize, 0)
	}
}

// readAll reads all entries, the largest first, so that none is left to a
// single core at the end.
func (v *verifier) readAll(ctx context.Context) {
	order := make([]*check, len(v.checks))
	for i := range v.checks {
		order[i] = &v.checks[i]
	}
	slices.SortStableFunc(order, func(a, b *check) int { return cmp.Compare(b.Entry.DataSize, a.Entry.DataSize) })
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(v.jobs(), len(order)) {
		workers.Go(func() {
			w := v.newReading(ctx)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(order) {
					return
				}
				w.read(order[i])
				v.entriesDone.Add(1)
			}
		})
	}
	workers.Wait()
}

// jobs is how many entries are read at once.
func (v *verifier) jobs() int {
	if v.opts.Jobs > 0 {
		return v.opts.Jobs
	}
	return runtime.GOMAXPROCS(0)
}

// progressInterval is how often progress is told.
const progressInterval = 200 * time.Millisecond

// reportProgress starts telling progress. The function it returns ends that.
func (v *verifier) reportProgress() (stop func()) {
	if v.opts.Progress == nil {
		return func() {}
	}
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				v.opts.Progress(VerifyProgress{
					Entries: int(v.entriesDone.Load()), EntriesTotal: len(v.checks),
					Stored: v.storedDone.Load(), StoredTotal: v.storedTotal,
					Bytes: v.decoded.Load(),
				})
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
	}
}

// finish puts the result in order.
func (v *verifier) finish() *Verification {
	for i := range v.checks {
		v.result.Tables = append(v.result.Tables, v.checks[i].TableCheck)
	}
	position := func(p Problem) int {
		if p.Entry == nil {
			return -1
		}
		return v.reader.TOC.Position(p.Entry.ID)
	}
	slices.SortStableFunc(v.result.Problems, func(a, b Problem) int {
		if v.reader.Header.Format == FormatCustom {
			return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(position(a), position(b)))
		}
		return cmp.Or(cmp.Compare(position(a), position(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset))
	})
	v.uncheckable()
	return v.result
}

// uncheckable says what cannot be known.
func (v *verifier) uncheckable() {
	unchecked := func(line string) { v.result.Unchecked = append(v.result.Unchecked, line) }
	unchecked("definitions, names and other texts of the table of contents: archives have no checksum of them")
	if len(v.checks) == 0 {
		return
	}
	if names := v.unsummed.names(); names != "" {
		unchecked("the values in " + names + ", which have no checksum: a change that leaves rows, columns and escapes whole is not seen")
	}
	if v.reader.Streaming() {
		unchecked("data blocks that no entry has, between others: a stream goes over them")
	}
	t := v.reader.TOC
	if v.reader.Header.Version.has(minorDumpIDs) {
		if embedsASCII(t.Encoding) {
			unchecked("escapes in COPY data: in " + t.Encoding + " a backslash may be part of a character")
		}
	} else {
		unchecked("columns and escapes in COPY data: pg_dump of PostgreSQL 7 wrote them in another way")
	}
}
