//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// The numbers of a run, as the report names them.
const (
	Wall           = "wall, s"
	ServerCPU      = "server CPU, s"
	ClientCPU      = "client CPU, s"
	BlocksRead     = "blocks read, not in shared buffers"
	BlocksHit      = "blocks found in shared buffers"
	BlocksWritten  = "blocks written, with the checkpoint after"
	TempMB         = "temporary files, MB"
	DiskReadMB     = "server read from disk, MB"
	DiskWrittenMB  = "server wrote, with the checkpoint after, MB"
	WALMB          = "WAL, MB"
	CheckpointTime = "the checkpoint after, s"
	ClientMB       = "client's peak memory (largest process), MB"
	OthersCPU      = "CPU of all else on the machine, s"
	StolenCPU      = "CPU stolen from the machine, s"
)

// Metrics is their order.
var Metrics = []string{
	Wall, ServerCPU, ClientCPU, BlocksRead, BlocksHit, BlocksWritten, TempMB, DiskReadMB, DiskWrittenMB, WALMB,
	CheckpointTime, ClientMB, OthersCPU, StolenCPU,
}

// Result is one scenario's.
type Result struct {
	Scenario string            `json:"scenario"`
	About    string            `json:"about"`
	Skipped  string            `json:"skipped,omitempty"` // why
	Machine  Machine           `json:"machine"`
	Settings map[string]string `json:"settings"`
	Jobs     int               `json:"jobs"`
	Rounds   int               `json:"rounds"`
	Archive  int64             `json:"archive_bytes"`
	Database int64             `json:"database_bytes"`
	Variants []string          `json:"variants"`
	Commands map[string]string `json:"commands"`          // by variant
	Left     map[string]string `json:"left_out"`          // variants that could not run, and why
	SelfFK   string            `json:"self_fk,omitempty"` // the constraint that has rows of its own
	Runs     []Run             `json:"runs"`
}

// row is a line of the report's tables.
type row struct {
	name  string
	value func(Run) (float64, bool) // false: this run has none
	plain bool                      // not of the variant's making: no ratio
}

func metricRows() []row {
	var all []row
	for _, m := range Metrics {
		value := func(r Run) (float64, bool) { v, ok := r.Values[m]; return v, ok }
		all = append(all, row{m, value, m == OthersCPU || m == StolenCPU})
	}
	return all
}

// phaseRows are those of the phases in which some variant spent at least a hundredth of its restore.
func (r *Result) phaseRows() []row {
	var all []row
	for _, p := range Phases {
		if slices.ContainsFunc(r.Runs, func(run Run) bool { return run.Phases[p].Busy > run.Values[Wall]/100 }) {
			all = append(all, workRows(string(p), func(r Run) (Work, bool) { w, ok := r.Phases[p]; return w, ok })...)
		}
	}
	if r.SelfFK != "" {
		all = append(all, workRows(r.SelfFK, func(r Run) (Work, bool) { return r.SelfFK, r.SelfFK.Statements > 0 })...)
	}
	return all
}

func workRows(name string, work func(Run) (Work, bool)) []row {
	part := func(label string, value func(Work) float64) row {
		return row{name: name + ": " + label, value: func(r Run) (float64, bool) {
			w, ok := work(r)
			return value(w), ok
		}}
	}
	return []row{
		part("first to last, s", func(w Work) float64 { return w.Span }),
		part("at least one at work, s", func(w Work) float64 { return w.Busy }),
		part("sum over connections, s", func(w Work) float64 { return w.Sum }),
		part("server CPU, s", func(w Work) float64 { return w.CPU }),
		part("read from disk, MB", func(w Work) float64 { return float64(w.Read) / 1e6 }),
	}
}

// byRound picks a variant's good runs' values of a row.
func (r *Result) byRound(variant string, row row) map[int]float64 {
	values := map[int]float64{}
	for _, run := range r.Runs {
		if v, ok := row.value(run); ok && run.Variant == variant && run.Failed == "" {
			values[run.Round] = v
		}
	}
	return values
}

