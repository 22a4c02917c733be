package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"glacis/internal/diag"
)

func codes(list diag.List) []string {
	var out []string
	for _, d := range list {
		if d.Severity != diag.Info && !slices.Contains(out, d.Code) {
			out = append(out, d.Code)
		}
	}
	return out
}

// TestRoles is the table of roles of the site language: what each role promises
// needs an exception, and what it does not forbid needs none.
func TestRoles(t *testing.T) {
	for _, c := range []struct {
		from, to, service string
		forbidden         bool
	}{
		{"internet", "web1", "https", false}, {"internet", "web1", "any", true}, {"internet", "dmz", "https", true},
		{"internet", "pc1", "https", true}, {"internet", "db1", "https", true}, {"internet", "firewall", "ssh", true}, {"internet", "acme", "https", true},
		{"web1", "mirror", "https", true}, {"web1", "db1", "postgresql", true}, {"web1", "pc1", "https", true}, {"web1", "firewall", "ssh", true}, {"web1", "admin1", "ssh", true},
		{"db1", "mirror", "https", true}, {"db1", "web1", "https", false}, {"db1", "acme", "https", false}, {"db1", "dmz", "https", true},
		{"users", "internet", "https", false}, {"users", "internet", "any", true}, {"users", "web1", "https", false}, {"users", "dmz", "https", true}, {"pc1", "firewall", "ssh", true}, {"users", "branch", "https", false},
		{"acme", "db1", "https", false}, {"acme", "web1", "any", true}, {"partner", "servers", "https", true}, {"acme", "admin1", "ssh", true}, {"acme", "bpc", "https", true}, {"acme", "mirror", "https", false}, {"acme", "internet", "https", true},
		{"bpc", "db1", "https", false}, {"branch", "internet", "https", false}, {"branch", "internet", "any", true}, {"bpc", "acme", "https", true}, {"bpc", "admin1", "ssh", true}, {"branch", "servers", "https", true},
		{"guest", "internet", "https", false}, {"guest", "web1", "https", false}, {"guest", "db1", "https", true}, {"guest", "pc1", "https", true}, {"guest", "admin1", "ssh", true}, {"guest", "acme", "https", true},
		{"admin", "web1", "ssh", false}, {"admin", "branch", "ssh", false}, {"admin1", "firewall", "https", true}, {"firewall", "db1", "syslog", false},
	} {
		rule := fmt.Sprintf("rules:\n  - {name: r, allow: %s, from: %s, to: %s, because: b, owner: o", c.service, c.from, c.to)
		s, diags := tryLoad(base + rule + "}\n")
		if got := slices.Contains(codes(diags), "exception-required"); got != c.forbidden || (s == nil) != c.forbidden {
			t.Errorf("%s to %s on %s: forbidden is %v, want %v: %v", c.from, c.to, c.service, got, c.forbidden, codes(diags))
		}
		for _, action := range []string{"drop", "reject"} { // nobody is forbidden to close
			if s, diags := tryLoad(base + strings.Replace(rule, "allow", action, 1) + "}\n"); s == nil {
				t.Errorf("%s from %s to %s: %v", action, c.from, c.to, codes(diags))
			}
		}
	}
}

// TestValidate: each thing that is wrong with the meaning of a site is said.
func TestValidate(t *testing.T) {
	const until = ", exception: {ticket: T, approved-by: a, expires: %s}"
	rule := func(what string) string { return "rules:\n  - {name: r, because: b, owner: o, " + what + "}\n" }
	for _, c := range []struct{ name, rest, want string }{
		{"an exception", rule("allow: https, from: web1, to: mirror" + fmt.Sprintf(until, "2027-06-30")), ""},
		{"a narrow network", rule("allow: https, from: 192.0.2.16/28, to: mirror" + fmt.Sprintf(until, "2027-06-30")), ""},
		{"too wide a network", rule("allow: https, from: 192.0.2.32/27, to: mirror" + fmt.Sprintf(until, "2027-06-30")), "exception-too-wide"},
		{"too wide an IPv6 network", rule(`allow: https, from: "2001:db8:20::/123", to: internet` + fmt.Sprintf(until, "2027-06-30")), "exception-too-wide"},
		{"a zone", rule("allow: https, from: dmz, to: mirror" + fmt.Sprintf(until, "2027-06-30")), "exception-too-wide"},
		{"any service", rule("allow: any, from: web1, to: mirror" + fmt.Sprintf(until, "2027-06-30")), "exception-any"},
		{"expired", rule("allow: https, from: web1, to: mirror" + fmt.Sprintf(until, "2026-11-30")), "exception-expired"},
		{"expires today", rule("allow: https, from: web1, to: mirror" + fmt.Sprintf(until, "2026-12-01")), "exception-expiring"},
		{"in 29 days", rule("allow: https, from: web1, to: mirror" + fmt.Sprintf(until, "2026-12-30")), "exception-expiring"},
		{"in 31 days", rule("allow: https, from: web1, to: mirror" + fmt.Sprintf(until, "2027-01-01")), ""},
		{"one interface", rule("allow: https, from: users, to: db1"), "rule-unfiltered"},
		{"no family", rule(`allow: https, from: "2001:db8:16::/64", to: acme`), "rule-no-family"},
		{"a service of another family", rule("allow: icmpv6/128, from: pc1, to: acme"), "rule-no-family"},
		{"published and nobody may", "nat:\n  - {name: n, publish: https, at: 198.51.100.3, to: web1}\n", "nat-without-rule"},
		{"published and allowed", rule("allow: https, from: internet, to: web1") + "nat:\n  - {name: n, publish: tcp/8443, at: 198.51.100.3, to: web1, port: 443}\n", ""},
		{"published on the port before translation", rule("allow: tcp/8443, from: internet, to: web1") + "nat:\n  - {name: n, publish: tcp/8443, at: 198.51.100.3, to: web1, port: 443}\n", "nat-without-rule"},
		{"an address with an interface", rule("allow: https, from: internet, to: web1") + "nat:\n  - {name: n, publish: https, at: 192.0.2.200, to: web1}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, diags := tryLoad(base + c.rest)
			if got := strings.Join(codes(diags), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestNATAddressNowhere: an address that no interface can hold is an error: the
// kernel would never see a packet for it.
func TestNATAddressNowhere(t *testing.T) {
	const inside = `site: inside
zones: {a: {role: users, networks: [10.1.0.0/24]}, b: {role: servers, networks: [10.2.0.0/24]}}
firewall:
  nodes: {fw: {}}
  interfaces: {a: {device: eth0, zones: [a], address: [10.1.0.1/24]}, b: {device: eth1, zones: [b], address: [10.2.0.1/24]}}
hosts: {h: {zone: b, address: 10.2.0.9}}
rules: [{name: r, allow: https, from: a, to: h, because: b, owner: o}]
`
	for nat, want := range map[string]bool{
		"nat: [{name: n, publish: https, at: 192.0.2.9, to: h}]":          true,
		"nat: [{name: n, publish: https, at: 192.0.2.9, to: h, from: a}]": false,
		"nat: [{name: n, publish: https, at: 10.1.0.77, to: h}]":          false,
	} {
		_, diags := tryLoad(inside + nat)
		if got := slices.Contains(codes(diags), "nat-address-nowhere"); got != want {
			t.Errorf("%s: %v", nat, codes(diags))
		}
	}
}
