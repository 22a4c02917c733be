package site

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const step = 2 // spaces for each level

// level is an open indented mapping or list.
type level struct {
	node   *yaml.Node
	column int // in the source, from 1
	indent int // in the result
}

// place is a line and a column of the source.
type place struct{ line, column int }

// layouter writes lines with the indentation of their level.
type layouter struct {
	starts map[place]level // where each indented mapping and list begins
	open   []level
	out    bytes.Buffer

	blank    bool   // a blank line is due
	waiting  []line // comments that belong to what follows
	shift    int    // how far the last line moved, for those that continue it
	base     int    // its indentation
	trailing place  // the last line's comment: its column in the source and in the result
}

// layout writes the lines of a file in canonical form.
func layout(root *yaml.Node, lines []line) []byte {
	w := &layouter{starts: map[place]level{}}
	w.indents(root, 0)
	for k, l := range lines {
		switch {
		case len(l.tokens) == 0 && l.inside && k+1 < len(lines) && belongs(lines[k+1:]):
			w.flush(nil)
			w.out.WriteByte('\n') // a blank line inside a text means something
		case len(l.tokens) == 0:
			w.blankLine()
		case l.inside:
			w.flush(nil)
			w.inside(l)
		case l.tokens[0].kind == comment:
			w.waiting = append(w.waiting, l)
		default:
			w.block(l)
		}
	}
	w.flush(nil)
	return w.out.Bytes()
}

// belongs reports whether blank lines are inside a text that goes on.
func belongs(rest []line) bool {
	for _, l := range rest {
		if len(l.tokens) > 0 {
			return l.tokens[0].kind == more || l.tokens[0].kind == verbatim
		}
	}
	return false
}

// indents gives every indented mapping and list its indentation.
func (w *layouter) indents(n *yaml.Node, indent int) {
	if n == nil || n.Kind == yaml.ScalarNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		return
	}
	w.starts[place{n.Line, n.Column}] = level{n, n.Column, indent}
	for _, c := range n.Content {
		w.indents(c, indent+step)
	}
}

func (w *layouter) blankLine() {
	if len(w.waiting) > 0 {
		w.waiting = append(w.waiting, line{})
		return
	}
	w.blank = w.out.Len() > 0
}

// block writes a line that begins an entry, or a value on a line of its own.
func (w *layouter) block(l line) {
	first := l.tokens[0]
	before := append([]level(nil), w.open...)
	indent := w.enter(l)
	w.comments(before, first.column, indent)
	w.base, w.shift = indent, indent-(first.column-1)
	w.write(l, indent)
}

// enter closes the levels that a line ends and opens those it begins; it
// returns the line's indentation.
func (w *layouter) enter(l line) int {
	first := l.tokens[0]
	if first.kind == punct && isMarker(first.text) {
		w.open = nil
		return 0
	}
	begun, begins := w.starts[place{l.number, first.column}]
	for len(w.open) > 0 {
		top := w.open[len(w.open)-1]
		isItem := first.kind == punct && first.text == "-"
		if top.column < first.column || top.column == first.column && (begins || isItem == (top.node.Kind == yaml.SequenceNode)) {
			break
		}
		w.open = w.open[:len(w.open)-1]
	}
	indent := 0
	switch {
	case begins:
		indent = begun.indent
	case len(w.open) > 0 && w.open[len(w.open)-1].column == first.column:
		indent = w.open[len(w.open)-1].indent
	case len(w.open) > 0:
		indent = w.open[len(w.open)-1].indent + step
	}
	for _, t := range l.tokens {
		if lv, ok := w.starts[place{l.number, t.column}]; ok {
			w.open = append(w.open, lv)
		}
	}
	return indent
}

// comments writes the comments before a line. Each keeps the level that its
// author gave it: that of the line, or of a level that was open or now is.
func (w *layouter) comments(before []level, column, indent int) {
	levels := append(before, w.open...)
	w.flush(func(c int) int {
		if c == column {
			return indent
		}
		best, found := level{}, false
		for _, lv := range levels {
			if lv.column <= c && (!found || lv.column > best.column || lv.column == best.column && lv.indent < best.indent) {
				best, found = lv, true
			}
		}
		return best.indent
	})
}

// flush writes the waiting comments, with the indentation that of gives for
// their column; nil: that of the levels that are open.
func (w *layouter) flush(of func(column int) int) {
	waiting := w.waiting
	w.waiting = nil
	if of == nil && len(waiting) > 0 {
		w.waiting = waiting
		w.comments(w.open, 0, 0)
		return
	}
	for _, l := range waiting {
		if len(l.tokens) == 0 {
			w.blank = true
			continue
		}
		column := l.tokens[0].column
		if column == w.trailing.line && !w.blank {
			w.write(l, w.trailing.column)
			continue
		}
		w.write(l, of(column))
	}
}

// inside writes a line that continues another: it moves as far as that did, so
// that what the author aligned stays aligned.
func (w *layouter) inside(l line) {
	least := w.base + step
	if l.closes {
		least = w.base
	}
	if l.tokens[0].kind == verbatim {
		least += w.nested()
		w.out.WriteString(strings.Repeat(" ", least) + l.tokens[0].text + "\n")
		return
	}
	w.write(l, max(l.tokens[0].column-1+w.shift, least))
}

// nested is how much deeper than its line the innermost level is: "- key: |".
func (w *layouter) nested() int {
	if len(w.open) == 0 {
		return 0
	}
	return w.open[len(w.open)-1].indent - w.base
}

// write puts the tokens of a line behind each other.
func (w *layouter) write(l line, indent int) {
	if w.blank {
		w.out.WriteByte('\n')
		w.blank = false
	}
	w.trailing = place{}
	first := l.tokens[0]
	w.out.WriteString(strings.Repeat(" ", indent))
	column := indent // behind what is written, from 0
	for k, t := range l.tokens {
		if k > 0 {
			pad := gap(l.tokens[k-1], t, indent+t.column-first.column-column)
			w.out.WriteString(strings.Repeat(" ", pad))
			column += pad
		}
		if t.kind == comment {
			w.trailing = place{t.column, column}
		}
		text := t.text
		if t.kind == scalar {
			text = unquoted(text)
		}
		w.out.WriteString(text)
		column += utf8.RuneCountInString(text)
	}
	w.out.WriteByte('\n')
}

// gap is how many spaces stand between two tokens: none inside brackets and
// before a comma or colon, else one; what the author set further apart stays in
// its column.
func gap(before, t token, aligned int) int {
	least := 1
	switch {
	case t.kind == comment:
		least = 2
	case before.kind == punct && strings.Contains("{[", before.text), t.kind == punct && strings.Contains("}],:", t.text):
		return 0
	case before.kind == punct && before.text == "-":
		return 1
	}
	if t.column-before.end >= 2 {
		return max(aligned, least)
	}
	return least
}
