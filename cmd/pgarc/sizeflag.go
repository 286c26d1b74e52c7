package main

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeFlag is an option whose value is a number of bytes, written as in
// postgresql.conf: 64kB, 500MB, 2GB; a number alone is bytes.
type sizeFlag struct{ bytes *int64 }

func (f sizeFlag) String() string {
	if f.bytes == nil || *f.bytes == 0 {
		return "0"
	}
	return strconv.FormatInt(*f.bytes, 10)
}

func (f sizeFlag) Type() string { return "size" }

func (f sizeFlag) Set(text string) error {
	digits := strings.TrimRight(text, "BbkKmMgGtT ")
	shift, ok := sizeUnits[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > 1<<62>>shift {
		return fmt.Errorf("want a size as 64kB, 500MB or 2GB")
	}
	*f.bytes = n << shift
	return nil
}

var sizeUnits = map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30, "t": 40, "tb": 40}
