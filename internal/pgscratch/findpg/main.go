// Findpg prints the folder and the major version of the PostgreSQL server that pgscratch would run, for the
// scripts that set up a machine and show pgarc on it.
package main

import (
	"fmt"
	"os"

	"github.com/pgarc/pgarc/internal/pgscratch"
)

func main() {
	bin, err := pgscratch.Find(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(bin.Dir, bin.Major)
}
