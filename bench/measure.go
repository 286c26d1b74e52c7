//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// measure runs one scenario from its archive to its result.
func (o *options) measure(ctx context.Context, root string, s Scenario) (result *Result, err error) {
	result = &Result{Scenario: s.Name, About: s.describe(o), Jobs: o.jobs, Rounds: o.rounds, SelfFK: s.SelfFK}
	if (s.Cold || o.dropCaches) && os.Geteuid() != 0 {
		result.Skipped = "only root can empty the kernel's cache"
		return result, nil
	}
	b := &bench{options: o, Scenario: s}
	if s.Limits != nil {
		b.cgroup, err = NewCgroup(o.dir, *s.Limits)
		if err != nil {
			result.Skipped = err.Error()
			return result, nil
		}
		defer func() { err = errors.Join(err, b.cgroup.Close()) }()
	}
	if b.archive, err = Prepare(ctx, root, o.dir, s.Source, s.size(o), o.say); err != nil {
		return nil, err
	}
	result.Archive, result.Database = b.archive.Bytes, b.archive.Database
	result.Settings = maps.Clone(serverSettings)
	maps.Copy(result.Settings, s.Settings)
	for _, set := range o.settings {
		result.Settings[set.name] = set.value
	}
	if b.cluster, err = StartCluster(ctx, o.dir, result.Settings); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.cluster.Stop()) }()
	roles, err := os.ReadFile(filepath.Join(root, "fixtures/sql/murmur/roles.sql"))
	if err != nil {
		return nil, err
	}
	if _, err := b.cluster.Query(ctx, "postgres", string(roles)); err != nil {
		return nil, err
	}
	if s.Network {
		socket, err := b.cluster.socket(ctx)
		if err != nil {
			return nil, err
		}
		if b.proxy, err = StartProxy(socket, o.rtt); err != nil {
			return nil, err
		}
		defer b.proxy.Close()
	}
	result.Machine = describeMachine(ctx, root, o.pgarc, b.cluster.Binaries().Version)
	if s.Simulated > 0 {
		return result, b.simulate(ctx, result)
	}
	vs, err := b.variants(ctx, result)
	if err != nil {
		return nil, err
	}
	result.Runs, err = b.runAll(ctx, vs)
	return result, err
}

// variants are those asked for that the programs know.
func (b *bench) variants(ctx context.Context, result *Result) ([]Variant, error) {
	all := variants(b.cluster.Tool("pg_restore"), b.pgarc, b.Tuned)
	if b.options.variants != "" {
		names := strings.Split(b.options.variants, ",")
		for _, name := range names {
			if !slices.ContainsFunc(all, func(v Variant) bool { return v.Name == name }) {
				return nil, fmt.Errorf("there is no variant %q; -h lists them", name)
			}
		}
		all = slices.DeleteFunc(all, func(v Variant) bool { return !slices.Contains(names, v.Name) })
	}
	for _, a := range b.also {
		all = append(all, Variant{Name: a.name, Program: b.pgarc, Args: append([]string{"restore", "-q"}, strings.Fields(a.value)...)})
	}
	result.Commands, result.Left = map[string]string{}, map[string]string{}
	var known []Variant
	for _, v := range all {
		if why := v.Unknown(ctx, b.archive.Path); why != "" {
			b.say("%s is left out: %s", v.Name, why)
			result.Left[v.Name] = why
			continue
		}
		known = append(known, v)
		result.Variants = append(result.Variants, v.Name)
		result.Commands[v.Name] = v.command(b.jobs)
	}
	return known, nil
}

// command is what the report shows: without paths and the connection.
func (v Variant) command(jobs int) string {
	words := append(slices.Clone(v.Env), filepath.Base(v.Program))
	for i, w := range v.Env {
		name, value, _ := strings.Cut(w, "=")
		words[i] = name + "='" + value + "'"
	}
	return strings.Join(append(append(words, v.Args...), fmt.Sprintf("-j %d", jobs)), " ")
}

// socket is the path of the server's socket.
func (c *Cluster) socket(ctx context.Context) (string, error) {
	dir, err := c.Query(ctx, "postgres", "SHOW unix_socket_directories")
	return filepath.Join(dir, ".s.PGSQL.5432"), err
}
