package site

import (
	"bytes"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"glacis/internal/diag"
	"glacis/internal/policy"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go4.org/netipx"
)

// exampleDirs are the directories of good sites: the examples and the starter.
func exampleDirs(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var dirs []string
	for _, f := range files {
		if dir := filepath.Dir(f); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return append(dirs, "starter", "testdata/base")
}

// goodFiles gives every YAML file of the good sites.
func goodFiles(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, dir := range exampleDirs(t) {
		maps.Copy(out, yamlFiles(t, os.DirFS(dir), dir))
	}
	if len(out) < 10 {
		t.Fatalf("only %d files in the examples", len(out))
	}
	return out
}

func yamlFiles(t testing.TB, fsys fs.FS, prefix string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !IsSiteFile(e.Name()) && !IsTestFile(e.Name()) {
			continue
		}
		text, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Join(prefix, e.Name())] = text
	}
	return out
}

func TestFormat(t *testing.T) {
	inputs, err := filepath.Glob("testdata/format/*.input.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	for _, in := range inputs {
		text, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		got, diags := Format(in, text)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", in, diags)
		}
		golden := strings.TrimSuffix(in, ".input.yaml") + ".want.yaml"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s", in, cmp.Diff(string(want), string(got)))
		}
	}
}

// TestExamplesAreFormatted holds our own files to the form we give to others'.
func TestExamplesAreFormatted(t *testing.T) {
	for name, text := range goodFiles(t) {
		got, diags := Format(name, text)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", name, diags)
		}
		if !bytes.Equal(got, text) {
			t.Errorf("%s is not formatted:\n%s", name, cmp.Diff(string(text), string(got)))
		}
	}
}

// sameSite compares two sites but for the places they were read from.
func sameSite(a, b *policy.Site) string {
	return cmp.Diff(a, b,
		cmpopts.IgnoreTypes(diag.Range{}), cmpopts.IgnoreUnexported(policy.Site{}),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b *netipx.IPSet) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(b)) }))
}

// TestFormatKeepsTheSite formats each file of good and bad sites after making
// it ugly, and loads both.
func TestFormatKeepsTheSite(t *testing.T) {
	sites := map[string]fs.FS{}
	for _, dir := range exampleDirs(t) {
		sites[dir] = os.DirFS(dir)
	}
	for _, c := range badCases(t) {
		sites[c.path] = c.site(t)
	}
	formatted := 0
	for name, fsys := range sites {
		before, diags, _ := Load(fsys, Options{Now: now})
		after := copyOf(t, fsys)
		for file, text := range yamlFiles(t, fsys, "") {
			out, fd := Format(file, uglier(text))
			if fd.HasErrors() {
				continue
			}
			formatted++
			after[file] = &fstest.MapFile{Data: out}
			if again, _ := Format(file, out); !bytes.Equal(again, out) {
				t.Errorf("%s: %s: formatting twice differs:\n%s", name, file, cmp.Diff(string(out), string(again)))
			}
		}
		s, fdiags, _ := Load(after, Options{Now: now})
		if d := sameSite(before, s); d != "" {
			t.Errorf("%s means something else:\n%s", name, d)
		}
		if d := cmp.Diff(codeCount(diags), codeCount(fdiags)); d != "" {
			t.Errorf("%s is answered differently:\n%s", name, d)
		}
	}
	if formatted < 500 {
		t.Errorf("only %d files could be formatted", formatted)
	}
}

func copyOf(t *testing.T, fsys fs.FS) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(fsys, ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, p)
		out[p] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// uglier adds what a formatter takes away: Windows line ends, space at the end
// of lines, blank lines.
func uglier(text []byte) []byte {
	return []byte(strings.ReplaceAll(strings.ReplaceAll(string(text), "\n\n", "\n\n\n\n"), "\n", "  \r\n"))
}

func codeCount(list diag.List) map[string]int {
	out := map[string]int{}
	for _, c := range codesOf(list) {
		out[c]++
	}
	return out
}

