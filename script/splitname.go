package script

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fileNames gives names of objects names as files, all different, also to a
// file system that does not tell A from a.
type fileNames struct {
	folded map[string][]string // names of objects, by what their files' names fold to
	taken  []string            // names that no object may have
}

func newFileNames(taken ...string) *fileNames {
	return &fileNames{map[string][]string{}, taken}
}

// add announces a name. All must be known before the first is asked for.
func (f *fileNames) add(name string) {
	k := strings.ToLower(encodeName(name))
	if !slices.Contains(f.folded[k], name) {
		f.folded[k] = append(f.folded[k], name)
	}
}

// of returns the file name of a name. Of several that differ in case only, the
// one in small letters has it plainly; the others get a mark, made from the
// name itself and not from the others, so that it stays.
func (f *fileNames) of(name string) string {
	file := encodeName(name)
	k := strings.ToLower(file)
	if len(f.folded[k]) > 1 && file != k || slices.Contains(f.taken, k) {
		return file + "~" + nameMark(name)
	}
	return file
}

func nameMark(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:4])
}

// maxFileName leaves room for endings in the 255 bytes that file systems have.
const maxFileName = 120

// reservedFiles are what Windows takes for a device, whatever its ending.
var reservedFiles = []string{"con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
	"com9", "lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"}

// encodeName writes a name so that it can be that of a file, a word in psql's
// commands and in most shells: letters and digits of all scripts, _ and -;
// every other byte as in a URL, %20. Combining marks are among these, for file
// systems differ in how they keep them. No dot is left: dots divide names from
// their endings. Very long names are cut and get a mark.
func encodeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		plain := r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
		if r == utf8.RuneError && size == 1 || !plain {
			for _, c := range []byte(name[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(name[i : i+size])
		}
		i += size
	}
	file := b.String()
	switch {
	case file == "":
		return "%"
	case slices.Contains(reservedFiles, strings.ToLower(file)):
		return fmt.Sprintf("%%%02X%s", file[0], file[1:])
	case len(file) > maxFileName:
		end := maxFileName
		for !utf8.RuneStart(file[end]) {
			end--
		}
		if i := strings.LastIndexByte(file[:end], '%'); i > end-3 {
			end = i
		}
		return file[:end] + "~" + nameMark(name)
	}
	return file
}
