package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pgarc/pgarc/archive"
)

// tarOf returns a tar file of members given as name, content, name, content ….
func tarOf(tb testing.TB, members ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		h := &tar.Header{Name: members[i], Mode: 0o600, Size: int64(len(members[i+1])), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(members[i+1])); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestTarSparse: a file with holes, as by tar -S, is not what is stored of it
// and the bytes behind that.
func TestTarSparse(t *testing.T) {
	files := sampleFiles(t, 16)
	delete(files, "blob_5.dat.zst")
	var members []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		members = append(members, name, files[name])
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	stored := "1\n0\n5\n" + strings.Repeat("\x00", 506) + "start" // a list of what is stored: 5 bytes at 0
	h := &tar.Header{Name: "blob_5.dat", Mode: 0o600, Size: int64(len(stored)), Format: tar.FormatPAX, PAXRecords: map[string]string{
		// The writer refuses the keys with GNU.
		"ZNU.sparse.major": "1", "ZNU.sparse.minor": "0", "ZNU.sparse.name": "blob_5.dat", "ZNU.sparse.realsize": "1000"}}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(stored)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	file := append(bytes.ReplaceAll(b.Bytes(), []byte("ZNU.sparse"), []byte("GNU.sparse")), tarOf(t, members...)...)
	r, err := reader(file)
	if err != nil {
		t.Fatal(err)
	}
	if objects, err := readObjects(r); !errors.Is(err, archive.ErrTruncated) || !strings.Contains(err.Error(), "blob_5.dat: the file is missing") {
		t.Errorf("large objects %v, %v; want blob_5.dat to be missing", objects, err)
	}
	if v := verify(t, r); !slices.ContainsFunc(v.Problems, func(p archive.Problem) bool { return p.File == "blob_5.dat" }) {
		t.Errorf("problems %+v, want one of blob_5.dat", v.Problems)
	}
}
