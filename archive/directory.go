package archive

import (
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
)

// A directory is the folder of an archive in directory format
// (pg_backup_directory.c).
type directory struct {
	path  string
	sizes map[string]int64 // its files, when it was opened
}

// openDirectory opens an archive in directory format.
func openDirectory(path string) (*Reader, error) {
	names, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	d := directory{path: path, sizes: make(map[string]int64, len(names))}
	total := int64(0)
	for _, name := range names {
		info, err := name.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = os.Stat(filepath.Join(path, name.Name()))
		}
		if err != nil || !info.Mode().IsRegular() {
			continue // whoever needs it will say that it is missing
		}
		d.sizes[name.Name()] = info.Size()
		total += info.Size()
	}
	if _, _, ok := find(d, tocName); !ok {
		return nil, identifyDirectory(path, names)
	}
	return newFiles(d, FormatDirectory, total)
}

func (d directory) size(name string) (int64, bool) {
	n, ok := d.sizes[name]
	return n, ok
}

func (d directory) open(name string) (io.ReadCloser, int64, error) {
	f, err := os.Open(filepath.Join(d.path, name))
	if err != nil {
		return nil, 0, err
	}
	return f, d.sizes[name], nil
}

func (d directory) names() iter.Seq[string] { return maps.Keys(d.sizes) }

func (d directory) missing() error { return errMissing }

// identifyDirectory says what a directory without toc.dat is.
func identifyDirectory(path string, names []fs.DirEntry) error {
	has := make(map[string]bool, len(names))
	for _, name := range names {
		has[name.Name()] = true
	}
	switch {
	case has["PG_VERSION"] || has["backup_label"] || has["base.tar"] || has["base.tar.gz"]:
		return &NotArchiveError{Kind: KindDataDirectory, What: "a data directory or a physical backup of PostgreSQL, not a dump"}
	case has["map.dat"] || has["toc.glo"] || has["global.dat"]:
		return &NotArchiveError{Kind: KindDumpAllDir, What: "a directory by pg_dumpall: the archives of its databases are in " + filepath.Join(path, "databases")}
	}
	return &NotArchiveError{Kind: KindDirectory, What: "a directory without " + tocName}
}
