// Package torture has tests that break restores on purpose: they kill pgarc, its sessions, the server and the
// network at random moments, go on, and compare what is there in the end with an undisturbed restore.
//
// make test does a few of each; make torture 100, or PGARC_TORTURE of them. What is random comes from the seed
// in a test's name: go test ./internal/torture -run 'TestTorture/backend/seed=17$' does one again, as far as
// the machine's own timing lets it.
package torture
