//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pgscratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// prefix begins the names of our folders, so that a later Start knows them.
const prefix = "pgarc-scratch-"

// maxSocketPath is below what sun_path holds on any system (104 bytes on macOS and BSD, 108 on Linux).
const maxSocketPath = 100

// lockedDir is a folder with a file in it that the caller holds locked. The kernel drops the lock when he
// dies, however he does, which is how sweep knows that the folder is nobody's.
type lockedDir struct {
	path string
	lock *os.File
}

// bases are the folders to make ours in, best first.
func bases() []string {
	return slices.Compact([]string{filepath.Clean(os.TempDir()), "/tmp", "/var/tmp"})
}

// makeDirs sets s.dir and s.socketDir, and has all it made in s.dirs.
func (s *Server) makeDirs(as *account) error {
	base, err := chooseBase(as)
	if err != nil {
		return err
	}
	if s.dir, err = s.makeDir(base, as); err != nil {
		return err
	}
	s.socketDir = s.dir
	if len(s.dir)+len("/.s.PGSQL."+port) >= maxSocketPath {
		s.socketDir, err = s.makeDir("/tmp", as)
	}
	return err
}

func chooseBase(as *account) (string, error) {
	for _, base := range bases() {
		if as.canEnter(base) {
			return filepath.Abs(base)
		}
	}
	return "", fmt.Errorf("user %s, who has to run the server, can enter none of %q", as.name, bases())
}

// makeDir makes a folder that only its owner, the server's user, may enter. The lock comes before the owner,
// so that the owner cannot put something else in its place.
func (s *Server) makeDir(base string, as *account) (string, error) {
	path, err := os.MkdirTemp(base, prefix+"*") // mode 0700
	if err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(path, "lock"))
	if err == nil {
		s.dirs = append(s.dirs, lockedDir{path, lock})
		err = errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), as.own(path))
	} else {
		os.Remove(path)
	}
	return path, err
}

// sweep removes what callers left behind who died together with their watcher. A folder without its lock may
// be one that is being made or removed right now, so it leaves the young ones alone. It says nothing of what
// it cannot remove.
func sweep(as *account) {
	for _, base := range bases() {
		dirs, _ := filepath.Glob(filepath.Join(base, prefix+"*"))
		for _, dir := range dirs {
			fi, err := os.Lstat(dir)
			if err != nil || !fi.IsDir() || !ours(fi, as) || time.Since(fi.ModTime()) < time.Minute {
				continue
			}
			if lock, free := tryLock(filepath.Join(dir, "lock")); free {
				os.RemoveAll(dir)
				lock.Close()
			}
		}
	}
}

func ours(fi os.FileInfo, as *account) bool {
	uid := fi.Sys().(*syscall.Stat_t).Uid
	return int(uid) == os.Geteuid() || as != nil && uid == as.uid
}

// tryLock reports whether nobody holds the lock; a missing file is nobody's. It never waits, whatever the file is.
func tryLock(path string) (lock *os.File, free bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, true
	}
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, false
	}
	return f, true
}

// removeAll goes on while a killed process's last children still write.
func removeAll(dir string) (err error) {
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
