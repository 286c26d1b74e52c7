package archive

import (
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"
)

// sniffSize is how much of a file is looked at to say what it is. To look into
// a compressed one takes more: zstd has blocks of up to 128 KiB.
const (
	sniffSize    = 4096
	sniffIntoMax = 192 << 10
)

// FileKind is what a file that is not an archive is, as far as its first bytes
// and, for a directory, its names show.
type FileKind uint8

// The kinds of files that are taken for archives. [NotArchiveError.Inner] uses
// KindCustom and KindTar for archives within something.
const (
	KindUnknown       FileKind = iota
	KindEmpty                  // no bytes at all
	KindPlainSQL               // a plain-text dump, for psql
	KindCluster                // a plain-text dump of a whole cluster, by pg_dumpall
	KindOtherSQL               // SQL text, or a dump, of another program
	KindUTF16                  // text or an archive that Windows PowerShell wrote as UTF-16
	KindUTF8BOM                // an archive behind a UTF-8 byte order mark: it was treated as text
	KindCRLF                   // an archive whose line ends were made CR LF
	KindGzip                   // compressed with gzip; see NotArchiveError.Inner
	KindZstd                   // compressed with zstd, likewise
	KindLZ4                    // compressed with lz4, likewise
	KindBzip2                  // compressed with bzip2, likewise
	KindXz                     // compressed with xz
	KindZip                    // a zip file
	Kind7z                     // a 7-Zip file
	KindAge                    // encrypted with age
	KindGPG                    // encrypted with GnuPG or another OpenPGP program
	KindOpenSSL                // encrypted with openssl enc
	KindTar                    // a tar file, but not pg_dump's
	KindTarOfDir               // a tar file of a directory that holds an archive in directory format
	KindBaseBackup             // a physical backup (pg_basebackup) as a tar file
	KindDataDirectory          // a PostgreSQL data directory, or a physical backup of one
	KindDumpAllDir             // a directory by pg_dumpall, with one archive a database
	KindDirectory              // another directory, without toc.dat
	KindTOCFile                // the toc.dat of a directory, given instead of the directory
	KindCustom                 // an archive in custom format
	KindBinaryCopy             // output of COPY in binary format
	KindExecutable             // a program
	KindMarkup                 // HTML, XML or JSON: often the error page of a download
	KindGitLFS                 // a Git LFS pointer instead of the file
	KindZeros                  // zero bytes: a download or copy that never got there
)

// signatures are files that their first bytes name.
var signatures = []struct {
	prefix string
	kind   FileKind
	what   string
}{
	{magic, KindCustom, "a pg_dump archive in custom format"},
	{"\xff\xfeP\x00G\x00D\x00M\x00P\x00", KindUTF16, "a custom-format archive that was rewritten as UTF-16 text, as Windows PowerShell does with > (it cannot be repaired)"},
	{"\xef\xbb\xbf" + magic, KindUTF8BOM, "a custom-format archive that was rewritten as UTF-8 text"},
	{"\xff\xfe", KindUTF16, "text in UTF-16, as Windows PowerShell writes with >"},
	{"\xfe\xff", KindUTF16, "text in UTF-16"},
	{"\x1f\x8b", KindGzip, "compressed with gzip"},
	{"\x28\xb5\x2f\xfd", KindZstd, "compressed with zstd"},
	{"\x04\x22\x4d\x18", KindLZ4, "compressed with lz4"},
	{"BZh", KindBzip2, "compressed with bzip2"},
	{"\xfd7zXZ\x00", KindXz, "a file compressed with xz"},
	{"PK\x03\x04", KindZip, "a zip file"},
	{"PK\x05\x06", KindZip, "an empty zip file"},
	{"7z\xbc\xaf\x27\x1c", Kind7z, "a 7-Zip file"},
	{"age-encryption.org/", KindAge, "a file encrypted with age"},
	{"-----BEGIN AGE ENCRYPTED FILE-----", KindAge, "a file encrypted with age"},
	{"-----BEGIN PGP MESSAGE-----", KindGPG, "a file encrypted with GnuPG"},
	{"Salted__", KindOpenSSL, "a file encrypted with openssl"},
	{"PGCOPY\n\xff\r\n\x00", KindBinaryCopy, "the output of COPY in binary format"},
	{"\x7fELF", KindExecutable, "a program (ELF)"},
	{"MZ", KindExecutable, "a program (Windows)"},
	{"\xcf\xfa\xed\xfe", KindExecutable, "a program (macOS)"},
	{"SQLite format 3\x00", KindOtherSQL, "an SQLite database"},
	{"version https://git-lfs.github.com/", KindGitLFS, "a Git LFS pointer, not the file itself"},
}

