package probe

import (
	"encoding/binary"
	"net"
	"net/netip"

	"glacis/internal/policy"
)

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherARP  = 0x0806
	etherLen  = 14
)

// segment is the place of a TCP packet in its stream.
type segment struct{ seq, ack uint32 }

// first is the segment of packets that belong to no exchange.
var first = segment{1000, 2000}

// encode writes the packet with its payload as an IP packet with right
// checksums.
func encode(p policy.Packet, payload []byte) []byte { return encodeSegment(p, payload, first) }

func encodeSegment(p policy.Packet, payload []byte, at segment) []byte {
	body := transport(p, payload, at)
	hops := p.HopLimit
	if hops == 0 {
		hops = 64
	}
	if p.Src.Is4() {
		ip := make([]byte, 20, 20+len(body))
		ip[0], ip[8], ip[9] = 0x45, hops, p.Proto
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(body)))
		copy(ip[12:], p.Src.AsSlice())
		copy(ip[16:], p.Dst.AsSlice())
		binary.BigEndian.PutUint16(ip[10:], ^sum(0, ip))
		return append(ip, body...)
	}
	ip := make([]byte, 40, 40+len(body))
	ip[0], ip[6], ip[7] = 0x60, p.Proto, hops
	binary.BigEndian.PutUint16(ip[4:], uint16(len(body)))
	copy(ip[8:], p.Src.AsSlice())
	copy(ip[24:], p.Dst.AsSlice())
	return append(ip, body...)
}

// transport writes the header of the packet's protocol and the payload.
func transport(p policy.Packet, payload []byte, seg segment) []byte {
	var b []byte
	at := -1 // where the checksum goes
	switch p.Proto {
	case policy.TCP:
		b = make([]byte, 20)
		binary.BigEndian.PutUint32(b[4:], seg.seq)
		if p.TCPFlags()&policy.ACK != 0 {
			binary.BigEndian.PutUint32(b[8:], seg.ack)
		}
		b[12], b[13] = 5<<4, byte(p.TCPFlags())
		binary.BigEndian.PutUint16(b[14:], 8192)
		at = 16
	case policy.UDP, 136:
		b = make([]byte, 8)
		binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
		at = 6
	case policy.ICMP, policy.ICMPv6:
		b = make([]byte, 8)
		b[0], b[1] = p.ICMPType, p.ICMPCode
		if len(payload) == markLen {
			copy(b[4:], payload[markLen-2:]) // the identifier: the probe's number
		}
		if isError(p) && len(payload) == markLen {
			payload = append(unrelated(p), payload...)
			b[4], b[5], b[6], b[7] = 0, 0, 0, 0
		}
		at = 2
	case policy.GRE:
		b = []byte{0, 0, 0x08, 0}
	default:
		b = make([]byte, 12)
	}
	if policy.HasPorts(p.Proto) {
		binary.BigEndian.PutUint16(b, p.SrcPort)
		binary.BigEndian.PutUint16(b[2:], p.DstPort)
	}
	b = append(b, payload...)
	if at >= 0 {
		start := uint32(0)
		if p.Proto != policy.ICMP {
			start = pseudo(p, len(b))
		}
		c := ^sum(start, b)
		if c == 0 && p.Proto == policy.UDP {
			c = 0xffff
		}
		binary.BigEndian.PutUint16(b[at:], c)
	}
	return b
}

// isError reports whether the packet is an ICMP message that quotes another.
func isError(p policy.Packet) bool {
	switch p.Proto {
	case policy.ICMP:
		return p.ICMPType == 3 || p.ICMPType == 4 || p.ICMPType == 5 || p.ICMPType == 11 || p.ICMPType == 12
	case policy.ICMPv6:
		return p.ICMPType >= 1 && p.ICMPType <= 4
	}
	return false
}

// unrelated is a quoted packet of a connection that never was.
func unrelated(p policy.Packet) []byte {
	return encode(policy.Packet{Src: p.Dst, Dst: p.Src, Proto: policy.UDP, SrcPort: 9, DstPort: 9}, nil)
}

// pseudo is the sum of the pseudo header that transport checksums include.
func pseudo(p policy.Packet, n int) uint32 {
	s := uint32(sum(0, p.Src.AsSlice())) + uint32(sum(0, p.Dst.AsSlice()))
	return s + uint32(p.Proto) + uint32(n)
}

