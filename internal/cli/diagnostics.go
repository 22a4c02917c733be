package cli

import (
	"io"

	"glacis/internal/diag"
)

// diagnosticJSON is a diagnostic as scripts see it.
type diagnosticJSON struct {
	Severity string        `json:"severity"`
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Fix      string        `json:"fix,omitempty"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Column   int           `json:"column"`
	Rule     string        `json:"rule,omitempty"`
	Related  []relatedJSON `json:"related,omitempty"`
}

type relatedJSON struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

func diagnosticsJSON(list diag.List, dir string) []diagnosticJSON {
	out := []diagnosticJSON{}
	for _, d := range list {
		j := diagnosticJSON{Severity: d.Severity.String(), Code: d.Code, Message: d.Summary, Fix: d.Fix, Rule: d.Rule,
			File: locate(dir, d.Range.File), Line: d.Range.Start.Line, Column: d.Range.Start.Column}
		for _, r := range d.Related {
			j.Related = append(j.Related, relatedJSON{r.Message, locate(dir, r.Range.File), r.Range.Start.Line, r.Range.Start.Column})
		}
		out = append(out, j)
	}
	return out
}

// renderDiagnostics writes diagnostics for people, with names of files as they
// can be opened from here.
func (p *program) renderDiagnostics(w io.Writer, list diag.List, src diag.Sources, dir string) error {
	color, err := p.colored(w)
	if err != nil {
		return err
	}
	located := diag.Sources{}
	for name, text := range src {
		located[locate(dir, name)] = text
	}
	out := make(diag.List, len(list))
	for k, d := range list {
		d.Range.File = locate(dir, d.Range.File)
		related := make([]diag.Related, len(d.Related))
		for j, r := range d.Related {
			r.Range.File = locate(dir, r.Range.File)
			related[j] = r
		}
		d.Related = related
		out[k] = d
	}
	diag.Render(w, out, located, color)
	return nil
}
