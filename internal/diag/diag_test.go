package diag

import (
	"errors"
	"fmt"
	"testing"
)

func TestRange(t *testing.T) {
	for _, c := range []struct {
		r                Range
		long, withColumn string
	}{
		{Range{}, "(built in)", "(built in)"},
		{Range{File: "a.yaml"}, "a.yaml", "a.yaml:0"},
		{Range{File: "a.yaml", Start: Pos{3, 7}}, "a.yaml:3:7", "a.yaml:3"},
	} {
		if c.r.String() != c.long || c.r.FileLine() != c.withColumn {
			t.Errorf("%+v is %s and %s", c.r, c.r, c.r.FileLine())
		}
	}
}

func TestSeverity(t *testing.T) {
	if got := fmt.Sprint(Error, Warning, Info, Severity(0)); got != "error warning info Severity(0)" {
		t.Error(got)
	}
}

func TestList(t *testing.T) {
	var l List
	if l.HasErrors() || l.Err() != nil {
		t.Error("an empty list has errors")
	}
	at := func(file string, line, column int) Range { return Range{File: file, Start: Pos{line, column}} }
	l.Warnf(at("b", 1, 1), "w", "first %d", 1)
	l.Infof(at("a", 2, 9), "i", "second").Fix = "do it"
	if l.HasErrors() || l.Err() != nil {
		t.Error("warnings are no errors")
	}
	l.Errorf(at("a", 2, 3), "e", "third")
	l.Errorf(at("a", 2, 3), "f", "fourth")
	l.Errorf(at("a", 1, 5), "g", "fifth")
	l.Sort()
	var order string
	for _, d := range l {
		order += d.Code
	}
	if order != "gefiw" {
		t.Errorf("sorted %s", order)
	}
	if l.Count(Error) != 3 || l.Count(Warning) != 1 || l.Count(Info) != 1 || l[3].Fix != "do it" {
		t.Errorf("%+v", l)
	}
	var asList List
	if err := l.Err(); !errors.As(err, &asList) || len(asList) != 5 {
		t.Errorf("%v", err)
	}
	if l[0].Error() != "a:1:5: error: fifth [g]" {
		t.Error(l[0].Error())
	}
}

func TestCut(t *testing.T) {
	list := func(severities ...Severity) (l List) {
		for k, s := range severities {
			l.add(s, Range{File: "a", Start: Pos{k + 1, 1}}, "x", "number %d", k)
		}
		return l
	}
	if got := list(Info, Error, Warning).Cut(3); len(got) != 3 {
		t.Errorf("cut though short: %v", got)
	}
	got := list(Info, Info, Warning, Error, Info).Cut(2)
	if len(got) != 3 || !got.HasErrors() || got[2].Code != "too-many" || got[2].Range.Start.Line != 4 || got[2].Fix == "" {
		t.Errorf("%+v", got)
	}
	if got := list(Info, Info, Warning).Cut(1); got.HasErrors() || got[1].Severity != Warning {
		t.Errorf("%+v", got)
	}
}
