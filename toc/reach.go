package toc

// reach is all that a selection with WithDeps or WithDependents chooses: what
// names and list choose, and what they need and have.
type reach struct {
	graph  *Graph
	base   *Selected // what names and list choose
	option string    // to which the rest is due
	barred func(*Entry) bool

	in    map[DumpID]reason
	stack []*Entry // in it, but not yet looked at
	ties  []*Entry // in it once both their ends are
	left  map[DumpID]bool
}

// newReach collects what the selection reaches, with all that is left out left
// out.
func (m *matcher) newReach(graph *Graph) *reach {
	base := Selection{
		UseList: m.UseList, List: m.List,
		Schemas: m.Schemas, ExcludeSchemas: m.ExcludeSchemas, Patterns: m.Patterns,
		Tables: m.Tables, Indexes: m.Indexes, Functions: m.Functions, Triggers: m.Triggers,
	}.Apply(graph.toc)
	r := &reach{graph: graph, base: base, option: "with-deps", in: make(map[DumpID]reason), left: make(map[DumpID]bool)}
	if m.WithDependents {
		r.option = "with-dependents"
	}
	r.barred = func(e *Entry) bool {
		_, excluded := m.excluded[e.ID]
		_, inSchema := m.excludeSchemas.of(e)
		return excluded || inSchema || e.IsSpecial() || e.Kind == Database || e.Kind == DatabaseProperties
	}
	for _, e := range base.Entries() {
		r.start(e, base.reasons[e.ID])
	}
	if m.WithDependents {
		for _, e := range base.Entries() {
			r.addBelongings(e)
		}
	}
	r.close()
	return r
}

// has reports whether an entry is reached, and why or why not.
func (r *reach) has(e *Entry) (reason, bool) {
	if why, ok := r.in[e.ID]; ok {
		return why, true
	}
	if r.left[e.ID] {
		return reason{option: r.option}, false
	}
	if r.base.Parts(e.ID) == 0 {
		return r.base.reasons[e.ID], false
	}
	return notNamed, false
}

// start adds what names and list choose. Comments and grants come with what
// they are on, which may turn out to be left out.
func (r *reach) start(e *Entry, why reason) {
	deps := r.graph.Deps(e)
	if !isOnObject(e.Kind) || len(deps) == 0 {
		r.add(e, why)
	}
	for _, d := range deps {
		if isOnObject(e.Kind) && !isOnObject(d.Kind) {
			r.add(d, reason{option: r.option})
		}
	}
}

// add adds an entry, or keeps it for later if it is a tie.
func (r *reach) add(e *Entry, why reason) {
	if _, ok := r.in[e.ID]; ok || r.barred(e) {
		return
	}
	if isTie(e.Kind) {
		if !r.left[e.ID] {
			r.left[e.ID] = true
			r.ties = append(r.ties, e)
		}
		return
	}
	r.put(e, why)
}

func (r *reach) put(e *Entry, why reason) {
	r.in[e.ID] = why
	r.stack = append(r.stack, e)
}

// addBelongings adds all that belongs to a chosen entry.
func (r *reach) addBelongings(e *Entry) {
	if r.barred(e) {
		return
	}
	why := reason{option: r.option}
	if isRelation(e.Kind) {
		for _, part := range r.graph.Belonging(e) {
			if !isOnObject(part.Kind) {
				r.add(part, why)
			}
		}
		return
	}
	for _, d := range r.graph.Dependents(e) {
		if r.graph.goesWith(d, e) && !isOnObject(d.Kind) {
			r.add(d, why)
		}
	}
}

// close adds what the entries need, until nothing is missing. Ties come last:
// they must not pull in what they tie, and one may complete what another needs.
func (r *reach) close() {
	for again := true; again; {
		for len(r.stack) > 0 {
			e := r.stack[len(r.stack)-1]
			r.stack = r.stack[:len(r.stack)-1]
			r.addNeeds(e)
			r.addCompanions(e)
		}
		again = false
		for _, tie := range r.ties {
			if r.left[tie.ID] && r.hasEnds(tie) {
				delete(r.left, tie.ID)
				r.put(tie, r.reasonOfTie(tie))
				again = true
			}
		}
	}
}

// addNeeds adds what an entry depends on. On data and grants entries depend
// for their order alone.
func (r *reach) addNeeds(e *Entry) {
	for _, d := range r.graph.Deps(e) {
		if d.Kind != TableData && d.Kind != SequenceSet && d.Kind != Blobs && !isOnObject(d.Kind) {
			r.add(d, reason{option: r.option})
		}
	}
}

// addCompanions adds that without which an object is not what it was: comments
// and grants, and with the grants row security; the rule that holds the text
// of a view which is defined later, since others need it; the value of a
// sequence; the rest of a type of which functions need the name.
func (r *reach) addCompanions(e *Entry) {
	why := r.in[e.ID]
	for _, d := range r.graph.Dependents(e) {
		isText := d.Kind == Rule && r.graph.isPart(d, e) && r.graph.toc.NameOf(d).Name == "_RETURN"
		if isOnObject(d.Kind) || isText || d.Kind == RowSecurity || d.Kind == SequenceSet || isTie(d.Kind) && d.Kind != FKConstraint {
			r.add(d, why)
		}
	}
	if e.Kind == "SHELL TYPE" {
		for _, d := range r.graph.toc.Entries {
			if d.Kind == "TYPE" && d.Tag == e.Tag && d.Namespace == e.Namespace {
				r.add(d, why)
			}
		}
	}
}

// hasEnds reports whether all that a tie ties is there. The unique constraint
// or index of a foreign key, and the functions of a publication's filter, are
// no ends: it needs them, as others do.
func (r *reach) hasEnds(tie *Entry) bool {
	for _, d := range r.graph.Deps(tie) {
		_, ok := r.in[d.ID]
		if ok || isDataOf(d.Kind) || isOnObject(d.Kind) {
			continue
		}
		isEnd := isRelation(d.Kind) || tie.Kind != FKConstraint && !(SelectableAs(d.Kind) == ofFunction)
		if isEnd || r.barred(d) {
			return false
		}
	}
	return true
}

// reasonOfTie is that of what names and list chose, if they chose it.
func (r *reach) reasonOfTie(tie *Entry) reason {
	if r.base.Parts(tie.ID) != 0 {
		return r.base.reasons[tie.ID]
	}
	return reason{option: r.option}
}
