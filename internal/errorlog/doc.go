// Package errorlog reads what pg_restore, psql or a PostgreSQL server wrote
// about a restore, and finds the entries that failed.
//
// [Parse] turns a log into failures; [Resolve] finds their entries in a TOC.
// Logs of every version and language are read, with or without -v, also
// truncated, interleaved by parallel workers, or with the prefixes of other
// programs: the structure counts, not the words. What pg_restore prints:
//
//	pg_restore: from TOC entry 2970; 2606 46934 FK CONSTRAINT statuses fk_rails_256483a9ab postgres
//	pg_restore: error: could not execute query: ERROR:  canceling statement due to user request
//	CONTEXT:  SQL statement "SELECT …"
//	Command was: ALTER TABLE ONLY public.statuses
//	    ADD CONSTRAINT fk_rails_256483a9ab FOREIGN KEY …
//
// The first line stands only with -v (always before version 12), and only when
// the entry is not that of the error before. Up to about version 11 the
// command is cut off after 124 bytes.
package errorlog
