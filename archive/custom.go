package archive

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/pgarc/pgarc/toc"
)

// custom is the store of the custom format: everything in one file.
type custom struct {
	src     io.ReaderAt
	size    int64
	header  Header
	signed  bool
	codec   codec
	entries *toc.TOC
	start   int64 // offset of the first block

	missing int          // entries with data whose place is unknown
	walk    *blockReader // the walk that looks for them, where it stands
	walkErr error        // why it came to an end
}

// newCustom reads header and TOC of a custom-format archive (ReadHead, ReadToc
// and InitArchiveFmt_Custom in the pg_backup_*.c files).
func newCustom(src io.ReaderAt, size int64) (*Reader, error) {
	s, tocStart, warnings, err := readCustom(newDecoder(sequential(src, 0, size), size))
	if s == nil {
		return nil, err
	}
	s.src, s.size = src, size
	h := s.header
	if err != nil && !isDamage(err) {
		return nil, err
	}
	if err != nil {
		s.walkErr = err     // nobody knows where the data begin
		_ = s.measure(size) // that it is cut off is not news
		return nil, &PartialError{&Reader{Header: h, TOC: s.entries, size: size, store: s}, err}
	}
	end := size
	if s.readCopy(tocStart) {
		end = size - (s.start - tocStart)
	}
	if !h.Version.supported() {
		if err := s.checkUnknown(end); err != nil {
			return nil, &UnsupportedVersionError{h.Version, err}
		}
		warnings = append(warnings, newerWarning(h.Version))
	}
	r := &Reader{Header: h, TOC: s.entries, Warnings: warnings, size: size, store: s}
	if cut := s.measure(end); cut != nil {
		r.Damage = cut
	}
	return r, nil
}

// readCustom reads header and TOC. What it returns does not know yet where the
// data are read from. With an error it may still return a store, of the entries
// before the damage.
func readCustom(d *decoder) (s *custom, tocStart int64, warnings []string, err error) {
	h, format, warnings := readHeader(d)
	h.Format = FormatCustom
	tocStart = d.offset()
	entries, err := readTOC(d, h, format, formatByteCustom)
	if err != nil && len(entries) == 0 {
		return nil, 0, nil, err
	}
	t, tocErr := newTOC(entries, h, tocStart)
	if tocErr != nil {
		return nil, 0, nil, cmp.Or(err, tocErr)
	}
	s = &custom{header: h, signed: d.signed, codec: streamCodec(h.Compression.Algorithm), entries: t, start: d.offset()}
	return s, tocStart, warnings, err
}

// readTOC reads the entries behind the header, whose format byte must be the
// one that is wanted.
func readTOC(d *decoder, h Header, format, want byte) ([]*toc.Entry, error) {
	switch {
	case d.err != nil || format == want:
	case format == formatByteTar:
		return nil, &NotArchiveError{Kind: KindTOCFile, What: "the table of contents (toc.dat) of an archive in directory or tar format"}
	case format == formatByteFiles:
		d.fail(ErrUnsupported, "the \"files\" format of PostgreSQL 7")
	default:
		d.fail(ErrCorrupt, fmt.Sprintf("format %d in the header, %d expected", format, want))
	}
	if d.err != nil {
		return nil, d.err
	}
	entries := readEntries(d, h.Version, want != formatByteCustom)
	if d.err != nil && h.Version.worthTrying() && !h.Version.supported() {
		return nil, &UnsupportedVersionError{h.Version, d.err}
	}
	return entries, d.err
}

// streamCodec is how streams in custom format are compressed.
func streamCodec(a Algorithm) codec {
	switch a {
	case Gzip:
		return codecZlib
	case LZ4:
		return codecLZ4
	case Zstd:
		return codecZstd
	}
	return codecNone
}

// readCopy looks for a second TOC at the end of the file, and takes the
// offsets from it. pg_dump 16 to 18 leave one when their output is redirected
// to a file: the shell's file is written in append mode, so that the TOC with
// the offsets, which should replace the first, lands behind the data. The copy
// is as long as the first and has the same ids.
func (s *custom) readCopy(tocStart int64) bool {
	entries := s.entries.Entries
	if s.countMissing() == 0 {
		return false
	}
	at := s.size - (s.start - tocStart)
	if at < s.start {
		return false
	}
	d := s.decoder(at)
	// Nearly always there is no copy: see that before reading all of it.
	if int(d.int()) != len(entries) || toc.DumpID(d.int()) != entries[0].ID {
		return false
	}
	d = s.decoder(at)
	again := readEntries(d, s.header.Version, false)
	if d.err != nil || d.offset() != s.size-at || !s.sameEntries(again) {
		return false
	}
	for i, e := range entries {
		e.Data, e.Offset = again[i].Data, again[i].Offset
	}
	return true
}

