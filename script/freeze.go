package script

// FreezeCopy returns a COPY … FROM stdin statement of an archive with the
// option FREEZE, which is allowed in the transaction that made or truncated
// the table, and there leaves rows that need no VACUUM. ok is false if the
// statement is not recognised to its last token (as COPY … WITH OIDS, before
// PostgreSQL 12).
func FreezeCopy(copyStmt string) (frozen string, ok bool) {
	r := newReader(copyStmt, true)
	r.words("copy")
	r.relation()
	if r.isSymbol("(") {
		r.columns()
	}
	r.words("from stdin")
	frozen = r.text(0, r.at) + " WITH (FREEZE);"
	r.symbol(";")
	if r.bad || !r.done() {
		return "", false
	}
	return frozen, true
}
