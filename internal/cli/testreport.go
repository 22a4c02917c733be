package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"glacis/internal/report"
)

func (p *program) writeJUnit(r *testRun, name string) error {
	suite := report.Suite{Name: "glacis test " + r.Name}
	for _, result := range r.results {
		file, line := place(r.loaded, result.Range)
		c := report.Case{Name: result.Name(), Class: r.Name + "." + strings.TrimSuffix(result.Range.File, ".yaml"), File: file, Line: line}
		var wrong []string
		for _, d := range result.Wrong {
			wrong = append(wrong, fmt.Sprintf("%s: expected %s, got %s", d.What, d.Want, d.Got))
		}
		c.Failure = strings.Join(wrong, "; ")
		c.Detail = fmt.Sprintf("%s\n%s\ndecided by %s: %s\n", result.Note, c.Failure, decidedBy(r.loaded, result), result.Decision.Reason)
		suite.Cases = append(suite.Cases, c)
	}
	var b bytes.Buffer
	if err := report.JUnit(&b, suite); err != nil {
		return err
	}
	return p.output(name, b.Bytes())
}

type testJSON struct {
	Schema  string         `json:"schema"`
	Tests   []testCaseJSON `json:"tests"`
	Warning string         `json:"warning,omitempty"`
	Summary testSummary    `json:"summary"`
}

// testCaseJSON is one test; verdict and rule are those that the site gives.
type testCaseJSON struct {
	Packet  string     `json:"packet"`
	Passed  bool       `json:"passed"`
	Verdict string     `json:"verdict"`
	Rule    string     `json:"rule"`
	Reason  string     `json:"reason"`
	Wrong   []testDiff `json:"wrong,omitempty"`
	At      string     `json:"at,omitempty"`
	Note    string     `json:"note,omitempty"`
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Decided *placeJSON `json:"decided,omitempty"` // where the deciding rule is written
}

type testDiff struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

type placeJSON struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

type testSummary struct {
	Tests  int `json:"tests"`
	Run    int `json:"run"`
	Passed int `json:"passed"`
	Failed int `json:"failed"`
}

func testDocument(r *testRun) testJSON {
	doc := testJSON{Schema: "glacis/test/v1", Tests: []testCaseJSON{}, Warning: r.warning,
		Summary: testSummary{Tests: r.all, Run: len(r.results), Passed: len(r.results) - r.failed, Failed: r.failed}}
	for _, result := range r.results {
		d := result.Decision
		j := testCaseJSON{Packet: result.Packet.Text, Passed: result.Passed(), Verdict: string(d.Verdict), Rule: d.RuleName, Reason: d.Reason, Note: result.Note}
		j.File, j.Line = place(r.loaded, result.Range)
		if !result.At.IsZero() {
			j.At = result.At.Format(time.DateOnly)
		}
		if d.Rule != nil && d.Rule.Range.File != "" {
			file, line := place(r.loaded, d.Rule.Range)
			j.Decided = &placeJSON{file, line}
		}
		for _, w := range result.Wrong {
			j.Wrong = append(j.Wrong, testDiff(w))
		}
		doc.Tests = append(doc.Tests, j)
	}
	return doc
}
