package errorlog

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/pgarc/pgarc/toc"
)

// A Failure is one error in a log. Only Line is always set.
type Failure struct {
	Line int // where it begins in the log, from 1

	// What the line "from TOC entry ID; CLASS OID SUBJECT" says. The id is
	// that of the archive that was restored, which need not be the one at
	// hand.
	ID            toc.DumpID // 0: unknown
	ClassOID, OID uint32
	Subject       string // kind, tag and owner, joined by blanks

	// Kind, Tag and Owner are the subject taken apart. Where tag or owner
	// have blanks the cut may be wrong; [Resolve] compares with the subject.
	Kind       toc.Kind
	Tag, Owner string

	Table string // of a failed COPY: the table, without schema

	SQL       string // the failed command; "" if the log does not show it
	Truncated bool   // the log has only the beginning of SQL

	SQLState string // if the log shows it
	Message  string // the server's message, without "ERROR:"
	Detail   string // the lines after it: detail, hint, context
}

// maxLine is the longest line that is read, in bytes. Lines are that of the
// SQL, so the limit is far above what pg_dump writes.
const maxLine = 256 << 20

// Parse reads a log to its end and returns the failures in it, in order. What
// it does not recognise it skips: a log without failures is no error.
func Parse(r io.Reader) ([]Failure, error) {
	in, err := utf8Reader(r)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	var p parser
	for lines.Scan() {
		p.number++
		p.line(clean(lines.Text()))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d of the log: %w", p.number+1, err)
	}
	p.flush()
	p.unexplained()
	return p.failures, nil
}

// utf8Reader decodes UTF-16, which PowerShell writes when it redirects.
func utf8Reader(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	mark, _ := b.Peek(2)
	little, big := bytes.Equal(mark, []byte{0xff, 0xfe}), bytes.Equal(mark, []byte{0xfe, 0xff})
	if !little && !big {
		return b, nil
	}
	data, err := io.ReadAll(b)
	if err != nil {
		return nil, err
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		hi, lo := data[i], data[i+1]
		if little {
			hi, lo = lo, hi
		}
		units = append(units, uint16(hi)<<8|uint16(lo))
	}
	return strings.NewReader(string(utf16.Decode(units))), nil
}

var (
	color = regexp.MustCompile("\x1b\\[[0-9;:]*[A-Za-z]")

	// program finds where pg_restore's own text begins, behind what
	// another program may have put before it.
	program = regexp.MustCompile(`^(|.{0,120}?[\s|>\]])pg_restore(?:\.exe)?: `)

	// tocLine: in Korean words stand between id and semicolon, in French a blank.
	tocLine = regexp.MustCompile(`(?:^|\D)(\d{1,10})[^\d;:]{0,24}; (\d{1,10}) (\d{1,10}) (\S.*)$`)

	// severity is the server's "ERROR:  ", in its language: one word without
	// small letters.
	severity = regexp.MustCompile(`(?:^|[\s:：])([\p{Lu}\p{Lo}]{2,20})(?: |\x{a0})?:\s{1,2}`)

	// logLine is a line of psql or of a server's log.
	logLine = regexp.MustCompile(`^(.{0,200}?)\b(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|QUERY|LOCATION|STATEMENT|` +
		`FEHLER|ANWEISUNG|ERREUR|INSTRUCTION|SENTENCIA)(?: |\x{a0})?:  ?(\S.*)$`)

	// state is the SQLSTATE that stands before the message at \set VERBOSITY verbose.
	state = regexp.MustCompile(`^([0-9A-Z]{5}): `)

	// quotedName is the name in "COPY failed for table "x": ", with the
	// quotes of any language.
	quotedName = regexp.MustCompile(`(?:"|«[\s\x{a0}]?|»|„|“|「)(.+?)(?:"|[\s\x{a0}]?»|«|“|”|」)[^":]{0,40}$`)

	// copyContext is the server's "CONTEXT:  COPY x, line 3".
	copyContext = regexp.MustCompile(`(?m)^\S+ ?: {1,2}COPY (.+?), [\pL ]+ ?\d+`)
)

