// Command vlan runs the lab with real 802.1Q tags. The machines that run tests
// seldom have that part of the kernel, so it boots Debian's newest cloud kernel
// in virtual machines (qemu, without the host's help) and there tests sites
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
	"sync"
	"time"
)

// patience is how long the guests may take, from the first instruction to the last.
const patience = 5 * time.Minute

func main() {
	if os.Getpid() == 1 { // the rest is what the kernel does not know of its own command line
		guest(os.Args[len(os.Args)-1])
		return
	}
	memory := flag.Int("memory", 512, "memory of each guest, in MiB")
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
	console string // file names of what the kernels say begin so
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
	done, failed, err := bootAll(ctx, b, memory)
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

// bootAll runs a guest for each site, side by side, and reports their results as
// they come: how many, and which are not as they should be.
func bootAll(ctx context.Context, b build, memory int) (done int, failed []string, err error) {
	var one sync.Mutex
	var all sync.WaitGroup
	var errs []error
	for site := range b.sites {
		all.Go(func() {
			err := boot(ctx, b, site, memory, func(r result) {
				one.Lock()
				defer one.Unlock()
				done++
				if !reported(b.trials, r) {
					failed = append(failed, r.Name)
				}
			})
			one.Lock()
			defer one.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	return done, failed, errors.Join(errs...)
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
	b.image, b.console = filepath.Join(cache, "initramfs"), filepath.Join(cache, "console-")
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
