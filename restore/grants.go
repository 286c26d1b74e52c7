package restore

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A privilege is one that a role may hold on an object.
type privilege struct {
	grantee string // a role; "" is PUBLIC
	name    string // "SELECT"
	column  string // of a table; "" is the whole object
}

// An acl holds the privileges on an object; true are those that the grantee
// may pass on.
type acl map[privilege]bool

// A demand is what GRANT and REVOKE leave of a privilege.
type demand struct {
	held      bool
	grantable bool // says nothing if it is not held
}

// demands are what the statements of an ACL entry ask for, by object; nearly
// always one. Words is what follows ON, as "TABLE" or "FUNCTIONS".
type demands struct {
	object object
	words  string
	list   map[privilege]demand
}

// allPrivileges stands for what ALL means; see expand.
const allPrivileges = "ALL"

// demandsOf reads the statements of an ACL or DEFAULT ACL entry in order. ok
// is false if one is not understood.
func demandsOf(t *toc.TOC, e *toc.Entry) (list []demands, ok bool) {
	statements, err := script.Create(t, e, script.Options{})
	if err != nil {
		return nil, false
	}
	for _, text := range statements {
		for _, sql := range script.SplitStatements(text, t.StdStrings) {
			p := newPhrase(t, e, sql)
			if p.words("SET") || p.words("RESET") { // who grants makes no difference here
				continue
			}
			if list, ok = p.grant(list); !ok {
				return nil, false
			}
		}
	}
	return list, len(list) > 0
}

// grant reads one statement into the demands of its object.
func (p *phrase) grant(list []demands) ([]demands, bool) {
	var o object
	isDefault := p.words("ALTER", "DEFAULT", "PRIVILEGES")
	if isDefault {
		o.class = classDefaultACL
		if p.words("FOR", "ROLE") {
			o.table = p.ident()
		}
		if p.words("IN", "SCHEMA") {
			o.schema = p.ident()
		}
	}
	d := demand{held: p.words("GRANT")}
	if !d.held && !p.words("REVOKE") {
		return nil, false
	}
	optionOnly := p.words("GRANT", "OPTION", "FOR")
	privileges := p.privileges()
	if !p.words("ON") {
		return nil, false
	}
	words, ok := p.granted(&o, isDefault)
	if !ok || !p.words("TO") && !p.words("FROM") {
		return nil, false
	}
	grantees := p.grantees()
	d.grantable = d.held && p.words("WITH", "GRANT", "OPTION")
	if optionOnly {
		d.held = true
	}
	i := slices.IndexFunc(list, func(x demands) bool { return x.object == o })
	if i < 0 {
		i = len(list)
		list = append(list, demands{o, words, map[privilege]demand{}})
	}
	for _, grantee := range grantees {
		for _, x := range privileges {
			x.grantee = grantee
			list[i].set(x, d)
		}
	}
	return list, true
}

// set notes a demand. What REVOKE ALL takes does not count where a GRANT
// follows, and the other way round.
func (d *demands) set(x privilege, want demand) {
	if x.name == allPrivileges {
		for other := range d.list {
			if other.grantee == x.grantee && other.column == x.column {
				delete(d.list, other)
			}
		}
	}
	d.list[x] = want
}

// granted reads what follows ON.
func (p *phrase) granted(o *object, isDefault bool) (words string, ok bool) {
	if isDefault {
		words = strings.ToUpper(p.ident())
		if words == "LARGE" && p.words("OBJECTS") {
			words = "LARGE OBJECTS"
		}
		if words == "ROUTINES" {
			words = "FUNCTIONS"
		}
		o.name = words
		return words, words != ""
	}
	words = "TABLE"
	if len(p.rest) > 0 {
		words = strings.ToUpper(p.rest[0].Text)
	}
	before := p.rest
	if *o, ok = p.object(); ok {
		return words, true
	}
	p.rest = before // a table without the word: GRANT SELECT ON t
	*o = p.inSchema(classRelation)
	return "TABLE", o.name != ""
}

