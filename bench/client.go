//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Variant is a way to restore: a program, its options, its environment.
type Variant struct {
	Name    string
	Program string   // a path
	Args    []string // before the archive and the connection
	Env     []string // over an environment without PG* variables
}

// Base is the variant that the others are compared with.
const Base = "pg_restore"

// variants are those that every scenario compares. tuned is for PGOPTIONS.
func variants(pgRestore, pgarc, tuned string) []Variant {
	return []Variant{
		{Name: Base, Program: pgRestore},
		{Name: "pg_restore tuned", Program: pgRestore, Env: []string{"PGOPTIONS=" + tuned}},
		{Name: "pgarc --compat", Program: pgarc, Args: []string{"restore", "-q", "--compat"}},
		{Name: "pgarc", Program: pgarc, Args: []string{"restore", "-q"}},
	}
}

func (v Variant) isPgarc() bool { return len(v.Args) > 0 && v.Args[0] == "restore" }

// Unknown says why the program does not take the options, or "". Only pgarc is asked: it can be without restoring.
func (v Variant) Unknown(ctx context.Context, archive string) string {
	if !v.isPgarc() {
		return ""
	}
	cmd := exec.CommandContext(ctx, v.Program, append(v.Args, "--dry-run", archive)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) && exit.ExitCode() == 2 {
		first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return first
	}
	return ""
}

// ClientUse is what a finished client says and used.
type ClientUse struct {
	Wall   time.Duration
	CPU    time.Duration // with all its children
	MaxRSS int64         // bytes, of its largest process
	Failed string        // how it ended and what it said last, unless all went well
}

// Restore runs the variant to its end.
func (v Variant) Restore(ctx context.Context, archive, conn string, jobs int, list string) (ClientUse, error) {
	args := append([]string(nil), v.Args...)
	args = append(args, "-j", strconv.Itoa(jobs), "-d", conn)
	if list != "" {
		args = append(args, "-L", list)
	}
	cmd := exec.CommandContext(ctx, v.Program, append(args, archive)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C"}, v.Env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // pg_restore's children end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return ClientUse{}, err
	}
	err := cmd.Wait()
	use := ClientUse{Wall: time.Since(begin), CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		use.MaxRSS = ru.Maxrss << 10
	}
	if ctx.Err() != nil {
		return use, ctx.Err()
	}
	if err != nil {
		use.Failed = fmt.Sprintf("%v: %s", err, lastLines(stderr.String(), 12))
	}
	return use, nil
}
