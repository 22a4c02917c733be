package site

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// with loads the base with further text, which must be without errors.
func with(t *testing.T, more string) *policy.Site {
	t.Helper()
	fsys := badCase{}.site(t)
	fsys["zz-more.yaml"] = &fstest.MapFile{Data: []byte(more)}
	fsys["list.txt"] = &fstest.MapFile{Data: []byte("203.0.113.1 # one\n\n; none\n203.0.113.8/29\r\n  203.0.113.100-203.0.113.101  \n2001:db8:bad::/48\n")}
	s, diags, src := Load(fsys, Options{Now: now})
	if s == nil {
		t.Fatalf("does not load:\n%s", rendered(diags, src))
	}
	return s
}

func TestExamplesLoadClean(t *testing.T) {
	for _, dir := range exampleDirs(t) {
		_, diags, src := Load(os.DirFS(dir), Options{Now: now})
		if diags.HasErrors() || diags.Count(diag.Warning) > 0 {
			t.Errorf("%s:\n%s", dir, rendered(diags, src))
		}
	}
}

// ends writes endpoints as zone:addresses, "*" for all of a zone.
func ends(list []policy.Endpoint) string {
	var out []string
	for _, e := range list {
		addrs := "*"
		if e.Addrs != nil {
			var parts []string
			for _, r := range e.Addrs.Ranges() {
				if p, ok := r.Prefix(); ok {
					parts = append(parts, p.String())
				} else {
					parts = append(parts, r.String())
				}
			}
			addrs = strings.Join(parts, "+")
		}
		out = append(out, e.ZoneName()+":"+addrs)
	}
	return strings.Join(out, " ")
}

const endsSite = `
groups:
  web: [web1]
  inner: [web, 10.8.4.0/30]
  outer: [inner, guest, inner, web1]
rules:
  - {name: r, drop: any, from: [%s], to: any, because: x, owner: y}
`

func TestEndpoints(t *testing.T) {
	for written, want := range map[string]string{
		"users":                  "users:*",
		"db1":                    "servers:10.8.4.20/32",
		"web1":                   "dmz:192.0.2.20/32+2001:db8:20::20/128",
		"firewall":               "firewall:*",
		"any":                    "internet:* dmz:* users:* servers:* management:* guest:*",
		"10.8.4.20":              "servers:10.8.4.20/32",
		"10.8.4.0/24":            "servers:10.8.4.0/24",
		"10.8.4.1-10.8.4.2":      "servers:10.8.4.1-10.8.4.2",
		"203.0.113.9, guest":     "internet:203.0.113.9/32 guest:*",
		"10.8.255.255-10.16.0.9": "users:10.16.0.0/32+10.16.0.2-10.16.0.9", // the broadcast and the firewall's own are no zone's
		"10.8.255.254-10.16.0.9": "users:10.16.0.0/32+10.16.0.2-10.16.0.9 servers:10.8.255.254/32",
		`"2001:db8:20::/64"`:     "dmz:2001:db8:20::2-2001:db8:20:0:ffff:ffff:ffff:ffff",
		"web":                    "dmz:192.0.2.20/32+2001:db8:20::20/128",
		"inner":                  "dmz:192.0.2.20/32+2001:db8:20::20/128 servers:10.8.4.0/30",
		"outer":                  "dmz:192.0.2.20/32+2001:db8:20::20/128 servers:10.8.4.0/30 guest:*",
		"10.99.0.0/24":           "guest:*", // all of the zone, written out
	} {
		got := ends(with(t, fmt.Sprintf(endsSite, written)).Rules[1].From)
		if got != want {
			t.Errorf("%s is %s, want %s", written, got, want)
		}
	}
}