// decoder returns a decoder of the file from an offset on.
func (s *custom) decoder(at int64) *decoder {
	d := newDecoder(sequential(s.src, at, s.size-at), s.size-at)
	d.intSize, d.offSize, d.signed = s.header.IntSize, s.header.OffSize, s.signed
	return d
}

// sameEntries reports whether a copy of the TOC has the same entries, and
// whether blocks are where it says. It looks at no more than some twenty.
func (s *custom) sameEntries(again []*toc.Entry) bool {
	var located []*toc.Entry
	for i, e := range s.entries.Entries {
		a := again[i]
		if a.ID != e.ID || a.HasDumper != e.HasDumper || (e.Data == toc.DataUnlocated) != (a.Data == toc.DataLocated) {
			return false
		}
		if a.Data == toc.DataLocated {
			located = append(located, a)
		}
	}
	for i, e := range located {
		if i%(1+len(located)/16) != 0 && i != len(located)-1 {
			continue
		}
		b, err := s.block(e, 16) // read no more than the header
		if err != nil {
			return false
		}
		b.release()
	}
	return true
}

// checkUnknown reports why a TOC that was read as one of the newest known
// version is not: the data must begin where it ends.
func (s *custom) checkUnknown(end int64) error {
	first := end
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataLocated {
			first = min(first, e.Offset)
		}
	}
	if s.countMissing() > 0 && first == end && s.start < end {
		b := s.newBlockReader(s.start, blockBuffer)
		defer b.release()
		kind, id := b.header()
		if e := s.entries.Lookup(id); b.err == nil && (kind == blockData || kind == blockBlobs) && e != nil && e.HasDumper {
			return nil
		}
	}
	if first != s.start {
		return &FormatError{Kind: ErrCorrupt, Offset: s.start, What: fmt.Sprintf("data begin at byte %#x, not behind the table of contents", first)}
	}
	return nil
}

// measure computes the sizes of located blocks: each ends where the next
// begins, the last at end. It returns an error if the file ends before the data
// do.
func (s *custom) measure(end int64) (cut *FormatError) {
	var located []*toc.Entry
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataLocated {
			located = append(located, e)
		}
	}
	slices.SortFunc(located, func(a, b *toc.Entry) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := len(located) - 1; i >= 0; i-- {
		e := located[i]
		if e.Offset >= s.size {
			cut = &FormatError{Kind: ErrTruncated, Offset: s.size, ID: e.ID, What: fmt.Sprintf("the archive ends, and the data of this entry begin at byte %#x", e.Offset)}
			continue
		}
		to := end
		if i+1 < len(located) {
			to = min(end, located[i+1].Offset)
		}
		e.DataSize = max(0, to-e.Offset)
	}
	return cut
}

// countMissing counts the entries whose data must be looked for.
func (s *custom) countMissing() int {
	s.missing = 0
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataUnlocated {
			s.missing++
		}
	}
	return s.missing
}

// newBlockReader returns a reader of blocks from offset on. The caller
// releases it.
func (s *custom) newBlockReader(offset int64, buffer int) *blockReader {
	b := &blockReader{src: s.src, size: s.size, intSize: s.header.IntSize, signed: s.signed, typed: s.header.Version.has(minorCopyStmt), base: offset}
	if s.signed {
		b.intSize++
	}
	if buffer == blockBuffer {
		b.buf = *blockBuffers.Get().(*[]byte)
	} else {
		b.buf = make([]byte, buffer)
	}
	return b
}

