package main

import (
	"time"

	"github.com/pgarc/pgarc/archive"
)

// createdFormat is how pg_restore prints times (PGDUMP_STRFTIME_FMT in dumputils.h).
const createdFormat = "2006-01-02 15:04:05 MST"

// createdAt is when an archive was made as pg_restore prints it: it takes the
// time of the machine that ran pg_dump for one of its own zone (ReadHead in
// pg_backup_archiver.c, PrintTOCSummary).
func createdAt(h archive.Header, zone *time.Location) string {
	if h.Created.IsZero() {
		return "[unknown]"
	}
	return mktime(h.Created, h.DST, zone).Format(createdFormat)
}

// mktime does what C's function of that name does on Linux with a time of day
// and tm_isdst: a time in summer that says that it is not summer time, or the
// other way round, is taken with the offset that the zone has in the nearest
// season of that kind. Where there is none, summer time is an hour ahead.
func mktime(civil time.Time, dst int, zone *time.Location) time.Time {
	at := func(offset int) time.Time { return civil.Add(time.Duration(-offset) * time.Second).In(zone) }
	t := time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), 0, zone)
	if dst < 0 {
		return t
	}
	const (
		week = 7 * 24 * time.Hour
		far  = 450 // weeks: glibc looks that far
	)
	for n := time.Duration(0); n <= far; n++ {
		for _, near := range []time.Time{t.Add(-n * week), t.Add(n * week)} {
			if near.IsDST() == (dst > 0) {
				_, offset := near.Zone()
				return at(offset)
			}
		}
	}
	_, offset := t.Zone()
	if dst > 0 {
		return at(offset + 3600)
	}
	return at(offset - 3600)
}