// privileges reads "SELECT(a, b), UPDATE" or "ALL PRIVILEGES".
func (p *phrase) privileges() []privilege {
	var list []privilege
	for {
		var words []string
		for len(p.rest) > 0 && p.rest[0].Kind == script.Word && !strings.EqualFold(p.rest[0].Text, "ON") {
			words = append(words, strings.ToUpper(p.ident()))
		}
		name := strings.Join(words, " ")
		switch name {
		case "ALL PRIVILEGES":
			name = allPrivileges
		case "TEMP":
			name = "TEMPORARY"
		}
		if p.symbol("(") {
			for {
				list = append(list, privilege{name: name, column: p.ident()})
				if !p.symbol(",") {
					break
				}
			}
			p.symbol(")")
		} else {
			list = append(list, privilege{name: name})
		}
		if !p.symbol(",") {
			return list
		}
	}
}

// grantees reads "PUBLIC, role"; old archives have "GROUP role".
func (p *phrase) grantees() []string {
	var list []string
	for {
		p.words("GROUP")
		if p.words("PUBLIC") {
			list = append(list, "")
		} else {
			list = append(list, p.ident())
		}
		if !p.symbol(",") {
			return list
		}
	}
}

// maintainSince is the first version whose tables have the privilege MAINTAIN.
const maintainSince = 170000

// expand returns what ALL means on a sort of object in a server's version
// (ACL_ALL_RIGHTS_… in src/include/utils/acl.h).
func expand(words string, o object, relkind string, column bool, version int) []string {
	switch {
	case column:
		return []string{"SELECT", "INSERT", "UPDATE", "REFERENCES"}
	case words == "SEQUENCES", o.class == classRelation && relkind == relkindSequence:
		return []string{"SELECT", "USAGE", "UPDATE"}
	case words == "TABLES", o.class == classRelation:
		list := []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
		if version >= maintainSince {
			list = append(list, "MAINTAIN")
		}
		return list
	case words == "FUNCTIONS", o.class == classRoutine:
		return []string{"EXECUTE"}
	case words == "LARGE OBJECTS", o.class == classLargeObject:
		return []string{"SELECT", "UPDATE"}
	case words == "SCHEMAS", o.class == classSchema:
		return []string{"USAGE", "CREATE"}
	}
	return []string{"USAGE"} // types, languages, servers, foreign-data wrappers
}

// unmet returns the privileges that are demanded and not held, or held and
// not to be, as words for people, sorted.
func (d demands) unmet(held acl, relkind string, version int) []string {
	var list []string
	for x, want := range d.list {
		names := []string{x.name}
		if x.name == allPrivileges {
			names = expand(d.words, d.object, relkind, x.column != "", version)
		}
		for _, name := range names {
			if _, more := d.list[privilege{x.grantee, name, x.column}]; more && x.name == allPrivileges {
				continue // a later statement says otherwise
			}
			x := privilege{x.grantee, name, x.column}
			grantable, there := held[x]
			switch {
			case want.held && !there:
				list = append(list, "no "+x.String())
			case want.held && want.grantable && !grantable:
				list = append(list, "no grant option for "+x.String())
			case !want.held && there:
				list = append(list, x.String()+" not revoked")
			}
		}
	}
	slices.Sort(list)
	return list
}

// String says "SELECT (column) for role".
func (x privilege) String() string {
	text := x.name
	if x.column != "" {
		text += " (" + x.column + ")"
	}
	if x.grantee == "" {
		return text + " for PUBLIC"
	}
	return text + " for " + x.grantee
}

// usualACL is what is granted on new objects if no default privileges are set
// (acldefault in src/backend/utils/adt/acl.c); o are default privileges.
func usualACL(o object, version int) acl {
	if o.schema != "" { // these are added to what is granted anyway
		return acl{}
	}
	usual := acl{}
	for _, name := range expand(o.name, o, "", false, version) {
		usual[privilege{grantee: o.table, name: name}] = true
	}
	switch o.name {
	case "FUNCTIONS":
		usual[privilege{name: "EXECUTE"}] = false
	case "TYPES":
		usual[privilege{name: "USAGE"}] = false
	}
	return usual
}