// clean removes carriage returns and colours.
func clean(line string) string {
	line = strings.TrimRight(line, "\r")
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = color.ReplaceAllString(line, "")
	}
	return strings.TrimPrefix(line, "\ufeff")
}

// parser gathers lines into blocks: a line with a program's prefix, and the
// lines without one that follow it.
type parser struct {
	failures []Failure
	number   int

	block    *block
	entry    Failure // the newest TOC line; Line 0: none
	awaiting bool    // entry has no error yet
	server   Failure // the newest ERROR of a server's log or of psql
}

type block struct {
	line   int
	prefix string // what another program put before each line
	head   string // the first line behind its prefix
	rest   []string
	isLog  bool // of psql or a server
	pasted bool // without "pg_restore:" before it
}

func (p *parser) line(text string) {
	if m := find(program, "pg_restore", text); m != nil {
		p.flush()
		p.block = &block{line: p.number, prefix: m[1], head: text[len(m[0]):]}
		return
	}
	if p.block != nil {
		if rest, ok := cutPrefix(text, p.block.prefix); ok && !p.block.isLog {
			if p.block.prefix != "" || !strings.HasPrefix(text, "psql:") && !startsLogLine(text) {
				p.block.rest = append(p.block.rest, rest)
				return
			}
		}
	}
	// Without a prefix, an error is a piece of pg_restore's log, pasted
	// without its first words; psql prefixes no detail.
	if m := find(logLine, ": ", text); m != nil && (m[1] != "" || isError(m[2])) {
		p.flush()
		isLog := m[1] != ""
		p.block = &block{line: p.number, head: m[2] + ":  " + m[3], isLog: isLog, pasted: !isLog}
		return
	}
	if p.block != nil {
		p.block.rest = append(p.block.rest, strings.TrimPrefix(text, "\t"))
	}
}

// find matches a text that has a part without which it cannot match: most
// lines do not, and expressions are slow.
func find(expression *regexp.Regexp, part, text string) []string {
	if !strings.Contains(text, part) {
		return nil
	}
	return expression.FindStringSubmatch(text)
}

// isError reports whether a label of the server says that a statement failed.
func isError(label string) bool {
	switch label {
	case "ERROR", "FATAL", "PANIC", "FEHLER", "ERREUR":
		return true
	}
	return false
}

// startsLogLine reports whether a line has the prefix of a server's log: a
// word such as ERROR that does not stand at the start.
func startsLogLine(text string) bool {
	m := find(logLine, ": ", text)
	return m != nil && logPrefix.MatchString(m[1])
}

// logPrefix is what log_line_prefix usually begins with: a time.
var logPrefix = regexp.MustCompile(`^\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|^\d{9,10}\.\d+ `)

