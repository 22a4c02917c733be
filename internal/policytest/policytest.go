// Package policytest is the users' test language: a packet and what must become
// of it. It holds expectations against the meaning of a site, offline, without
// root and without a network. Package site reads the files.
package policytest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// Case is one expectation, as written.
type Case struct {
	Packet  Text
	Verdict policy.Verdict
	Rule    Text // the deciding rule, or a name in parentheses; empty: not asked
	NAT     NAT
	At      time.Time // judged as of this day; zero: as of the run
	Note    string    // for people
	Range   diag.Range
}

// Text is a word or sentence of the file with its place.
type Text struct {
	Text  string
	Range diag.Range
}

// NAT is how the packet must leave. What is not given is not asked; a packet
// that is not translated leaves as it came.
type NAT struct {
	Src, Dst netip.Addr
	Port     uint16
}

// Name is what the case is called in lists and in --run: the packet and, where
// the day matters, the day.
func (c Case) Name() string {
	if c.At.IsZero() {
		return c.Packet.Text
	}
	return c.Packet.Text + " at " + c.At.Format(time.DateOnly)
}

// Result is one case with what really becomes of the packet.
type Result struct {
	Case
	Decision policy.Decision
	Wrong    []Difference // empty: as expected
}

// Difference is one thing that is not as expected.
type Difference struct{ What, Want, Got string }

// Passed reports whether everything is as expected.
func (r Result) Passed() bool { return len(r.Wrong) == 0 }

// builtin are the names that stand in for a rule of the site.
var builtin = []string{policy.ByDefault, policy.BySpoof, policy.ByState, policy.ByEstablished, policy.ByRelated, policy.NotFiltered,
	policy.ByNeighbour, policy.ByDHCP, policy.ByFailover, policy.ManagementRuleName}

// Check reports cases that can be held against no site like this one: packets
// that are none, rules that do not exist.
func Check(s *policy.Site, cases []Case) diag.List {
	var diags diag.List
	for _, c := range cases {
		if _, err := s.ParsePacket(c.Packet.Text); err != nil {
			diags.Errorf(c.Packet.Range, "bad-packet", "%v", err).Fix = "correct the packet: glacis explain SITE PACKET reads the same words"
		}
		if c.Rule.Text != "" && !known(s, c.Rule.Text) {
			diags.Errorf(c.Rule.Range, "unknown-rule", "the site has no rule %q", c.Rule.Text).Fix =
				"write the name of a rule of the site, or one of " + strings.Join(builtin, ", ")
		}
	}
	return diags
}

func known(s *policy.Site, rule string) bool {
	return slices.Contains(builtin, rule) || slices.ContainsFunc(s.Rules, func(r *policy.Rule) bool { return r.Name == rule })
}

// Run holds checked cases against the site, in order, as of now where a case
// does not name its own day.
func Run(s *policy.Site, cases []Case, now time.Time) ([]Result, error) {
	var out []Result
	for _, c := range cases {
		p, err := s.ParsePacket(c.Packet.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Packet.Range, err)
		}
		at := now
		if !c.At.IsZero() {
			at = c.At
		}
		d := s.Decide(p, at)
		out = append(out, Result{c, d, c.compare(d)})
	}
	return out, nil
}

// compare lists what is not as expected, the verdict first.
func (c Case) compare(d policy.Decision) []Difference {
	var out []Difference
	differ := func(asked bool, what, want, got string) {
		if asked && want != got {
			out = append(out, Difference{what, want, got})
		}
	}
	differ(true, "verdict", string(c.Verdict), string(d.Verdict))
	differ(c.Rule.Text != "", "rule", c.Rule.Text, d.RuleName)
	differ(c.NAT.Src.IsValid(), "nat src", c.NAT.Src.String(), d.Src.String())
	differ(c.NAT.Dst.IsValid(), "nat dst", c.NAT.Dst.String(), d.Dst.String())
	differ(c.NAT.Port != 0, "nat port", fmt.Sprint(c.NAT.Port), fmt.Sprint(d.DstPort))
	return out
}
