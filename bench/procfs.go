//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU time in /proc (USER_HZ, 100 on all that Go runs on).
const tick = 10 * time.Millisecond

// Usage is what processes have used since they began.
type Usage struct {
	CPU            time.Duration
	Read, Written  int64 // bytes from and to the disk (proc_pid_io(5): read_bytes; write_bytes, counted when a page gets dirty)
	WriteCancelled int64 // bytes in Written of files that were removed before they reached the disk
}

func (u Usage) plus(v Usage) Usage {
	return Usage{u.CPU + v.CPU, u.Read + v.Read, u.Written + v.Written, u.WriteCancelled + v.WriteCancelled}
}

func (u Usage) minus(v Usage) Usage {
	return Usage{u.CPU - v.CPU, u.Read - v.Read, u.Written - v.Written, u.WriteCancelled - v.WriteCancelled}
}

// ClusterUsage sums up the postmaster, its children, and its children that have ended: when a parent waits for a
// child, the kernel adds what the child used to the parent's account (kernel/exit.c, wait_task_zombie). It looks
// again if the parent has waited for one meanwhile: a backend outlives its entry in pg_stat_activity, by long on a
// busy machine, and would be in neither sum.
func ClusterUsage(postmaster int) (Usage, error) {
	for {
		total, ended, err := processUsage(postmaster)
		if err != nil {
			return Usage{}, err
		}
		total = total.plus(ended)
		for _, pid := range childrenOf(postmaster) {
			u, _, err := processUsage(pid)
			if err != nil && !gone(err) {
				return Usage{}, err
			}
			total = total.plus(u)
		}
		_, endedNow, err := processUsage(postmaster)
		if err != nil || endedNow.CPU == ended.CPU {
			return total, err
		}
	}
}

// childrenOf lists the processes that parent has started and that have not ended.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a bad pattern
	for _, path := range stats {
		f, err := statFields(path)
		if err == nil && f[ppidField] == strconv.Itoa(parent) { // an error: it has ended since
			pids = append(pids, atoi(f[pidField]))
		}
	}
	return pids
}

func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// Fields of /proc/PID/stat, less one, as proc_pid_stat(5) numbers them.
const (
	pidField    = 0
	ppidField   = 3
	utimeField  = 13
	stimeField  = 14
	cutimeField = 15
	cstimeField = 16
	statLength  = 17 // what we need
)

// statFields reads a /proc/PID/stat. The second field, the name, may hold anything, parentheses and blanks too.
func statFields(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pid, rest, _ := strings.Cut(string(text), " ")
	end := strings.LastIndexByte(rest, ')')
	if end < 0 {
		return nil, fmt.Errorf("%s: no name in %q", path, text)
	}
	fields := append([]string{pid, rest[:end+1]}, strings.Fields(rest[end+1:])...)
	if len(fields) < statLength {
		return nil, fmt.Errorf("%s: only %d fields", path, len(fields))
	}
	return fields, nil
}

// processUsage tells what a process has used. ended is what children used that it has waited for: only their CPU,
// since their bytes are in the process's own.
func processUsage(pid int) (own, ended Usage, err error) {
	f, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, Usage{}, err
	}
	own.CPU = time.Duration(atoi(f[utimeField])+atoi(f[stimeField])) * tick
	ended.CPU = time.Duration(atoi(f[cutimeField])+atoi(f[cstimeField])) * tick
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return Usage{}, Usage{}, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "read_bytes":
			own.Read = int64(atoi(value))
		case "write_bytes":
			own.Written = int64(atoi(value))
		case "cancelled_write_bytes":
			own.WriteCancelled = int64(atoi(value))
		}
	}
	return own, ended, nil
}

// MachineCPU is how long all processors together have been busy, for whomever; "steal" is what the machine below
// us took.
func MachineCPU() (busy, steal time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(f) < 9 || f[0] != "cpu" {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	busyTicks := atoi(f[1]) + atoi(f[2]) + atoi(f[3]) + atoi(f[6]) + atoi(f[7])
	return time.Duration(busyTicks) * tick, time.Duration(atoi(f[8])) * tick, nil
}

// DropCaches writes back all that is dirty and empties the kernel's cache of files. Only root may.
func DropCaches() error {
	syscall.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
}
