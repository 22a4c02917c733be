package analysis

import (
	"slices"
	"testing"

	"glacis/internal/policy"
)

func TestEnterpriseHasNoDeadRule(t *testing.T) {
	for _, f := range Findings(loadSite(t, "../../examples/enterprise"), now) {
		t.Errorf("%s is %v by %v", f.Rule.Name, f.Status, names(f.By))
	}
}

func names(rules []*policy.Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return out
}

func TestFindings(t *testing.T) {
	move := func(s *policy.Site, name string, to int) {
		r := ruleNamed(s, name)
		less(name)(s)
		s.Rules = slices.Insert(s.Rules, to, r)
	}
	copyOf := func(s *policy.Site, name, as string) *policy.Rule {
		r := *ruleNamed(s, name)
		r.Name = as
		return &r
	}
	for name, c := range map[string]struct {
		edit     func(*policy.Site)
		rule     string
		status   Status
		by       []string
		conflict bool
	}{
		"the same once more": {func(s *policy.Site) { s.Rules = append(s.Rules, copyOf(s, "guests-browse", "again")) },
			"again", Unreachable, []string{"guests-browse"}, false},
		"a drop after the allow": {func(s *policy.Site) {
			r := copyOf(s, "guests-browse", "no-browsing")
			r.Action = policy.Drop
			s.Rules = append(s.Rules, r)
		}, "no-browsing", Unreachable, []string{"guests-browse"}, true},
		"covered by two": {func(s *policy.Site) {
			r := copyOf(s, "submit-mail", "both")
			r.From = append(slices.Clone(ruleNamed(s, "submit-mail").From), ruleNamed(s, "mailbox-relay").From...)
			r.Services = append(slices.Clone(r.Services), ruleNamed(s, "mailbox-relay").Services...)
			s.Rules = append(s.Rules, r)
		}, "both", Effective, nil, false},
		"a drop of what is dropped anyway": {func(s *policy.Site) {
			r := copyOf(s, "gre-to-branch", "no-gre")
			r.Action = policy.Drop
			less("gre-to-branch")(s)
			s.Rules = append(s.Rules, r)
		}, "no-gre", Redundant, nil, false},
		"allowed by a later rule, too": {func(s *policy.Site) {
			s.Rules = append(s.Rules, copyOf(s, "desk-to-branch", "desk-again"))
			ruleNamed(s, "desk-again").Services = append(slices.Clone(ruleNamed(s, "desk-again").Services), &policy.Service{Name: "tcp/1", Matches: []policy.Match{{Proto: policy.TCP, Ports: policy.PortRange{First: 1, Last: 1}}}})
		}, "desk-to-branch", Redundant, []string{"desk-again"}, false},
		"nothing": {func(s *policy.Site) { move(s, "gre-to-branch", 0) }, "gre-to-branch", Effective, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			list := Findings(edited(t, c.edit), now)
			k := slices.IndexFunc(list, func(f Finding) bool { return f.Rule.Name == c.rule })
			if c.status == Effective {
				if k >= 0 {
					t.Errorf("%s is %v by %v", c.rule, list[k].Status, names(list[k].By))
				}
				return
			}
			if k < 0 {
				t.Fatalf("nothing is said of %s", c.rule)
			}
			if f := list[k]; f.Status != c.status || !slices.Equal(names(f.By), c.by) || f.Conflict != c.conflict {
				t.Errorf("%s is %v by %v, conflict %v", c.rule, f.Status, names(f.By), f.Conflict)
			}
			if len(list) > 1 {
				t.Errorf("%d findings, one was planted", len(list))
			}
		})
	}
}
