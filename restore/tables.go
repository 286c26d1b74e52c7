package restore

import (
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// tables knows how the tables of an archive hang together: which is a
// partition of which, and which data entries write into which.
type tables struct {
	toc      *toc.TOC
	graph    *toc.Graph
	parent   map[toc.DumpID]*toc.Entry   // of a partition
	children map[toc.DumpID][]*toc.Entry // of a partitioned table
	data     map[toc.DumpID][]*toc.Entry // data entries that write into a table, by the table's id
}

func newTables(t *toc.TOC) *tables {
	ts := &tables{
		toc:      t,
		graph:    toc.NewGraph(t),
		parent:   make(map[toc.DumpID]*toc.Entry),
		children: make(map[toc.DumpID][]*toc.Entry),
		data:     make(map[toc.DumpID][]*toc.Entry),
	}
	for _, e := range t.Entries {
		switch e.Kind {
		case toc.TableAttach:
			ts.addAttach(e)
		case toc.Table, toc.ForeignTable:
			ts.addOldPartition(e)
		}
	}
	for _, e := range t.Entries {
		if e.Kind == toc.TableData {
			ts.addData(e)
		}
	}
	return ts
}

// addAttach notes the two tables that a TABLE ATTACH entry depends on. The
// child is the one named in its tag.
func (ts *tables) addAttach(e *toc.Entry) {
	var child, parent *toc.Entry
	for _, d := range ts.graph.Deps(e) {
		switch {
		case !isTable(d):
		case d.Tag == e.Tag && d.Namespace == e.Namespace && child == nil:
			child = d
		default:
			parent = d
		}
	}
	ts.link(child, parent)
}

// addOldPartition notes a partition as pg_dump 10 to 13 write it: the table's
// own definition names its parent.
func (ts *tables) addOldPartition(e *toc.Entry) {
	if !strings.Contains(e.Defn, " PARTITION OF ") && !strings.Contains(e.Defn, " ATTACH PARTITION ") {
		return
	}
	for _, d := range ts.graph.Deps(e) {
		if d.Kind == toc.Table && strings.Contains(d.Defn, "PARTITION BY ") {
			ts.link(e, d)
			return
		}
	}
}

func (ts *tables) link(child, parent *toc.Entry) {
	if child == nil || parent == nil || ts.parent[child.ID] != nil {
		return
	}
	for p := parent; p != nil; p = ts.parent[p.ID] {
		if p == child { // a damaged archive; a loop here would never end
			return
		}
	}
	ts.parent[child.ID] = parent
	ts.children[parent.ID] = append(ts.children[parent.ID], child)
}

// addData notes which tables a TABLE DATA entry fills: its own, or, loaded via
// the partition root, any partition of that root.
func (ts *tables) addData(e *toc.Entry) {
	table := ts.tableOf(e)
	if table == nil {
		return
	}
	if !loadsViaRoot(e) {
		ts.data[table.ID] = append(ts.data[table.ID], e)
		return
	}
	for _, target := range ts.withDescendants(ts.root(table)) {
		ts.data[target.ID] = append(ts.data[target.ID], e)
	}
}

// tableOf returns the table of a TABLE DATA entry, or nil in an archive that
// has only the data.
func (ts *tables) tableOf(e *toc.Entry) *toc.Entry {
	for _, d := range ts.graph.Deps(e) {
		if isTable(d) {
			return d
		}
	}
	return nil
}

// loadsViaRoot reports whether a partition's data are copied into its topmost
// ancestor. pg_dump says so in a comment since 2023; before, only the COPY
// statement tells (is_load_via_partition_root in pg_backup_archiver.c).
func loadsViaRoot(e *toc.Entry) bool {
	if strings.HasPrefix(e.Defn, "-- load via partition root ") {
		return true
	}
	namespace, table := copyTarget(e.Copy)
	return table != "" && (table != e.Tag || namespace != "" && namespace != e.Namespace)
}

// copyTarget returns the table that a COPY statement names; archives before
// 1.13 name it without its schema.
func copyTarget(copyStmt string) (namespace, table string) {
	rest, ok := strings.CutPrefix(copyStmt, "COPY ")
	if !ok {
		return "", ""
	}
	table, rest = cutIdent(rest)
	if rest, ok = strings.CutPrefix(rest, "."); ok {
		namespace = table
		table, _ = cutIdent(rest)
	}
	return namespace, table
}

// cutIdent cuts an SQL identifier, quoted or not, off the front of s.
func cutIdent(s string) (ident, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ". (")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(s[1:i], `""`, `"`), s[i+1:]
	}
	return "", ""
}

func (ts *tables) root(table *toc.Entry) *toc.Entry {
	for ts.parent[table.ID] != nil {
		table = ts.parent[table.ID]
	}
	return table
}

func (ts *tables) ancestors(table *toc.Entry) []*toc.Entry {
	var list []*toc.Entry
	for p := ts.parent[table.ID]; p != nil; p = ts.parent[p.ID] {
		list = append(list, p)
	}
	return list
}

// withDescendants returns a table and all its partitions, of every level.
func (ts *tables) withDescendants(table *toc.Entry) []*toc.Entry {
	list := []*toc.Entry{table}
	for i := 0; i < len(list); i++ {
		list = append(list, ts.children[list[i].ID]...)
	}
	return list
}

// storedSize is the size in the archive of all data that is loaded into a table.
func (ts *tables) storedSize(table *toc.Entry) int64 {
	var n int64
	for _, e := range ts.data[table.ID] {
		n += max(e.DataSize, 0)
	}
	return n
}

func isTable(e *toc.Entry) bool { return e.Kind == toc.Table || e.Kind == toc.ForeignTable }

// isRelation reports whether an entry makes something with a lock of its own
// that other entries' statements take.
func isRelation(e *toc.Entry) bool {
	return isTable(e) || e.Kind == toc.View || e.Kind == toc.MaterializedView
}
