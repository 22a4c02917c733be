package compile_test

import (
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"glacis/internal/compile"
	"glacis/internal/policy"
	"glacis/internal/site"

	"pgregory.net/rapid"
)

const enterpriseDir = "../../examples/enterprise"

func enterprise(t testing.TB) *policy.Site {
	t.Helper()
	s, diags, _ := site.Load(os.DirFS(enterpriseDir), site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	return s
}

// text is everything of a configuration that is written down.
func text(t interface{ Fatalf(string, ...any) }, s *policy.Site, node string) string {
	cfg, diags := compile.Compile(s, node, compile.Options{Now: now})
	if diags.HasErrors() {
		t.Fatalf("%v", diags)
	}
	return cfg.Ruleset.String()
}

// TestSameSiteSameText: the same site gives the same text, byte for byte,
// however often it is read and compiled.
func TestSameSiteSameText(t *testing.T) {
	want := text(t, enterprise(t), "edge-a")
	for range 8 {
		if got := text(t, enterprise(t), "edge-a"); got != want {
			t.Fatal("the second time it is another one")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, source := randomSite(t)
		again, _, err := load(source, "")
		if err != nil {
			t.Skip(err) // it had a block list
		}
		if len(s.Blocklists) == 0 && text(t, s, "fw") != text(t, again, "fw") || text(t, again, "fw") != text(t, again, "fw") {
			t.Fatal("the second time it is another one")
		}
	})
}

// TestFileOrderDoesNotMatter: the parts of a site may be in any file.
func TestFileOrderDoesNotMatter(t *testing.T) {
	names := []string{"site.yaml", "hosts.yaml", "nat.yaml", "rules.yaml", "guarantees.yaml"}
	list, err := os.ReadFile(enterpriseDir + "/lists/bad-hosts.txt")
	if err != nil {
		t.Fatal(err)
	}
	where := regexp.MustCompile(`[a-z]*\.yaml:`)
	var want string
	for turn := range len(names) {
		fsys := fstest.MapFS{"lists/bad-hosts.txt": {Data: list}}
		for k, n := range names {
			data, err := os.ReadFile(enterpriseDir + "/" + n)
			if err != nil {
				t.Fatal(err)
			}
			fsys[string(rune('a'+(k+turn)%len(names)))+".yaml"] = &fstest.MapFile{Data: data}
		}
		s, diags, _ := site.Load(fsys, site.Options{Now: now})
		if s == nil {
			t.Fatal(diags)
		}
		got := where.ReplaceAllString(text(t, s, "edge-a"), "")
		if turn == 0 {
			want = got
		}
		if got != want {
			t.Errorf("with the files renamed by %d places it is another one", turn)
		}
	}
}
