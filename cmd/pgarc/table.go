package main

import (
	"bufio"
	"strings"
)

// A table is text in columns. Cells are visible strings (see visible).
type table struct {
	columns []column
	rows    [][]cell
	cells   []cell       // what the newest rows are made of: many at once, for speed
	shrink  []shrinkStep // what to do, in this order, until the table fits a terminal
}

// A shrinkStep cuts the cells of a column to no less than a width.
type shrinkStep struct {
	title string
	width int
}

type cell struct {
	text  string
	width int // in columns of a terminal
}

func newCell(text string) cell { return cell{text, displayWidth(text)} }

// A column of a table.
type column struct {
	title string
	right bool // align right

	// padTo limits the width to which cells are padded, so that one long
	// name does not push the next column far to the right in all rows; 0:
	// no limit.
	padTo int

	width int
}

const columnGap = "  "

func (t *table) add(texts ...string) {
	if len(t.cells)+len(texts) > cap(t.cells) {
		t.cells = make([]cell, 0, 1000*len(texts)) // those before stay where they are
	}
	start := len(t.cells)
	for _, text := range texts {
		t.cells = append(t.cells, newCell(text))
	}
	t.rows = append(t.rows, t.cells[start:len(t.cells):len(t.cells)])
}

// write writes titles and rows. A positive width is that of the terminal, and
// cells are cut to fit it; otherwise nothing is cut.
func (t *table) write(w *bufio.Writer, width int) {
	t.measure()
	t.dropEmpty()
	if width > 0 {
		t.fit(width)
	} else {
		for i := range t.columns {
			if c := &t.columns[i]; c.padTo > 0 {
				c.width = min(c.width, c.padTo)
			}
		}
	}
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = newCell(c.title)
	}
	t.writeRow(w, titles, width > 0)
	for _, row := range t.rows {
		t.writeRow(w, row, width > 0)
	}
}

// measure sets the width of each column to that of its widest cell.
func (t *table) measure() {
	for i := range t.columns {
		t.columns[i].width = displayWidth(t.columns[i].title)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			t.columns[i].width = max(t.columns[i].width, cell.width)
		}
	}
}

// dropEmpty removes columns in which no row has anything.
func (t *table) dropEmpty() {
	for i := len(t.columns) - 1; i >= 0; i-- {
		empty := len(t.rows) > 0
		for _, row := range t.rows {
			empty = empty && row[i].text == ""
		}
		if !empty {
			continue
		}
		t.columns = append(t.columns[:i:i], t.columns[i+1:]...)
		for j, row := range t.rows {
			t.rows[j] = append(row[:i:i], row[i+1:]...)
		}
	}
}

// fit narrows columns until the table fits, or all steps are done.
func (t *table) fit(width int) {
	excess := len(columnGap)*(len(t.columns)-1) - width
	for _, c := range t.columns {
		excess += c.width
	}
	for _, step := range t.shrink {
		for i := range t.columns {
			if c := &t.columns[i]; c.title == step.title {
				by := min(max(c.width-step.width, 0), max(excess, 0))
				c.width -= by
				excess -= by
			}
		}
	}
}

// writeRow writes one row, without blanks at its end. With fit, cells are cut to
// their column.
func (t *table) writeRow(w *bufio.Writer, cells []cell, fit bool) {
	blanks := 0
	for i, cell := range cells {
		c := t.columns[i]
		if fit && cell.width > c.width {
			cell = newCell(cut(cell.text, c.width))
		}
		pad := max(c.width-cell.width, 0)
		if c.right {
			blanks += pad
		}
		if cell.text != "" {
			writeBlanks(w, blanks)
			blanks = 0
			w.WriteString(cell.text)
		}
		if !c.right {
			blanks += pad
		}
		blanks += len(columnGap)
	}
	w.WriteByte('\n')
}

var manyBlanks = strings.Repeat(" ", 64)

func writeBlanks(w *bufio.Writer, n int) {
	for ; n > 0; n -= len(manyBlanks) {
		w.WriteString(manyBlanks[:min(n, len(manyBlanks))])
	}
}
