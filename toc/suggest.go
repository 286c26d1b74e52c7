package toc

import (
	"slices"
	"strings"
)

// ParseKinds reads kinds as users type them, separated by commas: pg_dump's
// own name in any case with blanks, hyphens or underscores between its words
// ("fk constraint", "fk-constraint"), or a short form ("fk"). Kinds that only
// this TOC has are known too. What is unknown is returned by itself.
func (t *TOC) ParseKinds(list string) (kinds []Kind, unknown []string) {
	known := t.kindNames()
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if k, ok := known[foldKind(word)]; ok {
			kinds = append(kinds, k)
		} else {
			unknown = append(unknown, word)
		}
	}
	return kinds, unknown
}

// kindNames maps every way to write a kind to the kind.
func (t *TOC) kindNames() map[string]Kind {
	names := make(map[string]Kind, 2*len(kinds))
	for k, info := range kinds {
		names[foldKind(string(k))] = k
		if info.Short != "" {
			names[info.Short] = k
		}
	}
	for _, e := range t.Entries {
		if !e.Kind.Known() {
			names[foldKind(string(e.Kind))] = e.Kind
		}
	}
	return names
}

// KindNames returns every way to write a kind, sorted, for messages and
// completion.
func (t *TOC) KindNames() []string {
	var list []string
	for name, kind := range t.kindNames() {
		if !kind.Info().Special {
			list = append(list, strings.ReplaceAll(name, " ", "-"))
		}
	}
	slices.Sort(list)
	return list
}

var kindFolder = strings.NewReplacer("-", " ", "_", " ")

func foldKind(s string) string { return strings.ToLower(kindFolder.Replace(s)) }

// Closest returns up to n names of the TOC that are most like the one typed,
// best first, for "did you mean". Names too different are left out.
func (t *TOC) Closest(typed string, kinds []Kind, n int) []string {
	var names []string
	for _, e := range t.Entries {
		if !e.IsSpecial() && hasKind(kinds, e.Kind) && e.Kind.Info().Tag != TagOnObject {
			name := t.NameOf(e).Name
			if e.Kind.Info().Tag == TagSignature {
				name = functionName(name)
			}
			names = append(names, name)
		}
	}
	if i := strings.LastIndexByte(typed, '.'); i >= 0 {
		typed = typed[i+1:]
	}
	return ClosestNames(typed, names, n)
}

// ClosestNames returns up to n of names that are most like the one typed, best
// first. A name counts as alike when at most a third of the letters differ, or
// when one holds the other.
func ClosestNames(typed string, names []string, n int) []string {
	type scored struct {
		name     string
		distance int
	}
	var list []scored
	seen := make(map[string]bool)
	folded := strings.ToLower(typed)
	for _, name := range names {
		if seen[name] || name == "" || folded == "" {
			continue
		}
		seen[name] = true
		other := strings.ToLower(name)
		limit := max(1, max(len(folded), len(other))/3)
		d := limit + 1
		if max(len(folded), len(other))-min(len(folded), len(other)) <= limit {
			d = editDistance(folded, other)
		}
		if d > limit && min(len(folded), len(other)) >= 3 &&
			(strings.Contains(other, folded) || strings.Contains(folded, other)) {
			d = limit
		}
		if d <= limit {
			list = append(list, scored{name, d})
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return a.distance - b.distance })
	var best []string
	for _, s := range list[:min(n, len(list))] {
		best = append(best, s.name)
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
