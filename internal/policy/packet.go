package policy

import (
	"fmt"
	"net/netip"
	"strings"
)

// TCPFlags are the control bits of a TCP header (RFC 9293, 3.1).
type TCPFlags uint8

const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// State is what connection tracking says of a packet.
type State int

const (
	New State = iota
	Established
	Related
	Invalid
)

func (s State) String() string {
	return [...]string{"new", "established", "related", "invalid"}[s]
}

// Local is the value of Packet.In for packets that the firewall itself sends.
const Local = "firewall"

// Packet is one packet as it enters the firewall (or, with In Local, as the
// firewall sends it). Its State is what a tracker with no earlier knowledge
// would call it unless set: New, or Invalid where the packet cannot begin a
// connection.
type Packet struct {
	In       string // name of the interface; empty: where the source lives
	Src, Dst netip.Addr
	Proto    uint8
	SrcPort  uint16
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	Flags    TCPFlags // TCP only; zero means SYN unless NoFlags
	NoFlags  bool     // TCP with no flag at all
	HopLimit uint8    // 0 means 64
	State    State
}

// TCPFlags returns the flags the packet carries, SYN if none were set.
func (p Packet) TCPFlags() TCPFlags {
	if p.Flags == 0 && !p.NoFlags {
		return SYN
	}
	return p.Flags
}

// BeginsConnection reports whether connection tracking with tcp_loose=0 would
// call the packet new: TCP with SYN and neither ACK, FIN nor RST; ICMP only as
// a request (nf_conntrack_proto_tcp.c, _icmp.c, _icmpv6.c).
func (p Packet) BeginsConnection() bool {
	switch p.Proto {
	case TCP:
		return p.TCPFlags()&(SYN|ACK|FIN|RST) == SYN
	case ICMP:
		switch p.ICMPType {
		case 8, 13, 15, 17:
			return true
		}
		return false
	case ICMPv6:
		return p.ICMPType == 128 || p.ICMPType == 139
	}
	return true
}

// IsNeighbourDiscovery reports whether the packet is a neighbour solicitation
// or advertisement (RFC 4861), valid only with hop limit 255.
func (p Packet) IsNeighbourDiscovery() bool {
	return p.Proto == ICMPv6 && p.Src.Is6() && (p.ICMPType == 135 || p.ICMPType == 136) && p.HopLimit == 255
}

// IsListenerReport reports whether the packet is a multicast listener report or
// done message (RFC 2710, RFC 3810), which never leave the link: hop limit 1.
func (p Packet) IsListenerReport() bool {
	return p.Proto == ICMPv6 && p.Src.Is6() && (p.ICMPType == 131 || p.ICMPType == 132 || p.ICMPType == 143) && p.HopLimit == 1
}

// String writes the packet as people say it and as ParsePacket reads it.
func (p Packet) String() string {
	var b strings.Builder
	b.WriteString(ProtoName(p.Proto))
	b.WriteByte(' ')
	b.WriteString(p.Src.String())
	b.WriteString(" -> ")
	switch {
	case HasPorts(p.Proto):
		b.WriteString(netip.AddrPortFrom(p.Dst, p.DstPort).String())
	case IsICMP(p.Proto):
		fmt.Fprintf(&b, "%s type %d", p.Dst, p.ICMPType)
		if p.ICMPCode != 0 {
			fmt.Fprintf(&b, " code %d", p.ICMPCode)
		}
	default:
		b.WriteString(p.Dst.String())
	}
	if HasPorts(p.Proto) && p.SrcPort != 0 {
		fmt.Fprintf(&b, " from-port %d", p.SrcPort)
	}
	if p.Proto == TCP && p.TCPFlags() != SYN {
		fmt.Fprintf(&b, " flags %s", p.TCPFlags())
	}
	if p.HopLimit != 0 {
		fmt.Fprintf(&b, " ttl %d", p.HopLimit)
	}
	if p.State != New {
		fmt.Fprintf(&b, " state %s", p.State)
	}
	if p.In != "" {
		fmt.Fprintf(&b, " in %s", p.In)
	}
	return b.String()
}

type flagName struct {
	bit  TCPFlags
	name string
}

var flagNames = []flagName{{FIN, "fin"}, {SYN, "syn"}, {RST, "rst"}, {PSH, "psh"}, {ACK, "ack"}, {URG, "urg"}, {ECE, "ece"}, {CWR, "cwr"}}

func (f TCPFlags) String() string {
	if f == 0 {
		return "none"
	}
	var names []string
	for _, n := range flagNames {
		if f&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}
