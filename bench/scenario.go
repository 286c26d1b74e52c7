//go:build linux

package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Scenario is a situation in which the variants are compared.
type Scenario struct {
	Name     string
	About    string // a sentence for the report
	Source   Source
	Settings map[string]string // over serverSettings
	Tuned    string            // PGOPTIONS of "pg_restore tuned", as an expert chooses them for this server
	SelfFK   string            // a foreign key to be reported alone
	Only     string            // "fk": foreign keys alone, the rest is restored beforehand; or one constraint's name
	Cold     bool              // before each run, restart the server and empty the kernel's cache
	Limits   *Limits           // hold the server to them
	Network  bool              // connect through the proxy

	// Simulated is on how many connections the restore is worked out with measured times of its steps.
	Simulated int
}

const selfFK = "fk_rails_256483a9ab"

const tuned = "-c maintenance_work_mem=512MB -c max_parallel_maintenance_workers=4 -c synchronous_commit=off"

// tunedSlow is for a machine of 700 MB.
const tunedSlow = "-c maintenance_work_mem=96MB -c max_parallel_maintenance_workers=4 -c synchronous_commit=off"

// Scenarios are all there are, by the names that -scenario takes.
var Scenarios = []Scenario{
	{
		Name: "fast", Source: murmur, Tuned: tuned, SelfFK: selfFK,
		About: "the whole restore, local disk, warm",
	},
	{
		Name: "fk-cold", Source: murmur, Tuned: tuned, SelfFK: selfFK, Only: "fk", Cold: true,
		// Else autovacuum may, between the restore of the rest and the foreign keys, do what would not have been done.
		Settings: map[string]string{"autovacuum": "off"},
		About:    "the foreign keys alone, into what the same variant has restored of the rest; server just started, nothing in the kernel's cache",
	},
	{
		Name: "self-fk-cold", Source: murmur, Tuned: tuned, SelfFK: selfFK, Only: selfFK, Cold: true,
		Settings: map[string]string{"autovacuum": "off"},
		About:    "as fk-cold, but the self-referencing foreign key " + selfFK + " alone",
	},
	{
		Name: "one-table", Source: oneTable, Tuned: tuned, SelfFK: "big_parent_id_fkey",
		About: "a database of which nearly all is in one table with a key and four indexes; local disk, warm",
	},
	{
		Name: "toc", Source: tables, Tuned: tuned, Network: true,
		About: "thousands of tables without rows, through a network",
	},
	{
		Name: "slow", Source: murmur, SelfFK: selfFK, Cold: true, Limits: &slowVolume,
		Settings: map[string]string{"shared_buffers": "128MB"}, // what a machine of 700 MB has
		Tuned:    tunedSlow,
		About:    "the whole restore on a slow volume: the server may read 30 MB and 300 times a second, and has 700 MB of memory with the kernel's cache; cold",
	},
	{
		Name: "slow-fk", Source: murmur, SelfFK: selfFK, Only: "fk", Cold: true, Limits: &slowVolume,
		Settings: map[string]string{"shared_buffers": "128MB", "autovacuum": "off"},
		Tuned:    tunedSlow,
		About:    "the foreign keys alone on that slow volume, into what the same variant has restored of the rest without it",
	},
	{
		Name: "slow-self-fk", Source: murmur, SelfFK: selfFK, Only: selfFK, Cold: true, Limits: &slowVolume,
		Settings: map[string]string{"shared_buffers": "128MB", "autovacuum": "off"},
		Tuned:    tunedSlow,
		About:    "as slow-fk, but the self-referencing foreign key " + selfFK + " alone",
	},
	{
		Name: "simulated", Source: murmur, Simulated: 16,
		About: "worked out, not measured: the whole restore on 16 connections with enough processors and disks for all, each step taking as long as it was measured to take on -j connections",
	},
}

// size is the scenario's part of the options.
func (s Scenario) size(o *options) int {
	switch s.Source.Name {
	case oneTable.Name:
		return o.tableMB
	case tables.Name:
		return o.tables
	}
	return o.scale
}

// describe says what About leaves to the options.
func (s Scenario) describe(o *options) string {
	about := s.About
	switch s.Source.Name {
	case oneTable.Name:
		about += fmt.Sprintf("; about %d MB as COPY text", o.tableMB)
	case tables.Name:
		about += fmt.Sprintf("; %d tables, 9 entries each", o.tables)
	default:
		about += fmt.Sprintf("; murmur at scale %d", o.scale)
	}
	if s.Network {
		about += fmt.Sprintf("; a round trip takes %v, half of it each way, throughput is not limited", o.rtt.Round(time.Millisecond))
	}
	return about
}

// splitList parts what pg_restore -l prints into a list of the foreign keys (of the one that only names, unless
// that is "fk") and a list of all that neither is a foreign key nor a comment on a constraint, which may be one.
func splitList(list, only string) (keys, rest string) {
	var inKeys, inRest strings.Builder
	for line := range strings.Lines(list) {
		if m := fkLineRE.FindStringSubmatch(line); m != nil {
			if only == "fk" || only == m[1] {
				inKeys.WriteString(line)
			}
		} else if !commentLineRE.MatchString(line) {
			inRest.WriteString(line)
		}
	}
	return inKeys.String(), inRest.String()
}

var (
	fkLineRE      = regexp.MustCompile(`^\d+; \d+ \d+ FK CONSTRAINT .* (\S+) \S+\n`)
	commentLineRE = regexp.MustCompile(`^\d+; \d+ \d+ COMMENT .* CONSTRAINT \S+ ON `)
)
