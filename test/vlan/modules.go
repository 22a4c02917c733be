package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the modules that a lab uses: links, tags, bridges, and what its
// rulesets are made of.
var wanted = []string{
	"veth", "8021q", "bridge",
	"nf_tables", "nf_conntrack", "nf_conntrack_netlink", "nfnetlink_log",
	"nft_ct", "nft_chain_nat", "nft_nat", "nft_masq", "nft_redir", "nft_reject_inet", "nft_log", "nft_limit", "nft_fib_inet",
}

// modules lists the files of the wanted modules of a kernel that is unpacked in
// a directory, each after those it depends on.
func modules(kernel string) ([]string, error) {
	libs := glob(filepath.Join(kernel, "lib/modules/*"))
	if len(libs) != 1 {
		return nil, fmt.Errorf("%s has %d directories of modules", filepath.Base(kernel), len(libs))
	}
	needs, err := os.ReadFile(filepath.Join(libs[0], "modules.dep"))
	builtin, err2 := os.ReadFile(filepath.Join(libs[0], "modules.builtin"))
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	order, err := loadOrder(string(needs), string(builtin), wanted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(kernel), err)
	}
	for k := range order {
		order[k] = filepath.Join(libs[0], order[k])
	}
	return order, nil
}

// loadOrder reads modules.dep and modules.builtin (modprobe(8)). What is built
// in needs no file; what is not there at all is an error.
func loadOrder(dep, builtin string, names []string) ([]string, error) {
	needs := map[string][]string{} // by name: what it needs, in order, and itself
	for line := range strings.Lines(dep) {
		file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		files := append([]string{file}, strings.Fields(rest)...)
		slices.Reverse(files) // the line names last what loads first
		needs[moduleName(file)] = files
	}
	inside := map[string]bool{}
	for _, file := range strings.Fields(builtin) {
		inside[moduleName(file)] = true
	}
	var order []string
	for _, name := range names {
		if needs[name] == nil && !inside[name] {
			return nil, fmt.Errorf("no module %s", name)
		}
		for _, f := range needs[name] {
			if !slices.Contains(order, f) {
				order = append(order, f)
			}
		}
	}
	return order, nil
}

// moduleName is a module's name, whatever its file is compressed with.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
