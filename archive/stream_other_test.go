//go:build !unix

package archive_test

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
