// Package copybin turns the rows of a table as pg_dump writes them, COPY text,
// into what COPY … FROM stdin WITH (FORMAT binary) reads. The server then has
// nothing to parse, which is near half of its work in a COPY.
//
// The values stored are the same, bit for bit, or there is an error: anything
// that is not exactly what the server's output functions write for the type,
// under pg_dump's settings (DateStyle ISO, IntervalStyle postgres, full float
// digits), is a [RowError]. So are rows that this package does not bother with,
// as an array of two dimensions. The table is then to be loaded as text.
//
// It does not look at encodings: the receive functions of text types convert
// from client_encoding as COPY text does (pq_getmsgtext in
// src/backend/libpq/pqformat.c). But it takes a byte 0x5c for a backslash, and
// in five client encodings that may be half a character: see [SafeEncoding].
//
// Facts are from PostgreSQL's src/backend/commands/copyto.c, copyfromparse.c
// and the output and receive functions in src/backend/utils/adt.
package copybin