func TestRuleOptions(t *testing.T) {
	s := with(t, `
blocklists:
  bad: {file: list.txt}
rules:
  - {name: a, allow: [dns, tcp/853], from: users, to: internet, because: " Names ", owner: it, log: true, limit: {new: 10/s, per: source, burst: 30}}
  - {name: b, reject: telnet, from: guest, to: any, because: Old, owner: it, when: {destination: blocklist.bad}}
  - {name: c, allow: https, from: web1, to: mirror, because: Updates, owner: web, limit: {new: 1/s}, exception: {ticket: 1234, approved-by: ciso, expires: 2027-02-28}}
`)
	a, b, c := s.Rules[1], s.Rules[2], s.Rules[3]
	if a.Action != policy.Allow || len(a.Services) != 2 || a.Because != "Names" || !a.Log || *a.Limit != (policy.Limit{Rate: policy.Rate{PerSecond: 10, Burst: 30}, PerSource: true}) {
		t.Errorf("a: %+v", a)
	}
	if b.Action != policy.Reject || b.When.Source != nil || b.When.Destination != s.Blocklists[0] || b.Log || b.Limit != nil {
		t.Errorf("b: %+v", b)
	}
	last := time.Date(2027, 2, 28, 23, 59, 59, 0, time.UTC)
	if c.Exception.Ticket != "1234" || c.Exception.Expired(last) || !c.Exception.Expired(last.Add(time.Second)) || c.Limit.PerSource {
		t.Errorf("c: %+v", c.Exception)
	}
	if a.Range.String() != "zz-more.yaml:5:12" {
		t.Errorf("rule a is at %v", a.Range)
	}
}

