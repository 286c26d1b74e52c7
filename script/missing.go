package script

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/toc"
)

// Existing is what a server has. A nil map stands for: all there could be.
type Existing struct {
	Roles       map[string]bool
	Extensions  map[string]bool // that could be made
	Tablespaces map[string]bool
}

// LeftOut is what a restore does without because the server lacks something.
type LeftOut struct {
	Entry *toc.Entry
	What  string // "role", "extension" or "tablespace"
	Name  string
	Whole bool // the whole entry is left out, not a part of its statements
}

// Keep reduces a selection to what needs no more than what exists. Of what does
// not exist, these are left out:
//
//   - roles: the statement that gives an object its owner; the role in grants,
//     default privileges and policies, and these themselves if nobody is left;
//     user mappings and settings of the role;
//   - extensions: the extension, and the comment on it; but not what uses it or
//     what is granted on its objects, for that cannot be told;
//   - tablespaces: what was in them goes into the default one.
func (x Existing) Keep(sel *toc.Selected) (*toc.Selected, []LeftOut) {
	k := &keeper{Existing: x, sel: sel, changed: make(map[toc.DumpID]*toc.Entry)}
	for _, e := range sel.Entries() {
		k.entry(e)
	}
	if len(k.changed) == 0 {
		return sel, nil
	}
	return sel.Replace(k.changed, nil), k.left
}

// keeper is one run of Keep.
type keeper struct {
	Existing
	sel     *toc.Selected
	changed map[toc.DumpID]*toc.Entry
	left    []LeftOut
}

// lacks reports whether something is known not to exist.
func lacks(existing map[string]bool, name string) bool { return existing != nil && !existing[name] }

func (k *keeper) note(e *toc.Entry, what, name string, whole bool) {
	l := LeftOut{e, what, name, whole}
	if !slices.Contains(k.left, l) {
		k.left = append(k.left, l)
	}
}

// drop leaves an entry out.
func (k *keeper) drop(e *toc.Entry, what, name string) {
	k.changed[e.ID] = nil
	k.left = slices.DeleteFunc(k.left, func(l LeftOut) bool { return l.Entry == e })
	k.note(e, what, name, true)
}

func (k *keeper) entry(e *toc.Entry) {
	if e.Kind == toc.Extension && lacks(k.Extensions, e.Tag) {
		k.drop(e, "extension", e.Tag)
		return
	}
	if on := k.onLeftOut(e); on != nil {
		k.drop(e, on.What, on.Name)
		return
	}
	c := *e
	if owner := e.Owner.String; owner != "" && lacks(k.Roles, owner) && e.Kind != toc.DefaultACL {
		c.Owner.String = ""
		if len(Owner(e, Options{})) > 0 {
			k.note(e, "role", owner, false)
		}
	}
	if space := e.Tablespace.String; space != "" && lacks(k.Tablespaces, space) {
		c.Tablespace.String = ""
		k.note(e, "tablespace", space, false)
	}
	if k.Roles != nil && namesRoles(e.Kind) {
		defn, missing := k.statements(e)
		if defn == "" && e.Defn != "" {
			k.drop(e, "role", missing)
			return
		}
		c.Defn = defn
	}
	if k.Tablespaces != nil && hasTablespaceClause(e.Kind) {
		c.Defn = k.withoutTablespaces(e, c.Defn)
	}
	if !same(&c, e) {
		k.changed[e.ID] = &c
	}
}

// onLeftOut returns what was left out that a comment, grant or label is on.
func (k *keeper) onLeftOut(e *toc.Entry) *LeftOut {
	switch e.Kind {
	case toc.Comment, toc.ACL, toc.SecurityLabel:
	default:
		return nil
	}
	for i, l := range k.left {
		if !l.Whole {
			continue
		}
		if slices.Contains(e.Deps, l.Entry.ID) || l.What == "extension" && e.Tag == "EXTENSION "+Ident(l.Name) {
			return &k.left[i]
		}
	}
	return nil
}

// namesRoles reports whether the definitions of a kind name roles.
func namesRoles(k toc.Kind) bool {
	switch k {
	case toc.ACL, toc.ACLLanguage, toc.DefaultACL, toc.Policy, "USER MAPPING", toc.DatabaseProperties, toc.Schema:
		return true
	}
	return false
}

// statements returns an entry's definition without the roles that do not exist,
// and one of these.
func (k *keeper) statements(e *toc.Entry) (defn, missing string) {
	std := k.sel.TOC.StdStrings
	var kept []string
	changed := false
	for _, sql := range SplitStatements(e.Defn, std) {
		without, name := k.withoutRoles(e, sql)
		if name != "" {
			missing, changed = name, true
		}
		if without != "" {
			kept = append(kept, without+";\n")
		}
	}
	if !changed {
		return e.Defn, ""
	}
	return strings.Join(kept, ""), missing
}

// withoutRoles returns a statement without the roles that do not exist, or
// nothing if it is about them only.
func (k *keeper) withoutRoles(e *toc.Entry, sql string) (kept, missing string) {
	words := Lexemes(sql, k.sel.TOC.StdStrings)
	if areKeys(words, 0, "reset", "session", "authorization") {
		return sql, "" // to be who one is already is no harm
	}
	var edits []edit
	for _, list := range roleLists(e.Kind, words) {
		lacking := slices.DeleteFunc(slices.Clone(list.names), func(i int) bool {
			return !lacks(k.Roles, valueOf(words[i], k.sel.TOC.StdStrings))
		})
		if len(lacking) == 0 {
			continue
		}
		missing = valueOf(words[lacking[0]], k.sel.TOC.StdStrings)
		for _, i := range lacking {
			k.note(e, "role", valueOf(words[i], k.sel.TOC.StdStrings), false)
		}
		switch all := len(lacking) == len(list.items); {
		case list.key == "by": // GRANTED BY: whoever restores
			edits = append(edits, edit{words[lacking[0]-2].Start, words[lacking[0]].End, ""})
		case list.key == "authorization" && e.Kind == toc.Schema:
			edits = append(edits, edit{words[lacking[0]-1].Start, words[lacking[0]].End, ""})
		case all:
			return "", missing
		default:
			edits = append(edits, list.without(words, lacking)...)
		}
	}
	return strings.TrimSpace(edited(sql, edits)), missing
}

// withoutTablespaces removes the clauses that name a tablespace that does not
// exist.
func (k *keeper) withoutTablespaces(e *toc.Entry, defn string) string {
	words := Lexemes(defn, k.sel.TOC.StdStrings)
	var edits []edit
	for _, i := range tablespaceWords(words) {
		if name := words[i].Name; lacks(k.Tablespaces, name) {
			start := i - 1
			if at(words, start).isSymbol("=") {
				start--
			}
			edits = append(edits, edit{words[start].Start, words[i].End, ""})
			k.note(e, "tablespace", name, false)
		}
	}
	return edited(defn, edits)
}
