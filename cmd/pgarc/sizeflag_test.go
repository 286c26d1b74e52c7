package main

import "testing"

func TestSizeFlag(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "12": 12, "64kB": 64 << 10, "500MB": 500 << 20, "500 mb": 500 << 20, "2GB": 2 << 30, "1TB": 1 << 40, "3g": 3 << 30,
		"": -1, "MB": -1, "-1": -1, "1.5GB": -1, "9999999TB": -1, "1XB": -1, "9223372036854775808": -1,
	} {
		var n int64
		err := sizeFlag{&n}.Set(text)
		if (err != nil) != (want < 0) || err == nil && n != want {
			t.Errorf("%q is %d, %v; want %d", text, n, err, want)
		}
	}
}
