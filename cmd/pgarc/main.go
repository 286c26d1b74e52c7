// Command pgarc looks into pg_dump archives and restores them.
//
// The commands are in files of their names. docs/cli.md is their reference.
package main

import (
	"context"
	"os"
)

// Nothing below main exits or looks at the process: run gets all it needs, so
// that tests can call it. Signals are the business of the commands that run
// long.
func main() {
	os.Exit(run(context.Background(), os.Args[1:], processEnv()))
}
