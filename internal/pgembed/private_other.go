//go:build !unix

package pgembed

// private is never asked: there is no root here.
func private(string) error { return nil }
