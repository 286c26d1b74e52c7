package toc

import "strconv"

// DumpID numbers an entry within its archive. It is positive and unique, and
// says nothing about order.
type DumpID int32

// String returns the id in decimal.
func (id DumpID) String() string { return strconv.Itoa(int(id)) }

// Section is the part of a dump that an entry belongs to. The values are those
// stored in archives (pg_backup.h, teSection).
type Section uint8

// The sections, in restore order. SectionNone is that of comments, grants and
// security labels, which take the section of the entry before them.
const (
	SectionNone Section = 1 + iota
	SectionPreData
	SectionData
	SectionPostData
)

// String returns the name as the --section flag takes it.
func (s Section) String() string {
	switch s {
	case SectionPreData:
		return "pre-data"
	case SectionData:
		return "data"
	case SectionPostData:
		return "post-data"
	}
	return "none"
}

// Text is a string that may be NULL. The difference between NULL and the empty
// string means something in three fields of an entry; see [Entry].
type Text struct {
	String string
	Valid  bool // false: NULL
}

// NewText returns a Text that is not NULL.
func NewText(s string) Text { return Text{String: s, Valid: true} }

// DataState says whether an entry has data in the archive and whether the TOC
// knows where.
type DataState uint8

const (
	DataNone      DataState = iota // the entry has no data
	DataUnlocated                  // it has data; the TOC does not say where (archive made through a pipe)
	DataLocated                    // it has data, at Entry.Offset or in Entry.File
)

// An Entry is one item of the table of contents.
//
// Strings are the raw bytes of the archive, in the archive's encoding (see
// [TOC.Encoding]); only display may transcode them.
type Entry struct {
	ID      DumpID
	Kind    Kind
	Tag     string
	Section Section

	// Namespace is the schema, unquoted; empty when the object has none. The
	// entry of a schema itself has none either.
	Namespace string

	// Owner is the owning role, unquoted. NULL and "" differ only in what
	// pg_restore prints in a script's comments.
	Owner Text

	// Tablespace is NULL for what lives in no tablespace, "" for the
	// database's default one.
	Tablespace Text

	TableAM string // table access method; "" if none
	RelKind byte   // pg_class.relkind, since archive version 1.16; 0 if unknown

	ClassOID uint32 // catalogue that holds the object (pg_class is 1259); 0 if none
	OID      uint32 // the object's OID in the source database; 0 if none

	Defn string // SQL that creates the object; empty if none

	// Drop is the SQL that drops the object. NULL: no drop is known, and
	// the object has no owner to set. "": there is nothing to drop by itself.
	Drop Text

	Copy     string // "COPY … FROM stdin;\n"; empty when the data are INSERT commands
	WithOIDs bool   // the table was made WITH OIDS (before PostgreSQL 12)

	// Deps are the ids of entries that must come first. Ids that are in no
	// entry of the archive occur, and so do repeated ones. Before archive
	// version 1.8 they are object OIDs, not dump ids; see [TOC.DepsAreOIDs].
	Deps []DumpID

	HasDumper bool      // pg_dump had a function that writes data for this entry
	Data      DataState // whether there is data, and whether its place is known
	Offset    int64     // custom format: byte offset of the data block in the file
	File      string    // directory and tar format: name of the data file, without compression suffix

	// DataSize is the size of the entry's data in the archive, in bytes as
	// stored (compressed), framing included; -1 when that is not known
	// without reading the archive through.
	DataSize int64
}

// IsSpecial reports whether the entry only describes the archive (encoding,
// string syntax, search path) and is never restored or listed by itself.
func (e *Entry) IsSpecial() bool { return e.Kind.Info().Special }
