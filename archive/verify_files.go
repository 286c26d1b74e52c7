package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// verifyObjects reads the large objects of a BLOBS entry. One that is missing
// does not keep the others from being read.
func (s *files) verifyObjects(w *entryReading, c *check) {
	e := c.Entry
	list, err := openData(s.folder, s.listName(e), e.ID, false)
	if err != nil {
		w.problem(problemOf(e, err, allOf(e)))
		return
	}
	defer list.Close()
	c.Whole = true
	fail := func(err error, lost string) {
		c.Whole = false
		w.problem(problemOf(e, err, lost))
	}
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, 4096)
	for lines.Scan() && lines.Err() == nil && w.ctx.Err() == nil { // a line cut by an error is none
		lo, d, err := s.largeObject(e, list, lines.Text())
		if err != nil {
			fail(err, "this large object")
			continue
		}
		w.readObject(c, lo.OID, d)
		c.readTo(d)
		d.Close()
	}
	c.readTo(list)
	if err := lines.Err(); err == bufio.ErrTooLong {
		fail(list.stored.fail("line in the list of large objects", err), "the large objects from there on")
	} else if err != nil {
		fail(err, "the large objects from there on")
	}
	if w.ctx.Err() != nil {
		c.Whole = false
	}
}

// dataName is what pg_dump calls the files of data.
var dataName = regexp.MustCompile(`^([0-9]+|blob_[0-9]+|toc)\.dat(\.gz|\.lz4|\.zst)?$|^blobs(_[0-9]+)?\.toc(\.gz|\.lz4|\.zst)?$`)

// verifyRest looks for files that no entry has.
func (s *files) verifyRest(v *verifier) {
	file, _, _ := find(s.folder, tocName)
	if s.trailing {
		v.problem(Problem{File: file, Offset: -1, What: "the file goes on behind the table of contents", Lost: "unknown"})
	}
	owned := map[string]bool{file: true}
	for i := range v.checks {
		c := &v.checks[i]
		for _, name := range c.files {
			owned[name] = true
		}
		// Of a damaged entry not all files were read.
		name := c.Entry.File
		if c.Entry.Kind == toc.Blobs {
			name = s.listName(c.Entry)
		}
		if name, _, ok := find(s.folder, name); ok {
			owned[name] = true
		}
	}
	s.ownObjects(v, owned)
	var others []string
	for name := range s.folder.names() {
		switch {
		case owned[name]:
		case dataName.MatchString(name):
			v.problem(Problem{File: name, Offset: -1, What: "a data file that no entry has", Lost: "nothing that has a name"})
		case s.header.Format != FormatTar || name != "restore.sql":
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		v.note("not by pg_dump: %s", strings.Join(others[:min(len(others), 10)], ", "))
	}
	if t, ok := s.folder.(*tarFile); ok {
		t.verify(v)
	}
}

// ownObjects adds the files of large objects that are listed somewhere but
// could not be read by their list, which was told already.
func (s *files) ownObjects(v *verifier, owned map[string]bool) {
	whole := !slices.ContainsFunc(v.checks, func(c check) bool { return c.Entry.Kind == toc.Blobs && !c.Whole })
	if whole {
		return
	}
	for name := range s.folder.names() {
		if strings.HasPrefix(name, "blob_") {
			owned[name] = true
		}
	}
}

// verify looks for members that are there twice, and at the end of the file:
// two blocks of zeros, and nothing but zeros behind them.
func (t *tarFile) verify(v *verifier) {
	if t.broken != nil {
		v.problem(problemOf(nil, t.broken, "what comes behind it"))
		return
	}
	in := io.NewSectionReader(t.src, 0, v.reader.size)
	r := tar.NewReader(in)
	end := int64(0)
	for {
		h, err := r.Next()
		if err != nil {
			break // it was read before: the end
		}
		at, _ := in.Seek(0, io.SeekCurrent)
		end = at + (h.Size+tarBlock-1)/tarBlock*tarBlock
		name := strings.TrimPrefix(h.Name, "./")
		if m, ok := t.members[name]; ok && m.offset != at && h.Typeflag == tar.TypeReg {
			v.problem(Problem{File: name, Offset: at - tarBlock, What: "the tar file has a member of this name twice", Lost: "nothing, if the first is the right one"})
		}
	}
	rest := io.NewSectionReader(t.src, end, max(0, v.reader.size-end))
	if rest.Size() < 2*tarBlock {
		v.problem(Problem{Offset: end, What: "the tar file ends without its end mark", Lost: "members behind it, if there were any"})
		return
	}
	buf := make([]byte, readBuffer)
	for at := end; ; {
		n, err := rest.Read(buf)
		if i := bytes.IndexFunc(buf[:n], func(c rune) bool { return c != 0 }); i >= 0 {
			v.problem(Problem{Offset: at + int64(i), What: "bytes behind the end of the tar file", Lost: "unknown"})
			return
		}
		at += int64(n)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				v.problem(Problem{Offset: at, What: "reading: " + err.Error(), Lost: "nothing", Err: err})
			}
			return
		}
	}
}
