// Command tally reads what `go test -json` prints, shows what failed and a line
// for each package, and counts. Skipped tests are named and their number must
// not exceed what is allowed: a test that never runs shows nothing.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	skips := flag.Int("skips", 0, "how many tests may be skipped")
	verbose := flag.Bool("v", false, "show what passing tests print, too")
	flag.Parse()
	t := newTally(os.Stdout, *verbose)
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	if !t.sum(*skips) {
		os.Exit(1)
	}
}

// event is one line of test2json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

type tally struct {
	w       io.Writer
	verbose bool
	output  map[string][]string // of each test that has not ended, or failed
	skipped []string
	passed  int
	failed  int
	broken  []string // packages that failed, for want of a build perhaps
}

func newTally(w io.Writer, verbose bool) *tally {
	return &tally{w: w, verbose: verbose, output: map[string][]string{}}
}

func (t *tally) read(r io.Reader) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var e event
		if err := json.Unmarshal(scan.Bytes(), &e); err != nil {
			fmt.Fprintln(t.w, scan.Text()) // what the build says
			continue
		}
		t.take(e)
	}
	return scan.Err()
}

func (t *tally) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		t.output[key] = append(t.output[key], e.Output)
		if t.verbose {
			fmt.Fprint(t.w, e.Output)
		}
		return
	case "pass", "skip", "fail":
	default:
		return
	}
	switch {
	case e.Test == "":
		t.endPackage(e, key)
	case e.Action == "pass":
		t.passed++
	case e.Action == "skip":
		t.skipped = append(t.skipped, key)
	case e.Action == "fail":
		t.failed++
		t.show(key)
	}
	delete(t.output, key)
}

// endPackage prints a package's line; why it failed, if no test says.
func (t *tally) endPackage(e event, key string) {
	if e.Action == "fail" {
		t.broken = append(t.broken, e.Package)
		t.show(key)
		for k := range t.output { // tests cut off by a panic or a time-out
			if strings.HasPrefix(k, key) && k != key {
				t.show(k)
			}
		}
	}
	if e.Elapsed > 0 {
		fmt.Fprintf(t.w, "%-4s %-40s %7.1f s\n", e.Action, e.Package, e.Elapsed)
	}
}

func (t *tally) show(key string) {
	if t.verbose {
		return // shown already
	}
	for _, line := range t.output[key] {
		fmt.Fprint(t.w, line)
	}
}

// sum prints the counts, in a form that CI reads, and reports whether all is
// well.
func (t *tally) sum(allowed int) bool {
	slices.Sort(t.skipped)
	for _, s := range t.skipped {
		fmt.Fprintf(t.w, "skipped: %s\n", s)
	}
	if n := len(t.skipped); n > 0 && os.Geteuid() != 0 {
		fmt.Fprintf(t.w, "%d tests need root: run `sudo make test` for everything\n", n)
	}
	fmt.Fprintf(t.w, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skipped))
	switch {
	case len(t.skipped) > allowed:
		fmt.Fprintf(t.w, "too many tests were skipped: %d, allowed are %d\n", len(t.skipped), allowed)
	case t.passed == 0:
		fmt.Fprintln(t.w, "no test ran")
	default:
		return t.failed == 0 && len(t.broken) == 0
	}
	return false
}
