package archive_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/toc"
)

func ExampleOpen() {
	r, err := archive.Open("../fixtures/archives/15/newline.dump")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	h := r.Header
	fmt.Printf("%s of database %s, format %s, %s\n", h.Created.Format("2006-01-02"), h.Database, h.Format, h.Compression)
	for _, e := range r.TOC.Entries {
		if e.Kind == toc.Table {
			fmt.Printf("%d %s %q %q\n", e.ID, e.Kind, e.Namespace, e.Tag)
		}
	}
	// Output:
	// 2026-11-22 of database newline, format custom, gzip
	// 218 TABLE "public" "carriage\rreturn"
	// 215 TABLE "public" "evil\nCREATE ROLE surprise;\n-- "
	// 219 TABLE "public" "plain"
	// 217 TABLE "sch\nema" "t"
}

func ExampleReader_Data() {
	r, err := archive.Open("../fixtures/archives/15/c-gzip.dump")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for _, e := range r.TOC.Entries {
		if e.Kind != toc.TableData || e.Tag != "tags" {
			continue
		}
		data, err := r.Data(e)
		if err != nil {
			log.Fatal(err)
		}
		defer data.Close()
		fmt.Print(e.Copy)
		start := make([]byte, 300)
		n, err := io.ReadFull(data, start)
		if err != nil && err != io.ErrUnexpectedEOF {
			log.Fatal(err)
		}
		line, _, _ := strings.Cut(string(start[:n]), "\n")
		fmt.Println(line)
	}
	// Output:
	// COPY public.tags (id, name, display_name, usable, trendable, max_score, last_status_at, created_at, updated_at) FROM stdin;
	// 1	a1	\N	f	\N	Infinity	0044-03-15 00:00:00 BC	2024-01-01 00:00:00.000001	2024-01-01 00:00:00.000001
}

func ExampleReader_LargeObjects() {
	r, err := archive.Open("../fixtures/archives/18/lobs.dump")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for _, e := range r.TOC.Entries {
		if e.Kind != toc.Blobs {
			continue
		}
		n, size := 0, int64(0)
		for lo, err := range r.LargeObjects(e) {
			if err != nil {
				log.Fatal(err)
			}
			m, err := io.Copy(io.Discard, lo)
			if err != nil {
				log.Fatal(err)
			}
			n++
			size += m
		}
		fmt.Printf("%s %s: %d objects, %d bytes\n", e.Kind, e.Tag, n, size)
	}
	// Output:
	// BLOBS 1001..3001: 38 objects, 223941 bytes
	// BLOBS 1002: 1 objects, 16 bytes
	// BLOBS 1003: 1 objects, 2032 bytes
}

func ExampleNotArchiveError() {
	file, err := os.CreateTemp("", "*.dump")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	fmt.Fprint(file, "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n")
	file.Close()

	_, err = archive.Open(file.Name())
	var not *archive.NotArchiveError
	if errors.As(err, &not) && not.Kind == archive.KindPlainSQL {
		fmt.Println("use psql:", not)
	}
	// Output: use psql: not a pg_dump archive: this is a plain SQL dump
}