// block goes to an entry's block and reads its header, which must be that of
// the entry (_PrintTocData in pg_backup_custom.c). size is that of the block,
// or -1.
func (s *custom) block(e *toc.Entry, size int64) (*blockReader, error) {
	if e.Offset < s.start {
		return nil, &FormatError{Kind: ErrCorrupt, Offset: e.Offset, ID: e.ID, What: fmt.Sprintf("the data begin before the end of the table of contents, byte %#x", s.start)}
	}
	b := s.newBlockReader(e.Offset, blockBuffer)
	b.id, b.hint = e.ID, size
	if b.part = newSection(s.src, e.Offset, size); b.part != nil {
		b.src = b.part
	}
	kind, id := b.header()
	err := b.err
	if err == nil {
		err = s.checkHeader(e, kind, id, e.Offset)
	}
	if err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

// checkHeader checks that the header of the block at offset is the entry's.
func (s *custom) checkHeader(e *toc.Entry, kind byte, id toc.DumpID, offset int64) error {
	want := byte(blockData)
	if e.Kind == toc.Blobs && s.header.Version.has(minorCopyStmt) {
		want = blockBlobs
	}
	what := ""
	switch {
	case kind != want:
		what = fmt.Sprintf("data block of type %d, %d expected", kind, want)
	case id != e.ID:
		what = fmt.Sprintf("data block of entry %d", id)
	default:
		return nil
	}
	return &FormatError{Kind: ErrCorrupt, Offset: offset, ID: e.ID, What: what}
}

func (s *custom) data(e *toc.Entry) (*Data, error) {
	b, err := s.block(e, e.DataSize)
	if err != nil {
		return nil, err
	}
	return &Data{stored: &chunkReader{b: b, start: e.Offset, owned: true}, codec: s.codec}, nil
}

func (s *custom) largeObjects(e *toc.Entry) iter.Seq2[LargeObject, error] {
	return func(yield func(LargeObject, error) bool) {
		b, err := s.block(e, e.DataSize)
		if err != nil {
			yield(LargeObject{}, err)
			return
		}
		defer b.release()
		s.objects(b, e.Offset, yield)
	}
}

// objects walks over the large objects of the block at start, whose header was
// read.
func (s *custom) objects(b *blockReader, start int64, yield func(LargeObject, error) bool) {
	for {
		oid := uint32(b.int()) // OIDs are unsigned, but stored as ints
		if b.err != nil {
			yield(LargeObject{}, b.err)
			return
		}
		if oid == 0 {
			return
		}
		c := &chunkReader{b: b, start: b.offset()}
		d := &Data{stored: c, codec: s.codec, nothing: s.codec != codecZlib}
		more := yield(LargeObject{oid, d, c.start - start}, nil)
		d.Close()
		if !more {
			return
		}
		_ = c.skip() // an error stays in b
	}
}

// locate walks over the blocks until all that were missing are found. It is
// called under the Reader's lock.
func (s *custom) locate(ctx context.Context) error {
	if s.walkErr != nil || s.countMissing() == 0 {
		return s.walkErr
	}
	if s.walk == nil {
		s.walk = s.newBlockReader(s.start, walkBuffer)
	}
	for s.missing > 0 {
		at := s.walk.offset()
		bl, err := s.walk.walk(ctx)
		if ctx.Err() != nil { // another call goes on from this block
			s.walk.err = nil
			s.walk.seek(at)
			return ctx.Err()
		}
		if err == nil {
			err = s.found(bl)
		} else if err == io.EOF {
			err = s.incomplete(ErrTruncated, at, "the archive ends")
		} else if e := s.entries.Lookup(bl.id); e != nil && bl.kind != 0 {
			s.place(e, bl.at, s.size) // it was found, if not whole
		}
		if err != nil {
			s.walkErr = err
			break
		}
	}
	s.walk = nil
	return s.walkErr
}

// found takes in a block of the walk.
func (s *custom) found(bl block) error {
	e := s.entries.Lookup(bl.id)
	switch {
	case bl.kind != blockData && bl.kind != blockBlobs:
		return s.incomplete(ErrCorrupt, bl.at, fmt.Sprintf("there is a data block of unknown type %d", bl.kind))
	case e == nil:
		return s.incomplete(ErrCorrupt, bl.at, fmt.Sprintf("there is a data block of entry %d, which is not in the table of contents,", bl.id))
	}
	s.place(e, bl.at, bl.end)
	return nil
}

// place says where the data of an entry are, unless that is known.
func (s *custom) place(e *toc.Entry, at, end int64) {
	if e.Data == toc.DataUnlocated {
		e.Data, e.Offset, e.DataSize = toc.DataLocated, at, end-at
		s.missing--
	}
}

// incomplete makes the error of a walk that ended too early.
func (s *custom) incomplete(kind error, at int64, what string) error {
	for _, e := range s.entries.Entries {
		if e.Data == toc.DataUnlocated {
			return &FormatError{Kind: kind, Offset: at, ID: e.ID, What: fmt.Sprintf("%s before the data of this entry (and of %d others)", what, s.missing-1)}
		}
	}
	return nil
}
