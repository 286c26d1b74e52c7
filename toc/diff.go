package toc

import (
	"cmp"
	"slices"
	"strings"
)

// A Pair is an entry of an old archive and that of a new one which is the same
// object. One of them is nil if the object is only in the other archive.
type Pair struct {
	Kind     Kind
	Name     Name
	Old, New *Entry
}

// An Aspect is something about an entry that may differ between two archives.
type Aspect string

// The aspects. Dump ids, OIDs, dependencies, the order of the archive and
// where the data are stored are none.
const (
	AspectDefinition   Aspect = "definition"
	AspectOwner        Aspect = "owner"
	AspectTablespace   Aspect = "tablespace"
	AspectAccessMethod Aspect = "access method"
	AspectColumns      Aspect = "columns" // of the COPY statement
)

// PairUp finds for each of some entries of an old archive the one of a new
// archive that is the same object: of the same kind and name (see
// [TOC.NameOf]), an overloaded function by its signature. A renamed object is
// not found. Where one archive has several of a name, those that are alike are
// paired first.
//
// The pairs are sorted by section, kind and name, so that they are in the same
// order however the archives are.
func PairUp(a *TOC, olds []*Entry, b *TOC, news []*Entry) []Pair {
	index := make(map[identity]int, max(len(olds), len(news)))
	groups := make([]pairGroup, 0, max(len(olds), len(news)))
	group := func(id identity) *pairGroup {
		i, ok := index[id]
		if !ok {
			i = len(groups)
			index[id] = i
			groups = append(groups, pairGroup{identity: id})
		}
		return &groups[i]
	}
	for _, e := range olds {
		g := group(a.identityOf(e))
		g.olds = append(g.olds, e)
	}
	for _, e := range news {
		g := group(b.identityOf(e))
		g.news = append(g.news, e)
	}
	pairs := make([]Pair, 0, len(groups))
	for i := range groups {
		pairs = groups[i].appendPairs(pairs)
	}
	slices.SortStableFunc(pairs, comparePairs)
	return pairs
}

// identity is what makes entries of two archives the same object.
type identity struct {
	kind Kind
	name Name
	more string // what tells those of one name apart
}

func (t *TOC) identityOf(e *Entry) identity {
	id := identity{kind: e.Kind, name: t.NameOf(e)}
	switch e.Kind {
	case DefaultACL: // of a role
		id.more = e.Owner.String
	case "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY": // the tag has no operands, no access method
		id.more = e.Drop.String
	}
	return id
}

// A pairGroup has the entries of one identity; mostly one of each archive.
type pairGroup struct {
	identity
	olds, news []*Entry
}

// appendPairs appends the pairs of the group to a list. Sorting finds those
// that are alike without comparing each with each: an archive may have any
// number of entries of one name.
func (g *pairGroup) appendPairs(list []Pair) []Pair {
	pair := func(old, new *Entry) { list = append(list, Pair{g.kind, g.name, old, new}) }
	if len(g.olds) == 1 && len(g.news) == 1 {
		pair(g.olds[0], g.news[0])
		return list
	}
	slices.SortStableFunc(g.olds, compareContent)
	slices.SortStableFunc(g.news, compareContent)
	olds, news := g.olds, g.news
	var gone, fresh []*Entry // those with no equal
	for len(olds) > 0 && len(news) > 0 {
		switch order := compareContent(olds[0], news[0]); {
		case order < 0:
			gone, olds = append(gone, olds[0]), olds[1:]
		case order > 0:
			fresh, news = append(fresh, news[0]), news[1:]
		default:
			pair(olds[0], news[0])
			olds, news = olds[1:], news[1:]
		}
	}
	gone, fresh = append(gone, olds...), append(fresh, news...)
	both := min(len(gone), len(fresh))
	for i := range both {
		pair(gone[i], fresh[i])
	}
	for _, e := range gone[both:] {
		pair(e, nil)
	}
	for _, e := range fresh[both:] {
		pair(nil, e)
	}
	return list
}

// compareContent orders entries of one identity by what they have, and not by
// what an archive gave them.
func compareContent(a, b *Entry) int {
	return cmp.Or(cmp.Compare(a.Defn, b.Defn), cmp.Compare(a.Owner.String, b.Owner.String),
		cmp.Compare(a.Copy, b.Copy), cmp.Compare(a.Tablespace.String, b.Tablespace.String), cmp.Compare(a.Drop.String, b.Drop.String))
}

// comparePairs orders by section, the sectionless last, then kind and name.
func comparePairs(p, q Pair) int {
	e, f := p.either(), q.either()
	if e.Section != f.Section {
		return cmp.Compare(e.Section-SectionPreData, f.Section-SectionPreData) // SectionNone wraps around to the end
	}
	for _, c := range [][2]string{{string(p.Kind), string(q.Kind)}, {p.Name.Schema, q.Name.Schema}, {p.Name.Table, q.Name.Table}, {p.Name.Name, q.Name.Name}} {
		if c[0] != c[1] {
			return strings.Compare(c[0], c[1])
		}
	}
	return compareContent(e, f)
}

func (p Pair) either() *Entry {
	if p.New != nil {
		return p.New
	}
	return p.Old
}

// Differences returns in what the two entries of a pair differ; nothing if one
// is missing. The owner counts where a restore would set it. What an old
// pg_dump did not record (a table access method, the columns of INSERT
// commands) differs from nothing.
func (p Pair) Differences() []Aspect {
	if p.Old == nil || p.New == nil {
		return nil
	}
	var list []Aspect
	add := func(a Aspect, differs bool) {
		if differs {
			list = append(list, a)
		}
	}
	o, n := p.Old, p.New
	add(AspectDefinition, o.Defn != n.Defn)
	add(AspectOwner, p.Kind.Info().Owner != OwnerNone && o.Owner.String != n.Owner.String)
	add(AspectTablespace, o.Tablespace.String != n.Tablespace.String)
	add(AspectAccessMethod, cmp.Or(o.TableAM, usualTableAM) != cmp.Or(n.TableAM, usualTableAM))
	add(AspectColumns, o.Copy != "" && n.Copy != "" && CopyColumns(o.Copy) != CopyColumns(n.Copy))
	return list
}

// usualTableAM is the access method of all tables before PostgreSQL 12.
const usualTableAM = "heap"

// CopyColumns returns the list of columns in a COPY statement as SQL, without
// its parentheses; empty if it names none.
func CopyColumns(statement string) string {
	quoted := false
	for i := range len(statement) {
		switch c := statement[i]; {
		case c == '"':
			quoted = !quoted
		case c == '(' && !quoted:
			if end := strings.LastIndexByte(statement, ')'); end > i {
				return statement[i+1 : end]
			}
		}
	}
	return ""
}
