package analysis

import (
	"net/netip"
	"slices"
	"testing"

	"glacis/internal/policy"
	"glacis/internal/probe"
)

// edited returns the enterprise with its rules changed.
func edited(t *testing.T, edit func(*policy.Site)) *policy.Site {
	t.Helper()
	s := loadSite(t, "../../examples/enterprise")
	edit(s)
	s.Resolve()
	return s
}

func less(name string) func(*policy.Site) {
	return func(s *policy.Site) {
		s.Rules = slices.DeleteFunc(s.Rules, func(r *policy.Rule) bool { return r.Name == name })
	}
}

func ruleNamed(s *policy.Site, name string) *policy.Rule {
	return s.Rules[slices.IndexFunc(s.Rules, func(r *policy.Rule) bool { return r.Name == name })]
}

// TestDiffAgreesWithTheModel edits the enterprise and asks the model of both
// sites about every packet that the lab would send in either.
func TestDiffAgreesWithTheModel(t *testing.T) {
	old := loadSite(t, "../../examples/enterprise")
	for name, edit := range map[string]func(*policy.Site){
		"nothing":          func(*policy.Site) {},
		"a rule removed":   less("public-website"),
		"a drop removed":   less("no-known-bad"),
		"a reject removed": less("no-branch-telnet"),
		"two rules swapped": func(s *policy.Site) {
			s.Rules[0], s.Rules[3] = s.Rules[3], s.Rules[0]
		},
		"a port more": func(s *policy.Site) {
			r := ruleNamed(s, "inbound-mail")
			r.Services = append(slices.Clone(r.Services), &policy.Service{Name: "tcp/26", Matches: []policy.Match{{Proto: policy.TCP, Ports: policy.PortRange{First: 26, Last: 26}}}})
		},
		"any service": func(s *policy.Site) {
			ruleNamed(s, "desk-to-branch").Services = []*policy.Service{{Name: "any", Matches: []policy.Match{{Any: true}}}}
		},
		"a drop made an allow": func(s *policy.Site) { ruleNamed(s, "no-known-bad").Action = policy.Allow },
		"a zone larger": func(s *policy.Site) {
			z := s.Zone("dmz")
			z.Networks = append(slices.Clone(z.Networks), netip.MustParsePrefix("192.0.2.64/26"))
		},
		"a zone smaller": func(s *policy.Site) {
			s.Zone("branches").Networks = []netip.Prefix{netip.MustParsePrefix("10.64.0.0/11")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := edited(t, edit)
			changes, complete := Diff(old, is, now)
			if !complete {
				t.Fatal("the list is not complete")
			}
			if name == "nothing" && len(changes) > 0 {
				t.Fatalf("%+v", changes[0])
			}
			differ := 0
			for _, c := range slices.Concat(probe.Classes(old, now), probe.Classes(is, now)) {
				was, wasOK := askRules(old, c.Packet)
				now, isOK := askRules(is, c.Packet)
				if !wasOK || !isOK {
					continue
				}
				u, x := universe(c.Packet)
				k := slices.IndexFunc(changes, func(c Change) bool { return c.Universe == u && c.Product.Contains(x) })
				switch {
				case was != now && k < 0:
					t.Fatalf("%s was %s and is %s: not in the list", c.Packet, was, now)
				case was == now && k >= 0:
					t.Fatalf("%s was and is %s: in the list as %+v", c.Packet, was, changes[k])
				case was != now && (changes[k].Was != was || changes[k].Is != now):
					t.Fatalf("%s was %s and is %s: in the list as %s, %s", c.Packet, was, now, changes[k].Was, changes[k].Is)
				case was != now:
					differ++
				}
			}
			if differ+len(changes) == 0 && name != "nothing" {
				t.Error("nothing differs: this edit shows nothing")
			}
			for _, c := range changes {
				was, _ := askRules(old, c.Example)
				now, _ := askRules(is, c.Example)
				if was != c.Was || now != c.Is {
					t.Errorf("the example %s was %s and is %s, the change says %s and %s", c.Example, was, now, c.Was, c.Is)
				}
			}
			t.Logf("%d changes, %d packets differ", len(changes), differ)
		})
	}
}

// askRules is the model's verdict on a packet with real addresses that begins a
// connection where its source lives; false for packets that rules are not asked
// about.
func askRules(s *policy.Site, q policy.Packet) (policy.Verdict, bool) {
	q.In = ""
	d := s.Decide(q, now)
	if d.DstTranslated || d.RuleName == policy.ByState || d.RuleName == policy.ByNeighbour || d.RuleName == policy.ByDHCP || q.State != policy.New || !q.BeginsConnection() {
		return "", false
	}
	return d.Verdict, true
}

func BenchmarkDiffEnterprise(b *testing.B) {
	old, is := loadSite(b, "../../examples/enterprise"), loadSite(b, "../../examples/enterprise")
	less("public-website")(is)
	for b.Loop() {
		Diff(old, is, now)
	}
}

// TestDiffBehindAnUnknownList: a list that could not be read must not hide what
// changes behind the rule that asks it.
func TestDiffBehindAnUnknownList(t *testing.T) {
	unread := func(s *policy.Site) { s.Blocklists[0].Addrs = nil }
	old, is := edited(t, unread), edited(t, func(s *policy.Site) {
		unread(s)
		less("inbound-mail")(s)
	})
	changes, complete := Diff(old, is, now)
	q, err := old.ParsePacket("tcp 203.0.113.9 -> mail1:25")
	if err != nil || !complete {
		t.Fatal(err, complete)
	}
	u, x := universe(q)
	if !slices.ContainsFunc(changes, func(c Change) bool { return c.Universe == u && c.Product.Contains(x) }) {
		t.Errorf("%s is not among %d changes", q, len(changes))
	}
}
