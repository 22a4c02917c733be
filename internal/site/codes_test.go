package site

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// generated are mistakes too large to be kept as files.
var generated = map[string]func() fs.FS{
	"too-large": func() fs.FS {
		return fstest.MapFS{"site.yaml": {Data: make([]byte, maxFile+1)}}
	},
	"too-many": func() fs.FS {
		return fstest.MapFS{"site.yaml": {Data: []byte("site: x\nhosts:\n" + strings.Repeat("  a: 1\n", 2*maxDiagnostics))}}
	},
}

// TestEveryCodeHasABadSite reads the source: each code that the packages can
// report has a bad site named after it, and no bad site is left over.
func TestEveryCodeHasABadSite(t *testing.T) {
	inSource := map[string]string{}
	for _, dir := range []string{".", "../policy"} {
		codesIn(t, dir, inSource)
	}
	inSource["too-many"] = "diag.List.Cut"
	if len(inSource) < 90 {
		t.Errorf("only %d codes found in the source: the search is broken", len(inSource))
	}
	have := map[string]bool{}
	for _, c := range badCases(t) {
		have[c.code] = true
		if inSource[c.code] == "" {
			t.Errorf("%s: no such code", c.path)
		}
	}
	for code, fsys := range generated {
		have[code] = true
		_, diags, src := Load(fsys(), Options{Now: now})
		if !slices.ContainsFunc(codesOf(diags), func(c string) bool { return c == code }) {
			t.Errorf("the generated site is not %s: %v", code, codesOf(diags))
		}
		if !diags.HasErrors() || len(diags) > maxDiagnostics+1 {
			t.Errorf("%s: %d diagnostics, errors %v", code, len(diags), diags.HasErrors())
		}
		for _, d := range diags {
			checkDiagnostic(t, d, src)
		}
	}
	_, diags := Format("x.yaml", []byte("? a\n: b\n"))
	have["cannot-format"] = slices.Equal(codesOf(diags), []string{"cannot-format"})
	for _, code := range slices.Sorted(maps.Keys(inSource)) {
		if !have[code] {
			t.Errorf("%s: no bad site testdata/bad/%s", inSource[code], code)
		}
	}
}

// codesIn adds the diagnostic codes of a package's source with their places.
// A code that is not a literal there would escape, so it is a failure, but in
// the functions that pass on a parameter of that name.
func codesIn(t *testing.T, dir string, into map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	fset := gotoken.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			code := codeIn(n)
			if code == nil {
				return true
			}
			at := fset.Position(code.Pos()).String()
			switch lit, isLiteral := code.(*ast.BasicLit); {
			case isLiteral:
				text, _ := strconv.Unquote(lit.Value)
				into[text] = at
			default:
				if id, isName := code.(*ast.Ident); !isName || id.Name != "code" {
					t.Errorf("%s: a code that is not written out", at)
				}
			}
			return true
		})
	}
}

// codeIn gives the expression that is a diagnostic's code: the second argument
// of what reports, or what is assigned to a field Code.
func codeIn(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && isReport(f) && len(n.Args) > 2 {
			return n.Args[1]
		}
	case *ast.AssignStmt:
		for k, left := range n.Lhs {
			if f, ok := left.(*ast.SelectorExpr); ok && f.Sel.Name == "Code" && len(n.Lhs) == len(n.Rhs) {
				return n.Rhs[k]
			}
		}
	}
	return nil
}

func isReport(f *ast.SelectorExpr) bool {
	switch f.Sel.Name {
	case "unknown", "twice":
		return true
	case "Errorf", "Warnf", "Infof":
		x, isField := f.X.(*ast.SelectorExpr)
		id, isName := f.X.(*ast.Ident)
		return isField && x.Sel.Name == "diags" || isName && id.Name == "diags"
	}
	return false
}
