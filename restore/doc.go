// Package restore restores pg_dump archives into PostgreSQL databases, on
// several connections at once.
//
// [Run] does it all. [NewPlan] alone shows what would be done, and needs no
// server.
//
// # How it works
//
//  1. A selection says which entries of the archive are wanted.
//  2. NewPlan turns them into steps. Each step has its statements or its data
//     block, the steps it waits for, the steps without which it makes no sense,
//     the relation locks it takes, and a cost.
//  3. Run connects, and works the plan off:
//     while steps are left:
//     while a connection is idle, and the Scheduler has a step whose
//     dependencies have ended and whose locks conflict with none that
//     runs: give it the one that begins the most expensive chain;
//     wait for a step to end; tell the Scheduler how.
//  4. A failed step does not stop the rest. The steps that require it are
//     skipped, and each names the failure at the root.
//
// # Files
//
// Pure, tested with literals: plan.go, rewrite.go, tables.go, locks.go, cost.go,
// dataorder.go (the plan), schedule.go and parking.go (what next), simulate.go,
// class.go and policy.go (what a failure is), catalog.go (what is there).
// Talking to the server: session.go, exec.go with task.go, ahead.go, copy.go,
// binary.go, insert.go, blobs.go, lookup.go. In between: run.go from beginning to
// end, work.go, one goroutine that hands out steps, slot.go, to whom, collect.go,
// what becomes of them, and event.go, what is told; journal.go, again.go and
// rewind.go, what is done and what to do again; watch.go, what the server says
// meanwhile.
//
// # Errors
//
// What the server refuses is not an error of Run but a [StepError] in the
// [Result], with the whole statement. Run's own error says that it could not go
// on at all.
package restore
