package script

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// WriteOptions say how [Write] prints a script. The zero value prints what
// pg_restore without options prints, but without data.
type WriteOptions struct {
	Options

	// RestrictKey, of letters and digits, goes into \restrict, which lets
	// psql obey no meta-command in the script. A psql older than August
	// 2025 does not know it. Empty: no \restrict.
	RestrictKey string

	ServerVersion string // for the comment at the top, from the archive's header; empty: unknown
	DumpVersion   string

	Clean    bool // -c: first drop everything
	IfExists bool // --if-exists
	Create   bool // -C: create the database; the selection must keep it too

	SingleTransaction bool // -1
	TransactionSize   int  // --transaction-size; 0: none

	Role              string // --role
	EnableRowSecurity bool   // --enable-row-security
	DisableTriggers   bool   // --disable-triggers; counts only if no definitions are printed
	Superuser         string // -S, for DisableTriggers

	// OldLargeObjects is for archives before version 1.12: large objects
	// are created when their data are loaded.
	OldLargeObjects bool

	anyServer bool // leave out settings that only new servers know

	// Verbose, not nil, adds the comments of pg_restore -v.
	Verbose *Verbose

	// Data opens the decompressed data of an entry. Nil: data are left out.
	Data func(*toc.Entry) (io.ReadCloser, error)

	// LargeObjects walks over the large objects of a BLOBS entry. Nil:
	// they are left out.
	LargeObjects func(*toc.Entry) iter.Seq2[LargeObject, error]
}

// Verbose is what the comments of pg_restore -v say beyond the table of
// contents: each entry gets its ids and the place of its data.
type Verbose struct {
	// Started is when the archive was made, as text ("2026-11-22 07:10:16
	// UTC"); empty: not said.
	Started string

	// Completed returns the time at the end of the script. Nil: not said.
	Completed func() string

	// Offsets is for archives in custom format: comments say at which byte
	// the data are (0: nowhere, or not known before any data are read). In
	// other formats they name the file.
	Offsets bool
}

// A LargeObject is one large object, valid until the next step of its iterator.
type LargeObject struct {
	OID  uint32
	Data io.Reader
}

// Write prints a selection as pg_restore -f does, byte for byte. It holds no
// more than a few kilobytes of data in memory.
//
// Write prints what it can before an error. A script that ends early must not
// be run; should psql run it all the same, then the table, large object or
// transaction in whose midst it ends is not loaded, for Write spoils it (see
// writer.spoil), and the last lines say why.
func Write(w io.Writer, sel *toc.Selected, o WriteOptions) error {
	s := &writer{w: w, toc: sel.TOC, sel: sel, o: o}
	if err := s.check(); err != nil {
		return err
	}
	if o.Verbose != nil {
		s.places = placesOf(sel.TOC, o.Verbose)
	}
	s.begin()
	if o.Clean {
		s.drops()
	}
	for pass := toc.PassMain; pass <= toc.PassPostACL; pass++ {
		for _, e := range sel.Order {
			if sel.Parts(e.ID) != 0 && toc.PassOf(e) == pass && s.err == nil {
				s.entry(e)
			}
		}
	}
	s.end()
	if s.err != nil {
		s.spoil()
	}
	return s.err
}

// writer is one run of Write. The first error is kept and ends all printing.
type writer struct {
	w     io.Writer
	toc   *toc.TOC
	sel   *toc.Selected
	o     WriteOptions
	state State
	count int // actions in the current transaction
	err   error

	places map[toc.DumpID]string // with Verbose: where data are, as comments

	written error    // the first error of w: nothing more can be printed
	broken  *rowsEnd // the COPY data that reading broke off
}

func (s *writer) check() error {
	if strings.Trim(s.o.RestrictKey, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return errors.New("invalid restrict key: only letters and digits are allowed")
	}
	return nil
}

func (s *writer) print(pieces ...string) {
	for _, p := range pieces {
		if s.err == nil {
			_, s.err = io.WriteString(s.w, p)
			s.written = s.err
		}
	}
}

func (s *writer) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *writer) begin() {
	s.print("--\n-- PostgreSQL database dump\n--\n\n")
	s.restrict(`\restrict`, "\n\n")
	if s.o.ServerVersion != "" {
		s.print("-- Dumped from database version ", toc.OneLine(s.o.ServerVersion), "\n")
	}
	if s.o.DumpVersion != "" {
		s.print("-- Dumped by pg_dump version ", toc.OneLine(s.o.DumpVersion), "\n")
	}
	s.print("\n")
	if v := s.o.Verbose; v != nil && v.Started != "" {
		s.print("-- Started on ", toc.OneLine(v.Started), "\n\n")
	}
	if s.o.SingleTransaction {
		s.print("BEGIN;\n\n")
	}
	s.settings()
}

func (s *writer) end() {
	if s.o.SingleTransaction || s.o.TransactionSize > 0 {
		s.print("COMMIT;\n\n")
	}
	if v := s.o.Verbose; v != nil && v.Completed != nil {
		s.print("-- Completed on ", toc.OneLine(v.Completed()), "\n\n")
	}
	s.print("--\n-- PostgreSQL database dump complete\n--\n\n")
	s.restrict(`\unrestrict`, "\n\n")
}

func (s *writer) restrict(command, after string) {
	if s.o.RestrictKey != "" {
		s.print(command, " ", s.o.RestrictKey, after)
	}
}

