// Package report writes what other programs and people's eyes read: JUnit XML
// and SVG. It is given values and a writer, and escapes whatever it writes.
package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Suite is a run of tests under one name.
type Suite struct {
	Name  string
	Cases []Case
}

// Case is one test. An empty Failure means that it passed.
type Case struct {
	Name    string
	Class   string // groups cases, such as the file they are written in
	File    string
	Line    int
	Failure string // what differs, one line
	Detail  string // the rest of it
}

// The elements of JUnit XML that all its readers agree on
// (https://github.com/testmoapp/junitxml).
type (
	junitSuites struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Suite    junitSuite
	}
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the suite as a JUnit XML document.
func JUnit(w io.Writer, s Suite) error {
	suite := junitSuite{Name: clean(s.Name), Tests: len(s.Cases)}
	for _, c := range s.Cases {
		j := junitCase{Name: clean(c.Name), Class: clean(c.Class), File: clean(c.File), Line: c.Line}
		if c.Failure != "" {
			suite.Failures++
			j.Failure = &junitFailure{clean(c.Failure), "expectation", clean(c.Detail)}
		}
		suite.Cases = append(suite.Cases, j)
	}
	text, err := xml.MarshalIndent(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Suite: suite}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// clean replaces what no XML document may hold, even escaped
// (https://www.w3.org/TR/xml/#charsets).
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000:
			return r
		}
		return '\uFFFD'
	}, s)
}