func TestRulesKeepTheirOrder(t *testing.T) {
	fsys := badCase{}.site(t)
	for _, name := range []string{"b", "a", "c"} {
		fsys["zz-"+name+".yaml"] = &fstest.MapFile{Data: []byte(fmt.Sprintf("rules:\n  - {name: %[1]s1, drop: tcp/1, from: users, to: dmz, because: x, owner: y}\n  - {name: %[1]s0, drop: tcp/2, from: users, to: dmz, because: x, owner: y}\n", name))}
	}
	s, _, _ := Load(fsys, Options{Now: now})
	var names []string
	for _, r := range s.Rules {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "website a1 a0 b1 b0 c1 c0" {
		t.Errorf("order %s", got)
	}
}

func TestBlocklist(t *testing.T) {
	b := with(t, "blocklists:\n  bad: {file: list.txt, on-missing: keep-last}\n").Blocklists[0]
	var got []string
	for _, r := range b.Addrs.Ranges() {
		got = append(got, r.String())
	}
	want := "203.0.113.1-203.0.113.1 203.0.113.8-203.0.113.15 203.0.113.100-203.0.113.101 2001:db8:bad::-2001:db8:bad:ffff:ffff:ffff:ffff:ffff"
	if strings.Join(got, " ") != want || !b.KeepLast || b.File != "list.txt" {
		t.Errorf("%+v: %v", b, got)
	}
}

func TestNAT(t *testing.T) {
	s := with(t, `
nat:
  - {name: leave, exempt: [guest]}
  - {name: one, map: db1, at: 198.51.100.4, to: internet}
  - {name: hide, masquerade: [users, 10.8.4.0/24], to: internet, as: 198.51.100.3}
  - {name: plain, masquerade: servers, to: internet}
  - {name: web, publish: [http, https], at: [198.51.100.5, "2001:db8:1::5"], to: web1, from: 203.0.113.0/24}
  - {name: moved, publish: tcp/8443, at: 198.51.100.5, to: web1, port: 443}
`)
	leave, one, hide, plain, web, moved := s.NAT[0], s.NAT[1], s.NAT[2], s.NAT[3], s.NAT[4], s.NAT[5]
	if leave.Kind != policy.Exempt || ends(leave.From) != "guest:*" {
		t.Errorf("leave: %+v", leave)
	}
	if one.Kind != policy.Map || one.Host.Name != "db1" || one.Out.Name != "internet" || fmt.Sprint(one.At) != "[198.51.100.4]" {
		t.Errorf("one: %+v", one)
	}
	if hide.Kind != policy.Masquerade || ends(hide.From) != "users:* servers:10.8.4.0/24" || fmt.Sprint(hide.As) != "[198.51.100.3]" {
		t.Errorf("hide: %+v", hide)
	}
	if len(plain.As) != 0 || plain.Out.Name != "internet" {
		t.Errorf("plain: %+v", plain)
	}
	if web.Kind != policy.Publish || len(web.At) != 2 || ends(web.From) != "internet:203.0.113.0/24" || len(web.Service.Matches) != 2 || web.Port != 0 {
		t.Errorf("web: %+v", web)
	}
	if moved.Port != 443 || moved.Service.Matches[0].String() != "tcp/8443" {
		t.Errorf("moved: %+v", moved)
	}
}

func TestGuarantees(t *testing.T) {
	s := with(t, `
guarantees:
  - {name: a, never: {from: guest, to: [users, servers]}}
  - {name: b, only: {to: db1, from: web1, service: [postgresql, ssh]}}
  - {name: c, always: {from: internet, to: web1, service: https}}
`)
	a, b, c := s.Guarantees[0], s.Guarantees[1], s.Guarantees[2]
	if a.Kind != policy.Never || ends(a.From) != "guest:*" || ends(a.To) != "users:* servers:*" || a.Services != nil {
		t.Errorf("a: %+v", a)
	}
	if b.Kind != policy.Only || len(b.Services) != 2 || ends(b.To) != "servers:10.8.4.20/32" {
		t.Errorf("b: %+v", b)
	}
	if c.Kind != policy.Always || c.Services[0].Name != "https" {
		t.Errorf("c: %+v", c)
	}
}

func TestServices(t *testing.T) {
	s := with(t, "services:\n  web: [http, https]\n  more: [web, tcp/80, tcp/8080, web]\n")
	k := slices.IndexFunc(s.Services, func(s *policy.Service) bool { return s.Name == "more" })
	if got := describe(s.Services[k]); got != "tcp/80, tcp/443, tcp/8080" {
		t.Errorf("more is %s", got)
	}
}

func TestDefaults(t *testing.T) {
	s := with(t, "")
	rates := map[string]int{"internet": 0, "dmz": 50, "servers": 50, "users": 200, "management": 200, "guest": 200}
	for zone, want := range rates {
		if got := s.Zone(zone).NewConnections; got != (policy.Rate{PerSecond: want}) {
			t.Errorf("%s: %+v, want %d/s", zone, got, want)
		}
	}
	if len(s.Firewall.Services) != 1 || s.Firewall.Services[0].Name != "ssh" || s.Firewall.Failover != nil {
		t.Errorf("the firewall: %+v", s.Firewall)
	}
	if !s.Interface("guest").DHCP || s.Interface("users").DHCP || s.Interface("dmz").Link() != "eth1.20" {
		t.Error("the interfaces")
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1-192.0.2.1", "192.0.2.0/30": "192.0.2.0-192.0.2.3", "192.0.2.1-192.0.2.9": "192.0.2.1-192.0.2.9",
		"2001:db8::/127": "2001:db8::-2001:db8::1", "0.0.0.0/0": "0.0.0.0-255.255.255.255",
	} {
		set, err := addresses(text)
		if err != nil || len(set.Ranges()) != 1 || set.Ranges()[0].String() != want {
			t.Errorf("%s is %v, %v", text, set, err)
		}
	}
	for _, text := range []string{"", "-", "192.0.2.1-", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::1", "192.0.2.1/24", "192.0.2.0/33", "192.000.2.1",
		"::ffff:192.0.2.1", "::ffff:192.0.2.0/120", "::ffff:192.0.2.1-::ffff:192.0.2.9", "fe80::1%eth0", "fe80::1%eth0-fe80::2%eth0", "192.0.2.1 ", "localhost", "192.0.2.0/24-192.0.3.0/24"} {
		if set, err := addresses(text); err == nil {
			t.Errorf("%q is read as %v", text, set.Ranges())
		}
	}
}
