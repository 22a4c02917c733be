package analysis

import (
	"slices"
	"testing"

	"glacis/internal/policy"
)

func TestEnterprisePromises(t *testing.T) {
	held := map[Holding]int{}
	for _, p := range Promises(loadSite(t, "../../examples/enterprise"), now) {
		held[p.Holding]++
		switch {
		case p.Holding == Broken || p.Holding == Unproven:
			t.Errorf("%s: %s", p.Name, p.Holding)
		case p.Holding == HoldsWithExceptions && len(p.Exceptions) == 0, p.Holding == NotFiltered && len(p.Unfiltered) == 0:
			t.Errorf("%s: %s, and nothing is said of it", p.Name, p.Holding)
		}
	}
	if held[Holds] < 25 || held[HoldsWithExceptions] != 3 || held[NotFiltered] != 1 {
		t.Errorf("%v", held)
	}
}

// TestBrokenPromises takes away what makes each promise hold, and demands that it
// is named with a packet that the model lets pass by the rule.
func TestBrokenPromises(t *testing.T) {
	allow := func(name, from, to, service string) func(*policy.Site) {
		return func(s *policy.Site) {
			end := func(name string) []policy.Endpoint {
				switch {
				case name == "firewall":
					return []policy.Endpoint{{Text: name}}
				case s.Zone(name) != nil:
					return []policy.Endpoint{{Zone: s.Zone(name), Text: name}}
				}
				k := slices.IndexFunc(s.Hosts, func(h *policy.Host) bool { return h.Name == name })
				return []policy.Endpoint{policy.HostEndpoint(s.Hosts[k])}
			}
			m := policy.Match{Proto: policy.TCP, Ports: policy.PortRange{First: 7, Last: 7}}
			if service == "any" {
				m = policy.Match{Any: true}
			}
			s.Rules = append(s.Rules, &policy.Rule{Name: name, Action: policy.Allow, From: end(from), To: end(to), Services: []*policy.Service{{Name: service, Matches: []policy.Match{m}}}})
		}
	}
	for promise, edit := range map[string]func(*policy.Site){
		"internet-dmz-only":        allow("bad", "internet", "db1", "tcp/7"),
		"internet-dmz-named":       allow("bad", "internet", "dmz", "tcp/7"),
		"users-dmz-named":          allow("bad", "users", "web1", "any"),
		"dmz-initiates-nothing":    allow("bad", "web1", "updates", "tcp/7"),
		"servers-no-internet":      allow("bad", "db1", "updates", "tcp/7"),
		"users-named-services":     allow("bad", "users", "internet", "any"),
		"extranet-named-only":      allow("bad", "extranet", "servers", "tcp/7"),
		"branches-named-only":      allow("bad", "branches", "servers", "tcp/7"),
		"extranet-not-each-other":  allow("bad", "acme", "branch-pc", "tcp/7"),
		"branches-not-each-other":  allow("bad", "branches", "admin1", "tcp/7"),
		"guest-public-only":        allow("bad", "guest", "db1", "tcp/7"),
		"guest-stations-only":      allow("bad", "guest", "firewall", "tcp/7"),
		"guests-see-internet-only": allow("bad", "guest", "erp1", "tcp/7"),
		"website-is-up":            func(s *policy.Site) { ruleNamed(s, "public-website").Action = policy.Drop },
		"partners-apart":           allow("bad", "extranet", "branches", "tcp/7"),
	} {
		t.Run(promise, func(t *testing.T) {
			s := edited(t, edit)
			list := Promises(s, now)
			k := slices.IndexFunc(list, func(p Promise) bool { return p.Name == promise })
			if k < 0 {
				t.Fatal("there is no such promise")
			}
			p := list[k]
			if p.Holding != Broken || p.Example == nil || p.Example.Rule == nil {
				t.Fatalf("%s, %+v", p.Holding, p.Example)
			}
			if d := s.Decide(p.Example.Packet, now); d.Rule != p.Example.Rule && promise != "website-is-up" {
				t.Errorf("%s is decided by %s, said is %s", p.Example.Packet, d.RuleName, p.Example.Rule.Name)
			}
		})
	}
}

// TestUnprovenIsSaid: an example that the model does not confirm is none.
func TestUnprovenIsSaid(t *testing.T) {
	s := loadSite(t, "../../examples/enterprise")
	q, err := s.ParsePacket("tcp 203.0.113.9 -> mail1:25")
	if err != nil {
		t.Fatal(err)
	}
	p := Promise{Holding: Broken, Example: &Example{Packet: q, Rule: ruleNamed(s, "public-website")}}
	if p.confirm(s, now); p.Holding != Unproven || p.Example != nil {
		t.Errorf("%+v", p)
	}
}

// TestAlwaysOfNothingIsUnproven: no packet goes between hosts without a family
// in common, so none can be promised to pass.
func TestAlwaysOfNothingIsUnproven(t *testing.T) {
	s := edited(t, func(s *policy.Site) {
		four, six := policy.HostEndpoint(hostNamed(s, "visitor")), policy.HostEndpoint(hostNamed(s, "web1"))
		six.Addrs = addressSet(ranges(six.Addrs, false), false)
		s.Guarantees = []*policy.Guarantee{{Name: "nothing", Kind: policy.Always, From: []policy.Endpoint{four}, To: []policy.Endpoint{six}}}
	})
	list := Promises(s, now)
	if p := list[len(list)-1]; p.Name != "nothing" || p.Holding != Unproven {
		t.Errorf("%s %s", p.Name, p.Holding)
	}
}

func hostNamed(s *policy.Site, name string) *policy.Host {
	return s.Hosts[slices.IndexFunc(s.Hosts, func(h *policy.Host) bool { return h.Name == name })]
}
