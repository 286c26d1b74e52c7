package script

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// DDLOptions say what [WriteDDL] prints beside the definitions.
type DDLOptions struct {
	Drop     bool // before each definition, the statement that drops the object
	Owner    bool // after it, the statement that sets the owner
	Comments bool // the COMMENT and SECURITY LABEL entries among the given ones
	ACL      bool // the grants among the given ones
}

// A Warning is said about one entry.
type Warning struct {
	Entry *toc.Entry
	Text  string
}

// WriteDDL prints the SQL of entries for people to read and to run, in the
// given order, each whole and under a comment of one line that names it. The
// text can be piped into psql: names do not break out of comments, and a
// definition on which psql would act by itself (see [MetaCommand]) comes as a
// comment and is returned as a warning. Settings stand only where they are
// needed: for string syntax and search path in archives that rely on them, for
// encodings other than UTF-8 where a letter depends on it, for tablespaces and table access methods other than the usual ones.
//
// Data are not printed; a comment says where they are.
func WriteDDL(w io.Writer, t *toc.TOC, entries []*toc.Entry, o DDLOptions) ([]Warning, error) {
	d := ddl{w: w, toc: t, o: o, state: State{tablespace: toc.NewText(""), tableAM: "heap"}}
	if t.Encoding != "UTF8" && t.Encoding != "SQL_ASCII" && slices.ContainsFunc(entries, beyondASCII) {
		d.print("SET client_encoding = " + Literal(t.Encoding, t.StdStrings) + ";\n\n")
	}
	if !t.StdStrings {
		d.print("SET standard_conforming_strings = off;\nSET escape_string_warning = off;\n\n")
	}
	for _, e := range entries {
		if d.wants(e) {
			d.entry(e)
		}
	}
	return d.warnings, d.err
}

// beyondASCII reports whether the SQL of an entry means different letters in
// different encodings.
func beyondASCII(e *toc.Entry) bool {
	for _, s := range []string{e.Defn, e.Drop.String, e.Owner.String, e.Namespace, e.Tag} {
		for i := range len(s) {
			if s[i] >= 0x80 {
				return true
			}
		}
	}
	return false
}

// ddl is one run of WriteDDL. The first error of the writer is kept.
type ddl struct {
	w        io.Writer
	toc      *toc.TOC
	o        DDLOptions
	state    State
	printed  int // entries
	warnings []Warning
	err      error
}

func (d *ddl) print(text string) {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, text)
	}
}

func (d *ddl) warn(e *toc.Entry, format string, args ...any) {
	d.warnings = append(d.warnings, Warning{e, fmt.Sprintf(format, args...)})
}

func (d *ddl) wants(e *toc.Entry) bool {
	switch e.Kind {
	case toc.Comment, toc.SecurityLabel:
		return d.o.Comments
	case toc.ACL, toc.ACLLanguage, toc.DefaultACL:
		return d.o.ACL
	}
	return true
}

func (d *ddl) entry(e *toc.Entry) {
	if d.printed++; d.printed > 1 {
		d.print("\n")
	}
	d.print("-- " + entryName(e) + "\n")
	switch {
	case e.HasDumper:
		d.data(e)
		return
	case e.Defn == "":
		d.print("-- It has no definition of its own.\n")
		return
	}
	pieces, err := Create(d.toc, e, Options{})
	if err != nil {
		d.warn(e, "%v", err)
		d.print(commentOut("Not complete: " + err.Error()))
		pieces = []string{e.Defn}
	}
	if d.o.Drop {
		pieces = append(Drop(e, true), pieces...)
	}
	if d.o.Owner {
		pieces = append(pieces, Owner(e, Options{})...)
	}
	pieces = append(pieces, SetAccessMethod(e, Options{})...)
	pieces = append(d.state.Before(d.toc, e, Options{}), pieces...)
	d.sql(e, d.joined(pieces))
}

// joined puts pieces under each other, each ended by a semicolon.
func (d *ddl) joined(pieces []string) string {
	var b strings.Builder
	for _, p := range pieces {
		p = strings.TrimRight(p, "\n")
		b.WriteString(p)
		b.WriteString(missingEnd(p, d.toc.StdStrings))
		b.WriteByte('\n')
	}
	return b.String()
}

// missingEnd returns what a text needs to end its last statement. Without it
// the next entry would go on with the statement.
func missingEnd(sql string, stdStrings bool) string {
	last, lastSeen := Semicolon, Semicolon
	for t := range Tokens(sql, stdStrings) {
		lastSeen = t.Kind
		if t.Kind != Space && t.Kind != LineComment && t.Kind != BlockComment {
			last = t.Kind
		}
	}
	switch {
	case last == Semicolon:
		return ""
	case lastSeen == LineComment:
		return "\n;"
	}
	return ";"
}

// sql prints the text of one entry, if psql can be trusted with it.
func (d *ddl) sql(e *toc.Entry, text string) {
	if at, found := MetaCommand(text, d.toc.StdStrings); found {
		d.warn(e, "printed as a comment: psql would not just send it to the server, because of %q at byte %d of the text", excerpt(text, at), at)
		d.print("-- Printed as a comment: psql would not just send this text to the server.\n" + commentOut(text))
		return
	}
	// Statements before may have changed how psql reads backslashes in
	// strings. Where that makes a difference, set it again.
	if _, found := MetaCommand(text, !d.toc.StdStrings); found {
		for _, s := range SplitStatements(text, d.toc.StdStrings) {
			s += missingEnd(s, d.toc.StdStrings) + "\n"
			if _, found := MetaCommand(s, !d.toc.StdStrings); found {
				d.print("SET standard_conforming_strings = " + onOff(d.toc.StdStrings) + ";\n")
			}
			d.print(s)
		}
		return
	}
	d.print(text)
}

func excerpt(text string, at int) string {
	end := min(at+20, len(text))
	return text[at:end]
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// data says where the rows or large objects of an entry are to be had.
func (d *ddl) data(e *toc.Entry) {
	if e.Copy != "" {
		d.print(commentOut("Rows are not printed here; pgarc data " + e.ID.String() + " prints them. They are loaded with:\n  " + e.Copy))
		return
	}
	d.print("-- Data are not printed here; pgarc data " + e.ID.String() + " prints them.\n")
}

// entryName names an entry in one line: kind, schema, tag and dump id.
func entryName(e *toc.Entry) string {
	tag := e.Tag
	if e.Namespace != "" {
		tag = e.Namespace + "." + tag
	}
	return toc.OneLine(fmt.Sprintf("%s %s (dump id %d)", e.Kind, tag, e.ID))
}
