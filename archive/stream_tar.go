package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// tarStream is the data part of an archive in tar format that is read forward.
// A block is one member or, for large objects, all that follow each other and
// belong to one entry, their list among them.
type tarStream struct {
	r       *tar.Reader
	in      *source
	entries *toc.TOC
	top     string // the folder of the archive within the tar file
	early   int    // files before toc.dat, whose data are gone

	files   map[string]*toc.Entry // by the name in the TOC
	blobs   []*toc.Entry          // BLOBS entries
	current int                   // the one in blobs whose objects come, where nothing else tells
	some    bool                  // … of which there was an object
	objIDs  map[uint32]*toc.Entry // the BLOBS entry of a large object, where the TOC tells

	at    *tarMember
	ahead *tarMember // was read and belongs to the next block
	err   error      // came after at
}

// A tarMember is a file of an archive.
type tarMember struct {
	name  string
	size  int64
	codec codec
	entry *toc.Entry
	oid   uint32 // of a large object
	list  bool   // of large objects
}

// newTarStream opens a stream in tar format.
func newTarStream(in io.Reader) (*Reader, error) {
	t := &tarStream{in: &source{}}
	t.restart(in)
	h, name, err := t.findTOC()
	if err != nil {
		return nil, err
	}
	length, c := int64(-1), suffixCodec(name)
	if c == codecNone {
		length = h.Size
	}
	data := fileData(io.NopCloser(cutMember{t.r}), h.Size, path.Base(name), c, 0, false)
	defer data.Close()
	s, warnings, err := readTOCFile(data, length, path.Base(name), FormatTar)
	if s == nil || err != nil && !isDamage(err) {
		return nil, err
	}
	t.top, t.entries = strings.TrimSuffix(name, path.Base(name)), s.entries
	t.index()
	r := &Reader{Header: s.header, TOC: s.entries, Warnings: warnings, size: -1, store: newStreamStore(t.in, t, s.entries)}
	if err != nil {
		return nil, &PartialError{r, err} // the data come under their own names
	}
	return r, nil
}

// restart reads the tar file from in, from its first member on.
func (t *tarStream) restart(in io.Reader) {
	t.in.r, t.in.n = in, 0
	t.r = tar.NewReader(t.in)
	t.early = 0
}

// cutMember reads a member. Where the tar file ends in it, so does the member.
type cutMember struct{ r io.Reader }

func (m cutMember) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF // whoever knows the size takes offence
	}
	return n, err
}

// nextFile goes to the next member that is a file.
func (t *tarStream) nextFile() (h *tar.Header, name string, err error) {
	for {
		h, err := t.r.Next()
		if err == io.EOF {
			return nil, "", err
		}
		if err != nil {
			return nil, "", tarError(err, t.in.n)
		}
		if h.Typeflag == tar.TypeReg && !sparse(h) {
			return h, strings.TrimPrefix(h.Name, "./"), nil
		}
	}
}

// sparse reports whether a member has holes: the tar reader would fill them
// with zeros, as many as the header says. No archive's files have any.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// findTOC goes to toc.dat, wherever that is.
func (t *tarStream) findTOC() (*tar.Header, string, error) {
	for {
		h, name, err := t.nextFile()
		switch {
		case err == io.EOF:
			return nil, "", &NotArchiveError{Kind: KindTar, What: "a tar file without " + tocName}
		case err != nil:
			return nil, "", err
		case isBaseBackup(name):
			return nil, "", errBaseBackup
		}
		if _, ok := tocFolder(name); ok {
			return h, name, nil
		}
		t.early++
	}
}

// index notes which member belongs to which entry.
func (t *tarStream) index() {
	t.files = make(map[string]*toc.Entry)
	t.objIDs = make(map[uint32]*toc.Entry)
	for _, e := range t.entries.Entries {
		switch {
		case e.Data == toc.DataNone:
		case e.Kind != toc.Blobs:
			t.files[e.File] = e
		default:
			t.blobs = append(t.blobs, e)
			for _, id := range e.Deps { // of 1.16 and newer
				m := t.entries.Lookup(id)
				if m == nil || m.Kind != toc.BlobMetadata {
					continue
				}
				for oid := range strings.Lines(m.Defn) {
					t.objIDs[number(strings.TrimSuffix(oid, "\n"))] = e
				}
			}
		}
	}
}

// suffixCodec is how a file of this name is compressed.
func suffixCodec(name string) codec {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s.suffix) {
			return s.codec
		}
	}
	return codecNone
}

// member says what a file of the archive is, or nil if it is none.
func (t *tarStream) member(name string, size int64) *tarMember {
	name, ok := strings.CutPrefix(name, t.top)
	if !ok {
		return nil
	}
	m := &tarMember{name: name, size: size, codec: suffixCodec(name)}
	if m.entry = t.files[name]; m.entry != nil {
		return m
	}
	if m.codec != codecNone {
		name = strings.TrimSuffix(name, path.Ext(name))
	}
	if m.entry = t.files[name]; m.entry != nil {
		return m
	}
	if oid, ok := between(name, "blob_", ".dat"); ok {
		m.oid = oid
		m.entry = t.ownerOf(oid)
	} else if id, ok := between(name, "blobs_", ".toc"); ok {
		m.entry, m.list = t.entries.Lookup(toc.DumpID(id)), true
	} else if name == "blobs.toc" && len(t.blobs) > 0 {
		m.entry, m.list = t.blobs[0], true
	}
	if m.entry == nil || m.entry.Kind != toc.Blobs {
		return nil
	}
	if m.list && t.some { // pg_dump writes the list behind its objects
		t.current, t.some = t.current+1, false
	} else if !m.list {
		t.some = true
	}
	return m
}

