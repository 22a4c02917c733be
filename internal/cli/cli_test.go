package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories in testdata/script run the real command, each in a directory of
// its own; the enterprise is there as $ENTERPRISE.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"glacis": func() {
		os.Exit(Run(context.Background(), Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
			Now: func() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }}, os.Args[1:]))
	}})
}

func TestStories(t *testing.T) { stories(t, "testdata/script") }

func stories(t *testing.T, dir string) {
	t.Helper()
	enterprise, err := filepath.Abs("../../examples/enterprise")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ENTERPRISE", enterprise)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "field": field},
	})
}

// exits runs a command and holds its exit status: exits 3 glacis check x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// field holds one value of the JSON document on stdout: field a.0.b VALUE. A
// value that is no text is written as JSON; len is the length of a list.
func field(ts *testscript.TestScript, neg bool, args []string) {
	var doc any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc); err != nil {
		ts.Fatalf("stdout is no JSON document: %v", err)
	}
	got := valueAt(doc, strings.Split(args[0], "."))
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

func valueAt(doc any, path []string) string {
	for _, key := range path {
		switch v := doc.(type) {
		case map[string]any:
			doc = v[key]
		case []any:
			if key == "len" {
				return fmt.Sprint(len(v))
			}
			var k int
			if _, err := fmt.Sscan(key, &k); err != nil || k >= len(v) {
				return "(none)"
			}
			doc = v[k]
		default:
			return "(none)"
		}
	}
	if s, ok := doc.(string); ok {
		return s
	}
	out, _ := json.Marshal(doc)
	return string(out)
}

// TestHelp: every command shows an example and what its exit status means.
func TestHelp(t *testing.T) {
	p := &program{Env: Env{Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" }, Now: time.Now}}
	commands := allCommands(p.root())
	if len(commands) < 14 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, c := range commands {
		var out bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := Run(context.Background(), Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }, Now: time.Now}, args); code != exitClean {
			t.Errorf("%s --help: exit status %d", c.CommandPath(), code)
		}
		for _, want := range []string{"EXIT STATUS", "Examples:"} {
			if !strings.Contains(out.String(), want) && c.Name() != "help" {
				t.Errorf("%s --help shows no %q:\n%s", c.CommandPath(), want, out.String())
			}
		}
	}
}
