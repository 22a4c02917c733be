package policy

import (
	"fmt"
	"strings"

	"glacis/internal/diag"
)

// IP protocol numbers that the model knows by name (IANA protocol-numbers).
const (
	ICMP    = 1
	TCP     = 6
	UDP     = 17
	DCCP    = 33
	GRE     = 47
	ESP     = 50
	AH      = 51
	ICMPv6  = 58
	OSPF    = 89
	VRRP    = 112
	SCTP    = 132
	UDPLite = 136
)

// Service is a named set of protocols and ports. A group of services is one
// Service with the matches of all its members.
type Service struct {
	Name    string // "tcp/5080" for one written in place
	Title   string // what it is, for people
	Matches []Match
	Source  string // where the definition comes from, for built-ins
	Range   diag.Range
}

// Match is one protocol with its ports or ICMP type.
type Match struct {
	Any      bool  // every protocol; the other fields are then zero
	Proto    uint8 // IP protocol number
	Ports    PortRange
	FromPort PortRange
	ICMPType *uint8 // ICMP and ICMPv6: nil is any
	ICMPCode *uint8
}

// PortRange is an inclusive range. The zero value is "any", of 0 to 65535.
type PortRange struct{ First, Last uint16 }

// IsAny reports whether every port is meant.
func (r PortRange) IsAny() bool { return r == PortRange{} || r == PortRange{0, 65535} }

// Contains reports whether p is in the range.
func (r PortRange) Contains(p uint16) bool { return r.IsAny() || r.First <= p && p <= r.Last }

func (r PortRange) String() string {
	switch {
	case r.IsAny():
		return "any"
	case r.First == r.Last:
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// HasPorts reports whether the protocol's header starts with source and
// destination port: TCP, UDP, DCCP, SCTP and UDP-Lite.
func HasPorts(proto uint8) bool {
	switch proto {
	case TCP, UDP, DCCP, SCTP, UDPLite:
		return true
	}
	return false
}

// IsICMP reports whether the protocol is ICMP or ICMPv6.
func IsICMP(proto uint8) bool { return proto == ICMP || proto == ICMPv6 }

// ProtoName returns the usual name of an IP protocol, or its number.
func ProtoName(proto uint8) string {
	if n, ok := protoNames[proto]; ok {
		return n
	}
	return fmt.Sprint(proto)
}

var protoNames = map[uint8]string{ICMP: "icmp", 2: "igmp", 4: "ipip", TCP: "tcp", UDP: "udp", DCCP: "dccp", 41: "ipv6", GRE: "gre",
	ESP: "esp", AH: "ah", ICMPv6: "icmpv6", OSPF: "ospf", 103: "pim", VRRP: "vrrp", SCTP: "sctp", UDPLite: "udplite"}

// ProtoByName returns the number of a protocol that ProtoName names.
func ProtoByName(name string) (uint8, bool) {
	for n, s := range protoNames {
		if s == name {
			return n, true
		}
	}
	return 0, false
}

// MatchesPacket reports whether the packet's protocol, ports and ICMP type are
// among m's. ICMP exists only in IPv4 and ICMPv6 only in IPv6.
func (m Match) MatchesPacket(p Packet) bool {
	if m.Any {
		return true
	}
	if m.Proto != p.Proto {
		return false
	}
	switch {
	case IsICMP(m.Proto):
		return (m.Proto == ICMP) == p.Src.Is4() &&
			(m.ICMPType == nil || *m.ICMPType == p.ICMPType) && (m.ICMPCode == nil || *m.ICMPCode == p.ICMPCode)
	case HasPorts(m.Proto):
		return m.Ports.Contains(p.DstPort) && m.FromPort.Contains(p.SrcPort)
	}
	return true
}

// MatchesPacket reports whether any of the service's matches does.
func (s *Service) MatchesPacket(p Packet) bool {
	for _, m := range s.Matches {
		if m.MatchesPacket(p) {
			return true
		}
	}
	return false
}

// String writes the match in the form the site language reads: tcp/5080,
// udp/16384-32767, icmp/8, icmpv6/1/4, gre, proto/115, any.
func (m Match) String() string {
	if m.Any {
		return "any"
	}
	var b strings.Builder
	if _, named := protoNames[m.Proto]; !named {
		b.WriteString("proto/")
	}
	b.WriteString(ProtoName(m.Proto))
	switch {
	case IsICMP(m.Proto):
		if m.ICMPType != nil {
			fmt.Fprintf(&b, "/%d", *m.ICMPType)
			if m.ICMPCode != nil {
				fmt.Fprintf(&b, "/%d", *m.ICMPCode)
			}
		}
	case HasPorts(m.Proto):
		if !m.Ports.IsAny() {
			fmt.Fprintf(&b, "/%s", m.Ports)
		}
		if !m.FromPort.IsAny() {
			fmt.Fprintf(&b, " from %s", m.FromPort)
		}
	}
	return b.String()
}