// sniff says what a file of size bytes that starts with b is, if it is no
// archive.
func sniff(ra io.ReaderAt, b []byte, size int64) error {
	kind, what := identify(b)
	e := &NotArchiveError{Kind: kind, What: what}
	switch {
	case kind == KindUnknown && size < int64(len(magic)):
		e.What = fmt.Sprintf("a file of %d bytes", size)
	case kind == KindGzip || kind == KindZstd || kind == KindLZ4 || kind == KindBzip2:
		more := make([]byte, min(size, sniffIntoMax))
		n, _ := ra.ReadAt(more, 0) // what can be read will do
		inside, within := identify(decompressStart(kind, more[:n]))
		return compressedError(kind, what, inside, within)
	}
	return e
}

// compressedError says what is inside something compressed.
func compressedError(kind FileKind, what string, inside FileKind, within string) *NotArchiveError {
	if inside == KindUnknown || inside == KindEmpty {
		within = "a file"
	}
	if inside == KindCustom {
		within, what = "a pg_dump archive in custom format,", strings.Replace(what, "compressed", "compressed once more", 1)
	}
	return &NotArchiveError{Kind: kind, Inner: inside, What: within + " " + what}
}

// identify says what starts with b.
func identify(b []byte) (FileKind, string) {
	if len(b) == 0 {
		return KindEmpty, "an empty file"
	}
	for _, s := range signatures {
		if strings.HasPrefix(string(b[:min(len(b), 64)]), s.prefix) {
			return s.kind, s.what
		}
	}
	switch {
	case isTar(b):
		return KindTar, "a tar file"
	case isOpenPGP(b):
		return KindGPG, "a file encrypted with GnuPG"
	case len(bytes.Trim(b, "\x00")) == 0:
		return KindZeros, "a file of zero bytes"
	}
	return identifyText(b)
}

// isOpenPGP reports whether b starts with an encrypted session key, as an
// encrypted OpenPGP message does (RFC 9580, 4.2, 5.1 and 5.3): a tag, a length
// and the version of the packet.
func isOpenPGP(b []byte) bool {
	if len(b) < 5 {
		return false
	}
	length := 1
	switch b[0] {
	case 0x85, 0x8d: // two bytes of length
		length = 2
	case 0xc1, 0xc3: // the newer format
		if b[1] >= 192 {
			length = 2
		}
	case 0x84, 0x8c:
	default:
		return false
	}
	switch version := b[1+length]; b[0] {
	case 0x84, 0x85, 0xc1: // for a public key
		return version == 3 || version == 6
	default: // for a passphrase
		return version >= 4 && version <= 6
	}
}

// identifyText says what a text that starts with b is.
func identifyText(b []byte) (FileKind, string) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(b, 0) >= 0 {
		return KindUnknown, "a file of unknown type"
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n"))
	upper := strings.ToUpper(text)
	starts := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(upper, p) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.Contains(text, "-- PostgreSQL database cluster dump"):
		return KindCluster, "a plain SQL dump of a whole cluster (pg_dumpall)"
	case strings.Contains(text, "-- PostgreSQL database dump"):
		return KindPlainSQL, "a plain SQL dump"
	case starts("-- MYSQL DUMP", "-- MARIADB DUMP", "/*!", "/*M!"):
		return KindOtherSQL, "a dump of MySQL or MariaDB"
	case starts("<!DOCTYPE", "<HTML", "<?XML", "{", "["):
		return KindMarkup, "HTML, XML or JSON, perhaps an error message of a download"
	case starts("--", "/*", "SET ", "SELECT ", "BEGIN", "CREATE ", "INSERT ", "DROP ", "ALTER ", "COPY ", `\CONNECT `, `\RESTRICT `):
		return KindPlainSQL, "SQL text"
	case utf8.ValidString(strings.ToValidUTF8(text[:max(0, len(text)-utf8.UTFMax)], "\x00")) && !strings.ContainsRune(text, 0):
		return KindUnknown, "a text file"
	}
	return KindUnknown, "a file of unknown type"
}

// decompressStart decompresses what it can of the start of a file.
func decompressStart(kind FileKind, b []byte) []byte {
	var r io.Reader
	var err error
	in := bytes.NewReader(b)
	switch kind {
	case KindGzip:
		r, err = gzip.NewReader(in)
	case KindZstd:
		var z decompressor
		if z, err = openZstd(in, nil); err == nil {
			defer z.release()
		}
		r = z
	case KindLZ4:
		r = lz4.NewReader(in)
	case KindBzip2:
		r = bzip2.NewReader(in)
	}
	if err != nil {
		return nil
	}
	out := make([]byte, sniffSize)
	n, _ := io.ReadFull(r, out) // an error is the cut's
	return out[:n]
}

var errLineEnds error = &NotArchiveError{Kind: KindCRLF, Inner: KindCustom, What: "a custom-format archive in which something changed line ends, as a transfer in text mode does"}

// lineEndsConverted reports whether every line feed in b follows a carriage
// return, which pg_dump writes nowhere: something treated b as text.
func lineEndsConverted(b []byte) bool {
	n := bytes.Count(b, []byte("\n"))
	return n > 0 && n == bytes.Count(b, []byte("\r\n"))
}
