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

// Limits are what a slow volume and a small machine offer.
type Limits struct {
	ReadBytes int64 // a second
	ReadOps   int64 // a second
	Memory    int64 // bytes, the kernel's cache of files included
}

// slowVolume is that of the story that pgarc was made for.
var slowVolume = Limits{ReadBytes: 30e6, ReadOps: 300, Memory: 700e6}

// Cgroup holds processes to limits; what they start is held too. Writes are not limited.
type Cgroup struct {
	dirs []string // one a hierarchy
}

// NewCgroup makes a cgroup for the block device below dir, of version 1 or 2, whichever has the controllers. The
// error says what is missing; mostly root.
func NewCgroup(dir string, l Limits) (*Cgroup, error) {
	device, err := blockDevice(dir)
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	name := "pgarc-bench-" + strconv.Itoa(os.Getpid())
	g := &Cgroup{}
	blkio, memory, v2 := controllers(string(mounts))
	switch {
	case blkio != "" && memory != "":
		err = errors.Join(
			g.add(filepath.Join(blkio, name), map[string]string{
				"blkio.throttle.read_bps_device":  fmt.Sprintf("%s %d", device, l.ReadBytes),
				"blkio.throttle.read_iops_device": fmt.Sprintf("%s %d", device, l.ReadOps),
			}),
			g.add(filepath.Join(memory, name), map[string]string{"memory.limit_in_bytes": fmt.Sprint(l.Memory)}))
	case v2 != "":
		err = errors.Join(
			os.WriteFile(filepath.Join(v2, "cgroup.subtree_control"), []byte("+io +memory"), 0),
			g.add(filepath.Join(v2, name), map[string]string{
				"io.max":     fmt.Sprintf("%s rbps=%d riops=%d", device, l.ReadBytes, l.ReadOps),
				"memory.max": fmt.Sprint(l.Memory),
			}))
	default:
		err = errors.New("neither blkio and memory of cgroup v1 nor cgroup v2 is mounted")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot limit reads and memory: %w", err), g.Close())
	}
	return g, nil
}

// controllers finds where cgroups are mounted, in the text of /proc/self/mounts; "" where they are not.
func controllers(mounts string) (blkio, memory, v2 string) {
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		switch f[2] {
		case "cgroup":
			for _, option := range strings.Split(f[3], ",") {
				switch option {
				case "blkio":
					blkio = f[1]
				case "memory":
					memory = f[1]
				}
			}
		case "cgroup2":
			v2 = f[1]
		}
	}
	return blkio, memory, v2
}

func (g *Cgroup) add(dir string, files map[string]string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	g.dirs = append(g.dirs, dir)
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}

// Hold moves a process and its children under the limits. Memory they have already stays where it was counted.
func (g *Cgroup) Hold(pid int) error {
	for _, p := range append([]int{pid}, childrenOf(pid)...) {
		for _, dir := range g.dirs {
			err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(p)), 0)
			if err != nil && !gone(err) {
				return err
			}
		}
	}
	return nil
}

// Close removes the cgroup. Processes that are just ending keep it for a moment.
func (g *Cgroup) Close() error {
	var errs []error
	for _, dir := range g.dirs {
		err := os.Remove(dir)
		for range 50 {
			if err == nil || errors.Is(err, os.ErrNotExist) {
				break
			}
			time.Sleep(100 * time.Millisecond)
			err = os.Remove(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// blockDevice returns "MAJOR:MINOR" of the whole disk that dir is on: limits go by disks, not partitions.
func blockDevice(dir string) (string, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(dir, &st); err != nil {
		return "", err
	}
	major, minor := st.Dev>>8&0xfff|st.Dev>>32&^0xfff, st.Dev&0xff|st.Dev>>12&^0xff // makedev(3)
	device := fmt.Sprintf("%d:%d", major, minor)
	sys, err := filepath.EvalSymlinks(filepath.Join("/sys/dev/block", device))
	if err != nil {
		return "", fmt.Errorf("%s is on no block device of its own (%s)", dir, device)
	}
	if _, err := os.Stat(filepath.Join(sys, "partition")); err == nil {
		sys = filepath.Dir(sys)
	}
	text, err := os.ReadFile(filepath.Join(sys, "dev"))
	return strings.TrimSpace(string(text)), err
}
