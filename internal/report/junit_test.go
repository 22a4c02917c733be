package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"testing"
)

func TestJUnit(t *testing.T) {
	hostile := "a < b & \"c\" ]]> \x00\x1b </testcase> é"
	s := Suite{Name: hostile, Cases: []Case{
		{Name: hostile, Class: "web.test.yaml", File: "a/web.test.yaml", Line: 3},
		{Name: "second", Class: "web.test.yaml", Failure: hostile, Detail: "line one\n" + hostile},
	}}
	var b bytes.Buffer
	if err := JUnit(&b, s); err != nil {
		t.Fatal(err)
	}
	var back junitSuites
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatalf("not XML: %v\n%s", err, b.String())
	}
	suite := back.Suite
	switch {
	case back.Tests != 2 || back.Failures != 1 || suite.Tests != 2 || suite.Failures != 1:
		t.Errorf("counts are wrong:\n%s", b.String())
	case len(suite.Cases) != 2 || suite.Cases[0].Failure != nil || suite.Cases[1].Failure == nil:
		t.Errorf("cases are wrong:\n%s", b.String())
	case suite.Name != clean(hostile) || suite.Cases[0].Name != clean(hostile) || suite.Cases[1].Failure.Message != clean(hostile):
		t.Errorf("text did not survive:\n%s", b.String())
	case suite.Cases[1].Failure.Text != "line one\n"+clean(hostile):
		t.Errorf("detail did not survive: %q", suite.Cases[1].Failure.Text)
	}
	wellFormed(t, b.Bytes())
}

// wellFormed reads the whole document as strictly as the library can.
func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("not well-formed XML: %v", err)
		}
	}
}
