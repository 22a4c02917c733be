// Package diag holds diagnostics as values: what is wrong, where, and what to
// do about it. Packages collect many and the command renders them once.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says how much a diagnostic weighs. The zero value is invalid.
type Severity int

const (
	Error   Severity = iota + 1 // the input cannot be used
	Warning                     // usable, but probably not what was meant
	Info                        // worth knowing
)

func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Info:
		return "info"
	}
	return fmt.Sprintf("Severity(%d)", int(s))
}

// Pos is a place in a file; line and column count from 1, the column in
// Unicode code points. The zero Pos is unknown.
type Pos struct{ Line, Column int }

// Range is a stretch of one source file, End exclusive. A Range with no File
// means that the thing was not written by the user (a built-in).
type Range struct {
	File       string
	Start, End Pos
}

// String gives file:line:column, as editors and terminals make clickable.
func (r Range) String() string {
	if r.File == "" {
		return "(built in)"
	}
	if r.Start.Line == 0 {
		return r.File
	}
	return fmt.Sprintf("%s:%d:%d", r.File, r.Start.Line, r.Start.Column)
}

// FileLine gives file:line, the form used in nft comments and JSON.
func (r Range) FileLine() string {
	if r.File == "" {
		return "(built in)"
	}
	return fmt.Sprintf("%s:%d", r.File, r.Start.Line)
}

// Related is a second place that explains a diagnostic, such as the first
// definition of a name that is defined twice.
type Related struct {
	Message string
	Range   Range
}

// Diagnostic is one finding about the user's input.
type Diagnostic struct {
	Severity Severity
	Code     string // stable, lower case with dashes: scripts and baselines rely on it
	Summary  string // one line, lower case, no full stop
	Fix      string // what to do next; never anything that widens access silently
	Range    Range
	Rule     string // name of the site rule concerned, if any
	Related  []Related
}

func (d Diagnostic) Error() string {
	return fmt.Sprintf("%s: %s: %s [%s]", d.Range, d.Severity, d.Summary, d.Code)
}

// List is a collection of diagnostics in the order they were found.
type List []Diagnostic

// Errorf appends an error and returns a pointer to it so that the caller can
// add a fix or related places.
func (l *List) Errorf(r Range, code, format string, args ...any) *Diagnostic {
	return l.add(Error, r, code, format, args...)
}

// Warnf is Errorf with severity Warning.
func (l *List) Warnf(r Range, code, format string, args ...any) *Diagnostic {
	return l.add(Warning, r, code, format, args...)
}

// Infof is Errorf with severity Info.
func (l *List) Infof(r Range, code, format string, args ...any) *Diagnostic {
	return l.add(Info, r, code, format, args...)
}

func (l *List) add(s Severity, r Range, code, format string, args ...any) *Diagnostic {
	*l = append(*l, Diagnostic{Severity: s, Code: code, Summary: fmt.Sprintf(format, args...), Range: r})
	return &(*l)[len(*l)-1]
}

// HasErrors reports whether any diagnostic is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Count returns how many diagnostics have severity s.
func (l List) Count(s Severity) int {
	n := 0
	for _, d := range l {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Sort orders by file, line and column, keeping the order of discovery for
// diagnostics at one place.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(
			strings.Compare(a.Range.File, b.Range.File),
			cmp.Compare(a.Range.Start.Line, b.Range.Start.Line),
			cmp.Compare(a.Range.Start.Column, b.Range.Start.Column))
	})
}

// Cut keeps the first most diagnostics and says how many there are more, with
// the severity of the worst of those: a list that held errors still does.
func (l List) Cut(most int) List {
	if len(l) <= most {
		return l
	}
	rest := l[most:]
	worst := slices.MinFunc(rest, func(a, b Diagnostic) int { return cmp.Compare(a.Severity, b.Severity) })
	return append(l[:most:most], Diagnostic{
		Severity: worst.Severity, Code: "too-many", Range: worst.Range,
		Summary: fmt.Sprintf("%d or more are not shown, this is one: %s", len(rest), worst.Summary),
		Fix:     "mend those above first: many often have one cause",
	})
}

// Err returns the list as one error if it holds an error, else nil.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return l
}

func (l List) Error() string {
	var lines []string
	for _, d := range l {
		lines = append(lines, d.Error())
	}
	return strings.Join(lines, "\n")
}
