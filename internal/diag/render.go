package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Sources gives the text of the files that diagnostics point into, by the name
// used in Range.File.
type Sources map[string][]byte

// line returns line n (from 1) of file, with tabs as single spaces so that the
// caret stands under the right column.
func (s Sources) line(file string, n int) (string, bool) {
	text, ok := s[file]
	if !ok || n < 1 {
		return "", false
	}
	lines := strings.Split(string(text), "\n")
	if n > len(lines) {
		return "", false
	}
	line := strings.TrimSuffix(lines[n-1], "\r")
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "\uFFFD")
	}
	return strings.Map(printable, line), true
}

// printable keeps a hostile file from driving the reader's terminal.
func printable(r rune) rune {
	if r == '\t' {
		return ' '
	}
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
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
	for i, d := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s: %s [%s]\n", paint("1", d.Range.String()), paint(tint[d.Severity], d.Severity.String()),
			strings.Map(printable, d.Summary), d.Code)
		excerpt(w, d.Range, src)
		for _, rel := range d.Related {
			fmt.Fprintf(w, "  %s: %s\n", rel.Range, strings.Map(printable, rel.Message))
		}
		if d.Fix != "" {
			fmt.Fprintf(w, "  %s %s\n", paint("1;32", "fix:"), strings.Map(printable, d.Fix))
		}
	}
}

func excerpt(w io.Writer, r Range, src Sources) {
	line, ok := src.line(r.File, r.Start.Line)
	if !ok {
		return
	}
	runes := []rune(line)
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
	fmt.Fprintf(w, "  %s\n  %s%s\n", strings.TrimRight(string(runes), " "), strings.Repeat(" ", col-1), strings.Repeat("^", width))
}
