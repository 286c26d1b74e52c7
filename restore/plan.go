package restore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pgarc/pgarc/script"
	"github.com/pgarc/pgarc/toc"
)

// NewPlan turns the selected entries into steps. It does no I/O: the same
// selection and options always give the same plan.
func NewPlan(sel *toc.Selected, opts Options) (*Plan, error) {
	sel = opts.Only.of(sel)
	p := &planner{
		sel:    sel,
		opts:   opts,
		tables: newTables(sel.TOC),
		steps:  make(map[toc.DumpID][]StepID),
		keys:   make(map[string]int),
	}
	p.plan.Schema = sel.Schema
	if opts.Clean {
		p.addDrops()
	}
	if err := p.addEntries(); err != nil {
		return nil, err
	}
	for _, s := range p.plan.Steps {
		p.connect(s)
	}
	p.attachBottomUp()
	p.cloneTriggersFirst()
	p.rowSecurityAfterKeys()
	p.marksLast()
	p.afterAnalyze()
	p.attachAfterIndexes()
	p.plan.setPriorities(estimated)
	return &p.plan, nil
}

// planner is the state of NewPlan.
type planner struct {
	sel    *toc.Selected
	opts   Options
	tables *tables
	plan   Plan
	keys   map[string]int          // how many steps of an entry do the same
	steps  map[toc.DumpID][]StepID // that make or load an entry
}

func (p *planner) add(s *Step) {
	s.ID = StepID(len(p.plan.Steps))
	s.Key = s.Entry.ID.String() + " " + s.Action.String()
	if n := p.keys[s.Key]; n > 0 {
		s.Key += " " + strconv.Itoa(n+1)
	}
	p.keys[s.Entry.ID.String()+" "+s.Action.String()]++
	p.plan.Steps = append(p.plan.Steps, s)
	if s.Action != ActionDrop && s.Action != ActionAnalyze {
		p.steps[s.Entry.ID] = append(p.steps[s.Entry.ID], s.ID)
	}
}

// addDrops adds what --clean drops, last made first. With --create, dropping
// the database is all there is to do.
func (p *planner) addDrops() {
	for _, e := range slices.Backward(p.sel.Order) {
		isDatabase := e.Kind == toc.Database || e.Kind == toc.DatabaseProperties
		if p.sel.Parts(e.ID)&(toc.PartSchema|toc.PartData) == 0 || p.opts.Selection.Create && !isDatabase {
			continue
		}
		if drops := script.Drop(e, p.opts.IfExists); len(drops) > 0 {
			p.add(&Step{Entry: e, Action: ActionDrop, Phase: PhaseDrop, Statements: statements(drops, RoleDrop), Cost: smallCost, Quick: !isDatabase && p.opts.has(RewriteAhead)})
		}
	}
}

func statements(sql []string, role Role) []Statement {
	list := make([]Statement, len(sql))
	for i, s := range sql {
		list[i] = Statement{SQL: s, Role: role}
	}
	return list
}

// addEntries adds the steps of all selected entries, phase by phase, in
// restore order within each.
func (p *planner) addEntries() error {
	entries := p.sel.Entries()
	for phase := PhaseDatabase; phase <= lastPhase; phase++ {
		if phase == PhasePostACL || phase == PhaseAnalyze {
			p.addAnalyze(phase)
		}
		for _, e := range entries {
			if p.phaseOf(e) != phase {
				continue
			}
			if err := p.addEntry(e, phase); err != nil {
				return err
			}
		}
	}
	return nil
}

// phaseOf says when an entry is restored.
func (p *planner) phaseOf(e *toc.Entry) Phase {
	switch {
	case e.Kind == toc.Database || e.Kind == toc.DatabaseProperties:
		return PhaseDatabase
	case toc.PassOf(e) == toc.PassACL:
		return PhaseACL
	case e.Kind == toc.EventTrigger, strings.HasPrefix(e.Tag, "EVENT TRIGGER ") && toc.PassOf(e) == toc.PassPostACL:
		return PhaseEventTriggers
	case toc.PassOf(e) == toc.PassPostACL:
		return PhasePostACL
	case p.joinsExisting(e) != nil:
		return PhaseMain
	case p.sel.SectionOf(e.ID) == toc.SectionPreData:
		return PhasePreData
	}
	return PhaseMain
}

// addEntry adds the steps of one entry: its definition, its data, or both.
func (p *planner) addEntry(e *toc.Entry, phase Phase) error {
	parts := p.sel.Parts(e.ID)
	if !e.HasDumper || parts&(toc.PartSchema|toc.PartStatistics) != 0 {
		if err := p.addCreate(e, phase); err != nil {
			return err
		}
	}
	if e.HasDumper && parts&toc.PartData != 0 && e.Data != toc.DataNone {
		p.addData(e, phase)
	}
	return nil
}

func (p *planner) addCreate(e *toc.Entry, phase Phase) error {
	o := p.opts.script()
	made := p.opts.Only.reduced(e)
	create, err := script.Create(p.sel.TOC, made, o)
	if err != nil {
		return err
	}
	s := &Step{Entry: e, Action: ActionCreate, Phase: phase, Cost: p.createCost(e)}
	s.Statements = append(statements(create, RoleCreate), statements(script.Owner(made, o), RoleAlter)...)
	s.Statements = append(s.Statements, statements(script.SetAccessMethod(e, o), RoleAlter)...)
	if len(s.Statements) == 0 {
		return nil
	}
	if phase == PhaseDatabase {
		// The properties take effect in new sessions only.
		s.Reconnect = e.Tag
	}
	if phase > PhasePreData {
		s.Locks = p.tables.locks(e)
	}
	for _, part := range p.rewrite(s) {
		part.Quick = p.isQuick(part)
		p.add(part)
	}
	return nil
}

