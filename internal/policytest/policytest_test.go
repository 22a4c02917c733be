package policytest_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
	"glacis/internal/policytest"
	"glacis/internal/site"
)

const siteText = `
site: small
zones:
  internet: {role: internet}
  dmz: {role: dmz, networks: 192.0.2.0/26}
firewall:
  nodes: {edge: {}}
  interfaces:
    outside: {device: eth0, zones: internet, address: 198.51.100.1/28}
    dmz: {device: eth1, zones: dmz, address: 192.0.2.1/26}
  gateway: 198.51.100.14
hosts: {web1: {zone: dmz, address: 192.0.2.20}}
rules:
  - {name: website, allow: https, from: internet, to: web1, because: website, owner: web, exception: {ticket: T, approved-by: me, expires: 2027-06-30}}
nat:
  - {name: publish, publish: tcp/8443, at: 198.51.100.1, to: web1, port: 443}
`

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func small(t *testing.T) *policy.Site {
	t.Helper()
	s, diags, _ := site.Load(fstest.MapFS{"s.yaml": {Data: []byte(siteText)}}, site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	return s
}

// load reads the text of a test file, checked against the small site.
func load(t *testing.T, text string) ([]policytest.Case, diag.List) {
	t.Helper()
	cases, diags, _ := site.LoadTests(fstest.MapFS{"a.test.yaml": {Data: []byte(text)}})
	return cases, append(diags, policytest.Check(small(t), cases)...)
}

// TestRun: each line is a test and what is wrong with it, "" if nothing.
func TestRun(t *testing.T) {
	const published = `"tcp 203.0.113.9 -> 198.51.100.1:8443"`
	for _, c := range []struct{ test, wrong string }{
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow}`, ""},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, rule: website}`, ""},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: drop}`, "verdict: drop, got allow"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: reject, rule: "(default)"}`, "verdict: reject, got allow; rule: (default), got website"},
		{`{packet: "tcp 203.0.113.9 -> web1:22", verdict: drop, rule: "(default)"}`, ""},
		{`{packet: "tcp 203.0.113.9 -> web1:22", verdict: drop, rule: website}`, "rule: website, got (default)"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, at: 2027-06-30}`, ""},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: drop, at: 2027-07-01}`, ""},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, at: 2027-07-01}`, "verdict: allow, got drop"},
		{`{packet: ` + published + `, verdict: allow, nat: {dst: 192.0.2.20, port: 443, src: 203.0.113.9}}`, ""},
		{`{packet: ` + published + `, verdict: allow, nat: {dst: 192.0.2.21}}`, "nat dst: 192.0.2.21, got 192.0.2.20"},
		{`{packet: ` + published + `, verdict: allow, nat: {port: 8443}}`, "nat port: 8443, got 443"},
		{`{packet: ` + published + `, verdict: allow, nat: {src: 198.51.100.1}}`, "nat src: 198.51.100.1, got 203.0.113.9"},
	} {
		cases, diags := load(t, "tests:\n  - "+c.test+"\n")
		if len(diags) > 0 || len(cases) != 1 {
			t.Errorf("%s: %d cases, %v", c.test, len(cases), diags)
			continue
		}
		results, err := policytest.Run(small(t), cases, now)
		if err != nil {
			t.Fatal(err)
		}
		var wrong []string
		for _, d := range results[0].Wrong {
			wrong = append(wrong, d.What+": "+d.Want+", got "+d.Got)
		}
		if got := strings.Join(wrong, "; "); got != c.wrong || results[0].Passed() != (c.wrong == "") {
			t.Errorf("%s: %q, want %q", c.test, got, c.wrong)
		}
	}
}

// TestRefuses: what is not understood is an error at its place, never a test
// that passes.
func TestRefuses(t *testing.T) {
	for _, c := range []struct{ test, want string }{
		{`{packet: "tcp 203.0.113.9 -> web1:443"}`, "a.test.yaml:2:5 missing-key"},
		{`{verdict: allow}`, "a.test.yaml:2:5 missing-key"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: pass}`, "a.test.yaml:2:54 bad-value"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, rules: website}`, "a.test.yaml:2:61 unknown-key"},
		{`{packet: "tcp 203.0.113.9 => web1:443", verdict: allow}`, "a.test.yaml:2:14 bad-packet"},
		{`{packet: "tcp 203.0.113.9 -> web2:443", verdict: allow}`, "a.test.yaml:2:14 bad-packet"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, rule: websites}`, "a.test.yaml:2:67 unknown-rule"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, rule: ""}`, "a.test.yaml:2:67 empty-text"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, nat: {}}`, "a.test.yaml:2:66 empty-value"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, nat: {src: web1}}`, "a.test.yaml:2:72 bad-address"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, nat: {port: 65536}}`, "a.test.yaml:2:73 bad-number"},
		{`{packet: "tcp 203.0.113.9 -> web1:443", verdict: allow, at: 2027-02-30}`, "a.test.yaml:2:65 bad-date"},
		{`tcp 203.0.113.9`, "a.test.yaml:2:5 wrong-kind"},
	} {
		_, diags := load(t, "tests:\n  - "+c.test+"\n")
		var got []string
		for _, d := range diags {
			got = append(got, d.Range.String()+" "+d.Code)
			if d.Fix == "" {
				t.Errorf("%s: says nothing of what to do", d.Code)
			}
		}
		if !slices.Equal(got, []string{c.want}) || !diags.HasErrors() {
			t.Errorf("%s:\n got %v\nwant %s", c.test, got, c.want)
		}
	}
}

func TestCaseName(t *testing.T) {
	c := policytest.Case{Packet: policytest.Text{Text: "gre a -> b"}, NAT: policytest.NAT{Src: netip.Addr{}}}
	if c.Name() != "gre a -> b" {
		t.Error(c.Name())
	}
	if c.At = now; c.Name() != "gre a -> b at 2026-12-01" {
		t.Error(c.Name())
	}
}
