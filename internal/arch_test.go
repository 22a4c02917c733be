// Package internal has no code: its test holds the packages below it to the
// design.
package internal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure are the packages that a security reviewer must be able to believe: values
// in, values out. The planned ones may be absent.
var (
	pure    = []string{"diag", "netset", "policy", "nft", "compile", "predict", "analysis", "policytest", "report"}
	planned = []string{"plan", "evidence", "catalog", "inventory", "minimise", "exposure"}
)

// impure are imports that reach the machine. net/netip and net/url do not.
var impure = []string{"os", "io/ioutil", "path/filepath", "syscall", "net", "net/http", "golang.org/x/sys", "unsafe", "plugin",
	"glacis/internal/linux", "glacis/internal/probe", "glacis/internal/lab", "glacis/internal/site"}

// arrows are directions that the design forbids: from, to, why.
var arrows = []struct{ from, to, why string }{
	{"policy", "site", "the model does not know how it is written"},
	{"policy", "compile", "the meaning is the reference for the compiler"},
	{"policy", "nft", "the meaning knows no packet filter"},
	{"nft", "policy", "the evaluator is a second opinion: it knows no site"},
	{"nft", "compile", "the evaluator is a second opinion: it knows no compiler"},
	{"compile", "site", "the compiler sees the model only"},
	{"compile", "predict", "what tests the compiler is not part of it"},
	{"diag", "policy", "diagnostics are below everything"},
	{"site", "compile", "reading does not compile"},
	{"site", "nft", "reading does not compile"},
	{"linux", "policy", "the kernel boundary knows no policy"},
	{"linux", "site", "the kernel boundary knows no site"},
	{"linux", "lab", "the lab stands on the kernel boundary"},
	{"probe", "lab", "the lab stands on the probes"},
}

// source is one Go file that is no test.
type source struct {
	pkg, path string
	file      *ast.File
	fset      *token.FileSet
}

// sources parses every Go file below a directory, tests left out.
func sources(t *testing.T, root fs.FS) []source {
	t.Helper()
	var out []source
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		out = append(out, source{filepath.ToSlash(filepath.Dir(path)), path, file, fset})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// findings is everything in the files that the design forbids.
func findings(files []source) []string {
	var out []string
	docs := map[string]int{}
	for _, f := range files {
		if f.file.Doc != nil {
			docs[f.pkg]++
		}
		docs[f.pkg] += 0
		out = append(out, importFindings(f)...)
		out = append(out, useFindings(f)...)
	}
	for pkg, n := range docs {
		if n != 1 {
			out = append(out, fmt.Sprintf("%s: %d package comments, and one is wanted", pkg, n))
		}
	}
	slices.Sort(out)
	return out
}

func isPure(pkg string) bool { return slices.Contains(pure, pkg) || slices.Contains(planned, pkg) }

func importFindings(f source) []string {
	var out []string
	for _, i := range f.file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		for _, bad := range impure {
			if isPure(f.pkg) && (path == bad || strings.HasPrefix(path, bad+"/") && bad != "net") {
				out = append(out, fmt.Sprintf("%s: a pure package imports %s", f.path, path))
			}
		}
		for _, a := range arrows {
			if f.pkg == a.from && path == "glacis/internal/"+a.to {
				out = append(out, fmt.Sprintf("%s: %s imports %s, and %s", f.path, a.from, a.to, a.why))
			}
		}
	}
	return out
}

// useFindings are calls that only the command may make, or no pure package.
func useFindings(f source) []string {
	var out []string
	ast.Inspect(f.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		use := id.Name + "." + sel.Sel.Name
		switch {
		case slices.Contains([]string{"os.Stdout", "os.Stderr", "os.Exit", "log.Fatal", "log.Fatalf", "fmt.Println", "fmt.Printf", "fmt.Print"}, use):
			out = append(out, fmt.Sprintf("%s: %s below the command", f.fset.Position(n.Pos()), use))
		case isPure(f.pkg) && slices.Contains([]string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.Tick", "time.NewTimer", "time.NewTicker"}, use):
			out = append(out, fmt.Sprintf("%s: a pure package reads the clock", f.fset.Position(n.Pos())))
		}
		return true
	})
	return out
}

// TestDesign holds every package to the design.
func TestDesign(t *testing.T) {
	files := sources(t, os.DirFS("."))
	for _, f := range findings(files) {
		t.Error(f)
	}
	for _, pkg := range pure {
		if !slices.ContainsFunc(files, func(f source) bool { return f.pkg == pkg }) {
			t.Errorf("package %s is not there: the test holds nothing against it", pkg)
		}
	}
}

// TestDesignFindsFaults: each assertion can fail.
func TestDesignFindsFaults(t *testing.T) {
	for name, c := range map[string]struct{ path, text, want string }{
		"impure import":     {"policy/x.go", "// Package policy is.\npackage policy\nimport \"os/exec\"", "imports os/exec"},
		"x/sys":             {"nft/x.go", "// Package nft is.\npackage nft\nimport \"golang.org/x/sys/unix\"", "imports golang.org/x/sys/unix"},
		"net":               {"compile/x.go", "// Package compile is.\npackage compile\nimport \"net\"", "imports net"},
		"the lab":           {"diag/x.go", "// Package diag is.\npackage diag\nimport \"glacis/internal/lab\"", "imports glacis/internal/lab"},
		"a planned package": {"plan/x.go", "// Package plan is.\npackage plan\nimport \"os\"", "imports os"},
		"an arrow":          {"nft/x.go", "// Package nft is.\npackage nft\nimport \"glacis/internal/policy\"", "second opinion"},
		"the clock":         {"compile/x.go", "// Package compile is.\npackage compile\nimport \"time\"\nvar x = time.Now()", "reads the clock"},
		"no comment":        {"lab/x.go", "package lab", "0 package comments"},
		"standard output":   {"site/x.go", "// Package site is.\npackage site\nimport \"os\"\nvar x = os.Stdout", "os.Stdout"},
		"exit":              {"site/x.go", "// Package site is.\npackage site\nimport \"os\"\nfunc f() { os.Exit(1) }", "os.Exit"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range map[string]string{c.path: c.text, "other/x.go": "// Package other is.\npackage other\nimport (\n\"net/netip\"\n\"os\"\n\"time\"\n)\nvar _, _, _ = netip.Addr{}, time.Now(), os.Args"} {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := findings(sources(t, os.DirFS(dir)))
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("found %q, want one with %q", got, c.want)
			}
		})
	}
}
