// Package archive reads pg_dump archives: it turns bytes into the model of
// package toc and gives access to the data of each entry.
//
//	r, err := archive.Open("backup.dump")
//	for _, e := range r.TOC.Entries { … }
//	data, err := r.Data(entry) // the COPY text of one table, decompressed
//
// [Open] takes a custom-format file, a directory or a tar file; [NewReader]
// takes anything that can be read at an offset. When they return, the header
// and the table of contents have been read and no data. Opening is therefore
// fast for an archive of any size, and says nothing about whether its data are
// whole.
//
// # Versions and compression
//
// Archive versions 1.0 (PostgreSQL 7.1) to 1.16 (17 and 18), with data that is
// not compressed or compressed with gzip, LZ4 or zstd. A newer minor version
// is read with a warning if its table of contents turns out to have the layout
// of 1.16, and refused with an [UnsupportedVersionError] if not.
//
// # Where the data are
//
// An archive in custom format that pg_dump wrote to a file has the offset of
// each entry's data in its table of contents. One that was written through a
// pipe has not; it is then walked once from front to back, by
// [Reader.Locate] or by the first call that needs a place.
//
// # Streams
//
// [NewStream] reads an archive that comes through a pipe, once, from front to
// back. Its data can be opened in the order they have in it; several consumers
// may work side by side, in bounded memory. [Open] does the same with a custom
// or tar file that was compressed as a whole, as by gzip.
//
// # Damaged and untrusted files
//
// Bad input gives an error, never a panic, a hang, or memory whose amount a
// number in the file decided: lengths are compared with what is left of the
// file before anything is allocated, and counts allocate nothing. (A zstd frame
// may ask for a window of up to 128 MiB, as pg_dump's long mode does, and gets
// it.) Errors are a [*FormatError] with the byte offset and the entry where they are known, and
// match one of the sentinels in errors.go. What is not an archive at all gives
// a [*NotArchiveError] that says what it probably is. Errors of the file
// itself (permission, I/O) are passed on and match no sentinel.
//
// The end of an entry's data, io.EOF, is only returned when the compressed
// stream ended where its frame says and its checksum, if it has one, is right.
//
// # Concurrency
//
// A Reader may be used by several goroutines, and each may read the data of
// other entries or of the same. A [Data] or a [LargeObject] belongs to one.
package archive
