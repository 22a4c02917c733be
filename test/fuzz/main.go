// Command fuzz runs every fuzzer of the module for a time, each alone and with
// a bound on its memory: a parser that grows without end must fall, not the
// machine.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	each := flag.Duration("time", time.Minute, "how long each fuzzer runs")
	memory := flag.Int("memory", 512, "MB of data each may have")
	only := flag.String("only", "", "only fuzzers whose name holds this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *each, *memory, *only); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration, memory int, only string) error {
	targets, err := find(".")
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("no fuzzer was found: run this at the top of the module")
	}
	cache, err := filepath.Abs(".cache/fuzz")
	if err != nil {
		return err
	}
	// Children inherit the bound; the compiler would not live with it, so it is
	// set after everything is built.
	for _, t := range targets {
		if err := build(ctx, t.dir, cache); err != nil {
			return err
		}
	}
	limit := uint64(memory) << 20
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	ran := 0
	for _, t := range targets {
		if !strings.Contains(t.name, only) {
			continue
		}
		if err := t.fuzz(ctx, cache, each); err != nil {
			return err
		}
		ran++
	}
	fmt.Printf("%d fuzzers ran for %v each, within %d MB\n", ran, each, memory)
	return nil
}

type target struct{ dir, name string }

var fuzzer = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find lists the fuzzers in a tree.
func find(root string) ([]target, error) {
	var out []target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range fuzzer.FindAllSubmatch(text, -1) {
			out = append(out, target{filepath.Dir(path), string(m[1])})
		}
		return err
	})
	return out, err
}

func binary(cache, dir string) string {
	return filepath.Join(cache, strings.ReplaceAll(dir, "/", "-")+".test")
}

// build makes the test binary of a package, told how to fuzz.
func build(ctx context.Context, dir, cache string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz=Fuzz", "-o", binary(cache, dir), "./"+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// fuzz runs one fuzzer. When the time is over in the middle of an input, Go
// reports that as a failure with no failing input: that is none.
func (t target) fuzz(ctx context.Context, cache string, each time.Duration) error {
	fmt.Printf("== %s %s\n", t.dir, t.name)
	cmd := exec.CommandContext(ctx, binary(cache, t.dir), "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+each.String(),
		"-test.fuzzcachedir="+filepath.Join(cache, "corpus"), "-test.parallel=1")
	cmd.Dir = t.dir
	var said bytes.Buffer
	cmd.Stdout = io.MultiWriter(os.Stdout, &said)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	if err != nil && strings.Contains(said.String(), "context deadline exceeded") && !strings.Contains(said.String(), "Failing input") {
		fmt.Println("the time was over in the middle of an input: no failure")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", t.dir, t.name, err)
	}
	return nil
}
