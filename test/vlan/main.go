// Command vlan runs the lab with real 802.1Q tags. The machines that run tests
// seldom have that part of the kernel, so it boots Debian's newest cloud kernel
// in a virtual machine (qemu, without the host's help) and there tests sites
// with the glacis command itself: those in order must agree, those with a fault
// in the wiring must not. It needs Debian on amd64; what is missing it installs,
// which takes root. What it downloads and builds stays in .cache/vlan.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// patience is how long the guest may take, from its first instruction to its last.
const patience = 5 * time.Minute

func main() {
	if os.Args[len(os.Args)-1] == "guest" { // before it, what the kernel does not know of its own command line
		guest()
		return
	}
	memory := flag.Int("memory", 256, "memory of the guest, in MiB")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := test(ctx, *memory); err != nil {
		fmt.Fprintln(os.Stderr, "vlan:", err)
		os.Exit(1)
	}
}

// build is what a guest is made of: files of this machine.
type build struct {
	kernel  string // a directory
	init    string
	command string
	modules []string
	sites   map[string]string // directories by name
	trials  []trial
	image   string
	console string // what the kernel says
}

func test(ctx context.Context, memory int) error {
	begun := time.Now()
	b, err := prepare(ctx)
	if err != nil {
		return err
	}
	say("%s in %d MiB; ready after %.1f s", filepath.Base(b.kernel), memory, time.Since(begun).Seconds())
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var failed []string
	done := 0
	err = boot(ctx, b, memory, func(r result) {
		done++
		if !reported(b.trials, r) {
			failed = append(failed, r.Name)
		}
	})
	switch {
	case err != nil:
		return err
	case done != len(b.trials):
		return fmt.Errorf("%d of %d trials were run", done, len(b.trials))
	case len(failed) > 0:
		return fmt.Errorf("failed: %s", strings.Join(failed, "; "))
	}
	say("all %d trials as they should be, after %.1f s", done, time.Since(begun).Seconds())
	return nil
}

// reported prints a result and says whether it is as it should be.
func reported(trials []trial, r result) bool {
	k := slices.IndexFunc(trials, func(t trial) bool { return t.Name == r.Name })
	if k < 0 {
		fmt.Printf("FAIL  %s: nobody asked for it\n", r.Name)
		return false
	}
	rep, err := trials[k].judge(r)
	verdict := "ok  "
	if err != nil {
		verdict = "FAIL"
	}
	fmt.Printf("%s  %s (%.1f s): %s\n", verdict, r.Name, r.Seconds, rep.Summary())
	if err != nil {
		fmt.Printf("      %v\n%s", err, r.Stderr)
	}
	for _, d := range rep.Disagree[:min(3, len(rep.Disagree))] {
		fmt.Printf("      %s: %s: predicted %s, observed %s\n", d.Name, d.Packet, d.Predicted, d.Observed)
	}
	return err == nil
}

// prepare finds, downloads and builds what the guest is made of.
func prepare(ctx context.Context) (b build, err error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return b, errors.New("this takes Linux on amd64")
	}
	root, err := projectRoot(ctx)
	if err != nil {
		return b, err
	}
	cache := filepath.Join(root, ".cache/vlan")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return b, err
	}
	if err := installMissing(ctx); err != nil {
		return b, err
	}
	if b.kernel, err = kernel(ctx, cache); err != nil {
		return b, err
	}
	if b.modules, err = modules(b.kernel); err != nil {
		return b, err
	}
	b.init, b.command = filepath.Join(cache, "init"), filepath.Join(cache, "glacis")
	b.image, b.console = filepath.Join(cache, "initramfs"), filepath.Join(cache, "console.log")
	if err := compile(ctx, root, b); err != nil {
		return b, err
	}
	b.sites = map[string]string{large: filepath.Join(root, "examples/enterprise"), small: filepath.Join(root, "test/vlan/testdata/one-cable")}
	if b.trials, err = trials(b.sites); err != nil {
		return b, err
	}
	return b, image(ctx, b)
}

// compile builds the command under test and this program, both without shared
// libraries.
func compile(ctx context.Context, root string, b build) error {
	for out, pkg := range map[string]string{b.command: "./cmd/glacis", b.init: "./test/vlan"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go build %s: %w", pkg, err)
		}
	}
	return nil
}