// settings prints the settings of the whole script, at its start and after
// each \connect (_doSetFixedOutputState).
func (s *writer) settings() {
	s.print("SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 0;\n")
	if !s.o.anyServer { // it is of PostgreSQL 17
		s.print("SET transaction_timeout = 0;\n")
	}
	s.print("SET client_encoding = ", Literal(s.toc.Encoding, true), ";\n",
		"SET standard_conforming_strings = ", onOff(s.toc.StdStrings), ";\n")
	if s.o.Role != "" {
		s.print("SET ROLE ", Ident(s.o.Role), ";\n")
	}
	s.print(s.toc.SearchPath,
		"SET check_function_bodies = false;\nSET xmloption = content;\nSET client_min_messages = warning;\n")
	if !s.toc.StdStrings {
		s.print("SET escape_string_warning = off;\n")
	}
	s.print("SET row_security = ", onOff(s.o.EnableRowSecurity), ";\n")
	if s.o.TransactionSize > 0 {
		s.print("\nBEGIN;\n")
	}
	s.print("\n")
}

// drops prints the drops of everything selected, last things first. With
// Create only the database itself is dropped.
func (s *writer) drops() {
	for i := len(s.sel.Order) - 1; i >= 0; i-- {
		e := s.sel.Order[i]
		if s.o.Create && !isDatabase(e) || !e.Drop.Valid ||
			s.sel.Parts(e.ID)&(toc.PartSchema|toc.PartData) == 0 {
			continue
		}
		outside := isDatabase(e) && s.o.TransactionSize > 0
		if outside {
			s.print("COMMIT;\n")
		}
		s.print(s.state.BeforeDrop(s.toc, e, s.o.Options)...)
		s.statements(e, Drop(e, s.o.IfExists))
		if outside {
			s.print("BEGIN;\n")
			s.count = 0
		} else {
			s.counted(1, "COMMIT;\nBEGIN;\n")
		}
	}
	s.state.AfterDrops()
}

func isDatabase(e *toc.Entry) bool { return e.Kind == toc.Database || e.Kind == toc.DatabaseProperties }

// counted counts actions and begins a new transaction when the current one is
// large enough.
func (s *writer) counted(n int, restart string) {
	if s.count += n; s.o.TransactionSize > 0 && s.count >= s.o.TransactionSize {
		s.print(restart)
		s.count = 0
	}
}

// statements prints the pieces of an entry. Each command for a large object
// counts as an action.
func (s *writer) statements(e *toc.Entry, pieces []string) {
	if e.Kind != toc.BlobMetadata && !(e.Kind == toc.ACL && strings.HasPrefix(e.Tag, "LARGE OBJECTS")) {
		s.print(pieces...)
		return
	}
	for _, p := range pieces {
		command, end := strings.CutSuffix(p, "\n\n")
		if end {
			command += "\n"
		}
		s.print(command)
		s.counted(1, "COMMIT;\nBEGIN;\n\n")
		if end {
			s.print("\n")
		}
	}
}

// entry prints the selected parts of an entry (restore_toc_entry).
func (s *writer) entry(e *toc.Entry) {
	parts := s.sel.Parts(e.ID)
	if parts&toc.PartSchema != 0 {
		if isDatabase(e) && s.o.TransactionSize > 0 {
			s.print("COMMIT;\n\n")
		}
		s.definition(e, schemaPart)
		if isDatabase(e) {
			s.connect(e.Tag)
		}
	}
	if parts&toc.PartData != 0 {
		if e.HasDumper {
			s.definition(e, dataPart)
			s.data(e)
		} else if parts&toc.PartSchema == 0 {
			s.definition(e, schemaPart)
		}
	}
	if parts&toc.PartStatistics != 0 {
		s.definition(e, statisticsPart)
	}
	s.counted(1, "COMMIT;\nBEGIN;\n\n")
}

// definition prints settings, header, definition and owner (_printTocEntry).
func (s *writer) definition(e *toc.Entry, part string) {
	s.print(s.state.Before(s.toc, e, s.o.Options)...)
	s.header(e, part)
	create, err := Create(s.toc, e, s.o.Options)
	if err != nil {
		s.fail(err)
		return
	}
	s.statements(e, create)
	if n := strings.Count(e.Defn, ";"); n > 1 && e.Kind != toc.Function && e.Kind != toc.Procedure {
		s.count += n - 1
	}
	s.statements(e, Owner(e, s.o.Options))
	s.print(SetAccessMethod(e, s.o.Options)...)
	s.state.After(e)
}

// connect prints the switch to a new database. Its name is put so that psql
// takes it for nothing but a name (appendPsqlMetaConnect).
func (s *writer) connect(database string) {
	if strings.ContainsAny(database, "\r\n") {
		s.fail(fmt.Errorf("database name contains a newline or carriage return: %q", database))
		return
	}
	s.restrict(`\unrestrict`, "\n")
	if strings.Trim(database, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == "" {
		s.print(`\connect `, Ident(database), "\n")
	} else {
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database)
		s.print("\\encoding SQL_ASCII\n\\connect -reuse-previous=on ", Ident("dbname='"+quoted+"'"), "\n")
	}
	s.restrict(`\restrict`, "\n")
	s.print("\n")
	s.state, s.count = State{}, 0
	s.settings()
}
