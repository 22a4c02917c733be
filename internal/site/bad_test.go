package site

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"glacis/internal/diag"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden messages of the bad sites")

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// badCase is one mistake: files that replace or join those of testdata/base,
// and the messages it is answered with (want.txt).
type badCase struct {
	path, code string
	archive    *txtar.Archive
	files      map[string][]byte // of the case itself
	want       string
}

// badCases reads testdata/bad/CODE/CASE.txtar.
func badCases(t testing.TB) []badCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/bad/*/*.txtar")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d bad sites, %v: the corpus is missing", len(paths), err)
	}
	var out []badCase
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		c := badCase{path: p, code: filepath.Base(filepath.Dir(p)), archive: ar, files: map[string][]byte{}}
		for _, f := range ar.Files {
			if f.Name == "want.txt" {
				c.want = string(f.Data)
			} else {
				c.files[f.Name] = f.Data
			}
		}
		out = append(out, c)
	}
	return out
}

// site is the base with the case's files over it.
func (c badCase) site(t testing.TB) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range []string{"zones.yaml", "firewall.yaml", "hosts.yaml", "rules.yaml"} {
		text, err := os.ReadFile("testdata/base/" + name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: text}
	}
	for name, text := range c.files {
		fsys[name] = &fstest.MapFile{Data: text}
	}
	return fsys
}

func rendered(list diag.List, src diag.Sources) string {
	var b bytes.Buffer
	diag.Render(&b, list, src, false)
	return b.String()
}

func TestBaseIsClean(t *testing.T) {
	s, diags, src := Load(badCase{}.site(t), Options{Now: now})
	if s == nil || len(diags) > 0 {
		t.Fatalf("testdata/base is not clean:\n%s", rendered(diags, src))
	}
}

func TestBad(t *testing.T) {
	for _, c := range badCases(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(c.path, "testdata/bad/"), ".txtar"), func(t *testing.T) {
			s, diags, src := Load(c.site(t), Options{Now: now})
			got := rendered(diags, src)
			if (s == nil) != diags.HasErrors() {
				t.Errorf("site %v with errors %v", s != nil, diags.HasErrors())
			}
			found := false
			for _, d := range diags {
				found = found || d.Code == c.code
				checkDiagnostic(t, d, src)
			}
			if !found {
				t.Errorf("no diagnostic has the code %s:\n%s", c.code, got)
			}
			if *update {
				c.write(t, got)
			} else if got != c.want {
				t.Errorf("messages differ; got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func (c badCase) write(t *testing.T, got string) {
	t.Helper()
	files := c.archive.Files[:0]
	for _, f := range c.archive.Files {
		if f.Name != "want.txt" {
			files = append(files, f)
		}
	}
	c.archive.Files = append(files, txtar.File{Name: "want.txt", Data: []byte(got)})
	if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// nowhere are the codes of mistakes that are in no line of a file.
var nowhere = map[string]bool{"no-site": true, "not-utf8": true, "unreadable": true, "too-large": true}

// checkDiagnostic asserts what every diagnostic has: severity, code, a place
// with its source line, one line that says what is wrong, and what to do.
func checkDiagnostic(t *testing.T, d diag.Diagnostic, src diag.Sources) {
	t.Helper()
	if d.Severity < diag.Error || d.Severity > diag.Info || d.Code == "" || d.Summary == "" {
		t.Errorf("incomplete: %#v", d)
	}
	if d.Fix == "" {
		t.Errorf("says nothing of what to do: %v", d)
	}
	if strings.Contains(d.Summary+d.Fix, "\n") {
		t.Errorf("more than one line: %v", d)
	}
	if strings.HasSuffix(d.Summary, ".") || strings.HasSuffix(d.Fix, ".") {
		t.Errorf("ends in a full stop: %v", d)
	}
	if nowhere[d.Code] {
		return
	}
	places := []diag.Range{d.Range}
	for _, r := range d.Related {
		places = append(places, r.Range)
	}
	for _, r := range places {
		lines := strings.Split(string(src[r.File]), "\n")
		if r.Start.Line < 1 || r.Start.Line > len(lines) || r.Start.Column < 1 || r.Start.Column > len([]rune(lines[r.Start.Line-1]))+1 {
			t.Errorf("its place %v is not in the file: %v", r, d)
		}
	}
}

func codesOf(list diag.List) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Code)
	}
	return out
}
