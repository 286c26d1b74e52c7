package toc

import "slices"

// Replace returns the selection with other entries in place of some: changed
// says which, by dump id; nil leaves an entry out. What is added comes before
// all other entries, is selected with its definition, and must have ids that
// the archive does not have. Neither s nor its entries are changed.
func (s *Selected) Replace(changed map[DumpID]*Entry, added []*Entry) *Selected {
	stands := func(list []*Entry) []*Entry {
		list = slices.Concat(added, list)
		for i, e := range list {
			if c := changed[e.ID]; c != nil {
				list[i] = c
			}
		}
		return list
	}
	t := *s.TOC
	t.Entries = stands(s.TOC.Entries)
	t.position = make(map[DumpID]int, len(t.Entries))
	for i, e := range t.Entries {
		t.position[e.ID] = i
	}
	r := *s
	r.TOC, r.Order = &t, stands(s.Order)
	r.Schema = s.Schema || len(added) > 0
	r.parts = make(map[DumpID]Parts, len(t.Entries))
	r.sections = make(map[DumpID]Section, len(t.Entries))
	for _, e := range t.Entries {
		r.parts[e.ID], r.sections[e.ID] = s.parts[e.ID], s.sections[e.ID]
		if c, found := changed[e.ID]; found && c == nil {
			r.parts[e.ID] = 0
		}
	}
	for _, e := range added {
		r.parts[e.ID], r.sections[e.ID] = PartSchema, SectionPreData
	}
	return &r
}