// ownerOf returns the BLOBS entry of a large object: the one that says so, or
// the one whose objects come now.
func (t *tarStream) ownerOf(oid uint32) *toc.Entry {
	if e := t.objIDs[oid]; e != nil || len(t.blobs) == 0 {
		return e
	}
	return t.blobs[min(t.current, len(t.blobs)-1)]
}

// between returns the number between a prefix and a suffix.
func between(name, prefix, suffix string) (uint32, bool) {
	name, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	if name, ok = strings.CutSuffix(name, suffix); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 32)
	return uint32(n), err == nil
}

// nextMember goes to the next member of the archive.
func (t *tarStream) nextMember() (*tarMember, error) {
	if m := t.ahead; m != nil {
		t.ahead = nil
		return m, nil
	}
	for t.err == nil {
		h, name, err := t.nextFile()
		switch {
		case err == io.EOF && t.early > 0:
			t.err = &FormatError{Kind: ErrNotSeekable, Offset: t.in.n, What: fmt.Sprintf("the tar file, in which %d files came before %s, ends", t.early, tocName)}
		case err == io.EOF:
			t.err = &FormatError{Kind: ErrTruncated, Offset: t.in.n, What: "the tar file ends"}
		case err != nil:
			t.err = err
		default:
			if m := t.member(name, h.Size); m != nil {
				return m, nil
			}
		}
	}
	return nil, t.err
}

func (t *tarStream) find() (found, error) {
	m, err := t.nextMember()
	if err != nil {
		return found{}, err
	}
	t.at = m
	return found{entry: m.entry, member: m}, nil
}

// pass reads over a member, or over a run of large objects.
func (t *tarStream) pass(q *queue) error {
	m := t.at
	if m.entry.Kind != toc.Blobs {
		return t.passFile(m, q)
	}
	for m.entry == t.at.entry {
		q.begin(m)
		if err := t.passFile(m, q); err != nil {
			return err
		}
		next, err := t.nextMember()
		if err != nil {
			var f *FormatError
			if errors.As(err, &f) && f.Kind == nil {
				return err
			}
			return nil // find comes to it again
		}
		m = next
	}
	t.ahead = m
	return nil
}

// passFile reads over a file; what is not wanted the tar reader skips.
func (t *tarStream) passFile(m *tarMember, q *queue) error {
	for {
		space := q.space()
		if space == nil {
			return nil
		}
		n, err := t.r.Read(space)
		q.added(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			f := tarError(err, t.in.n)
			f.ID = m.entry.ID
			return f
		}
	}
}

func (t *tarStream) data(q *queue) (*Data, error) {
	m := q.found.member
	return fileData(q, m.size, m.name, m.codec, m.entry.ID, false), nil
}

// objects walks over a run of large objects. The list, which should be next to
// them, tells whether they are all here.
func (t *tarStream) objects(q *queue, yield func(LargeObject, error) bool) {
	e := q.found.entry
	listed, seen := -1, 0
	before := int64(0)
	for {
		m, err := q.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			yield(LargeObject{}, &FormatError{Offset: -1, ID: e.ID, What: "reading", Err: err})
			return
		}
		d := fileData(io.NopCloser(q), m.size, m.name, m.codec, e.ID, !m.list)
		if m.list {
			listed, err = countLines(d)
			if err != nil {
				yield(LargeObject{}, err)
				return
			}
			continue
		}
		seen++
		more := yield(LargeObject{m.oid, d, before}, nil)
		before += d.Stored()
		d.Close()
		if !more {
			return
		}
	}
	what := ""
	switch {
	case listed < 0:
		what = fmt.Sprintf("the list of large objects is missing behind %d objects: there may be more elsewhere", seen)
	case listed != seen:
		what = fmt.Sprintf("%d large objects are listed, %d are here: the others are missing, or elsewhere in the tar file", listed, seen)
	default:
		return
	}
	yield(LargeObject{}, &FormatError{Kind: ErrTruncated, Offset: -1, ID: e.ID, What: what})
}

// countLines counts the lines of a list of large objects and closes it.
func countLines(d *Data) (int, error) {
	defer d.Close()
	in := bufio.NewReader(d)
	for n := 0; ; {
		line, err := in.ReadSlice('\n')
		if err == nil || err == io.EOF && len(line) > 0 {
			n++
		}
		switch err {
		case nil:
		case io.EOF:
			return n, nil
		case bufio.ErrBufferFull:
			return n, d.stored.fail("line in the list of large objects", err)
		default:
			return n, err
		}
	}
}
