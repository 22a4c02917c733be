package nft

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestCatalogueIsComplete reads the package's own source: every field, type and
// kind of statement and verdict that it declares is in the catalogue.
func TestCatalogueIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "nft.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	inside := fmt.Sprintf("%#v", contents(catalogue()))
	found := 0
	for _, d := range file.Decls {
		for _, want := range declared(d) {
			found++
			if !strings.Contains(inside, want) {
				t.Errorf("the catalogue lacks %s", want)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d declarations found: the test looks in the wrong place", found)
	}
}

// declared lists what a declaration adds to the language, as %#v prints it.
func declared(d ast.Decl) []string {
	var out []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		if recv := d.Recv; d.Name.Name == "stmt" && fmt.Sprint(recv.List[0].Type) != "Unknown" {
			out = append(out, fmt.Sprintf("nft.%s{", recv.List[0].Type))
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || v.Type == nil {
				continue
			}
			switch fmt.Sprint(v.Type) {
			case "Field", "VerdictKind", "Type":
				text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				out = append(out, strconv.Quote(text))
			}
		}
	}
	return out
}

// contents takes a ruleset apart so that %#v shows all of it.
func contents(r *Ruleset) []any {
	var out []any
	for _, t := range r.Tables {
		for _, s := range t.Sets {
			out = append(out, *s)
		}
		for _, c := range t.Chains {
			for _, rule := range c.Rules {
				out = append(out, rule.Stmts)
			}
		}
	}
	return out
}