func (p *planner) addData(e *toc.Entry, phase Phase) {
	s := &Step{Entry: e, Action: ActionInsert, Phase: phase, Cost: smallCost + float64(max(e.DataSize, 0)), Locks: p.tables.locks(e)}
	switch {
	case e.Kind == toc.Blobs:
		s.Action = ActionBlobs
	case e.Copy != "":
		s.Action = ActionCopy
		s.Statements = []Statement{{SQL: e.Copy, Role: RoleLoad}}
		p.freeze(s)
	}
	s.Quick = p.isQuick(s)
	if p.opts.DisableTriggers && !p.sel.Schema && e.Kind == toc.TableData {
		before := p.asSuperuser(e, script.DisableTriggers(e))
		after := p.asSuperuser(e, script.EnableTriggers(e))
		s.Statements = slices.Concat(statements(before, RoleBefore), s.Statements, statements(after, RoleAfter))
	}
	p.add(s)
}

// asSuperuser surrounds a statement by the switch to the role of -S, and back
// to the user who loads the data: the entry's owner, or who connected.
func (p *planner) asSuperuser(e *toc.Entry, sql string) []string {
	var super, user script.State
	asOwner := user.BecomeOwner(p.sel.TOC, e, p.opts.script())
	if p.opts.Superuser == "" && asOwner == nil {
		return []string{sql}
	}
	list := append(super.User(p.sel.TOC, p.opts.Superuser), sql)
	if asOwner != nil {
		return append(list, asOwner...)
	}
	list = append(list, user.User(p.sel.TOC, "")...)
	if p.opts.Role != "" { // the switch has undone it
		list = append(list, "SET ROLE "+script.Ident(p.opts.Role)+";")
	}
	return list
}

// connect finds what a step waits for and what it cannot do without.
//
// Dependencies on entries that are not restored are followed through to what
// those need. What comes after the data on a table waits for the data: the
// archive records only the dependency on the table (repoint_table_dependencies
// in pg_backup_archiver.c).
//
// Of several steps of one entry each needs the one before: the definition
// before the data, the index before its constraint.
func (p *planner) connect(s *Step) {
	if s.Action == ActionDrop || s.Action == ActionAnalyze {
		return
	}
	waits := make(map[StepID]bool)
	seen := map[toc.DumpID]bool{s.Entry.ID: true}
	p.follow(s.Entry, p.waitsForData(s.Entry), seen, waits)
	for _, id := range p.steps[s.Entry.ID] {
		if id < s.ID {
			waits[id] = true
			s.Requires = append(s.Requires, id)
		}
	}
	for _, d := range p.tables.graph.Deps(s.Entry) {
		if toc.PassOf(d) != toc.PassACL { // grants follow each other, but need not all succeed
			s.Requires = append(s.Requires, p.steps[d.ID]...)
		}
	}
	for id := range waits {
		s.Deps = append(s.Deps, id)
	}
	slices.Sort(s.Deps)
	slices.Sort(s.Requires)
	s.Requires = slices.Compact(s.Requires)
}

// waitsForData reports whether an entry comes after the data of the tables it
// depends on.
func (p *planner) waitsForData(e *toc.Entry) bool {
	return p.sel.SectionOf(e.ID) == toc.SectionPostData || e.Kind == toc.StatisticsData
}

func (p *planner) follow(e *toc.Entry, afterData bool, seen map[toc.DumpID]bool, waits map[StepID]bool) {
	wait := func(x *toc.Entry) bool {
		for _, id := range p.steps[x.ID] {
			waits[id] = true
		}
		return len(p.steps[x.ID]) > 0
	}
	for _, d := range p.tables.graph.Deps(e) {
		if seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		if !wait(d) {
			p.follow(d, afterData, seen, waits)
		}
		if !afterData || !isTable(d) {
			continue
		}
		for _, table := range p.filledFor(e, d) {
			for _, data := range p.tables.data[table.ID] {
				if data != e {
					wait(data)
				}
			}
		}
	}
}

// filledFor returns the tables whose data must be there before e is made on
// the given one. Foreign keys and triggers on a partitioned table reach its
// partitions: made too early they would fire for every row loaded. An index
// on a partitioned table is an empty shell and waits for nothing.
func (p *planner) filledFor(e, table *toc.Entry) []*toc.Entry {
	if e.Kind == toc.FKConstraint || e.Kind == toc.Trigger {
		return p.tables.withDescendants(table)
	}
	return []*toc.Entry{table}
}

// attachBottomUp lets the index of a partition be attached only after all
// indexes that are attached to it. The archive's own order is top-down, where
// completing a middle index locks its ancestors and can deadlock.
func (p *planner) attachBottomUp() {
	below := make(map[toc.DumpID][]StepID) // attachments to an index
	for _, s := range p.plan.Steps {
		if s.Entry.Kind == toc.IndexAttach && s.Action == ActionCreate {
			if parent := p.tables.attachParent(s.Entry); parent != nil {
				below[parent.ID] = append(below[parent.ID], s.ID)
			}
		}
	}
	for _, s := range p.plan.Steps {
		if s.Entry.Kind != toc.IndexAttach || s.Action != ActionCreate {
			continue
		}
		if child := p.tables.attachChild(s.Entry); child != nil {
			s.waitFor(below[child.ID]...)
		}
	}
}
