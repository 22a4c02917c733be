package lab

import (
	"fmt"
	"regexp"
	"strings"

	"glacis/internal/linux"
)

// prefix begins the names of all namespaces that labs make.
const prefix = "glacis-"

var labName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// CheckName says what is wrong with the name of a lab, if anything.
func CheckName(name string) error {
	if !labName.MatchString(name) {
		return fmt.Errorf("%q is not a name for a lab: letters, digits, - and _, at most 64", name)
	}
	return nil
}

// NamespaceName is how the namespace of a lab's host, zone or node is called.
// The dot cannot be part of a lab's name: no lab's names begin with another's.
func NamespaceName(lab, host string) string { return prefix + lab + "." + host }

// Members lists the hosts, zones, nodes and routers of a standing lab.
func Members(lab string) ([]string, error) {
	names, err := linux.Namespaces(NamespaceName(lab, ""))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		if member := strings.TrimPrefix(n, NamespaceName(lab, "")); member != wires {
			out = append(out, member)
		}
	}
	return out, nil
}
