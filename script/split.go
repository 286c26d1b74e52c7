package script

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// A SplitFile is one file of a script that is split into a tree.
type SplitFile struct {
	Path    string       // below the tree's root, with slashes; a safe name on every file system
	Entries []*toc.Entry // in an order in which they can be run
	Data    bool         // it holds data
}

// Split divides what is selected into files, one for each object with all that
// belongs to it, in an order in which the files can be run. Paths and order
// depend on the objects' names and on what they need, not on dump ids, OIDs or
// the order of the archive.
//
//	public/schema.sql                 the schema, its comment and grants
//	public/tables/accounts.sql        the table, and what toc.Graph.Belonging says
//	public/tables/accounts.after.sql  of that, what may need other tables' rows
//	public/functions/f.sql            all functions of that name
//	public/data/accounts.sql          rows, values of sequences, statistics
//	database/extensions/hstore.sql    what has no schema
//
// Objects that need each other in a circle (a type and the functions it is made
// of) are divided further, into NAME.sql, NAME.2.sql and so on.
func Split(sel *toc.Selected) []SplitFile {
	s := newSplitter(sel)
	nodes := s.nodes()
	s.name(nodes)
	return s.order(withBarriers(nodes))
}

// An objectFile is the file to which an entry belongs, by the names of the
// archive: those of a schema ("": none), a folder and an object.
type objectFile struct{ schema, folder, name string }

// The parts of an objectFile. Each is a file of its own.
type splitPart uint8

const (
	mainPart   splitPart = iota
	dataOfPart           // its data
	afterPart            // what comes after all data
	lastPart             // what must see no other statement after it
)

// splitFolders are the folders of the kinds that have files of their own, in
// pg_dump's order (pg_dump_sort.c): where dependencies leave the choice, what
// an archive does not say, as that a view needs a cast, is right in it.
var splitFolders = []struct {
	kind   toc.Kind
	folder string
}{
	{toc.Schema, ""}, // NAME/schema.sql
	{"PROCEDURAL LANGUAGE", "languages"},
	{"COLLATION", "collations"},
	{"TRANSFORM", "transforms"},
	{toc.Extension, "extensions"},
	{"SHELL TYPE", "types"},
	{"TYPE", "types"},
	{"DOMAIN", "domains"},
	{"CAST", "casts"},
	{toc.Function, "functions"},
	{toc.Procedure, "procedures"},
	{toc.Aggregate, "aggregates"},
	{"ACCESS METHOD", "access_methods"},
	{"OPERATOR", "operators"},
	{"OPERATOR FAMILY", "operator_families"},
	{"OPERATOR CLASS", "operator_classes"},
	{"CONVERSION", "conversions"},
	{"TEXT SEARCH PARSER", "text_search_parsers"},
	{"TEXT SEARCH TEMPLATE", "text_search_templates"},
	{"TEXT SEARCH DICTIONARY", "text_search_dictionaries"},
	{"TEXT SEARCH CONFIGURATION", "text_search_configurations"},
	{"FOREIGN DATA WRAPPER", "foreign_data_wrappers"},
	{"SERVER", "servers"},
	{toc.Sequence, "sequences"},
	{toc.Table, "tables"},
	{toc.ForeignTable, "foreign_tables"},
	{toc.View, "views"},
	{toc.MaterializedView, "materialized_views"},
	{toc.Publication, "publications"},
	{toc.Subscription, "subscriptions"},
	{toc.DefaultACL, "default_privileges"},
	{toc.EventTrigger, "event_triggers"},
}

// splitter divides one selection.
type splitter struct {
	sel   *toc.Selected
	graph *toc.Graph
	files map[toc.DumpID]objectFile
	parts map[toc.DumpID]splitPart
}

func newSplitter(sel *toc.Selected) *splitter {
	s := &splitter{sel, toc.NewGraph(sel.TOC), map[toc.DumpID]objectFile{}, map[toc.DumpID]splitPart{}}
	// Tables first: a view never owns what is a table's.
	for _, kind := range []toc.Kind{toc.Table, toc.ForeignTable, toc.MaterializedView, toc.View} {
		for _, e := range sel.TOC.Entries {
			if e.Kind == kind {
				s.assign(s.graph.Belonging(e), fileOf(e))
			}
		}
	}
	for _, e := range sel.TOC.Entries {
		if _, ok := folderOf(e.Kind); ok {
			s.assign([]*toc.Entry{e}, fileOf(e))
		}
	}
	for _, e := range toc.WorkingOrder(sel.TOC.Entries) {
		s.attach(e)
		s.parts[e.ID] = s.partOf(e)
	}
	return s
}

func (s *splitter) assign(entries []*toc.Entry, f objectFile) {
	for _, e := range entries {
		if _, ok := s.files[e.ID]; !ok {
			s.files[e.ID] = f
		}
	}
}

