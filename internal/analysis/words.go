package analysis

import (
	"fmt"
	"slices"
	"strings"

	"glacis/internal/netset"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// maxWords is how many networks or ports are named before the rest is counted.
const maxWords = 8

// Words says sets of packets as people do: zones and hosts by their names,
// addresses as networks, ports as services are written.
type Words struct{ Site *policy.Site }

// Addresses names the addresses of a field of a change; "any" if all are meant.
func (w Words) Addresses(c Change, f netset.Field) []string {
	if c.Product[f] == nil {
		return []string{"any"}
	}
	set := addressSet(c.Product[f], c.Universe.Is4)
	for _, z := range w.Site.Zones {
		if family(w.Site.Set(z), c.Universe.Is4).Equal(set) {
			return []string{z.Name}
		}
	}
	var out []string
	for _, h := range w.Site.Hosts {
		if len(h.Addresses) > 0 && slices.ContainsFunc(h.Addresses, set.Contains) {
			only := family(hostSet(h), c.Universe.Is4)
			if only.Equal(set) {
				return []string{h.Name}
			}
		}
	}
	for _, r := range set.Ranges() {
		out = append(out, rangeText(r))
	}
	return out
}

func hostSet(h *policy.Host) *netipx.IPSet { return policy.HostEndpoint(h).Addrs }

func family(set *netipx.IPSet, is4 bool) *netipx.IPSet {
	return addressSet(ranges(set, is4), is4)
}

func addressSet(ranges []netset.Range, is4 bool) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, r := range ranges {
		b.AddRange(netipx.IPRangeFrom(r.Lo.Addr(is4), r.Hi.Addr(is4)))
	}
	set, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{} // a range of values is a range of addresses
	}
	return set
}

// rangeText writes a range as an address, a network if it is one, or its ends.
func rangeText(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return fmt.Sprintf("%s-%s", r.From(), r.To())
}

// Services writes protocol, ports and types of a change as the site language
// does: tcp/443, udp/53, icmp/8, gre.
func (w Words) Services(c Change) []string {
	var out []string
	for _, proto := range protocols(c) {
		name := policy.ProtoName(proto)
		ports := c.Product[netset.Dport]
		if ports == nil {
			out = append(out, name)
			continue
		}
		for _, r := range ports {
			out = append(out, name+"/"+portText(r, policy.IsICMP(proto)))
		}
	}
	if from := c.Product[netset.Sport]; from != nil {
		for k := range out {
			out[k] += " from " + portText(from[0], false)
		}
	}
	return out
}

// protocols lists those of a change; class Other as "any other" if all are meant.
func protocols(c Change) []uint8 {
	switch {
	case c.Universe.Class == netset.TCP:
		return []uint8{policy.TCP}
	case c.Universe.Class == netset.ICMP && c.Universe.Is4:
		return []uint8{policy.ICMP}
	case c.Universe.Class == netset.ICMP:
		return []uint8{policy.ICMPv6}
	case c.Product[netset.Proto] == nil && c.Universe.Class == netset.Ports:
		return []uint8{policy.UDP, policy.DCCP, policy.SCTP, policy.UDPLite}
	}
	var out []uint8
	for _, r := range c.Product[netset.Proto] {
		for n := r.Lo.Int(); n <= r.Hi.Int(); n++ {
			out = append(out, uint8(n))
		}
	}
	return out
}

func portText(r netset.Range, icmp bool) string {
	lo, hi := r.Lo.Int(), r.Hi.Int()
	switch {
	case icmp && lo>>8 == hi>>8 && lo&255 == 0 && hi&255 == 255:
		return fmt.Sprint(lo >> 8)
	case icmp && lo == hi:
		return fmt.Sprintf("%d/%d", lo>>8, lo&255)
	case icmp:
		return fmt.Sprintf("%d-%d", lo>>8, hi>>8)
	case lo == hi:
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d-%d", lo, hi)
}

// Short joins words, and counts those beyond what is worth reading.
func Short(words []string) string {
	if len(words) <= maxWords {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:maxWords], ", "), len(words)-maxWords)
}
