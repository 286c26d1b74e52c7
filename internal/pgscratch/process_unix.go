//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgscratch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account is another user, who runs the server for root.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns nil where the caller can run the server himself.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{superuser, "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &account{name, uint32(uid), uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// own gives path to a; to nil it is no change.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// canEnter reports whether the permissions of dir and all above it let a pass.
func (a *account) canEnter(dir string) bool {
	if a == nil {
		return true
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		fi, err := os.Stat(dir)
		if err != nil || !a.mayPass(fi) {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

func (a *account) mayPass(fi os.FileInfo) bool {
	st, mode := fi.Sys().(*syscall.Stat_t), fi.Mode()
	switch {
	case st.Uid == a.uid:
		return mode&0o100 != 0
	case st.Gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// process is a started program and its end.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed at the end
	err  error         // how it ended, once done
}

// startProcess runs a program as the user as (nil: the caller's) in a session of its own, out of reach of the
// terminal's signals. What it prints goes to log.
func startProcess(as *account, dir string, log *os.File, path string, args ...string) (*process, error) {
	cmd := command(as, dir, path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, asWhom(as, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func command(as *account, dir, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir // PostgreSQL asks for its working directory, which the caller's need not be open to it
	cmd.Env = serverEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return cmd
}

// serverEnv keeps the caller's PG* settings and secrets from the server. Messages are English.
func serverEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func asWhom(as *account, err error) error {
	if as == nil {
		return err
	}
	return fmt.Errorf("as user %s: %w", as.name, err)
}

// exit is how p ended, once done; never nil.
func (p *process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// end signals p and waits. SIGQUIT asks PostgreSQL for an immediate shutdown, in which it kills backends that
// do not obey after five seconds (postmaster.c, SIGKILL_CHILDREN_AFTER_SECS); SIGKILL goes to the whole group.
func (p *process) end(sig syscall.Signal) error {
	if sig != syscall.SIGKILL {
		_ = p.cmd.Process.Signal(sig) // an error means that it has ended
		select {
		case <-p.done:
			return nil
		case <-time.After(15 * time.Second):
		}
	}
	pid := p.cmd.Process.Pid
	select {
	case <-p.done:
		return nil
	default:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("%s (process %d) does not end", filepath.Base(p.cmd.Path), pid)
	}
}

// watcher is a shell that outlives the caller, to end the running program and remove the folders should the
// caller die. A pipe tells it: closed without "end" means death.
type watcher struct {
	cmd  *exec.Cmd
	pipe *os.File
}

// watch reads lines: "SIGNAL PROCESS", of which the last one counts; "gone PROCESS", after which nobody may
// signal that number; "end". Its arguments are the folders. It polls for the end of the process, since only a
// parent can wait for it.
const watch = `
while read -r s p; do
	case $s in
	end) exit ;;
	gone) [ "$p" != "$pid" ] || pid= ;;
	*) sig=$s pid=$p ;;
	esac
done
alive() { [ "$pid" ] && kill -s 0 -- "$pid"; }
alive && kill -s "$sig" -- "$pid"
n=0
while alive && [ $n -lt 150 ]; do
	sleep 0.1 || sleep 1
	n=$((n+1))
done
alive && kill -s KILL -- "$pid"
rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
`

// startWatcher runs the shell as the caller: the folders' user need not be allowed to remove them.
func startWatcher(dirs []lockedDir) (*watcher, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	args := []string{"-c", watch, "pgarc-scratch-watcher"}
	for _, d := range dirs {
		args = append(args, d.path)
	}
	cmd := command(nil, "/", "/bin/sh", args...)
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	return &watcher{cmd, w}, nil
}

// guard makes p the program to end, until its end. A failed write means that the watcher was killed; then the
// next Start's sweep is what remains.
func (w *watcher) guard(p *process, sig syscall.Signal) {
	name, target := "QUIT", p.cmd.Process.Pid
	if sig == syscall.SIGKILL {
		name, target = "KILL", -target
	}
	fmt.Fprintf(w.pipe, "%s %d\n", name, target)
	go func() {
		<-p.done
		fmt.Fprintf(w.pipe, "gone %d\n", target)
	}()
}

// end dismisses the watcher. Should it be gone already, that is all the same now.
func (w *watcher) end() {
	if w == nil {
		return
	}
	fmt.Fprintln(w.pipe, "end")
	w.pipe.Close()
	_ = w.cmd.Wait()
}