// folderOf returns the folder of a kind that has files of its own.
func folderOf(k toc.Kind) (folder string, ok bool) {
	for _, f := range splitFolders {
		if f.kind == k {
			return f.folder, true
		}
	}
	return "", false
}

// rank orders files that do not need each other.
func (f objectFile) rank() int {
	for i, known := range splitFolders {
		if known.folder == f.folder {
			return i
		}
	}
	return len(splitFolders)
}

// fileOf returns the file of an object that has its own.
func fileOf(e *toc.Entry) objectFile {
	folder, _ := folderOf(e.Kind)
	f := objectFile{e.Namespace, folder, e.Tag}
	switch {
	case e.Kind == toc.Schema:
		return schemaFile(e.Tag)
	case e.Kind.Info().Tag == toc.TagSignature:
		f.name, _, _ = strings.Cut(e.Tag, "(")
	case e.Kind == "CAST":
		f.name = strings.TrimSuffix(strings.TrimPrefix(e.Tag, "CAST ("), ")")
	case e.Kind == "TRANSFORM":
		f.name = strings.TrimPrefix(e.Tag, "TRANSFORM FOR ")
	case e.Kind == toc.DefaultACL: // of all roles
		f.name = strings.ToLower(strings.TrimPrefix(e.Tag, "DEFAULT PRIVILEGES FOR "))
	}
	return f
}

func schemaFile(name string) objectFile { return objectFile{schema: name, name: "schema"} }

// attach finds the file of an entry that has none yet: that of the first entry
// it depends on which has one, else one by what it is.
func (s *splitter) attach(e *toc.Entry) {
	if _, ok := s.files[e.ID]; ok || e.IsSpecial() {
		return
	}
	for _, d := range s.graph.Deps(e) {
		if f, ok := s.files[d.ID]; ok && attachesTo(e, d) {
			s.files[e.ID] = f
			return
		}
	}
	switch schema, found := strings.CutPrefix(e.Tag, "SCHEMA "); {
	case e.Kind == toc.Blob, e.Kind == toc.Blobs, e.Kind == toc.BlobMetadata, e.Kind == toc.BlobComments,
		strings.HasPrefix(e.Tag, "LARGE OBJECT"):
		s.files[e.ID] = objectFile{"", "large_objects", "large_objects"}
	case e.Kind.Info().Tag == toc.TagOnObject && found: // of a schema that the archive does not create
		s.files[e.ID] = schemaFile(strings.ReplaceAll(strings.Trim(schema, `"`), `""`, `"`))
	case e.Kind == "USER MAPPING": // "USER MAPPING role SERVER server"; pg_dump records no dependency
		_, server, _ := strings.Cut(e.Tag, " SERVER ")
		s.files[e.ID] = objectFile{"", "servers", server}
	default: // on what is not in the archive, or of a kind from the future
		folder, ok := looseFolders[e.Kind]
		if !ok {
			folder = strings.ToLower(strings.ReplaceAll(string(e.Kind), " ", "_"))
		}
		s.files[e.ID] = objectFile{e.Namespace, folder, e.Tag}
	}
}

// looseFolders are for what is said about objects that are not in the archive,
// as grants on a built-in function.
var looseFolders = map[toc.Kind]string{
	toc.ACL: "grants", toc.ACLLanguage: "grants", toc.Comment: "comments", toc.SecurityLabel: "security_labels",
}

// attachesTo reports whether an entry without a file of its own is a part of
// what it depends on.
func attachesTo(e, d *toc.Entry) bool {
	switch e.Kind {
	case toc.PublicationTable, toc.PublicationTablesInSchema:
		return d.Kind == toc.Publication
	case toc.SubscriptionTable:
		return d.Kind == toc.Subscription
	case toc.SequenceSet, toc.SequenceOwnedBy, toc.StatisticsData, toc.TableData, toc.MaterializedViewData, toc.TableAttach,
		toc.IndexAttach, toc.RowSecurity, toc.Index, toc.Statistics:
		return true
	}
	return e.Kind.Info().Tag != toc.TagName || e.Kind == "USER MAPPING" && d.Kind == "SERVER"
}

