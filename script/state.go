package script

import "github.com/pgarc/pgarc/toc"

// A State is what the statements of earlier entries have set in a session. It
// returns only the settings that still have to change, as pg_restore does. The
// zero State knows nothing; start with it after every (re)connection. Each
// session has its own.
type State struct {
	user       toc.Text
	schema     string
	tablespace toc.Text
	tableAM    string
}

// Before returns the settings that have to precede the entry's definition, in
// order: session user, search path (only in archives that do not set one for
// all, before version 1.13), tablespace, table access method.
func (s *State) Before(t *toc.TOC, e *toc.Entry, o Options) []string {
	list := s.BeforeDrop(t, e, o)
	if !o.NoTablespaces && e.Tablespace.Valid && s.tablespace != e.Tablespace {
		s.tablespace = e.Tablespace
		value := "''"
		if e.Tablespace.String != "" {
			value = Ident(e.Tablespace.String)
		}
		list = append(list, "SET default_tablespace = "+value+";\n\n")
	}
	if !o.NoTableAM && e.TableAM != "" && e.RelKind != partitionedTable && s.tableAM != e.TableAM {
		s.tableAM = e.TableAM
		list = append(list, "SET default_table_access_method = "+Ident(e.TableAM)+";\n\n")
	}
	return list
}

// BeforeDrop returns the settings that have to precede the entry's drop.
func (s *State) BeforeDrop(t *toc.TOC, e *toc.Entry, o Options) []string {
	return append(s.BecomeOwner(t, e, o), s.Schema(t, e.Namespace)...)
}

// BecomeOwner returns the switch to the entry's owner, if objects are to be
// created by their owners. It is the first of what Before and BeforeDrop
// return; what it returned once they do not return again. See [State.User].
func (s *State) BecomeOwner(t *toc.TOC, e *toc.Entry, o Options) []string {
	if o.NoOwner || !o.SessionAuthorization {
		return nil
	}
	return s.User(t, e.Owner.String)
}

// User returns the switch of the session to another user; "" is the one that
// logged in. Failing to switch must end the restore: what follows would run
// as the wrong user.
func (s *State) User(t *toc.TOC, user string) []string {
	want := toc.NewText(user)
	if s.user == want {
		return nil
	}
	s.user = want
	if user == "" {
		return []string{"SET SESSION AUTHORIZATION DEFAULT;\n\n"}
	}
	return []string{"SET SESSION AUTHORIZATION " + Literal(user, t.StdStrings) + ";\n\n"}
}

// Schema returns the switch of the search path to a schema, in an archive
// whose definitions rely on that.
func (s *State) Schema(t *toc.TOC, schema string) []string {
	if t.SearchPath != "" || schema == "" || s.schema == schema {
		return nil
	}
	s.schema = schema
	path := Ident(schema)
	if schema != "pg_catalog" {
		path += ", pg_catalog"
	}
	return []string{"SET search_path = " + path + ";\n\n"}
}

// After notes what running the entry may have changed: old grants switch the
// session user themselves.
func (s *State) After(e *toc.Entry) {
	switch e.Kind {
	case toc.ACL, toc.ACLLanguage, toc.DefaultACL:
		s.user = toc.Text{}
	}
}

// AfterDrops notes that the schema of the search path may be gone.
func (s *State) AfterDrops() { s.schema = "" }
