package script

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// data prints the data of an entry.
func (s *writer) data(e *toc.Entry) {
	switch e.Kind {
	case toc.Blobs:
		s.print(s.state.Schema(s.toc, "pg_catalog")...)
		s.largeObjects(e)
	case toc.BlobComments:
		s.print(s.state.Schema(s.toc, "pg_catalog")...)
		s.stream(e)
	default:
		s.rows(e)
	}
}

// rows prints the data of a table: COPY text under its command, or INSERTs.
func (s *writer) rows(e *toc.Entry) {
	disable := s.o.DisableTriggers && !s.sel.Schema
	if disable {
		s.print(s.state.User(s.toc, s.o.Superuser)...)
		s.print(DisableTriggers(e))
	}
	s.print(s.state.BecomeOwner(s.toc, e, s.o.Options)...)
	s.print(s.state.Schema(s.toc, e.Namespace)...)
	s.print(e.Copy)
	if !s.stream(e) && e.Copy != "" {
		s.print("\\.\n\n\n") // psql would take the rest of the script for rows
	}
	if disable {
		s.print(s.state.User(s.toc, s.o.Superuser)...)
		s.print(EnableTriggers(e))
	}
}

// stream prints the data of an entry as they are. It reports whether there
// were any to print.
func (s *writer) stream(e *toc.Entry) bool {
	if s.o.Data == nil || e.Data == toc.DataNone || s.err != nil {
		return false
	}
	end := &rowsEnd{w: s.w}
	data, err := s.o.Data(e)
	if err == nil {
		defer data.Close()
		_, err = io.Copy(end, data)
	}
	if err != nil {
		s.fail(err)
		s.written = end.err
		if e.Copy != "" {
			s.broken = end
		}
	}
	return true
}

// rowsEnd passes data on and remembers how they end.
type rowsEnd struct {
	w    io.Writer
	last []byte // the last bytes, at most eight
	err  error  // of w
}

func (r *rowsEnd) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	r.err = err
	r.last = append(r.last, p[max(0, n-8):n]...)
	r.last = r.last[max(0, len(r.last)-8):]
	return n, err
}

// complete reports whether the data have come to the line that ends them.
func (r *rowsEnd) complete() bool {
	text := strings.TrimRight(string(r.last), "\n")
	return text == `\.` || strings.HasSuffix(text, "\n\\.")
}

// spoil ends a script that could not be printed to its end, such that what it
// broke off in the midst of cannot be taken for whole. psql takes the end of
// its input for the end of COPY data: without more, it would load the rows so
// far, and half of the last one where its values look right. So there follows
// a row of more columns than any table may have (1600), and COPY fails. A
// transaction and a large object are not committed, as no COMMIT follows. The
// row and the lines after it are comments, should psql take them for SQL.
func (s *writer) spoil() {
	if s.written != nil {
		return
	}
	message := "pgarc: the script ends here, not complete: " + toc.OneLine(s.err.Error())
	var tail string
	switch {
	case s.broken != nil && !s.broken.complete():
		tail = "\n-- " + message + strings.Repeat("\t", 1600) + "\n\\.\n"
	case s.broken != nil:
		tail = "\n"
	}
	_, s.written = io.WriteString(s.w, tail+"\n\n--\n-- "+message+"\n--\n")
}

// loWrite is INV_WRITE of src/include/libpq/libpq-fs.h.
const loWrite = 131072

// loPiece is how many bytes of a large object go into one lowrite
// (LOBBUFSIZE in pg_backup_archiver.h).
const loPiece = 16 << 10

// largeObjects prints the large objects of a BLOBS entry.
func (s *writer) largeObjects(e *toc.Entry) {
	inTransaction := s.o.SingleTransaction || s.o.TransactionSize > 0
	if !inTransaction {
		s.print("BEGIN;\n\n")
	}
	if s.o.LargeObjects != nil && e.Data != toc.DataNone {
		buf := make([]byte, loPiece)
		for object, err := range s.o.LargeObjects(e) {
			if err == nil {
				err = s.largeObject(object, buf)
			}
			if err == nil {
				err = s.err
			}
			if err != nil {
				s.fail(err)
				return
			}
		}
	}
	if !inTransaction {
		s.print("COMMIT;\n\n")
	}
}

func (s *writer) largeObject(object LargeObject, buf []byte) error {
	oid := strconv.FormatUint(uint64(object.OID), 10)
	open := "'" + oid + "'"
	if s.o.OldLargeObjects {
		if s.o.Clean {
			s.print(unlinkIfExists, oid, "';\n")
		}
		open = "pg_catalog.lo_create('" + oid + "')"
	}
	s.print("SELECT pg_catalog.lo_open(", open, ", ", strconv.Itoa(loWrite), ");\n")
	for {
		n, err := io.ReadFull(object.Data, buf)
		if n > 0 {
			s.print("SELECT pg_catalog.lowrite(0, ", s.bytea(buf[:n]), ");\n")
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return fmt.Errorf("large object %d: %w", object.OID, err)
		}
	}
	s.print("SELECT pg_catalog.lo_close(0);\n\n")
	return nil
}

// bytea returns bytes as a literal.
func (s *writer) bytea(b []byte) string {
	return Literal(`\x`+hex.EncodeToString(b), s.toc.StdStrings)
}
