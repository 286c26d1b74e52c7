package main

import (
	"slices"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// A neededRole is a role that an archive's entries name and that only a dump
// of the whole server (pg_dumpall) would bring.
type neededRole struct {
	name      string
	superuser bool // owns what only a superuser may own
}

// neededRoles finds the roles that the entries need: owners, grantees and
// grantors, and those of policies and user mappings, sorted by name. The
// server's own roles (pg_…) are left out.
func neededRoles(entries []*toc.Entry, stdStrings bool) []neededRole {
	super := make(map[string]bool) // by name
	for _, e := range entries {
		if name := e.Owner.String; name != "" {
			super[name] = super[name] || mustBeSuperuser(e.Kind)
		}
		for _, name := range script.RolesNamed(e, stdStrings) {
			super[name] = super[name] || false
		}
	}
	var roles []neededRole
	for name, superuser := range super {
		if !strings.HasPrefix(name, "pg_") {
			roles = append(roles, neededRole{name, superuser})
		}
	}
	slices.SortFunc(roles, func(a, b neededRole) int { return strings.Compare(a.name, b.name) })
	return roles
}

// mustBeSuperuser reports whether the server lets only a superuser own objects
// of the kind.
func mustBeSuperuser(k toc.Kind) bool {
	return k == toc.EventTrigger || k == "FOREIGN DATA WRAPPER" || k == toc.Subscription
}
