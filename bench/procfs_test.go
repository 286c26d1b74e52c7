//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The server's CPU and bytes are right only if the kernel adds those of backends that have ended to the postmaster's.
func TestUsageOfEndedChildren(t *testing.T) {
	before, err := ClusterUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "written")
	script := `dd if=/dev/zero of="$0" bs=1M count=8 conv=fsync 2>/dev/null; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`
	cmd := exec.Command("sh", "-c", script, path)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	after, err := ClusterUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got := after.minus(before)
	child := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if got.CPU < child-2*tick || got.CPU > child+time.Second {
		t.Errorf("%v of CPU counted, the child used %v", got.CPU, child)
	}
	if device, err := blockDevice(t.TempDir()); err != nil {
		t.Logf("bytes are not checked: %v", err)
	} else if got.Written < 8<<20 {
		t.Errorf("%d bytes written counted, the child wrote %d to device %s", got.Written, 8<<20, device)
	}
}

// A child that is still there counts too.
func TestUsageOfLivingChildren(t *testing.T) {
	cmd := exec.Command("sh", "-c", `while :; do :; done`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	before, err := ClusterUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		after, err := ClusterUsage(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.minus(before).CPU >= 200*time.Millisecond {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("after a minute only %v of CPU are counted", after.minus(before).CPU)
		}
	}
}

// Children that end while we look are missed by no sum, nor counted twice.
func TestUsageNeverFalls(t *testing.T) {
	cmd := exec.Command("bash", "-c", `while :; do for n in 1 2 3 4; do (for ((i = 0; i < 5000; i++)); do :; done) & done; wait; done`)
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	var last Usage
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		u, err := ClusterUsage(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if u.CPU < last.CPU {
			t.Fatalf("%v of CPU after %v", u.CPU, last.CPU)
		}
		last = u
	}
	if last.CPU == 0 {
		t.Error("no CPU counted at all")
	}
}

func TestMachineCPU(t *testing.T) {
	busy, _, err := MachineCPU()
	if err != nil || busy <= 0 {
		t.Errorf("busy %v, error %v", busy, err)
	}
}
