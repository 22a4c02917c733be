package diag

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

func render(src string, at Range, color bool) string {
	var b bytes.Buffer
	Render(&b, List{{Severity: Error, Code: "bad", Summary: "wrong", Fix: "mend it", Range: at}}, Sources{"a.yaml": []byte(src)}, color)
	return b.String()
}

func on(line, from, to int) Range {
	return Range{File: "a.yaml", Start: Pos{line, from}, End: Pos{line, to}}
}

func TestRender(t *testing.T) {
	head, fix := "a.yaml:1:4: error: wrong [bad]\n", "  fix: mend it\n"
	for name, c := range map[string]struct {
		src        string
		from, to   int
		line, mark string
	}{
		"a word":             {"a: b c", 4, 5, "a: b c", "   ^"},
		"several letters":    {"a: bcd", 4, 7, "a: bcd", "   ^^^"},
		"tabs":               {"\ta\tbc", 4, 6, " a bc", "   ^^"},
		"letters of 2 bytes": {"ä: öü", 4, 6, "ä: öü", "   ^^"},
		"wide letters":       {"東京:x", 4, 5, "東京:x", "     ^"},
		"a wide mark":        {"a: 東京", 4, 6, "a: 東京", "   ^^^^"},
		"combining marks":    {"e\u0301: x", 4, 5, "e\u0301: x", "  ^"},
		"emoji":              {"🔥: x", 4, 5, "🔥: x", "    ^"},
		"the end of a line":  {"abc", 4, 5, "abc", "   ^"},
		"Windows":            {"a: b\r\nc", 4, 5, "a: b", "   ^"},
		"behind the end":     {"ab", 4, 9, "ab", "  ^"},
		"space at the end":   {"a: b   ", 4, 5, "a: b", "   ^"},
	} {
		want := head + "  " + c.line + "\n  " + c.mark + "\n" + fix
		if got := render(c.src, on(1, c.from, c.to), false); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

func TestRenderWithoutPlace(t *testing.T) {
	for want, at := range map[string]Range{
		"(built in): error: wrong [bad]\n  fix: mend it\n":    {},
		"a.yaml: error: wrong [bad]\n  fix: mend it\n":        {File: "a.yaml"},
		"gone.yaml:1:1: error: wrong [bad]\n  fix: mend it\n": {File: "gone.yaml", Start: Pos{1, 1}},
		"a.yaml:9:1: error: wrong [bad]\n  fix: mend it\n":    on(9, 1, 2),
	} {
		if got := render("one line", at, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRenderOverSeveralLines(t *testing.T) {
	r := Range{File: "a.yaml", Start: Pos{1, 4}, End: Pos{2, 3}}
	if got := render("a: bcd\n  e", r, false); !strings.Contains(got, "\n     ^^^\n") {
		t.Errorf("the rest of the first line is not marked:\n%s", got)
	}
}

// TestRenderLongLine: the mark stands under the same letter wherever the line
// is cut.
func TestRenderLongLine(t *testing.T) {
	for _, column := range []int{1, 2, 79, 80, 81, 500, 919, 920, 921, 999, 1000} {
		line := []rune(strings.Repeat("x", 1000))
		line[column-1] = 'O'
		lines := strings.Split(render(string(line), on(1, column, column+1), false), "\n")
		shown, mark := lines[1], lines[2]
		if len(shown) != maxLine+2 || strings.IndexByte(shown, 'O') != strings.IndexByte(mark, '^') {
			t.Errorf("column %d:\n%s\n%s", column, shown, mark)
		}
	}
}

func TestRenderColour(t *testing.T) {
	plain, colour := render("a: b", on(1, 4, 5), false), render("a: b", on(1, 4, 5), true)
	if strings.ContainsRune(plain, '\x1b') {
		t.Errorf("colour that was not asked for: %q", plain)
	}
	if !strings.Contains(colour, "\x1b[1;31merror\x1b[0m") {
		t.Errorf("an error is not red: %q", colour)
	}
	for _, s := range []string{"\x1b[1;31m", "\x1b[1;32m", "\x1b[1m", "\x1b[0m"} {
		colour = strings.ReplaceAll(colour, s, "")
	}
	if colour != plain {
		t.Errorf("colour changes the text: %q, %q", colour, plain)
	}
}

func TestRenderRelated(t *testing.T) {
	var b bytes.Buffer
	d := Diagnostic{Severity: Warning, Code: "twice", Summary: "again", Fix: "remove one", Range: on(2, 1, 2), Related: []Related{{"first here", on(1, 1, 2)}}}
	Render(&b, List{d, d}, Sources{"a.yaml": []byte("x\nx\n")}, false)
	one := "a.yaml:2:1: warning: again [twice]\n  x\n  ^\n  a.yaml:1:1: first here\n  fix: remove one\n"
	if got := b.String(); got != one+"\n"+one {
		t.Errorf("%q", got)
	}
}

// TestRenderHostile: nothing a file says or is called reaches the terminal as a
// command, or reorders what is read.
func TestRenderHostile(t *testing.T) {
	evil := "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\u2066\u200f\x00\x7f\u2028\xff\xfe"
	var b bytes.Buffer
	Render(&b, List{{
		Severity: Error, Code: "bad", Summary: evil, Fix: evil,
		Range:   Range{File: evil, Start: Pos{1, 3}, End: Pos{1, 5}},
		Related: []Related{{evil, Range{File: evil, Start: Pos{1, 1}}}},
	}}, Sources{evil: []byte(evil)}, false)
	for _, r := range b.String() {
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' {
			t.Errorf("%U reaches the terminal: %q", r, b.String())
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("a: b\n\tc", 1, 4, 2, 9)
	f.Add("東京\x1b[2J", 1, 2, 1, 3)
	f.Add("", 0, 0, -1, -1)
	f.Fuzz(func(t *testing.T, src string, line, column, endLine, endColumn int) {
		got := render(src, Range{File: "a.yaml", Start: Pos{line, column}, End: Pos{endLine, endColumn}}, false)
		for _, r := range got {
			if r != '\n' && unicode.IsControl(r) {
				t.Fatalf("%U in %q", r, got)
			}
		}
		if !strings.HasPrefix(got, "a.yaml") || !strings.HasSuffix(got, "  fix: mend it\n") {
			t.Fatalf("%q", got)
		}
	})
}
