package compile

import (
	"fmt"
	"io"
	"strings"
)

// PrintNetwork writes links, addresses and routes as lines that ip -batch reads
// (ip(8)). Addresses of the firewall as a whole are marked: with two nodes only
// the active one holds them.
func PrintNetwork(w io.Writer, cfg *Config) error {
	var b strings.Builder
	for _, l := range cfg.Links {
		if l.VLAN != 0 {
			fmt.Fprintf(&b, "link add link %s name %s type vlan id %d\n", l.Parent, l.Name, l.VLAN)
		}
		fmt.Fprintf(&b, "link set dev %s up\n", l.Name)
	}
	for _, a := range cfg.Addresses {
		note := ""
		if a.Shared {
			note = " # while this node is active"
		}
		fmt.Fprintf(&b, "address add %s dev %s%s\n", a.Prefix, a.Link, note)
	}
	for _, r := range cfg.Routes {
		fmt.Fprintf(&b, "route add %s via %s dev %s\n", r.Dest, r.Via, r.Link)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintSysctls writes kernel settings as sysctl.d(5) reads them, in the order
// they are set: forwarding is the last.
func PrintSysctls(w io.Writer, cfg *Config) error {
	var b strings.Builder
	for _, s := range cfg.Sysctls {
		fmt.Fprintf(&b, "%s = %s\n", s.Key, s.Value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
