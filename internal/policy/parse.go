package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ParsePacket reads a packet as people say it:
//
//	tcp 203.0.113.9 -> 192.0.2.10:25 [from-port N] [flags syn,ack] [in INTERFACE]
//	udp [2001:db8::1] -> [2001:db8:20::53]:53
//	icmp 10.0.0.1 -> 192.0.2.10 type 8 [code N]
//	gre 10.8.9.1 -> 10.64.8.1 [ttl N] [state established]
//
// An end may be the name of a host instead of an address; where it has both
// families the one that the other end has is taken, IPv4 first. Whatever is not
// understood is an error.
func (s *Site) ParsePacket(text string) (Packet, error) {
	words := strings.Fields(text)
	if len(words) < 4 || words[2] != "->" {
		return Packet{}, fmt.Errorf("%q is not a packet: write it like \"tcp 203.0.113.9 -> 192.0.2.10:25\"", text)
	}
	p := packetParser{site: s}
	if err := p.protocol(words[0]); err != nil {
		return Packet{}, err
	}
	if err := p.ends(words[1], words[3]); err != nil {
		return Packet{}, err
	}
	if err := p.options(words[4:]); err != nil {
		return Packet{}, err
	}
	return p.packet, p.complete()
}

type packetParser struct {
	site    *Site
	packet  Packet
	hasPort bool
	hasType bool
}

func (p *packetParser) protocol(word string) error {
	if n, ok := ProtoByName(strings.ToLower(word)); ok {
		p.packet.Proto = n
		return nil
	}
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		return fmt.Errorf("%q is not a protocol: tcp, udp, icmp, icmpv6, gre, esp ... or a number", word)
	}
	p.packet.Proto = uint8(n)
	return nil
}

// ends reads source and destination, which must be of one family.
func (p *packetParser) ends(from, to string) error {
	srcs, sport, _, err := p.end(from)
	if err != nil {
		return err
	}
	dsts, dport, hasPort, err := p.end(to)
	if err != nil {
		return err
	}
	p.packet.SrcPort, p.packet.DstPort, p.hasPort = sport, dport, hasPort
	for _, src := range srcs {
		k := slices.IndexFunc(dsts, func(dst netip.Addr) bool { return dst.Is4() == src.Is4() && p.exists(src) })
		if k >= 0 {
			p.packet.Src, p.packet.Dst = src, dsts[k]
			return nil
		}
	}
	return fmt.Errorf("%s and %s have no address family in common with %s", from, to, ProtoName(p.packet.Proto))
}

// exists: ICMP is a protocol of IPv4 and ICMPv6 one of IPv6.
func (p *packetParser) exists(a netip.Addr) bool {
	return !IsICMP(p.packet.Proto) || (p.packet.Proto == ICMP) == a.Is4()
}

// end reads an address or host name with an optional port.
func (p *packetParser) end(word string) (addrs []netip.Addr, port uint16, hasPort bool, err error) {
	host := word
	if a, err := netip.ParseAddr(word); err == nil && a.Is6() {
		return p.addr(word)
	}
	if k := strings.LastIndexByte(word, ':'); k >= 0 && (!strings.HasPrefix(word, "[") || strings.HasPrefix(word[k-1:], "]")) {
		if port, err = portNumber(word[k+1:]); err != nil {
			return nil, 0, false, err
		}
		if !HasPorts(p.packet.Proto) {
			return nil, 0, false, fmt.Errorf("%s has no ports", ProtoName(p.packet.Proto))
		}
		host, hasPort = word[:k], true
	}
	addrs, _, _, err = p.addr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return addrs, port, hasPort, err
}

func (p *packetParser) addr(word string) ([]netip.Addr, uint16, bool, error) {
	for _, h := range p.site.Hosts {
		if h.Name == word {
			return slices.SortedStableFunc(slices.Values(h.Addresses), netip.Addr.Compare), 0, false, nil
		}
	}
	a, err := netip.ParseAddr(word)
	switch {
	case err != nil:
		return nil, 0, false, fmt.Errorf("%q is neither an IP address nor a host of the site", word)
	case a.Is4In6() || a.Zone() != "":
		return nil, 0, false, fmt.Errorf("%q mixes address families or has a scope", word)
	}
	return []netip.Addr{a}, 0, false, nil
}

func portNumber(word string) (uint16, error) {
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port, 0 to 65535", word)
	}
	return uint16(n), nil
}

// options reads the pairs of words after the ends.
func (p *packetParser) options(words []string) error {
	seen := map[string]bool{}
	for ; len(words) > 0; words = words[2:] {
		key := words[0]
		if len(words) < 2 {
			return fmt.Errorf("%q wants a value", key)
		}
		if seen[key] {
			return fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		if err := p.option(key, words[1]); err != nil {
			return err
		}
	}
	return nil
}

func (p *packetParser) option(key, value string) (err error) {
	q := &p.packet
	switch key {
	case "in":
		q.In = value
		if p.site.Interface(value) == nil && value != Local {
			err = fmt.Errorf("the site has no interface %q", value)
		}
	case "from-port":
		if !HasPorts(q.Proto) {
			return fmt.Errorf("%s has no ports", ProtoName(q.Proto))
		}
		q.SrcPort, err = portNumber(value)
	case "type", "code":
		if !IsICMP(q.Proto) {
			return fmt.Errorf("%q is for icmp and icmpv6", key)
		}
		var n uint8
		if n, err = octet(key, value); key == "type" {
			q.ICMPType, p.hasType = n, true
		} else {
			q.ICMPCode = n
		}
	case "ttl":
		if q.HopLimit, err = octet(key, value); err == nil && q.HopLimit == 0 {
			err = fmt.Errorf("no packet travels with ttl 0")
		}
	case "flags":
		err = p.flags(value)
	case "state":
		err = p.state(value)
	default:
		err = fmt.Errorf("%q is not understood: in, from-port, type, code, flags, ttl, state", key)
	}
	return err
}

func octet(key, value string) (uint8, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number, 0 to 255", key, value)
	}
	return uint8(n), nil
}

func (p *packetParser) flags(value string) error {
	if p.packet.Proto != TCP {
		return fmt.Errorf("flags are for tcp")
	}
	if value == "none" {
		p.packet.NoFlags = true
		return nil
	}
	for _, word := range strings.Split(value, ",") {
		k := slices.IndexFunc(flagNames, func(n flagName) bool { return n.name == word })
		if k < 0 {
			return fmt.Errorf("%q is not a tcp flag: fin, syn, rst, psh, ack, urg, ece, cwr, none", word)
		}
		p.packet.Flags |= flagNames[k].bit
	}
	return nil
}

func (p *packetParser) state(value string) error {
	for _, s := range []State{New, Established, Related, Invalid} {
		if s.String() == value {
			p.packet.State = s
			return nil
		}
	}
	return fmt.Errorf("%q is not a state: new, established, related, invalid", value)
}

// complete refuses a packet that leaves open which one is meant.
func (p *packetParser) complete() error {
	switch q := &p.packet; {
	case HasPorts(q.Proto) && !p.hasPort:
		return fmt.Errorf("to which %s port? write it after the destination, as in %s", ProtoName(q.Proto), netip.AddrPortFrom(q.Dst, 443))
	case IsICMP(q.Proto) && !p.hasType:
		q.ICMPType = 8
		if q.Proto == ICMPv6 {
			q.ICMPType = 128
		}
	}
	return nil
}
