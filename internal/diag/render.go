package diag

import (
	"fmt"
	"io"
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
}

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

const (
	maxLine = 160 // columns of source shown before it is cut around the mark
)

// Render writes each diagnostic with its source line, a mark under the place,
// and what to do. Colour is used only when asked for.
func Render(w io.Writer, list List, src Sources, color bool) {
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	tint := map[Severity]string{Error: "1;31", Warning: "1;33", Info: "1;36"}
	x := &excerpts{src: src, lines: map[string][]string{}}
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
	if len(runes) > maxLine {
		from := min(max(col-maxLine/2, 0), len(runes)-maxLine)
		runes, col = runes[from:from+maxLine], col-from
	}
	width = min(width, max(len(runes)-col+1, 1))
	marked := runes[min(col-1, len(runes)):min(col-1+width, len(runes))]
	fmt.Fprintf(w, "  %s\n  %s%s\n", strings.TrimRight(string(runes), " "),
		strings.Repeat(" ", columns(runes[:col-1])), strings.Repeat("^", max(columns(marked), 1)))
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
