package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgarc/pgarc/archive"
	"github.com/pgarc/pgarc/restore"
	"github.com/pgarc/pgarc/toc"
)

// How pgarc talks when something is wrong:
//
//	pgarc: error: what is wrong, in one line
//	pgarc: hint: what to do about it
//
// Errors start in lower case and have no full stop. A hint is a thing to do,
// if possible a command to copy. This file is the only place that turns errors
// into hints.

// report prints an error and its hints. Errors that the command has already
// told print nothing.
func report(w io.Writer, err error) {
	var exit *exitError
	if err == nil || errors.As(err, &exit) && exit.err == nil {
		return
	}
	fmt.Fprintf(w, "pgarc: error: %s\n", redactURLs(visibleLines(err.Error())))
	for _, hint := range hints(err) {
		fmt.Fprintf(w, "pgarc: hint: %s\n", visibleLines(hint))
	}
}

// visibleLines is visible for a text of several lines; those after the first
// are indented, so that none passes for a message of its own.
func visibleLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n    ")
}

// hints returns what to do about an error; nothing if there is nothing sensible
// to say.
func hints(err error) []string {
	var usage *usageError
	var unknown *unknownNameError
	var file *fileError
	var unsafe *unsafeError
	switch {
	case errors.As(err, &unsafe):
		return oneHint(unsafe.hint())
	case errors.As(err, &usage):
		return oneHint(usage.hint)
	case errors.As(err, &unknown):
		return oneHint(unknown.hint())
	case errors.As(err, &file):
		return oneHint(fileHint(file))
	}
	var unfinished *restore.Unfinished
	if errors.As(err, &unfinished) {
		return unfinishedHints(unfinished)
	}
	if errors.Is(err, restore.ErrNothingToResume) {
		return oneHint("leave out --resume to restore from the beginning")
	}
	if errors.Is(err, restore.ErrNoRestore) {
		return oneHint("is it this database? a restore that is done has dropped its journal; --no-journal and -1 keep none")
	}
	if errors.Is(err, restore.ErrStreamLost) {
		return oneHint("begin anew, into an empty database or with --restart --clean --if-exists; --spool DIR keeps the archive in a file for the time of the restore")
	}
	if errors.Is(err, restore.ErrPooler) {
		return oneHint("connect to the server itself, at its own port; or give --pooler if it pools whole sessions (pool_mode = session)")
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return oneHint(connectHint(connect))
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "53100" { // disk_full
		return oneHint("the server's disk is full: make room, then try again")
	}
	return nil
}

func oneHint(hint string) []string {
	if hint == "" {
		return nil
	}
	return []string{hint}
}

// fileHint is for files that cannot be opened or read: archives, logs.
func fileHint(e *fileError) string {
	var not *archive.NotArchiveError
	var version *archive.UnsupportedVersionError
	switch {
	case errors.As(e, &not) && isArchiveURL(e.name) && strings.Contains(notArchiveHint(not, "FILE"), "FILE"):
		return "download it; then " + notArchiveHint(not, shellWord(localName(e.name)))
	case errors.As(e, &not):
		return notArchiveHint(not, shellWord(e.name))
	case isArchiveURL(e.name) && urlHint(e) != "":
		return urlHint(e)
	case errors.Is(e, fs.ErrNotExist):
		return missingHint(e.name)
	case errors.Is(e, fs.ErrPermission):
		return "you may not read it: try as its owner, or as root"
	case errors.Is(e, archive.ErrTruncated):
		return "the file is not whole: compare its size with that of the original and copy it again"
	case errors.Is(e, archive.ErrCorrupt):
		return "the file is damaged: compare its checksum with that of the original and copy it again"
	case errors.Is(e, archive.ErrNotSeekable):
		return "save it to a file first: it has to be read at more than one place"
	case errors.As(e, &version) && version.Version.Major != 1:
		return "PostgreSQL's pg_dump never wrote such a version: it is another product's file, to be read by what came with it, or damaged"
	case errors.Is(e, archive.ErrUnsupported):
		return "it may have been made by a newer pg_dump than this pgarc knows: look for a newer pgarc"
	}
	return ""
}

// missingHint is for files that are not there: the nearest name beside it, or
// the archives that are there.
func missingHint(name string) string {
	if strings.Contains(name, "://") {
		return "archives are read from files, http://, https:// and s3://: download it first"
	}
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Sprintf("there is no directory %s either", shellWord(filepath.Clean(dir)))
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if close := toc.ClosestNames(base, names, 1); len(close) > 0 {
		return fmt.Sprintf("did you mean %s?", shellWord(filepath.Join(dir, close[0])))
	}
	if archives, _ := archivesIn(dir); len(archives) > 0 {
		return "archives there: " + shortList(archives, 4)
	}
	if dir == "." {
		return "if it names an object, put the archive before it"
	}
	return ""
}

// connectHint is for servers that cannot be reached or turn us away.
func connectHint(err *pgconn.ConnectError) string {
	var pg *pgconn.PgError
	var dns *net.DNSError
	switch {
	case errors.As(err, &pg):
		return refusedHint(pg.Code, err.Config)
	case errors.As(err, &dns):
		return fmt.Sprintf("no such host: is %q spelt right?", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return "is the server running, and is it there that it listens? -h and -p (or $PGHOST and $PGPORT) say where to connect"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH):
		return "the server does not answer: is the host right, and does a firewall let you through?"
	case errors.Is(err, fs.ErrPermission):
		return "you may not use the server's socket: connect over TCP with -h localhost"
	case strings.Contains(err.Error(), "server refused TLS"):
		return "the server has no TLS: sslmode=prefer connects without"
	}
	return ""
}

// refusedHint is for the errors that a server gives when one connects, by
// their SQLSTATE.
func refusedHint(code string, config *pgconn.Config) string {
	switch code {
	case "28P01": // invalid_password
		return "set the password in $PGPASSWORD or ~/.pgpass, or have it asked for with -W"
	case "28000": // invalid_authorization_specification
		return fmt.Sprintf("is the user %q right (-U or $PGUSER)? if so, pg_hba.conf on the server must let it in", config.User)
	case "3D000": // invalid_catalog_name
		return fmt.Sprintf("create it first: createdb %s; or restore with -C -d postgres, which creates the archive's own", shellWord(config.Database))
	case "42501": // insufficient_privilege
		return fmt.Sprintf("the user %q may not connect to that database: GRANT CONNECT, or use another user with -U", config.User)
	case "53300": // too_many_connections
		return "the server has no connections left: use fewer with -j, or raise max_connections"
	case "57P03": // cannot_connect_now
		return "the server is starting or stopping: try again in a moment"
	}
	return ""
}

// shellWord quotes a word for the shell where that is needed.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r)
	}
	if s != "" && strings.TrimLeftFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// unpackers are the commands that undo a compression, FILE being the file.
