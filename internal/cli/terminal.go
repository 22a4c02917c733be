package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// terminal reports whether w is one, and how wide; 0 if that is not known.
func terminal(w io.Writer) (yes bool, width int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return true, width
}

// colored reports whether text to w is to be coloured (https://no-color.org).
func (p *program) colored(w io.Writer) (bool, error) {
	switch p.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		tty, _ := terminal(w)
		return tty && p.Getenv("NO_COLOR") == "" && p.Getenv("TERM") != "dumb", nil
	}
	return false, usageError("--color is auto, always or never, not %q", p.color)
}

// progress returns a function that shows how far long work is, on a terminal
// only, and one that wipes it away.
func (p *program) progress(what string) (show func(done, total int), end func()) {
	if tty, _ := terminal(p.Stderr); !tty || p.json {
		return func(int, int) {}, func() {}
	}
	return func(done, total int) { fmt.Fprintf(p.Stderr, "\r\x1b[K%s: %d of %d", what, done, total) },
		func() { fmt.Fprint(p.Stderr, "\r\x1b[K") }
}

// printJSON writes one document, indented, with a newline at the end.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
