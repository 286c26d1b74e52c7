//go:build linux

package main

import (
	"strings"
	"testing"
)

const list = `;
; Archive created at 2026-11-22 07:09:50 UTC
;
215; 1259 16386 TABLE public statuses murmur_owner
4343; 2606 17000 FK CONSTRAINT public statuses fk_rails_256483a9ab murmur_owner
5001; 0 0 COMMENT public CONSTRAINT fk_rails_256483a9ab ON statuses murmur_owner
5002; 0 0 COMMENT public TABLE statuses murmur_owner
4344; 2606 17001 FK CONSTRAINT Odd Schema order order_fk postgres
`

func TestSplitList(t *testing.T) {
	lines := strings.SplitAfter(list, "\n")
	rest := strings.Join(lines[:4], "") + lines[6]
	for only, want := range map[string]string{"fk": lines[4] + lines[7], "order_fk": lines[7], "fk_rails_256483a9ab": lines[4], "none": ""} {
		gotKeys, gotRest := splitList(list, only)
		if gotKeys != want {
			t.Errorf("%s: keys are\n%swant\n%s", only, gotKeys, want)
		}
		if gotRest != rest {
			t.Errorf("%s: the rest is\n%swant\n%s", only, gotRest, rest)
		}
	}
}

func TestControllers(t *testing.T) {
	v1 := "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n" +
		"cgroup /sys/fs/cgroup/blkio cgroup rw,relatime,blkio 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
	for _, tt := range []struct{ mounts, blkio, memory, v2 string }{
		{v1, "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/memory", ""},
		{v1 + "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n", "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"},
		{"cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n", "", "", "/sys/fs/cgroup"},
		{"proc /proc proc rw 0 0\n", "", "", ""},
	} {
		blkio, memory, v2 := controllers(tt.mounts)
		if blkio != tt.blkio || memory != tt.memory || v2 != tt.v2 {
			t.Errorf("got %q, %q, %q from\n%swant %q, %q, %q", blkio, memory, v2, tt.mounts, tt.blkio, tt.memory, tt.v2)
		}
	}
}

func TestTablesSQL(t *testing.T) {
	sql := tablesSQL(3)
	for text, want := range map[string]int{"CREATE TABLE": 3, "CREATE INDEX": 2, "FOREIGN KEY (ref) REFERENCES t0001 (id)": 1} {
		if got := strings.Count(sql, text); got != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, want, sql)
		}
	}
}