// Markdown writes the result as a section to be pasted into docs/benchmarks.md.
func (r *Result) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", r.Scenario)
	if r.Skipped != "" {
		fmt.Fprintf(&b, "%s. Skipped: %s.\n\n", capital(r.About), r.Skipped)
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "%s. Archive %.0f MB, database %.0f MB, %d rounds, -j%d.\n", capital(r.About), float64(r.Archive)/1e6, float64(r.Database)/1e6, r.Rounds, r.Jobs)
	fmt.Fprintf(&b, "%s.\n%s.\n\n", r.Machine, settingsText(r.Settings))
	for _, name := range r.Variants {
		fmt.Fprintf(&b, "- %s: `%s`\n", name, r.Commands[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(&b, "- %s was left out: %s\n", name, r.Left[name])
	}
	for _, text := range r.remarks() {
		fmt.Fprintf(&b, "- %s\n", text)
	}
	fmt.Fprintf(&b, "\nMedians; after the stroke the ratio to %s of the same round, median (least to most).\n\n", Base)
	r.table(&b, metricRows())
	if !slices.ContainsFunc(r.Runs, func(run Run) bool { return len(run.Phases) > 0 }) {
		_, err := io.WriteString(w, b.String()+"\n")
		return err
	}
	b.WriteString("\nPhases, from the server's log. CPU and disk are those of the connections' own processes, without parallel workers.\n" +
		"What took less than a hundredth of the time is left out.\n\n")
	r.table(&b, r.phaseRows())
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// table leaves out rows that are zero throughout.
func (r *Result) table(b *strings.Builder, rows []row) {
	b.WriteString("| |")
	for _, name := range r.Variants {
		fmt.Fprintf(b, " %s |", name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(r.Variants)) + "\n")
	for _, row := range rows {
		base := r.byRound(Base, row)
		line, some := "", false
		for _, name := range r.Variants {
			values := r.byRound(name, row)
			some = some || SpreadOf(mapValues(values)).Max > 0
			line += " " + cellOf(values, base, name != Base && !row.plain) + " |"
		}
		if some {
			fmt.Fprintf(b, "| %s |%s\n", row.name, line)
		}
	}
}

func cellOf(values, base map[int]float64, ratio bool) string {
	if len(values) == 0 {
		return ""
	}
	s := SpreadOf(mapValues(values))
	cell := number(s.Median)
	if !ratio {
		if s.Min != s.Max {
			cell += fmt.Sprintf(" (%s to %s)", number(s.Min), number(s.Max))
		}
		return cell
	}
	if q := Ratios(values, base); q.N > 0 {
		cell += fmt.Sprintf(" / **%.2f**", q.Median)
		if q.Min != q.Max {
			cell += fmt.Sprintf(" (%.2f to %.2f)", q.Min, q.Max)
		}
	}
	return cell
}

// remarks says which runs failed, and which restored something else, each sort once.
func (r *Result) remarks() []string {
	count := map[string]int{}
	for _, run := range r.Runs {
		switch {
		case run.Failed != "":
			count[run.Variant+" failed, and was run again: "+lastLines(run.Failed, 1)]++
		case run.Differs != "":
			count["**"+run.Variant+" restored something else** than the first run: "+run.Differs]++
		}
	}
	var all []string
	for _, text := range slices.Sorted(maps.Keys(count)) {
		all = append(all, fmt.Sprintf("%d × %s", count[text], text))
	}
	return all
}

func settingsText(settings map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		all = append(all, name+"="+settings[name])
	}
	return "Server: " + strings.Join(all, ", ") + ", else the defaults"
}

// number prints three digits or so.
func number(v float64) string {
	switch {
	case v >= 99.5 || v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func mapValues(m map[int]float64) []float64 { return slices.Collect(maps.Values(m)) }
