package site

import "glacis/internal/diag"

// reports collects what is wrong. A file can be wrong in more places than
// memory holds reports of; after so many errors reading ends, with a panic that
// load recovers from.
type reports struct{ diag.List }

// maxErrors is how many errors are collected before the first of them, by
// place, are shown.
const maxErrors = 10 * maxDiagnostics

type enough struct{}

func (r *reports) Errorf(at diag.Range, code, format string, args ...any) *diag.Diagnostic {
	if len(r.List) > maxErrors && r.HasErrors() {
		panic(enough{})
	}
	return r.List.Errorf(at, code, format, args...)
}
