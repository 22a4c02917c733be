package probe

import (
	"fmt"
	"net/netip"
	"time"

	"glacis/internal/compile"
	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// Outcome is what becomes of a packet, as far as it can be seen from outside.
type Outcome struct {
	Verdict  policy.Verdict `json:"verdict"`
	Out      string         `json:"out,omitempty"` // interface, or "firewall" for one delivered to it
	Src, Dst netip.Addr     `json:"-"`
	DstPort  uint16         `json:"-"`
}

// String says it in a few words.
func (o Outcome) String() string {
	if o.Verdict != policy.Allowed {
		return string(o.Verdict)
	}
	if o.Out == policy.Local {
		return "allow, to the firewall itself"
	}
	return fmt.Sprintf("allow, out by %s, as %s -> %s port %d", o.Out, o.Src, o.Dst, o.DstPort)
}

// same compares what could be seen: translation only of what is forwarded.
func (o Outcome) same(p Outcome) bool {
	if o.Verdict != p.Verdict || o.Out != p.Out {
		return false
	}
	return o.Verdict != policy.Allowed || o.Out == policy.Local || o.Src == p.Src && o.Dst == p.Dst && o.DstPort == p.DstPort
}

// modelled is what the site means.
func modelled(site *policy.Site, p policy.Packet, now time.Time) (Outcome, policy.Decision) {
	d := site.Decide(p, now)
	o := Outcome{Verdict: d.Verdict}
	if d.Verdict == policy.Allowed {
		o.Src, o.Dst, o.DstPort = d.Src, d.Dst, d.DstPort
		o.Out = policy.Local
		if d.Out != nil {
			o.Out = d.Out.Name
		}
	}
	return o, d
}

// evaluated is what the ruleset read back from the kernel says.
func evaluated(site *policy.Site, n *NodeUnderTest, p policy.Packet) (Outcome, nft.Result, error) {
	q := nft.Packet{Src: p.Src, Dst: p.Dst, Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, HopLimit: p.HopLimit, CTState: conntrackState(p)}
	if q.HopLimit == 0 {
		q.HopLimit = 64
	}
	if p.Proto == policy.TCP {
		q.TCPFlags = uint8(p.TCPFlags())
	}
	if p.In != policy.Local {
		q.IIF = site.Interface(p.In).Link()
	}
	r, err := n.Loaded.Eval(q, nft.Env{Route: n.route, FibType: n.fibType, UnderLimit: true})
	if err != nil {
		return Outcome{}, r, err
	}
	switch r.Verdict {
	case nft.Dropped:
		return Outcome{Verdict: policy.Dropped}, r, nil
	case nft.Rejected:
		return Outcome{Verdict: policy.Rejected}, r, nil
	}
	o := Outcome{Verdict: policy.Allowed, Src: r.Src, Dst: r.Dst, DstPort: r.DstPort, Out: policy.Local}
	if !r.Local {
		for _, i := range site.Firewall.Interfaces {
			if i.Link() == r.OIF {
				o.Out = i.Name
			}
		}
	}
	return o, r, nil
}

// conntrackState is what the kernel's tracker calls a packet of no connection
// (nf_conntrack_proto_tcp.c, _icmp.c, _icmpv6.c, with nf_conntrack_tcp_loose=0).
func conntrackState(p policy.Packet) uint64 {
	switch p.Proto {
	case policy.TCP:
		if p.TCPFlags()&(policy.SYN|policy.ACK|policy.FIN|policy.RST) != policy.SYN {
			return nft.CTInvalid
		}
	case policy.ICMP:
		if t := p.ICMPType; t != 8 && t != 13 && t != 15 && t != 17 {
			return nft.CTInvalid
		}
	case policy.ICMPv6:
		switch t := p.ICMPType; {
		case t >= 130 && t <= 137 || t == 143:
			return nft.CTUntracked
		case t != 128 && t != 139:
			return nft.CTInvalid
		}
	}
	return nft.CTNew
}

// Kinds of destinations (rtnetlink(7)).
const (
	rtnUnicast   = 1
	rtnLocal     = nft.FibLocal
	rtnBroadcast = 3
	rtnAnycast   = 4
	rtnMulticast = 5
)

// fibType is the kind of a destination on the node, from its configuration.
func (n *NodeUnderTest) fibType(dst netip.Addr) uint64 {
	for _, a := range n.addresses() {
		m := a.Prefix.Masked()
		switch {
		case a.Prefix.Addr() == dst:
			return rtnLocal
		case dst.Is4() && m.Bits() <= 30 && netipx.PrefixLastIP(m) == dst:
			return rtnBroadcast
		case dst.Is6() && m.Bits() <= 126 && m.Addr() == dst:
			return rtnAnycast
		}
	}
	switch {
	case dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return rtnBroadcast
	case dst.IsMulticast():
		return rtnMulticast
	}
	return rtnUnicast
}

// route is the node's routing table: longest destination first.
func (n *NodeUnderTest) route(dst netip.Addr) (link string, local, ok bool) {
	if n.fibType(dst) != rtnUnicast {
		return "", true, true
	}
	best := -1
	try := func(p netip.Prefix, l string) {
		if p.Contains(dst) && p.Bits() > best {
			best, link = p.Bits(), l
		}
	}
	on := map[string]bool{}
	for _, a := range n.addresses() {
		try(a.Prefix.Masked(), a.Link)
		on[fmt.Sprint(a.Link, a.Prefix.Addr().Is4())] = true
	}
	for _, r := range n.Config.Routes {
		if on[fmt.Sprint(r.Link, r.Via.Is4())] {
			try(r.Dest, r.Link)
		}
	}
	return link, false, best >= 0
}

// addresses are those the node holds now.
func (n *NodeUnderTest) addresses() []compile.Address {
	var out []compile.Address
	for _, a := range n.Config.Addresses {
		if n.Active || !a.Shared {
			out = append(out, a)
		}
	}
	return out
}
