package nft

import "net/netip"

// Packet is one packet as the kernel sees it, for Eval.
type Packet struct {
	IIF      string // link it came in by; empty: sent by this machine
	Src, Dst netip.Addr
	Proto    uint8
	SrcPort  uint16 // protocols with ports only
	DstPort  uint16
	ICMPType uint8
	ICMPCode uint8
	TCPFlags uint8
	HopLimit uint8
	CTState  uint64 // one of the CT bits
	Mark     uint32
	oif      string
	fibType  uint64
	status   uint64 // ct status
	tracked  bool   // connection tracking has seen it
}

// Env is what a packet's fate depends on besides the ruleset.
type Env struct {
	// Route gives the link towards a destination; local if it is this machine;
	// not ok if there is no route.
	Route func(dst netip.Addr) (link string, local, ok bool)
	// FibType gives the kind of a destination, RTN_LOCAL and so on (rtnetlink(7)).
	FibType func(dst netip.Addr) uint64
	// UnderLimit is how limits answer: below their rate, or over it.
	UnderLimit bool
}

// hasPorts reports whether a transport header begins with two ports.
func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 33, 132, 136:
		return true
	}
	return false
}

// value reads a field. It is false if the packet has no such field, which ends
// the rule without a match, for != too.
func (p *Packet) value(f Field) (Value, bool) {
	is4 := p.Src.Is4()
	switch f {
	case IPSaddr:
		return One(p.Src), is4
	case IPDaddr:
		return One(p.Dst), is4
	case IPProtocol:
		return N(p.Proto), is4
	case IPTTL:
		return N(p.HopLimit), is4
	case IP6Saddr:
		return One(p.Src), !is4
	case IP6Daddr:
		return One(p.Dst), !is4
	case IP6HopLimit:
		return N(p.HopLimit), !is4
	case TCPSport:
		return N(p.SrcPort), p.Proto == 6
	case TCPDport:
		return N(p.DstPort), p.Proto == 6
	case TCPFlags:
		return N(p.TCPFlags), p.Proto == 6
	case UDPSport:
		return N(p.SrcPort), p.Proto == 17
	case UDPDport:
		return N(p.DstPort), p.Proto == 17
	case SCTPSport:
		return N(p.SrcPort), p.Proto == 132
	case SCTPDport:
		return N(p.DstPort), p.Proto == 132
	case DCCPSport:
		return N(p.SrcPort), p.Proto == 33
	case DCCPDport:
		return N(p.DstPort), p.Proto == 33
	case UDPLiteSport:
		return N(p.SrcPort), p.Proto == 136
	case UDPLiteDport:
		return N(p.DstPort), p.Proto == 136
	case ThSport:
		return N(p.SrcPort), hasPorts(p.Proto)
	case ThDport:
		return N(p.DstPort), hasPorts(p.Proto)
	case ICMPTypeF:
		return N(p.ICMPType), is4 && p.Proto == 1
	case ICMPCodeF:
		return N(p.ICMPCode), is4 && p.Proto == 1
	case ICMPv6TypeF:
		return N(p.ICMPType), !is4 && p.Proto == 58
	case ICMPv6CodeF:
		return N(p.ICMPCode), !is4 && p.Proto == 58
	case IIFName:
		return Str(p.IIF), true
	case OIFName:
		return Str(p.oif), true
	case L4Proto:
		return N(p.Proto), true
	case NFProto:
		if is4 {
			return N(uint8(2)), true
		}
		return N(uint8(10)), true
	case MetaMark:
		return N(uint64(p.Mark)), true
	case CTStateF:
		if !p.tracked && p.CTState != CTUntracked {
			return N(uint64(CTInvalid)), true // nft_ct_get_eval: no connection yet
		}
		return N(p.CTState), true
	case CTStatus:
		return N(p.status), p.CTState != CTUntracked
	case FibDaddrType:
		return N(p.fibType), true
	}
	return nil, false
}
