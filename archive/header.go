package archive

import (
	"fmt"
	"time"
)

// magic starts every custom-format file and every toc.dat.
const magic = "PGDMP"

// Header is what an archive says about itself before its table of contents.
type Header struct {
	Version     Version
	IntSize     int // bytes of an integer, sign byte not counted; 4 in all real archives
	OffSize     int // bytes of a file offset; 8 in all current archives
	Format      Format
	Compression Compression

	// Created is when pg_dump ran, in the local time of its machine, whose
	// zone is not recorded. It is given as if it were UTC: print it without
	// a zone. Zero before archive version 1.4, or if it is no valid time.
	Created time.Time

	// DST is C's tm_isdst of Created: greater than 0 in summer time, 0
	// outside it, less if not known.
	DST int

	Database      string // database that was dumped; empty before version 1.4
	ServerVersion string // its server's version, as "18.6 (Debian 18.6-3)"; only the leading number is dependable; empty before 1.10
	DumpVersion   string // pg_dump's own version, likewise
}

// Format is the container of an archive.
type Format uint8

// The formats, as pg_dump -F makes them.
const (
	FormatCustom Format = 1 + iota
	FormatDirectory
	FormatTar
)

// String returns the name as pg_dump's --format option takes it.
func (f Format) String() string {
	switch f {
	case FormatCustom:
		return "custom"
	case FormatDirectory:
		return "directory"
	case FormatTar:
		return "tar"
	}
	return fmt.Sprintf("format %d", uint8(f))
}

// The format byte of the header (pg_backup.h, ArchiveFormat). The toc.dat of a
// directory says tar.
const (
	formatByteCustom = 1
	formatByteFiles  = 2 // of PostgreSQL 7 development, read by no release
	formatByteTar    = 3
)

// Compression is how an archive's data are compressed. In a directory each
// file may differ; this is then what pg_dump was asked for.
type Compression struct {
	Algorithm Algorithm

	// Level is the level given to pg_dump, -1 for the algorithm's default.
	// Since version 1.15 archives do not record it, and HasLevel is false.
	Level    int
	HasLevel bool
}

// String returns the algorithm, with its level where one was asked for:
// "none", "gzip", "gzip level 9".
func (c Compression) String() string {
	if c.Algorithm != None && c.HasLevel && c.Level >= 0 {
		return fmt.Sprintf("%s level %d", c.Algorithm, c.Level)
	}
	return c.Algorithm.String()
}

// Algorithm is a compression method. The values are those stored in archives
// (compression.h, pg_compress_algorithm).
type Algorithm uint8

// The algorithms.
const (
	None Algorithm = iota
	Gzip           // deflate; in custom format with a zlib header, in files with a gzip header
	LZ4
	Zstd
)

// String returns the name as pg_dump's --compress option takes it.
func (a Algorithm) String() string {
	switch a {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

// readHeader reads the header (ReadHead in pg_backup_archiver.c) and tells the
// decoder how wide integers are. The format byte is returned as it stands. A
// version that is not supported is only refused when it is hopeless.
func readHeader(d *decoder) (h Header, format byte, warnings []string) {
	if d.take(len(magic)) != magic && d.err == nil {
		d.fail(ErrCorrupt, "no magic string")
	}
	h.Version.Major = d.byte()
	h.Version.Minor = d.byte()
	if h.Version.has(minorSign) {
		h.Version.Revision = d.byte()
		d.signed = true
	}
	if d.err == nil && !h.Version.supported() && !h.Version.worthTrying() {
		d.err = &UnsupportedVersionError{Version: h.Version}
	}
	h.IntSize = int(d.byte())
	h.OffSize = h.IntSize
	if h.Version.has(minorOffSize) {
		h.OffSize = int(d.byte())
	}
	if d.err == nil && (h.IntSize < 1 || h.IntSize > 32 || h.OffSize < 1 || h.OffSize > 32) {
		d.fail(ErrCorrupt, fmt.Sprintf("integer size %d, offset size %d", h.IntSize, h.OffSize))
	}
	d.intSize, d.offSize = h.IntSize, h.OffSize
	if h.IntSize > 4 {
		warnings = append(warnings, "archive was made on a machine with larger integers, some operations might fail")
	}
	format = d.byte()
	h.Compression = readCompression(d, h.Version)
	if h.Version.has(minorLevelInt) {
		var ok bool
		if h.Created, h.DST, ok = readTime(d); !ok && d.err == nil {
			warnings = append(warnings, "invalid creation date in header")
		}
		h.Database = d.text().String
	}
	if h.Version.has(minorTablespace) {
		h.ServerVersion = d.text().String
		h.DumpVersion = d.text().String
	}
	return h, format, warnings
}

// readCompression reads what the header says of compression, which every few
// versions says it in another way.
func readCompression(d *decoder, v Version) Compression {
	level := -1 // before version 1.2 data were always compressed
	switch {
	case v.has(minorAlgorithm):
		a := Algorithm(d.byte())
		if a > Zstd && d.err == nil {
			d.fail(ErrUnsupported, "compression "+a.String())
		}
		return Compression{Algorithm: a}
	case v.has(minorLevelInt):
		level = int(d.int())
	case v.has(minorLevelByte):
		level = int(int8(d.byte()))
	}
	if level == 0 {
		return Compression{HasLevel: true}
	}
	return Compression{Algorithm: Gzip, Level: level, HasLevel: v.has(minorLevelByte)}
}

// readTime reads the creation time, a struct tm.
func readTime(d *decoder) (t time.Time, dst int, ok bool) {
	sec, min, hour := int(d.int()), int(d.int()), int(d.int())
	day, month, year := int(d.int()), int(d.int())+1, int(d.int())+1900
	dst = int(d.int())
	t = time.Date(year, time.Month(month), day, hour, min, sec, 0, time.UTC)
	valid := sec >= 0 && sec <= 60 && min >= 0 && min < 60 && hour >= 0 && hour < 24 &&
		day >= 1 && t.Month() == time.Month(month) && year >= 1900 && year < 10000
	if sec == 60 && t.Second() == 0 { // a leap second may carry into the next month
		valid = month >= 1 && month <= 12 && day >= 1 && day <= 31
	}
	if !valid || d.err != nil {
		return time.Time{}, dst, false
	}
	return t, dst, true
}
