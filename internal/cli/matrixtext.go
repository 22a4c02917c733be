package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"glacis/internal/analysis"
	"glacis/internal/policy"
)

// matrixText writes a matrix for a terminal: a table of marks, and what the
// marks stand for.
type matrixText struct {
	w      io.Writer
	width  int
	paint  func(color, text string) string
	matrix analysis.Matrix
}

func (t *matrixText) write() {
	t.table()
	fmt.Fprint(t.w, "\nA number counts the rules that let something pass from the row to the column;\n– nothing passes; ≡ not filtered: no firewall stands between the two.\n")
	for _, from := range t.matrix.Sides {
		t.row(from)
	}
	t.unfiltered()
	fmt.Fprint(t.w, "\nEverything else is dropped and logged.\n")
}

// table writes the marks, columns under their names where there is room, under
// the number of their row where there is not.
func (t *matrixText) table() {
	names := make([]string, len(t.matrix.Sides))
	label, wide := 0, 0
	for k, z := range t.matrix.Sides {
		names[k] = policy.ZoneName(z)
		label = max(label, len(names[k]))
		wide += len(names[k]) + 2
	}
	numbered := label+wide > t.width
	heads := names
	if numbered {
		heads = make([]string, len(names))
		for k := range names {
			heads[k] = fmt.Sprint(k + 1)
			names[k] = fmt.Sprintf("%2d %s", k+1, names[k])
		}
		label += 3
	}
	t.line("from \\ to", label, heads, heads, bold)
	for k, from := range t.matrix.Sides {
		var marks []string
		for _, to := range t.matrix.Sides {
			marks = append(marks, t.mark(from, to))
		}
		t.line(names[k], label, marks, heads, "")
	}
}

// line writes one line of the table, cells as wide as the heads need.
func (t *matrixText) line(name string, label int, cells, heads []string, color string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", label, name)
	for k, cell := range cells {
		b.WriteString(strings.Repeat(" ", 2+max(len(heads[k]), 2)-utf8.RuneCountInString(cell)))
		b.WriteString(cell)
	}
	text := b.String()
	if color != "" {
		text = t.paint(color, text)
	}
	fmt.Fprintln(t.w, text)
}

func (t *matrixText) mark(from, to *policy.Zone) string {
	pair, ok := t.matrix.Between(from, to)
	switch {
	case !ok:
		return " "
	case !pair.Filtered():
		return "≡"
	case len(pair.Allows()) == 0:
		return "–"
	}
	return fmt.Sprint(len(pair.Allows()))
}

// row lists what may pass from one side.
func (t *matrixText) row(from *policy.Zone) {
	first := true
	for _, pair := range t.matrix.Pairs {
		if pair.From != from || !worthALine(pair) {
			continue
		}
		if first {
			fmt.Fprintln(t.w)
			first = false
		}
		head := fmt.Sprintf("%s → %s", policy.ZoneName(from), policy.ZoneName(pair.To))
		if allows := pair.Allows(); len(allows) > 0 {
			t.item(head, strings.Join(pair.Services(), ", ")+" ("+count(len(allows), "rule")+")")
			head = ""
		}
		for _, r := range pair.Stops() {
			var services []string
			for _, s := range r.Services {
				services = append(services, s.Name)
			}
			t.item(head, fmt.Sprintf("never %s%s (%s: %s)", strings.Join(services, ", "), condition(r.When), r.Name, r.Action))
			head = ""
		}
	}
}

// worthALine leaves out pairs of zones where something is dropped that nothing
// would let pass anyway.
func worthALine(pair analysis.Pair) bool {
	return len(pair.Allows()) > 0 || slices.ContainsFunc(pair.Stops(), func(r analysis.PairRule) bool { return r.Action == policy.Reject })
}

// condition says to which addresses a rule is narrowed by a block list.
func condition(w policy.When) string {
	out := ""
	if w.Source != nil {
		out += " from blocklist." + w.Source.Name
	}
	if w.Destination != nil {
		out += " to blocklist." + w.Destination.Name
	}
	return out
}

// item writes a head and a text, wrapped beside it.
func (t *matrixText) item(head, text string) {
	indent := t.headWidth() + 2
	pad := indent - utf8.RuneCountInString(head)
	line := t.paint(bold, head) + strings.Repeat(" ", max(pad, 1))
	used := indent
	for k, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case k == 0:
		case used+1+n > t.width:
			fmt.Fprintln(t.w, line)
			line, used = strings.Repeat(" ", indent), indent
		default:
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	fmt.Fprintln(t.w, line)
}

// headWidth is how wide the heads of the pairs with rules are.
func (t *matrixText) headWidth() int {
	n := 0
	for _, p := range t.matrix.Pairs {
		if worthALine(p) {
			n = max(n, len(policy.ZoneName(p.From))+len(policy.ZoneName(p.To))+3)
		}
	}
	return n
}

// unfiltered says once for each shared interface what nothing keeps apart.
func (t *matrixText) unfiltered() {
	seen := map[*policy.Interface]bool{}
	for _, p := range t.matrix.Pairs {
		if p.Filtered() || p.From == p.To || seen[p.Shared] {
			continue
		}
		if len(seen) == 0 {
			fmt.Fprintln(t.w)
		}
		seen[p.Shared] = true
		var names []string
		for _, z := range p.Shared.Zones {
			names = append(names, z.Name)
		}
		fmt.Fprintf(t.w, "Not filtered: %s share interface %s.\n", strings.Join(names, ", "), p.Shared.Name)
	}
}
