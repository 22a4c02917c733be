package policy

import (
	"fmt"
	"net/netip"
	"testing"

	"go4.org/netipx"
	"pgregory.net/rapid"
)

// slowOwner is the obvious reading of the rule: the longest network that holds
// the address decides, unless the address is the firewall's.
func slowOwner(s *Site, a netip.Addr) *Zone {
	if s.ownAddresses().Contains(a) || s.specialAddresses().Contains(a) {
		return nil
	}
	var best *Zone
	bits := -1
	for _, z := range s.Zones {
		for _, p := range z.Networks {
			if p.Masked().Contains(a) && p.Bits() > bits {
				best, bits = z, p.Bits()
			}
		}
	}
	if best != nil {
		return best
	}
	internet := s.InternetZone()
	if internet == nil || DefaultBogons().Contains(a) {
		return nil
	}
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			if i != internet.Interface && p.Masked().Contains(a) {
				return nil
			}
		}
	}
	return internet
}

// randomSite draws zones with nested and neighbouring networks from a small
// part of the address space, so that they collide often.
func randomSite(t *rapid.T) *Site {
	s := &Site{Firewall: &Firewall{Nodes: []*Node{{Name: "fw"}}}}
	seen := map[netip.Prefix]bool{}
	for k := range rapid.IntRange(1, 5).Draw(t, "zones") {
		i := &Interface{Name: fmt.Sprint("if", k), Device: fmt.Sprint("eth", k)}
		z := &Zone{Name: fmt.Sprint("z", k), Role: Users, Interface: i}
		for range rapid.IntRange(1, 5).Draw(t, "networks") {
			p := rapid.Custom(randomPrefix).Draw(t, "network")
			if !seen[p] {
				seen[p] = true
				z.Networks = append(z.Networks, p)
			}
		}
		p := rapid.Custom(randomPrefix).Draw(t, "subnet")
		i.Addresses = []netip.Prefix{netip.PrefixFrom(p.Addr().Next(), p.Bits())}
		i.Zones = []*Zone{z}
		s.Zones = append(s.Zones, z)
		s.Firewall.Interfaces = append(s.Firewall.Interfaces, i)
	}
	if rapid.Bool().Draw(t, "internet") {
		i := &Interface{Name: "outside", Device: "wan", Addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/28")}}
		z := &Zone{Name: "internet", Role: Internet, Interface: i}
		i.Zones = []*Zone{z}
		s.Zones = append(s.Zones, z)
		s.Firewall.Interfaces = append(s.Firewall.Interfaces, i)
	}
	s.Resolve()
	return s
}

func randomPrefix(t *rapid.T) netip.Prefix {
	if rapid.Bool().Draw(t, "v6") {
		a := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", rapid.IntRange(0, 63).Draw(t, "low")))
		return netip.PrefixFrom(a, rapid.IntRange(120, 127).Draw(t, "bits")).Masked()
	}
	a := netip.AddrFrom4([4]byte{byte(rapid.SampledFrom([]int{0, 10, 203, 255}).Draw(t, "first")), 0, 0, byte(rapid.IntRange(0, 255).Draw(t, "last"))})
	return netip.PrefixFrom(a, rapid.IntRange(22, 30).Draw(t, "bits")).Masked()
}

func TestZoneOfAgreesWithLongestPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomSite(t)
		for _, a := range interesting(s) {
			if got, want := s.ZoneOf(a), slowOwner(s, a); got != want {
				t.Fatalf("ZoneOf(%s) = %s, want %s", a, name(got), name(want))
			}
		}
	})
}

// TestZonesPartition: no address has two owners, and sets agree with ZoneOf.
func TestZonesPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomSite(t)
		for _, a := range interesting(s) {
			owners := 0
			for _, z := range s.Zones {
				if s.Set(z).Contains(a) {
					owners++
					if s.ZoneOf(a) != z {
						t.Fatalf("%s is in the set of %s, ZoneOf says %s", a, z.Name, name(s.ZoneOf(a)))
					}
				}
			}
			for _, i := range s.Firewall.Interfaces {
				if s.Transit(i).Contains(a) && owners > 0 {
					t.Fatalf("%s is in a zone and in transit of %s", a, i.Name)
				}
			}
			if s.Own().Contains(a) {
				owners++
			}
			if owners > 1 {
				t.Fatalf("%s has %d owners", a, owners)
			}
		}
	})
}

func interesting(s *Site) []netip.Addr {
	var out []netip.Addr
	add := func(r netipx.IPRange) {
		for _, a := range []netip.Addr{r.From(), r.To(), r.From().Prev(), r.To().Next(), r.From().Next()} {
			if a.IsValid() {
				out = append(out, a)
			}
		}
	}
	for _, z := range s.Zones {
		for _, p := range z.Networks {
			add(netipx.RangeOfPrefix(p))
		}
	}
	for _, i := range s.Firewall.Interfaces {
		for _, p := range i.Addresses {
			add(netipx.RangeOfPrefix(p.Masked()))
			add(netipx.IPRangeFrom(p.Addr(), p.Addr()))
		}
	}
	return out
}

func name(z *Zone) string {
	if z == nil {
		return "no zone"
	}
	return z.Name
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomSite(t)
		var b netipx.IPSetBuilder
		b.AddPrefix(rapid.Custom(randomPrefix).Draw(t, "a"))
		b.AddPrefix(rapid.Custom(randomPrefix).Draw(t, "b"))
		set := mustSet(&b)
		parts, rest := s.Split(set)
		var back netipx.IPSetBuilder
		back.AddSet(rest)
		for _, p := range parts {
			if p.Whole != p.Addrs.Equal(s.Set(p.Zone)) {
				t.Fatalf("%s: Whole is %v", p.Zone.Name, p.Whole)
			}
			back.AddSet(p.Addrs)
		}
		if !mustSet(&back).Equal(set) {
			t.Fatal("the parts and the rest are not the set")
		}
		for _, r := range rest.Ranges() {
			if z := s.ZoneOf(r.From()); z != nil {
				t.Fatalf("%s is in zone %s but in the rest", r.From(), z.Name)
			}
		}
	})
}

func TestBogons(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "192.168.1.1": true, "224.0.0.1": true, "255.255.255.255": true, "127.0.0.1": true, "169.254.9.9": true,
		"::1": true, "::ffff:10.0.0.1": true, "fe80::1": true, "fd00::1": true, "ff02::1": true, "2002:a00::1": true,
		"203.0.113.9": false, "192.0.2.10": false, "198.51.100.7": false, "2001:db8::1": false, "8.8.8.8": false, "2600::1": false,
	} {
		if got := DefaultBogons().Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is a bogon: %v, want %v", addr, got, want)
		}
	}
}
