package restore

import "testing"

func TestSavesWorkers(t *testing.T) {
	server := func(value, source string) map[string]serverSetting {
		return map[string]serverSetting{"max_parallel_maintenance_workers": {value, source}}
	}
	for _, tt := range []struct {
		name             string
		jobs, processors int
		server           map[string]serverSetting
		want             bool
	}{
		{"as many connections as processors", 4, 4, server("2", "default"), true},
		{"fewer", 4, 16, server("2", "default"), false},
		{"not known", 4, 0, server("2", "default"), false},
		{"chosen for the user", 4, 2, server("2", "user"), false},
		{"none anyway", 4, 2, server("0", "configuration file"), false},
		{"a server that has no such setting", 4, 2, nil, false},
	} {
		o := Options{Jobs: tt.jobs, Processors: tt.processors}
		if got := o.savesWorkers(tt.server); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