// cutPrefix removes a prefix from a line, where runs of digits may differ: the
// times of a log.
func cutPrefix(line, prefix string) (string, bool) {
	i := 0
	for j := 0; j < len(prefix); {
		switch {
		case i < len(line) && isDigit(prefix[j]) && isDigit(line[i]):
			for j < len(prefix) && isDigit(prefix[j]) {
				j++
			}
			for i < len(line) && isDigit(line[i]) {
				i++
			}
		case i < len(line) && prefix[j] == line[i]:
			i, j = i+1, j+1
		case i == len(line) && strings.TrimRight(prefix[j:], " \t") == "":
			return "", true // an empty line, its blanks trimmed
		default:
			return line, false
		}
	}
	return line[i:], true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// flush takes the block that is over for what it is.
func (p *parser) flush() {
	b := p.block
	p.block = nil
	switch {
	case b == nil:
	case b.isLog:
		p.logBlock(b)
	default:
		p.restoreBlock(b)
	}
}

// restoreBlock reads a block of pg_restore.
func (p *parser) restoreBlock(b *block) {
	if f, ok := parseTOCLine(b.head); ok {
		p.unexplained()
		f.Line = b.line
		p.entry, p.awaiting = f, true
		return
	}
	if strings.Contains(b.head, "INITIALIZING") || strings.Contains(b.head, "FINALIZING") {
		p.unexplained()
		p.entry = Failure{}
		return
	}
	f := p.entry
	if b.pasted {
		f = Failure{}
	}
	f.read(b)
	if f.SQL == "" && f.Table == "" && !(p.awaiting && !b.pasted && looksLikeError(b.head)) {
		return
	}
	if !p.awaiting || b.pasted {
		f.Line = b.line
	} else {
		p.awaiting = false
	}
	p.failures = append(p.failures, f)
}

// unexplained keeps a TOC line after which no error came: the log was cut off,
// or workers' lines were mixed.
func (p *parser) unexplained() {
	if p.awaiting {
		p.awaiting = false
		p.failures = append(p.failures, p.entry)
	}
}

// looksLikeError tells "error: could not …" and "[archiver] could not …: …"
// from the progress lines of -v.
func looksLikeError(head string) bool {
	label, _, ok := strings.Cut(head, ": ")
	return ok && len(label) < 80 && !strings.Contains(label, `"`)
}

// parseTOCLine reads "from TOC entry 2970; 2606 46934 FK CONSTRAINT t c owner".
func parseTOCLine(head string) (Failure, bool) {
	m := tocLine.FindStringSubmatch(head)
	if m == nil || severity.MatchString(head) && strings.Contains(head, ":  ") {
		return Failure{}, false
	}
	id, err := strconv.ParseInt(m[1], 10, 32)
	class, err2 := strconv.ParseUint(m[2], 10, 32)
	oid, err3 := strconv.ParseUint(m[3], 10, 32)
	if err != nil || err2 != nil || err3 != nil {
		return Failure{}, false
	}
	f := Failure{ID: toc.DumpID(id), ClassOID: uint32(class), OID: uint32(oid), Subject: m[4]}
	f.cutSubject()
	return f, true
}

// cutSubject takes "FK CONSTRAINT t c owner" apart: the longest known kind,
// and the last word as the owner.
func (f *Failure) cutSubject() {
	words := strings.Split(f.Subject, " ")
	n := 1
	for i := 1; i <= min(len(words), 5); i++ {
		if toc.Kind(strings.Join(words[:i], " ")).Known() {
			n = i
		}
	}
	f.Kind = toc.Kind(strings.Join(words[:n], " "))
	f.Tag = strings.Join(words[n:], " ")
	if i := strings.LastIndexByte(f.Tag, ' '); i >= 0 {
		f.Tag, f.Owner = f.Tag[:i], f.Tag[i+1:]
	}
}

// logBlock reads a line of psql or a server's log with what follows it. The
// statement comes after the error.
func (p *parser) logBlock(b *block) {
	label, text, _ := strings.Cut(b.head, ":  ")
	switch {
	case isError(label):
		p.server = Failure{Line: b.line, Detail: strings.TrimSpace(strings.Join(b.rest, "\n"))}
		p.server.setMessage(text)
	case label == "STATEMENT", label == "ANWEISUNG", label == "INSTRUCTION", label == "SENTENCIA":
		if p.server.Line > 0 {
			p.server.setSQL(text + "\n" + strings.Join(b.rest, "\n"))
			p.failures = append(p.failures, p.server)
			p.server = Failure{}
		}
	case label == "DETAIL", label == "HINT", label == "CONTEXT":
		if p.server.Line > 0 {
			p.server.Detail = strings.TrimPrefix(p.server.Detail+"\n"+b.head, "\n")
		}
	default:
		p.server = Failure{}
	}
}
