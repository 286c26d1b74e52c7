// Package script turns the entries of an archive into SQL text.
//
// The text is what pg_restore of PostgreSQL 18 prints to a script and, piece by
// piece, what it sends to a server. [Create], [Owner], [SetAccessMethod],
// [Drop] and [State.Before] give the pieces of one entry; each piece is meant
// to be one query, which the server runs as one implicit transaction. Pieces
// end in the line ends that pg_restore prints after them, so that a script is
// the plain concatenation of its pieces.
//
// [Write] prints a whole selection as pg_restore -f does, [WriteDDL] prints
// entries for people to read.
//
// The package is pure: entries in, text out, no I/O but the writer it is given.
// Data come through functions of the caller. Strings are bytes in the archive's
// encoding (see toc.TOC.Encoding); nothing is transcoded.
//
// # Untrusted archives
//
// A definition is run with the rights of whoever restores it; that is the
// nature of a restore. But a script is also read by psql, which obeys
// backslash commands (\! runs a shell command) on the machine of the user.
// pg_restore guards against them with \restrict, which psql has known since
// August 2025; [Write] prints it when it is given a key. [WriteDDL] does not
// print a definition in which [MetaCommand] finds something psql would act on.
// Names in comments never hold line ends.
package script