// sum is the ones' complement sum of RFC 1071, not inverted.
func sum(start uint32, b []byte) uint16 {
	s := start
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// frame puts an IP packet into an Ethernet frame.
func frame(dst, src net.HardwareAddr, ip []byte) []byte {
	f := make([]byte, etherLen, etherLen+len(ip))
	copy(f, dst)
	copy(f[6:], src)
	kind := uint16(etherIPv4)
	if ip[0]>>4 == 6 {
		kind = etherIPv6
	}
	binary.BigEndian.PutUint16(f[12:], kind)
	return append(f, ip...)
}

// decode reads an IP packet: its header fields and what follows the transport
// header.
func decode(ip []byte) (p policy.Packet, payload []byte, ok bool) {
	var body []byte
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		n := int(ip[0]&0xf) * 4
		total := int(binary.BigEndian.Uint16(ip[2:]))
		if n < 20 || total < n || total > len(ip) {
			return p, nil, false
		}
		p.Src, p.Dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		p.Proto, p.HopLimit, body = ip[9], ip[8], ip[n:total]
	case len(ip) >= 40 && ip[0]>>4 == 6:
		total := 40 + int(binary.BigEndian.Uint16(ip[4:]))
		if total > len(ip) {
			return p, nil, false
		}
		p.Src, p.Dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
		p.Proto, p.HopLimit, body = ip[6], ip[7], ip[40:total]
	default:
		return p, nil, false
	}
	n := map[uint8]int{policy.TCP: 20, policy.UDP: 8, policy.ICMP: 8, policy.ICMPv6: 8, policy.GRE: 4}[p.Proto]
	if n == 0 {
		n = 12
	}
	if len(body) < n {
		return p, nil, false
	}
	switch {
	case policy.IsICMP(p.Proto):
		p.ICMPType, p.ICMPCode = body[0], body[1]
	case policy.HasPorts(p.Proto):
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])
		if p.Proto == policy.TCP {
			p.Flags = policy.TCPFlags(body[13])
			p.NoFlags = p.Flags == 0
			n = min(int(body[12]>>4)*4, len(body))
		}
	}
	return p, body[n:], true
}

// arpReply answers an ARP request for an address with our own hardware address
// (RFC 826); nil if the frame is no request, or asks for an address of mine.
func arpReply(f []byte, mac net.HardwareAddr, mine func(netip.Addr) bool) []byte {
	if len(f) < etherLen+28 || binary.BigEndian.Uint16(f[12:]) != etherARP || binary.BigEndian.Uint16(f[20:]) != 1 {
		return nil
	}
	target := netip.AddrFrom4([4]byte(f[38:42]))
	sender := netip.AddrFrom4([4]byte(f[28:32]))
	if mine(target) || target == sender {
		return nil
	}
	out := make([]byte, etherLen+28)
	copy(out, f[6:12])
	copy(out[6:], mac)
	copy(out[12:], f[12:20])
	out[21] = 2
	copy(out[22:], mac)
	copy(out[28:], f[38:42])
	copy(out[32:], f[22:32])
	return out
}

// neighbourReply answers a neighbour solicitation (RFC 4861) likewise.
func neighbourReply(f []byte, mac net.HardwareAddr, mine func(netip.Addr) bool) []byte {
	if len(f) < etherLen+64 || binary.BigEndian.Uint16(f[12:]) != etherIPv6 {
		return nil
	}
	ip := f[etherLen:]
	if ip[6] != policy.ICMPv6 || ip[7] != 255 || ip[40] != 135 {
		return nil
	}
	target := netip.AddrFrom16([16]byte(ip[48:64]))
	asker := netip.AddrFrom16([16]byte(ip[8:24]))
	if mine(target) || asker.IsUnspecified() || target.IsLinkLocalUnicast() {
		return nil
	}
	body := make([]byte, 32)
	body[0], body[4] = 136, 0x60 // solicited, override
	copy(body[8:], target.AsSlice())
	body[24], body[25] = 2, 1 // target link-layer address
	copy(body[26:], mac)
	p := policy.Packet{Src: target, Dst: asker, Proto: policy.ICMPv6, HopLimit: 255}
	binary.BigEndian.PutUint16(body[2:], ^sum(pseudo(p, len(body)), body))
	head := encode(p, nil)[:40]
	binary.BigEndian.PutUint16(head[4:], uint16(len(body)))
	return frame(f[6:12], mac, append(head, body...))
}
