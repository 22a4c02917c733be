package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"glacis/internal/linux"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// Machine is a stand-in for a host of the site, or for a zone's other hosts.
type Machine struct {
	Name      string // of the host, or of the zone
	Zone      *policy.Zone
	Addresses []netip.Addr
	Host      *policy.Host // nil for a zone's
	Namespace *linux.Namespace

	services *services
}

// AddHosts builds every host of the site, one machine more for each zone, and
// the routers that the site's next hops are. Packets of earlier probes are
// forgotten. Listen opens the hosts' services.
func (l *Lab) AddHosts(ctx context.Context) error {
	if err := l.forgetProbes(); err != nil {
		return err
	}
	for _, i := range l.Site.Firewall.Interfaces {
		if err := l.addRouter(i); err != nil {
			return fmt.Errorf("router behind %s: %w", i.Name, err)
		}
	}
	for _, m := range l.plannedMachines() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.addMachine(m); err != nil {
			return fmt.Errorf("host %s: %w", m.Name, err)
		}
	}
	return nil
}

// forgetProbes takes the prober off the wires and lets the nodes begin anew:
// they have learnt its hardware address as everybody's.
func (l *Lab) forgetProbes() error {
	for _, s := range l.segments {
		if link := proberLink(s); l.switches.HasLink(link) {
			if err := l.switches.SetDown(link); err != nil {
				return err
			}
		}
	}
	for _, n := range l.nodes {
		if err := errors.Join(linux.FlushNeighbours(n.Namespace), linux.FlushConntrack(n.Namespace)); err != nil {
			return err
		}
	}
	return l.Reload(l.opt.Inject)
}

// plannedMachines lists the hosts of the site and one machine for each zone, by
// the zone's name, with addresses that no host has.
func (l *Lab) plannedMachines() []*Machine {
	var out []*Machine
	for _, h := range l.Site.Hosts {
		out = append(out, &Machine{Name: h.Name, Zone: h.Zone, Addresses: h.Addresses, Host: h})
	}
	for _, z := range l.Site.Zones {
		if addrs := l.freeAddresses(z); len(addrs) > 0 {
			out = append(out, &Machine{Name: z.Name, Zone: z, Addresses: addrs})
		}
	}
	return out
}

// freePerFamily is how many addresses a zone's machine has of each family: the
// Internet is many.
const freePerFamily = 3

// freeAddresses picks addresses of a zone that no host has and no list names.
func (l *Lab) freeAddresses(z *policy.Zone) []netip.Addr {
	var taken netipx.IPSetBuilder
	for _, h := range l.Site.Hosts {
		for _, a := range h.Addresses {
			taken.Add(a)
		}
	}
	for _, i := range l.Site.Firewall.Interfaces {
		for _, a := range l.nextHops(i) {
			taken.Add(a)
		}
	}
	for _, list := range l.Site.Blocklists {
		if list.Addrs != nil {
			taken.AddSet(list.Addrs)
		}
	}
	used, err := taken.IPSet()
	if err != nil {
		return nil // the model holds no invalid address
	}
	var out []netip.Addr
	for _, is4 := range []bool{true, false} {
		n := 0
		for _, a := range candidates(l.Site.Set(z), z.Role, is4) {
			if n < freePerFamily && !used.Contains(a) {
				out = append(out, a)
				n++
			}
		}
	}
	return out
}

// documentation are networks for examples (RFC 5737, RFC 3849): addresses of
// the Internet that nobody has.
var documentation = []netip.Prefix{
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("2001:db8:f::/48"), netip.MustParsePrefix("2001:db8::/32"),
}

// candidates lists addresses of a set to choose from, in order of preference.
func candidates(set *netipx.IPSet, role policy.Role, is4 bool) []netip.Addr {
	ranges := set.Ranges()
	if role == policy.Internet {
		var prefer []netipx.IPRange
		for _, p := range documentation {
			prefer = append(prefer, netipx.RangeOfPrefix(p))
		}
		ranges = append(prefer, ranges...)
	}
	var out []netip.Addr
	for _, r := range ranges {
		if r.From().Is4() != is4 {
			continue
		}
		a := r.From().Next() // not the network's own
		for k := 0; k < 400 && r.Contains(a); k++ {
			if set.Contains(a) {
				out = append(out, a)
			}
			a = a.Next()
		}
	}
	return out
}

// addMachine makes the machine's namespace and connects each of its addresses to
// the wire it lives on.
func (l *Lab) addMachine(m *Machine) (err error) {
	if m.Namespace, err = l.namespace(m.Name); err != nil {
		return err
	}
	l.machines = append(l.machines, m)
	onSegment := slices.DeleteFunc(slices.Clone(m.Addresses), func(a netip.Addr) bool { return !onSubnet(m.Zone.Interface, a) })
	behind := slices.DeleteFunc(slices.Clone(m.Addresses), func(a netip.Addr) bool { return onSubnet(m.Zone.Interface, a) })
	if len(onSegment) > 0 {
		if err := l.plugOnSegment(m, onSegment); err != nil {
			return err
		}
	}
	if len(behind) > 0 {
		if err := l.plugBehindRouter(m, behind); err != nil {
			return err
		}
	}
	return nil
}

// Listen opens what the hosts are meant to serve, until the lab is closed.
func (l *Lab) Listen() (err error) {
	for _, m := range l.machines {
		if m.Host == nil {
			continue
		}
		if m.services, err = openServices(m.Namespace, m.Host); err != nil {
			return fmt.Errorf("host %s: %w", m.Name, err)
		}
	}
	return nil
}

func onSubnet(i *policy.Interface, a netip.Addr) bool {
	return slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(a) })
}

// plugOnSegment connects a machine to the firewall's own subnet; the firewall's
// address there is its way out.
func (l *Lab) plugOnSegment(m *Machine, addrs []netip.Addr) error {
	const link = "eth0"
	i := m.Zone.Interface
	if err := l.plug(l.segments[i], l.nextPort(), m.Namespace, link); err != nil {
		return err
	}
	if err := m.Namespace.SetUp(link); err != nil {
		return err
	}
	for _, a := range addrs {
		for _, p := range i.Addresses {
			if p.Masked().Contains(a) {
				if err := m.Namespace.AddAddress(link, netip.PrefixFrom(a, p.Bits())); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range i.Addresses {
		if !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return p.Masked().Contains(a) }) {
			continue
		}
		if err := m.Namespace.AddRoute(everywhere(p.Addr()), p.Addr(), link); err != nil {
			return err
		}
	}
	return nil
}

// everywhere is the default route's destination in the family of an address.
func everywhere(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// nextPort names a new port of the wires.
func (l *Lab) nextPort() string {
	l.ports++
	return fmt.Sprintf("p%d", l.ports)
}

// Machine returns the machine of a host or zone, or nil.
func (l *Lab) Machine(name string) *Machine {
	k := slices.IndexFunc(l.machines, func(m *Machine) bool { return m.Name == name })
	if k < 0 {
		return nil
	}
	return l.machines[k]
}
