package archive

import "fmt"

// Version is the version of an archive's layout. It is not that of pg_dump.
type Version struct {
	Major, Minor, Revision uint8
}

// The minor versions of major version 1 that changed the layout
// (pg_backup_archiver.h, K_VERS_1_x), with the first PostgreSQL that wrote
// them where it is known.
const (
	minorSign        = 1  // revision byte in the header, sign byte in integers
	minorLevelByte   = 2  // compression level in the header, one byte
	minorCopyStmt    = 3  // COPY statement in entries, type byte in data blocks, large objects
	minorLevelInt    = 4  // compression level as an integer, creation time, database name
	minorDeps        = 5  // dependencies in entries, as object OIDs; 7.1
	minorNamespace   = 6  // schema in entries
	minorOffSize     = 7  // size of offsets in the header, flag byte in offsets; 7.3
	minorDumpIDs     = 8  // catalogue OID in entries; dependencies are dump ids
	minorWithOIDs    = 9  // WITH OIDS flag in entries
	minorTablespace  = 10 // tablespace in entries, server and pg_dump versions in the header; 8.0
	minorSection     = 11 // section in entries; 8.4
	minorBlobEntries = 12 // one BLOB entry per large object, same layout; 9.0
	minorSearchPath  = 13 // SEARCHPATH entry, same layout; 11 and minor releases of March 2018
	minorTableAM     = 14 // table access method in entries; 12
	minorAlgorithm   = 15 // compression algorithm instead of level; 16
	minorRelKind     = 16 // relkind in entries, a list of large objects per BLOBS entry; 17
)

var (
	oldestVersion = Version{1, 0, 0}
	newestVersion = Version{1, minorRelKind, 0}
)

// String returns the version as pg_restore -l prints it, such as "1.16-0".
func (v Version) String() string { return fmt.Sprintf("%d.%d-%d", v.Major, v.Minor, v.Revision) }

// AtLeast reports whether v is major.minor or newer. Revisions never change
// the layout.
func (v Version) AtLeast(major, minor uint8) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// has reports whether the layout has what came with a minor version of major
// version 1.
func (v Version) has(minor uint8) bool { return v.AtLeast(1, minor) }

// supported reports whether the layout of the version is known.
func (v Version) supported() bool { return v.Major == 1 && v.Minor <= newestVersion.Minor }

// worthTrying reports whether a version that is not supported may turn out to
// have the newest known layout.
func (v Version) worthTrying() bool { return v.Major == 1 }

// newerWarning is the warning about an archive whose version is not known but
// looks like one that is.
func newerWarning(v Version) string {
	return fmt.Sprintf("archive version %s is newer than %s, the newest known", v, newestVersion)
}