func TestFormatLine(t *testing.T) {
	for in, want := range map[string]string{
		"a: {b: c}":                              "a: {b: c}",
		"a: { b : c,d: e }":                      "a: {b: c, d: e}",
		"a:   [ b,c ]  ":                         "a:   [b, c]",
		"a: 'b'":                                 "a: b",
		"a: \"b c\"":                             "a: b c",
		"a: 'b: c'":                              "a: \"b: c\"",
		"a: '\"'":                                "a: '\"'",
		"a: \"12:30\"":                           "a: \"12:30\"",
		"a: \"2001:db8::1\"":                     "a: \"2001:db8::1\"",
		"a: \"192.0.2.1\"":                       "a: 192.0.2.1",
		"a: \"192.0.2.0/24\"":                    "a: 192.0.2.0/24",
		"a: \"2027-06-30\"":                      "a: \"2027-06-30\"",
		"a: \"yes\"":                             "a: \"yes\"",
		"a: \"12\"":                              "a: \"12\"",
		"a: \"\"":                                "a: \"\"",
		"a: \" b\"":                              "a: \" b\"",
		"a: \"- b\"":                             "a: \"- b\"",
		"a: \"b # c\"":                           "a: \"b # c\"",
		"a: \"x\\ty\"":                           "a: \"x\\ty\"",
		"a: b # c":                               "a: b  # c",
		"a: b      # c":                          "a: b      # c",
		"a: |\n     x\n       y\n":               "a: |\n  x\n    y",
		"a:\n- b\n-   c: d\n    e: f":            "a:\n  - b\n  - c: d\n    e: f",
		"a:\n    b:\n        c: d":               "a:\n  b:\n    c: d",
		"# a\n\n\n# b":                           "# a\n\n# b",
		"a:\n  - b\n  # c\nd: e":                 "a:\n  - b\n  # c\nd: e",
		"a:\n- b\n# c\n- d\n# e":                 "a:\n  - b\n  # c\n  - d\n# e",
		"\uFEFFa: b":                             "a: b",
		"---\na: b":                              "---\na: b",
		"a:\n  - - b\n    - c\n  - - d":          "a:\n  - - b\n    - c\n  - - d",
		"a:\n    -\n        b: c":                "a:\n  -\n    b: c",
		"zones:\n\n\n  a: {}\n\n\n\n  b: {}\n\n": "zones:\n\n  a: {}\n\n  b: {}",
	} {
		got, diags := Format("x.yaml", []byte(in))
		if diags.HasErrors() || string(got) != want+"\n" {
			t.Errorf("%q becomes %q, want %q; %v", in, got, want, diags)
		}
	}
}

// TestFormatRefuses: what cannot be kept is not touched.
func TestFormatRefuses(t *testing.T) {
	for _, in := range []string{"a: [b", "a: &b c", "? a\n: b", "a: |2\n   b", "%YAML 1.2\n---\na: b", "a: b\x00", "\xff", "a: \"b\u2028c\""} {
		got, diags := Format("x.yaml", []byte(in))
		if got != nil || !diags.HasErrors() {
			t.Errorf("%q becomes %q without an error", in, got)
		}
		for _, d := range diags {
			if d.Fix == "" {
				t.Errorf("%q: no fix: %v", in, d)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		bounded(t, text, func() { formatKeeps(t, text) })
	})
}

// formatKeeps: the result is final and means the same, or there is none.
func formatKeeps(t *testing.T, text []byte) {
	out, diags := Format("x.yaml", text)
	if diags.HasErrors() {
		if out != nil {
			t.Fatal("text in spite of an error")
		}
		return
	}
	again, diags := Format("x.yaml", out)
	if diags.HasErrors() || !bytes.Equal(again, out) {
		t.Fatalf("formatting twice differs: %v\n%s", diags, cmp.Diff(string(out), string(again)))
	}
	s1, d1, _ := Load(fstest.MapFS{"x.yaml": {Data: text}}, Options{Now: now})
	s2, d2, _ := Load(fstest.MapFS{"x.yaml": {Data: out}}, Options{Now: now})
	if d := sameSite(s1, s2); d != "" {
		t.Fatalf("the site means something else:\n%s", d)
	}
	if !slices.Equal(codesOf(d1), codesOf(d2)) {
		t.Fatalf("answered differently: %v, %v", codesOf(d1), codesOf(d2))
	}
}

// seeds are whole sites in one file and every file of the corpus.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	good := goodFiles(t)
	for _, name := range slices.Sorted(maps.Keys(good)) {
		out = append(out, good[name])
	}
	for _, dir := range exampleDirs(t) {
		out = append(out, oneFile(t, os.DirFS(dir)))
	}
	for _, c := range badCases(t) {
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			out = append(out, c.files[name])
		}
		out = append(out, oneFile(t, c.site(t)))
	}
	return out
}

// oneFile puts the files of a site behind each other.
func oneFile(t testing.TB, fsys fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	files := yamlFiles(t, fsys, "")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if IsSiteFile(name) {
			b.Write(append(bytes.TrimRight(files[name], "\n"), '\n'))
		}
	}
	return b.Bytes()
}
