//go:build unix

package pgembed

import (
	"fmt"
	"os"
	"syscall"
)

// private refuses a folder in a place open to all that another user could have made or can write to.
func private(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.IsDir() || int(st.Uid) != os.Geteuid() || fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s (%v) is not a folder of ours alone; remove it", dir, fi.Mode())
	}
	return nil
}
