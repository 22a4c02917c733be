// Package netset holds exact sets of packets. A packet is a point in a space of
// fields; which fields there are depends on its address family and the class of
// its protocol, so every such universe has its own sets. In a universe each
// field is cut into cells, at every boundary that any set of the problem has:
// between two cuts all values are alike, and IPv6 costs no more than IPv4.
//
// Sets come in two forms: a Box is a product of one set for each field, as rules
// are written; a Diagram is a canonical decision diagram, in which equal sets
// are the same node.
package netset

import (
	"fmt"
	"slices"
)

// Field is one thing by which packets differ.
type Field uint8

// Fields, in the order in which diagrams ask for them.
const (
	In    Field = iota // interface or zone a packet enters by, numbered by the caller
	Out                // and leaves by
	Dst                // destination address
	Src                // source address
	Proto              // IP protocol, in classes of several
	Dport              // destination port; ICMP: type<<8 | code
	Sport              // source port
	Flags              // the eight TCP flag bits
	State              // connection tracking state, numbered by the caller
	NumFields
)

func (f Field) String() string {
	return [...]string{"in", "out", "dst", "src", "proto", "dport", "sport", "flags", "state", "?"}[f]
}

// Class is a class of protocols whose headers have the same fields.
type Class uint8

const (
	TCP   Class = iota
	Ports       // UDP, DCCP, SCTP, UDP-Lite
	ICMP        // ICMP in IPv4, ICMPv6 in IPv6
	Other       // every other protocol, ICMP of the wrong family among them
	numClasses
)

func (c Class) String() string { return [...]string{"tcp", "ports", "icmp", "other"}[c] }

// Universe is all packets of one address family and protocol class.
type Universe struct {
	Is4   bool
	Class Class
}

// Universes lists all of them. Every packet is in exactly one.
func Universes() []Universe {
	var out []Universe
	for _, is4 := range []bool{true, false} {
		for c := range numClasses {
			out = append(out, Universe{is4, c})
		}
	}
	return out
}

func (u Universe) String() string {
	if u.Is4 {
		return "IPv4 " + u.Class.String()
	}
	return "IPv6 " + u.Class.String()
}

// portProtocols are those of class Ports (IANA protocol numbers).
var portProtocols = []int{17, 33, 132, 136}

// ClassOf returns the universe of a packet of a family and protocol.
func ClassOf(is4 bool, proto uint8) Universe {
	u := Universe{Is4: is4, Class: Other}
	switch {
	case proto == 6:
		u.Class = TCP
	case slices.Contains(portProtocols, int(proto)):
		u.Class = Ports
	case proto == u.icmp():
		u.Class = ICMP
	}
	return u
}

// icmp is the ICMP protocol of the family.
func (u Universe) icmp() uint8 {
	if u.Is4 {
		return 1
	}
	return 58
}

// Has reports whether packets of the universe have the field.
func (u Universe) Has(f Field) bool {
	switch f {
	case Proto:
		return u.Class == Ports || u.Class == Other
	case Dport:
		return u.Class != Other
	case Sport:
		return u.Class == TCP || u.Class == Ports
	case Flags:
		return u.Class == TCP
	}
	return f < NumFields
}

// domain is every value of a field, as sorted disjoint ranges. A field that does
// not exist has one value.
func (u Universe) domain(f Field) []Range {
	upTo := func(n int) []Range { return []Range{{Value{}, Num(n)}} }
	switch {
	case !u.Has(f):
		return upTo(0)
	case f == Src || f == Dst:
		if u.Is4 {
			return []Range{{Value{}, Value{0, 1<<32 - 1}}}
		}
		return []Range{{Value{}, Value{^uint64(0), ^uint64(0)}}}
	case f == Proto:
		return u.protocols()
	case f == Dport || f == Sport:
		return upTo(65535)
	case f == Flags:
		return upTo(255)
	}
	return upTo(1<<16 - 1) // interfaces, zones, states
}

// protocols lists the protocols of the class.
func (u Universe) protocols() []Range {
	var out []Range
	for n := range 256 {
		if ClassOf(u.Is4, uint8(n)) != u {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Hi.next() == Num(n) {
			out[k].Hi = Num(n)
		} else {
			out = append(out, One(Num(n)))
		}
	}
	return out
}

// Product is a set as it is written: for each field the values it may have; a
// field without ranges may have any.
type Product [NumFields][]Range

// With returns the product with one field narrowed to the ranges given; none
// means that nothing is left.
func (p Product) With(f Field, ranges ...Range) Product {
	if len(ranges) == 0 {
		ranges = []Range{{Num(1), Num(0)}} // no value at all
	}
	p[f] = ranges
	return p
}

// Contains reports whether a packet is in the product.
func (p Product) Contains(x Point) bool {
	for f, ranges := range p {
		if ranges != nil && !slices.ContainsFunc(ranges, func(r Range) bool { return r.Contains(x[f]) }) {
			return false
		}
	}
	return true
}

func (p Product) String() string {
	s := ""
	for f, ranges := range p {
		if ranges != nil {
			s += fmt.Sprintf(" %s%v", Field(f), ranges)
		}
	}
	return s
}
