package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// blobPiece is how much of a large object one lo_put writes. A batch of them
// is sent before any answer is awaited.
const (
	blobPiece = 64 << 10
	blobBatch = 16
)

const (
	lobPut    = "SELECT pg_catalog.lo_put($1, $2, $3)"
	lobCreate = "SELECT pg_catalog.lo_create($1)"
	lobUnlink = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = $1"
)

const oidOID, int8OID, byteaOID = 26, 20, 17 // pg_type.dat

// loadBlobs writes the contents of large objects, all of an entry in one
// transaction, as pg_restore does.
func (x *executor) loadBlobs(ctx context.Context, s *session, t *task) {
	w := &blobWriter{session: s, task: t}
	if !x.inTransaction(t) {
		if !t.fail("BEGIN", RoleLoad, s.exec(ctx, "BEGIN")) {
			return
		}
	}
	objects := x.source.LargeObjects(t.step.Entry)
	t.tell()
	for object, err := range objects {
		if err != nil {
			t.fail("", RoleLoad, &readError{err})
			break
		}
		t.data.Store(object)
		if !x.only.wantsObject(object.OID) {
			continue
		}
		if x.createBlobs {
			x.createBlob(w, object.OID)
		}
		if err := w.write(ctx, object.OID, object); err != nil {
			sql := lobPut
			if errors.As(err, new(*readError)) {
				sql = ""
			}
			t.fail(sql, RoleLoad, err)
			break
		}
		t.rows++
	}
	if t.err == nil {
		t.fail(lobPut, RoleLoad, w.flush(ctx))
	}
	if x.inTransaction(t) {
		return
	}
	end := x.journal.markRows(t.step, 0, t.rows) + "; COMMIT"
	if t.err != nil {
		end, t.rows = "ROLLBACK", 0
	}
	t.fail(end, RoleLoad, s.exec(ctx, end))
}

// createBlob makes an object that has no entry of its own (archives before
// version 1.12).
func (x *executor) createBlob(w *blobWriter, oid uint32) {
	id := []byte(strconv.FormatUint(uint64(oid), 10))
	if x.dropBlobs {
		w.add(lobUnlink, [][]byte{id}, []uint32{oidOID}, nil)
	}
	w.add(lobCreate, [][]byte{id}, []uint32{oidOID}, nil)
}

// A blobWriter collects calls and sends them in batches.
type blobWriter struct {
	session *session
	task    *task
	batch   *pgconn.Batch
	calls   int
}

func (w *blobWriter) add(sql string, args [][]byte, types []uint32, formats []int16) {
	if w.batch == nil {
		w.batch = &pgconn.Batch{}
	}
	w.batch.ExecParams(sql, args, types, formats, nil)
	w.calls++
}

// write writes one object. Its creation may still wait in the batch.
func (w *blobWriter) write(ctx context.Context, oid uint32, r io.Reader) error {
	id := []byte(strconv.FormatUint(uint64(oid), 10))
	for offset := int64(0); ; {
		piece := make([]byte, blobPiece)
		n, err := io.ReadFull(r, piece)
		if n > 0 {
			at := []byte(strconv.FormatInt(offset, 10))
			w.add(lobPut, [][]byte{id, at, piece[:n]}, []uint32{oidOID, int8OID, byteaOID}, []int16{0, 0, 1})
			offset += int64(n)
			w.task.bytes.Add(int64(n))
		}
		if w.calls >= blobBatch {
			if err := w.flush(ctx); err != nil {
				return fmt.Errorf("large object %d: %w", oid, err)
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("large object %d: %w", oid, &readError{err})
		}
	}
}

// flush sends what was collected and waits for the answers.
func (w *blobWriter) flush(ctx context.Context) error {
	if w.calls == 0 {
		return nil
	}
	batch := w.batch
	w.batch, w.calls = nil, 0
	_, err := w.session.conn.ExecBatch(ctx, batch).ReadAll()
	return err
}
