//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is what the numbers hold for.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryMB int    `json:"memory_mb"`
	Kernel   string `json:"kernel"`
	Postgres string `json:"postgres"`
	Pgarc    string `json:"pgarc"`
	Go       string `json:"go"`
	Date     string `json:"date"`
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %.0f GB of memory, Linux %s; PostgreSQL %s; %s, %s; %s",
		m.CPU, m.Cores, float64(m.MemoryMB)/1024, m.Kernel, m.Postgres, m.Pgarc, m.Go, m.Date)
}

// describeMachine leaves out what it cannot find.
func describeMachine(ctx context.Context, root, pgarc, postgres string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Postgres: postgres, Go: runtime.Version(), Date: time.Now().Format("2006-01-02")}
	m.CPU = field("/proc/cpuinfo", "model name")
	kb, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	m.MemoryMB = atoi(kb) / 1024
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	m.Pgarc = filepath.Base(pgarc)
	if out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output(); err == nil {
		m.Pgarc += " " + strings.TrimSpace(string(out))
	}
	return m
}

// field reads "NAME : value" from a file of /proc.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
