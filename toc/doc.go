// Package toc is the model of a pg_dump archive's table of contents.
//
// A [TOC] is a list of entries in archive order. An [Entry] is one thing that
// pg_dump recorded: a table, its data, an index, a foreign key, a comment, a
// grant. Entries carry the SQL that makes them, the SQL that drops them, and
// the dump ids of the entries that must come first.
//
// The package is pure: it does no I/O and knows only the standard library.
// Package archive fills the model from bytes; script turns entries into SQL;
// restore turns them into work on a server.
//
// # Vocabulary
//
//   - dump id: the number of an entry, unique in its archive; unrelated to order.
//   - kind: what pg_restore -l prints as the type ("FK CONSTRAINT"); pg_dump's
//     source calls it desc.
//   - tag: the name of the object as pg_dump recorded it, unquoted and without
//     its schema. For a constraint it is "table constraint", for a function its
//     signature.
//   - namespace: the schema.
//   - section: pre-data, data or post-data; comments and grants have none of
//     their own and take that of their surroundings.
package toc
