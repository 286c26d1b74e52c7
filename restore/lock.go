package restore

// LockMode is a PostgreSQL table-level lock mode
// (https://www.postgresql.org/docs/current/explicit-locking.html).
type LockMode uint8

// The modes, weakest first, in the order of src/include/storage/lockdefs.h.
const (
	AccessShare LockMode = 1 + iota
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

var lockModeNames = [...]string{"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE",
	"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}

// String returns the mode as LOCK TABLE takes it.
func (m LockMode) String() string { return lockModeNames[m] }

// lockConflicts is LockConflicts of src/backend/storage/lmgr/lock.c: for each
// mode, the set of modes that it blocks.
var lockConflicts = [...]uint16{
	AccessShare:          1 << AccessExclusive,
	RowShare:             1<<Exclusive | 1<<AccessExclusive,
	RowExclusive:         1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	ShareUpdateExclusive: 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	Share:                1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	ShareRowExclusive:    1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	Exclusive:            1<<RowShare | 1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	AccessExclusive:      1<<AccessShare | 1<<RowShare | 1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
}

// Conflicts reports whether two sessions cannot hold the modes on one relation
// at the same time.
func (m LockMode) Conflicts(other LockMode) bool { return lockConflicts[m]&(1<<other) != 0 }

// Relation names what is locked: a table or index, or something that is no
// relation but that the server changes under one (see the pseudo namespaces in
// locks.go).
type Relation struct {
	Namespace string
	Name      string
}

// A Lock is a mode held on a relation.
type Lock struct {
	Relation Relation
	Mode     LockMode
}
