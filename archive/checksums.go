package archive

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A Checksum is what a file of checksums has about the data of one entry. It
// names the entry as another dump of the database would, not by its dump id.
type Checksum struct {
	Kind         toc.Kind
	Schema, Name string
	Rows, Bytes  int64
	Digest       [32]byte // see TableCheck
}

// checksumsTitle begins every file of checksums.
const checksumsTitle = "# pgarc checksums 1: kind, schema, name, rows, bytes, SHA-256 of the data"

// Checksums returns those of all entries with data, sorted by kind, schema and
// name. They mean something if the archive is sound and VerifyOptions.Digest
// was set.
func (v *Verification) Checksums() []Checksum {
	var sums []Checksum
	for _, c := range v.Tables {
		sums = append(sums, Checksum{c.Entry.Kind, c.Entry.Namespace, c.Entry.Tag, c.Rows, c.Bytes, c.Digest})
	}
	slices.SortStableFunc(sums, Checksum.compare)
	return sums
}

// compare orders by what names an entry.
func (c Checksum) compare(d Checksum) int {
	return cmp.Or(cmp.Compare(c.Kind, d.Kind), cmp.Compare(c.Schema, d.Schema), cmp.Compare(c.Name, d.Name))
}

// WriteChecksums writes checksums as text, one a line, fields separated by
// tabs. Tabs, line ends and backslashes in names are written as in COPY.
func WriteChecksums(w io.Writer, sums []Checksum) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, checksumsTitle)
	for _, c := range sums {
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%d\t%x\n", checksumEscapes.Replace(string(c.Kind)), checksumEscapes.Replace(c.Schema), checksumEscapes.Replace(c.Name), c.Rows, c.Bytes, c.Digest)
	}
	return out.Flush()
}

var (
	checksumEscapes   = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	checksumUnescapes = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
)

// ReadChecksums reads what WriteChecksums wrote. Errors name the line. The order
// of the lines does not matter.
func ReadChecksums(r io.Reader) ([]Checksum, error) {
	var sums []Checksum
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 && line != checksumsTitle {
			return nil, fmt.Errorf("not a file of pgarc's checksums: it does not begin with %q", checksumsTitle)
		}
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		c, err := parseChecksum(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		sums = append(sums, c)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(sums, Checksum.compare)
	return sums, nil
}

func parseChecksum(line string) (c Checksum, err error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 6 {
		return c, fmt.Errorf("%d fields, want 6", len(fields))
	}
	c.Kind = toc.Kind(checksumUnescapes.Replace(fields[0]))
	c.Schema, c.Name = checksumUnescapes.Replace(fields[1]), checksumUnescapes.Replace(fields[2])
	if c.Rows, err = strconv.ParseInt(fields[3], 10, 64); err != nil {
		return c, err
	}
	if c.Bytes, err = strconv.ParseInt(fields[4], 10, 64); err != nil {
		return c, err
	}
	if n, err := hex.Decode(c.Digest[:], []byte(fields[5][:min(len(fields[5]), 64)])); err != nil || n != 32 || len(fields[5]) != 64 {
		return c, fmt.Errorf("%q is no SHA-256 digest", fields[5])
	}
	return c, nil
}

// A ChecksumDifference is an entry whose checksums differ; one of them is nil
// if the entry is there only once.
type ChecksumDifference struct{ Old, New *Checksum }

// CompareChecksums returns the differences between two sorted lists, in their
// order.
func CompareChecksums(before, now []Checksum) []ChecksumDifference {
	var list []ChecksumDifference
	for len(before) > 0 || len(now) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(now) == 0:
			order = -1
		default:
			order = before[0].compare(now[0])
		}
		switch {
		case order < 0:
			list = append(list, ChecksumDifference{Old: &before[0]})
		case order > 0:
			list = append(list, ChecksumDifference{New: &now[0]})
		case before[0] != now[0]:
			list = append(list, ChecksumDifference{&before[0], &now[0]})
		}
		if order <= 0 {
			before = before[1:]
		}
		if order >= 0 {
			now = now[1:]
		}
	}
	return list
}
