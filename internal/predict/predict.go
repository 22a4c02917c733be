// Package predict says what is to become of a packet in two ways that share no
// code: as the site means it (policy.Decide), and as the ruleset of one node has
// it (nft.Eval on the node's own addresses and routes). Where the two differ,
// the compiler is wrong, or the model is.
package predict

import (
	"fmt"
	"net/netip"
	"time"

	"glacis/internal/compile"
	"glacis/internal/nft"
	"glacis/internal/policy"
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

// Same compares what could be seen: translation only of what is forwarded.
func (o Outcome) Same(p Outcome) bool {
	if o.Verdict != p.Verdict || o.Out != p.Out {
		return false
	}
	return o.Verdict != policy.Allowed || o.Out == policy.Local || o.Src == p.Src && o.Dst == p.Dst && o.DstPort == p.DstPort
}

// Model is what the site means, while every limit is kept.
func Model(site *policy.Site, p policy.Packet, now time.Time) (Outcome, policy.Decision) {
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

// OverLimit is what the site means for the same packet once every limit is
// exceeded.
func OverLimit(o Outcome, d policy.Decision) Outcome {
	if d.SenderLimit.PerSecond > 0 || d.Limited != nil {
		return Outcome{Verdict: policy.Dropped}
	}
	return o
}

// Node is one node of the firewall with a ruleset to ask: the one compiled, or
// the one read back from a kernel.
type Node struct {
	Config  *compile.Config
	Active  bool // holds the addresses that belong to the firewall as a whole
	Ruleset *nft.Ruleset
}

// Eval is what the node's ruleset does with the packet; underLimit says how its
// limits answer. The error is for what the evaluator does not understand.
func (n Node) Eval(site *policy.Site, p policy.Packet, underLimit bool) (Outcome, nft.Result, error) {
	r, err := n.Ruleset.Eval(packet(site, p), nft.Env{Route: n.route, FibType: n.fibType, UnderLimit: underLimit})
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
		o.Out = r.OIF
		for _, i := range site.Firewall.Interfaces {
			if i.Link() == r.OIF {
				o.Out = i.Name
			}
		}
	}
	return o, r, nil
}

// packet is a packet of the model in the words of the kernel.
func packet(site *policy.Site, p policy.Packet) nft.Packet {
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
	return q
}

// conntrackState is what the kernel's tracker calls the packet; one of no
// connection is judged by nf_conntrack_proto_tcp.c, _icmp.c and _icmpv6.c, with
// nf_conntrack_tcp_loose=0.
func conntrackState(p policy.Packet) uint64 {
	if p.Proto == policy.ICMPv6 && p.Src.Is6() { // never tracked, whatever it belongs to
		if t := p.ICMPType; t >= 130 && t <= 137 || t == 143 {
			return nft.CTUntracked
		}
	}
	switch p.State {
	case policy.Established:
		return nft.CTEstablished
	case policy.Related:
		return nft.CTRelated
	case policy.Invalid:
		return nft.CTInvalid
	}
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
		if t := p.ICMPType; t != 128 && t != 139 {
			return nft.CTInvalid
		}
	}
	return nft.CTNew
}
