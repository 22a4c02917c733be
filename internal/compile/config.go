// Package compile turns a site into what one firewall node is to be: its
// nftables ruleset, links, addresses, routes and kernel settings, as data.
// Nothing here touches a machine.
package compile

import (
	"net/netip"

	"glacis/internal/nft"
)

// Config is everything Glacis sets on one node. It is deterministic: the same
// site gives the same Config, byte for byte when printed.
type Config struct {
	Site      string
	Node      string
	Ruleset   *nft.Ruleset
	Links     []Link
	Addresses []Address
	Routes    []Route
	Sysctls   []Sysctl
}

// Link is a network interface the node must have, brought up.
type Link struct {
	Name   string // kernel name, such as eth1.20
	Parent string // the device that carries the tag; empty for a physical device
	VLAN   int    // 0 for a physical device
}

// Address is one address on a link.
type Address struct {
	Link   string
	Prefix netip.Prefix // address with the subnet's length; /32 or /128 for NAT addresses
	Shared bool         // belongs to the firewall as a whole: only the active node holds it
}

// Route sends a network to a next hop.
type Route struct {
	Dest netip.Prefix
	Via  netip.Addr
	Link string
}

// Sysctl is one kernel setting, in the slash form below /proc/sys: a link name
// may hold dots.
type Sysctl struct{ Key, Value string }