// partOf returns the part of its file to which an entry belongs. A comment or
// grant goes with its object.
func (s *splitter) partOf(e *toc.Entry) splitPart {
	switch e.Kind {
	case toc.Comment, toc.SecurityLabel, toc.ACL:
		for _, d := range s.graph.Deps(e) {
			if d.Kind != toc.ACL && s.files[d.ID] == s.files[e.ID] && s.sel.Parts(e.ID)&toc.PartSchema != 0 {
				return s.parts[d.ID]
			}
		}
	case toc.FKConstraint, toc.CheckConstraint, toc.Trigger, toc.Rule, toc.Policy, toc.RowSecurity, toc.MaterializedViewData, toc.IndexAttach:
		return afterPart
	case toc.Index, toc.Constraint:
		// NOT NULL … NOT VALID, of PostgreSQL 18; and what a partitioned
		// table has when its partitions are attached, they would get too.
		notValid := strings.HasSuffix(strings.TrimRight(e.Defn, ";\n"), " NOT VALID")
		if notValid || slices.ContainsFunc(s.graph.Deps(e), isPartitioned) {
			return afterPart
		}
	case toc.DefaultACL, toc.EventTrigger:
		return lastPart
	}
	if s.sel.Parts(e.ID)&toc.PartSchema == 0 {
		return dataOfPart
	}
	return mainPart
}

// isPartitioned reports whether an entry is a partitioned table. Before archive
// version 1.16 only its definition tells.
func isPartitioned(e *toc.Entry) bool {
	return e.Kind == toc.Table && (e.RelKind == partitionedTable || strings.Contains(e.Defn, "\nPARTITION BY "))
}

// A splitNode is one file before it has its final name.
type splitNode struct {
	objectFile
	part    splitPart
	path    string
	entries []*toc.Entry
	needs   []int // other nodes, by index
}

// compare orders nodes that do not need each other.
func (n *splitNode) compare(o *splitNode) int {
	return cmp.Or(cmp.Compare(n.part, o.part), cmp.Compare(n.rank(), o.rank()), cmp.Compare(n.path, o.path))
}

// nodes collects the selected entries by file and part.
func (s *splitter) nodes() []*splitNode {
	type key struct {
		objectFile
		part splitPart
	}
	index := map[key]int{}
	at := map[toc.DumpID]int{}
	var nodes []*splitNode
	for _, e := range toc.WorkingOrder(s.sel.TOC.Entries) {
		if s.sel.Parts(e.ID) == 0 {
			continue
		}
		k := key{s.files[e.ID], s.parts[e.ID]}
		i, ok := index[k]
		if !ok {
			i = len(nodes)
			index[k] = i
			nodes = append(nodes, &splitNode{objectFile: k.objectFile, part: k.part})
		}
		nodes[i].entries = append(nodes[i].entries, e)
		at[e.ID] = i
	}
	for i, n := range nodes {
		for _, e := range n.entries {
			for _, d := range s.graph.Deps(e) {
				if j, ok := at[d.ID]; ok && j != i && !(isIndex(e) && isIndex(d)) {
					n.needs = append(n.needs, j)
				}
				if j, ok := index[key{s.files[d.ID], afterPart}]; ok && e.Kind == toc.TableAttach && isPartitioned(d) && j != i {
					nodes[j].needs = append(nodes[j].needs, i)
				}
			}
		}
	}
	return nodes
}

// isIndex reports whether an entry makes an index. That of a partition depends
// on that of the whole table, but only its INDEX ATTACH really needs it. It is
// the other way round: the whole table must have no index yet when a partition
// is attached.
func isIndex(e *toc.Entry) bool { return e.Kind == toc.Index || e.Kind == toc.Constraint }

// withBarriers adds nodes without entries that stand between the parts: what
// comes after the data needs all data, what comes last needs everything.
func withBarriers(nodes []*splitNode) []*splitNode {
	for _, barrier := range []*splitNode{{part: afterPart}, {part: lastPart}} {
		at := len(nodes)
		for i, n := range nodes {
			switch {
			case n.part == barrier.part:
				n.needs = append(n.needs, at)
			case n.part == dataOfPart || barrier.part == lastPart:
				barrier.needs = append(barrier.needs, i)
			}
		}
		nodes = append(nodes, barrier)
	}
	return nodes
}

// name gives the nodes their paths.
func (s *splitter) name(nodes []*splitNode) {
	schemas := newFileNames("database")
	names := map[[2]string]*fileNames{} // by schema and folder
	for _, n := range nodes {
		schemas.add(n.schema)
		k := [2]string{n.schema, n.folderName()}
		if names[k] == nil {
			names[k] = newFileNames()
		}
		names[k].add(n.objectFile.name)
	}
	for _, n := range nodes {
		dir := "database"
		if n.schema != "" {
			dir = schemas.of(n.schema)
		}
		if folder := n.folderName(); folder != "" {
			dir += "/" + encodeName(folder)
		}
		n.path = dir + "/" + names[[2]string{n.schema, n.folderName()}].of(n.objectFile.name)
		if n.part == afterPart {
			n.path += ".after"
		}
	}
}

// folderName is the folder below the schema's.
func (n *splitNode) folderName() string {
	if n.part == dataOfPart {
		return "data"
	}
	return n.folder
}
