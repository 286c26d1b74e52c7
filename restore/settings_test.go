package restore

import (
	"slices"
	"testing"
)

func TestTune(t *testing.T) {
	stock := map[string]serverSetting{
		"synchronous_commit":   {"on", "default"},
		"maintenance_work_mem": {"65536", "default"}, // kB
		"shared_buffers":       {"16384", "configuration file"},
	}
	with := func(name, value, source string) map[string]serverSetting {
		m := make(map[string]serverSetting)
		for k, v := range stock {
			m[k] = v
		}
		m[name] = serverSetting{value, source}
		return m
	}
	off := Setting{"synchronous_commit", "off"}
	for _, c := range []struct {
		name   string
		server map[string]serverSetting
		jobs   int
		want   []Setting
	}{
		{"a small server keeps its memory", stock, 4, []Setting{off}},
		{"16 GB of buffers, 8 sessions", with("shared_buffers", "2097152", "configuration file"), 8, []Setting{off, {"maintenance_work_mem", "262144kB"}}},
		{"64 GB of buffers, 2 sessions", with("shared_buffers", "8388608", "configuration file"), 2, []Setting{off, {"maintenance_work_mem", "524288kB"}}},
		{"set for the database", with("synchronous_commit", "remote_apply", "database"), 4, nil},
		{"off already", with("synchronous_commit", "off", "configuration file"), 4, nil},
		{"the server says nothing", nil, 4, nil},
	} {
		if got := tune(c.server, c.jobs); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