var unpackers = map[archive.FileKind]string{
	archive.KindGzip:  "gunzip -c FILE",
	archive.KindZstd:  "zstd -dc FILE",
	archive.KindLZ4:   "lz4 -dc FILE",
	archive.KindBzip2: "bunzip2 -c FILE",
	archive.KindXz:    "xz -dc FILE",
}

// notArchiveHints say what to do with files that are no archives, FILE being
// the file.
var notArchiveHints = map[archive.FileKind]string{
	archive.KindEmpty:         "the dump or the copy failed: look at the log of what wrote it, and for a full disk",
	archive.KindZeros:         "the copy or download failed half-way: fetch it again",
	archive.KindPlainSQL:      "run it with psql: psql -d DATABASE -f FILE; pg_dump -Fc makes archives",
	archive.KindCluster:       "run it with psql: psql -d postgres -f FILE; it restores all databases of the server",
	archive.KindOtherSQL:      "it does not come from pg_dump: use the tools of the program that made it",
	archive.KindUTF16:         "an archive that PowerShell redirected with > is lost: dump again with pg_dump -Fc -f FILE",
	archive.KindUTF8BOM:       "a program rewrote it as text, and the data are lost: dump again with pg_dump -Fc -f FILE, and copy it as binary",
	archive.KindCRLF:          "a program rewrote its line ends: copy the original again, as binary (in FTP: type binary)",
	archive.KindZip:           "unpack it first: unzip FILE",
	archive.Kind7z:            "unpack it first: 7z x FILE",
	archive.KindAge:           "decrypt it first: age -d -o backup.dump FILE",
	archive.KindGPG:           "decrypt it first: gpg -o backup.dump -d FILE",
	archive.KindOpenSSL:       "decrypt it first: openssl enc -d with the options it was encrypted with",
	archive.KindTar:           "unpack it (tar xf FILE) and look for an archive inside",
	archive.KindTarOfDir:      "unpack it and give the directory: tar xf FILE",
	archive.KindBaseBackup:    "it is a copy of the server's files: unpack it as a data directory and start a server on it",
	archive.KindDataDirectory: "it is a copy of the server's files: start a server of the same version on it, then pg_dump -Fc",
	archive.KindDumpAllDir:    "give one of the archives inside it, or restore it with the pg_restore that belongs to its pg_dumpall",
	archive.KindDirectory:     "name the archive inside it; in directory format that is the folder with toc.dat",
	archive.KindTOCFile:       "give the directory that it is in",
	archive.KindBinaryCopy:    "load it with COPY … FROM … WITH (FORMAT binary)",
	archive.KindExecutable:    "is this the file you meant?",
	archive.KindMarkup:        "look into it: the download may have given an error page instead of the archive",
	archive.KindGitLFS:        "fetch the file that it stands for: git lfs pull",
	archive.KindUnknown:       "is this the file you meant? pg_dump -Fc makes archives",
}

// notArchiveHint is for files that are no archives.
func notArchiveHint(e *archive.NotArchiveError, file string) string {
	hint := notArchiveHints[e.Kind]
	if unpack := unpackers[e.Kind]; unpack != "" {
		switch e.Inner {
		case archive.KindPlainSQL, archive.KindCluster:
			hint = "run it with psql: " + unpack + " | psql -d DATABASE"
		default:
			hint = "unpack it first: " + unpack + " > backup.dump"
		}
	}
	return strings.ReplaceAll(hint, "FILE", file)
}
