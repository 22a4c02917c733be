package diag

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Sources gives the text of the files that diagnostics point into, by the name
// used in Range.File.
type Sources map[string][]byte

// excerpts reads lines of the sources, each file cut into lines once and the
// last line kept: diagnostics come in order, and a hostile file is one long line.
type excerpts struct {
	src   Sources
	lines map[string][]string
	file  string
	n     int
	text  []rune
	most  int // columns shown
}

const indent = "  " // before the lines that belong to a diagnostic

// line returns line n (from 1) of file with nothing in it that drives a
// terminal, and with tabs as single spaces so that the caret stands under the
// right column.
func (x *excerpts) line(file string, n int) ([]rune, bool) {
	if n > 0 && x.file == file && x.n == n {
		return x.text, true
	}
	lines, cut := x.lines[file]
	if text, ok := x.src[file]; ok && !cut {
		lines = strings.Split(string(text), "\n")
		x.lines[file] = lines
	}
	if n < 1 || n > len(lines) {
		return nil, false
	}
	line := strings.ToValidUTF8(strings.TrimSuffix(lines[n-1], "\r"), "\uFFFD")
	x.file, x.n, x.text = file, n, []rune(strings.Map(printable, line))
	return x.text, true
}

// printable keeps a hostile file from driving the reader's terminal, or from
// showing text in another order than it is read in (CVE-2021-42574).
func printable(r rune) rune {
	if r == '\t' {
		return ' '
	}
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
		return '\uFFFD'
	}
	return r
}

// Printable replaces what would drive the reader's terminal.
func Printable(s string) string { return strings.Map(printable, s) }

// maxLine is how many columns of a source line are shown before it is cut around
// the mark, where the width of the terminal is not known.
const maxLine = 160

// Style says how diagnostics are written for people.
type Style struct {
	Color bool
	Width int // columns of the terminal; 0 if not known
}

// Render writes diagnostics in a style for any width.
func Render(w io.Writer, list List, src Sources, color bool) {
	Style{Color: color}.Render(w, list, src)
}

// Render writes each diagnostic with its source line, cut around the mark where
// it is too long, and what to do.
func (s Style) Render(w io.Writer, list List, src Sources) {
	paint := func(code, text string) string {
		if !s.Color {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	tint := map[Severity]string{Error: "1;31", Warning: "1;33", Info: "36"}
	x := &excerpts{src: src, lines: map[string][]string{}, most: maxLine}
	if s.Width > 0 {
		x.most = max(s.Width-len(indent), 20)
	}
	for i, d := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s: %s [%s]\n", paint("1", strings.Map(printable, d.Range.String())), paint(tint[d.Severity], d.Severity.String()),
			strings.Map(printable, d.Summary), d.Code)
		x.write(w, d.Range)
		for _, rel := range d.Related {
			fmt.Fprintf(w, "  %s: %s\n", strings.Map(printable, rel.Range.String()), strings.Map(printable, rel.Message))
		}
		if d.Fix != "" {
			fmt.Fprintf(w, "  %s %s\n", paint("1;32", "fix:"), strings.Map(printable, d.Fix))
		}
	}
}

// write shows the line with a mark under the place.
func (x *excerpts) write(w io.Writer, r Range) {
	runes, ok := x.line(r.File, r.Start.Line)
	if !ok {
		return
	}
	col := min(max(r.Start.Column, 1), len(runes)+1)
	width := 1
	if r.End.Line == r.Start.Line && r.End.Column > col {
		width = r.End.Column - col
	} else if r.End.Line > r.Start.Line {
		width = max(len(runes)-col+1, 1)
	}
	runes, col = x.cut(runes, col)
	width = min(width, max(len(runes)-col+1, 1))
	marked := runes[min(col-1, len(runes)):min(col-1+width, len(runes))]
	fmt.Fprintf(w, "  %s\n  %s%s\n", strings.TrimRight(string(runes), " "),
		strings.Repeat(" ", columns(runes[:col-1])), strings.Repeat("^", max(columns(marked), 1)))
}

// cut keeps as much of a line around a column as there is room for, and shows
// with three dots where it goes on.
func (x *excerpts) cut(line []rune, col int) ([]rune, int) {
	if len(line) <= x.most {
		return line, col
	}
	from := min(max(col-x.most/2, 0), len(line)-x.most)
	out := slices.Clone(line[from : from+x.most])
	if from > 0 {
		copy(out, []rune("..."))
	}
	if from+x.most < len(line) {
		copy(out[x.most-3:], []rune("..."))
	}
	return out, col - from
}

// columns is how wide a terminal shows text: none for combining marks, two for
// East Asian letters and emoji.
func columns(text []rune) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}
