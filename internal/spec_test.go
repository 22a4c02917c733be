package internal

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSpecNamesItsTests holds the specification to its word: the tests that it
// names for its clauses exist.
func TestSpecNamesItsTests(t *testing.T) {
	spec, err := os.ReadFile("../docs/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = fs.WalkDir(os.DirFS("."), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(text, -1) {
			exist[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(spec), -1)
	if len(named) < 20 {
		t.Fatalf("the specification names %d tests", len(named))
	}
	for _, name := range named {
		if !exist[name] {
			t.Errorf("the specification names %s, which does not exist", name)
		}
	}
}
