package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// needed are the programs this takes and the Debian packages that bring them.
var needed = [][2]string{
	{"qemu-system-x86_64", "qemu-system-x86"}, {"depmod", "kmod"}, {"dpkg", "dpkg"}, {"ldd", "libc-bin"},
	{"nft", "nftables"}, {"ip", "iproute2"},
}

// installMissing installs the packages of programs that are not there.
func installMissing(ctx context.Context) error {
	var packages []string
	for _, n := range needed {
		if _, err := program(n[0]); err != nil {
			packages = append(packages, n[1])
		}
	}
	if len(packages) == 0 {
		return nil
	}
	args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	if os.Geteuid() != 0 {
		return fmt.Errorf("missing: %s; as root: apt-get %s", strings.Join(packages, ", "), strings.Join(args, " "))
	}
	say("installing %s", strings.Join(packages, ", "))
	return aptGet(ctx, "", args...)
}

// aptGet runs apt-get in a directory; if that fails, once more with fresh lists.
func aptGet(ctx context.Context, dir string, args ...string) error {
	args = append([]string{"-q", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=120"}, args...)
	err := command(ctx, dir, "apt-get", args...)
	if err == nil || ctx.Err() != nil || os.Geteuid() != 0 {
		return err
	}
	say("apt-get: asking for new lists of packages")
	if err := command(ctx, "", "apt-get", "-q", "update"); err != nil {
		return err
	}
	return command(ctx, dir, "apt-get", args...)
}

// kernel is Debian's newest cloud kernel, unpacked below the cache: its
// directory. What the lists of packages know decides, then what is there.
func kernel(ctx context.Context, cache string) (string, error) {
	names, err := known(ctx)
	if err != nil {
		return "", err
	}
	for _, dir := range glob(filepath.Join(cache, "linux-image-*")) {
		names = append(names, filepath.Base(dir))
	}
	if names = cloudKernels(names); len(names) == 0 && os.Geteuid() == 0 {
		say("apt-get: asking for lists of packages, there are none")
		if err := command(ctx, "", "apt-get", "-q", "update"); err != nil {
			return "", err
		}
		if names, err = known(ctx); err != nil {
			return "", err
		}
		names = cloudKernels(names)
	}
	if len(names) == 0 {
		return "", errors.New("no package linux-image-...-cloud-amd64: is this Debian, and are its lists there (apt-get update)?")
	}
	dir := filepath.Join(cache, names[len(names)-1])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, unpack(ctx, cache, dir)
}

// known asks apt's lists; where there is no apt, nothing is known.
func known(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "search", "--names-only", "^linux-image-.*-cloud-amd64$").Output()
	if err != nil {
		return nil, fmt.Errorf("apt-cache search: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	return names, nil
}

// unpack downloads a kernel and unpacks it into its directory, which appears
// whole or not at all. Those of other versions go.
func unpack(ctx context.Context, cache, dir string) error {
	name := filepath.Base(dir)
	say("downloading %s", name)
	work, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := aptGet(ctx, work, "download", name); err != nil {
		return err
	}
	debs := glob(filepath.Join(work, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("apt-get download %s left %d packages", name, len(debs))
	}
	root := filepath.Join(work, "root")
	if err := command(ctx, "", "dpkg", "-x", debs[0], root); err != nil {
		return err
	}
	version := strings.TrimPrefix(name, "linux-image-")
	if err := command(ctx, "", "depmod", "-b", root, version); err != nil { // the package comes without
		return err
	}
	for _, old := range glob(filepath.Join(cache, "linux-image-*")) {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	return os.Rename(root, dir)
}

// versioned is the name of a package that holds a kernel: two numbers alone are
// a package that depends on one.
var versioned = regexp.MustCompile(`^linux-image-\d+\.\d+\.\d+\S*-cloud-amd64$`)

// cloudKernels picks the kernels among packages, the newest last.
func cloudKernels(names []string) []string {
	var out []string
	for _, n := range names {
		if versioned.MatchString(n) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(slices.Compare(numbers(a), numbers(b)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}

var digits = regexp.MustCompile(`\d+`)

func numbers(s string) []int {
	var out []int
	for _, d := range digits.FindAllString(strings.TrimSuffix(s, "-cloud-amd64"), -1) {
		n, _ := strconv.Atoi(d) // too long a number is the largest
		out = append(out, n)
	}
	return out
}
