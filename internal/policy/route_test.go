package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"glacis/internal/policy"
)

// TestRoutes: the firewall's subnets, what lies behind each next hop, and the
// way to the Internet; the longest destination decides.
func TestRoutes(t *testing.T) {
	s := load(t, base+rules)
	routes := s.Routes()
	seen := map[string]bool{}
	for _, r := range routes {
		if seen[r.Dest.String()] {
			t.Errorf("two routes to %s", r.Dest)
		}
		seen[r.Dest.String()] = true
	}
	for dst, want := range map[string]string{
		"10.0.0.77": "core", "10.16.0.50": "core via 10.0.0.254", "10.8.255.1": "core via 10.0.0.254", "2001:db8:16::9": "core via 2001:db8:10::fe",
		"10.64.0.9": "wan via 10.255.0.6", "10.99.0.77": "guest", "203.0.113.9": "outside via 198.51.100.14", "2001:db8:f::9": "outside via 2001:db8:1::e", "198.51.100.9": "outside",
	} {
		r, ok := policy.RouteTo(routes, addr(dst))
		got := "no route"
		if ok {
			got = r.Interface.Name
		}
		if r.Via.IsValid() {
			got += " via " + r.Via.String()
		}
		if got != want {
			t.Errorf("%s goes by %s, want %s", dst, got, want)
		}
	}
}

// TestNATAddresses: each translated address once, on the interface that holds
// it; the interfaces' own are not among them, and none stands for the firewall.
func TestNATAddresses(t *testing.T) {
	s := load(t, base+rules+"  - {name: inside, publish: https, at: 10.99.0.9, to: web1, from: guest}\n  - {name: own, publish: smtp, at: 198.51.100.1, to: web1}\n  - {name: off, publish: ssh, at: 192.0.2.200, to: web1, from: branch}\n")
	var got []string
	for _, n := range s.NATAddresses() {
		got = append(got, fmt.Sprint(n.Addr, " ", n.Interface.Name))
		if !s.Own().Contains(n.Addr) || s.Itself().Contains(n.Addr) {
			t.Errorf("%s: own is %v, itself is %v", n.Addr, s.Own().Contains(n.Addr), s.Itself().Contains(n.Addr))
		}
	}
	if want := "198.51.100.2 outside, 198.51.100.3 outside, 198.51.100.4 outside, 10.99.0.9 guest, 192.0.2.200 wan"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	if !s.Itself().Contains(addr("198.51.100.1")) {
		t.Error("an interface's address stands for the firewall, published on or not")
	}
}
