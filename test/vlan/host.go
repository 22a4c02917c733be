package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// say tells what is being done.
func say(format string, args ...any) { fmt.Printf("vlan: "+format+"\n", args...) }

// program finds a program of this machine, also one that is for root alone.
func program(name string) (string, error) {
	file, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			file, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	return file, err
}

// command runs a program in a directory and shows what it prints if it fails.
func command(ctx context.Context, dir, name string, args ...string) error {
	file, err := program(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// glob lists the files that match; the patterns here are never malformed.
func glob(pattern string) []string {
	files, _ := filepath.Glob(pattern)
	return files
}

func projectRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", errors.New("run it inside the project")
	}
	return filepath.Dir(mod), nil
}
