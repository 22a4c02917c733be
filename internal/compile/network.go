package compile

import (
	"net/netip"
	"slices"

	"glacis/internal/policy"
)

// links lists the devices before the VLANs on them, each once.
func links(site *policy.Site) []Link {
	var devices, vlans []Link
	add := func(device string, vlan int) {
		if d := (Link{Name: device}); !slices.Contains(devices, d) {
			devices = append(devices, d)
		}
		if vlan != 0 {
			vlans = append(vlans, Link{Name: policy.LinkName(device, vlan), Parent: device, VLAN: vlan})
		}
	}
	for _, i := range site.Firewall.Interfaces {
		add(i.Device, i.VLAN)
	}
	if f := site.Firewall.Failover; f != nil {
		add(f.Device, f.VLAN)
	}
	return append(devices, vlans...)
}

// addresses lists the node's own addresses before the shared ones, so that the
// kernel prefers its own where both would do.
func addresses(site *policy.Site, node *policy.Node) []Address {
	shared := site.Firewall.Failover != nil
	var own, common []Address
	for _, i := range site.Firewall.Interfaces {
		for _, p := range i.Addresses {
			if node.Management.IsValid() && p.Masked().Contains(node.Management) && p.Addr() != node.Management {
				own = append(own, Address{Link: i.Link(), Prefix: netip.PrefixFrom(node.Management, p.Bits())})
			}
			common = append(common, Address{Link: i.Link(), Prefix: p, Shared: shared})
		}
	}
	if f := site.Firewall.Failover; f != nil {
		own = append(own, Address{Link: f.Link(), Prefix: f.Addresses[slices.Index(site.Firewall.Nodes, node)]})
	}
	for _, n := range site.NATAddresses() {
		common = append(common, Address{Link: n.Interface.Link(), Prefix: netip.PrefixFrom(n.Addr, n.Addr.BitLen()), Shared: shared})
	}
	return append(own, common...)
}

// routes lists the routes through next hops; those of connected subnets come
// with the addresses.
func routes(site *policy.Site) []Route {
	var out []Route
	for _, r := range site.Routes() {
		if r.Via.IsValid() {
			out = append(out, Route{Dest: r.Dest, Via: r.Via, Link: r.Interface.Link()})
		}
	}
	return out
}

// sysctls are the kernel settings of a firewall, forwarding last: nothing is
// forwarded before everything else is in place. Reverse-path filtering is off
// because the ruleset binds sources to interfaces more exactly than routes can.
func sysctls(site *policy.Site) []Sysctl {
	out := []Sysctl{
		{"net/netfilter/nf_conntrack_tcp_loose", "0"}, // no connection without its SYN
		{"net/ipv4/tcp_syncookies", "1"},
		{"net/ipv4/icmp_echo_ignore_broadcasts", "1"},
		{"net/ipv4/icmp_ignore_bogus_error_responses", "1"},
	}
	names := []string{"all", "default"}
	for _, l := range links(site) {
		names = append(names, l.Name)
	}
	for _, n := range names {
		out = append(out,
			Sysctl{"net/ipv4/conf/" + n + "/rp_filter", "0"},
			Sysctl{"net/ipv4/conf/" + n + "/accept_redirects", "0"},
			Sysctl{"net/ipv4/conf/" + n + "/secure_redirects", "0"},
			Sysctl{"net/ipv4/conf/" + n + "/send_redirects", "0"},
			Sysctl{"net/ipv4/conf/" + n + "/accept_source_route", "0"},
			Sysctl{"net/ipv6/conf/" + n + "/accept_redirects", "0"},
			Sysctl{"net/ipv6/conf/" + n + "/accept_source_route", "0"},
			Sysctl{"net/ipv6/conf/" + n + "/accept_ra", "0"},
		)
	}
	return append(out, Sysctl{"net/ipv4/ip_forward", "1"}, Sysctl{"net/ipv6/conf/all/forwarding", "1"})
}
