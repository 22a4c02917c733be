package nft

// FibLocal is the type of an address of this machine, RTN_LOCAL (rtnetlink(7)).
const FibLocal = 2

// protocols are names that are words of nft's own language. Every other it looks
// up in /etc/protocols, which a small system may lack (Debian's netbase), and
// then refuses the ruleset: those are printed as numbers.
var protocols = map[uint64]string{1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmpv6", 108: "comp", 132: "sctp", 136: "udplite"}

// protocolNames are all that /etc/protocols has on the usual systems (netbase,
// after IANA's protocol-numbers), for reading.
var protocolNames = map[string]uint64{"icmpv6": 58, "ospfigp": 89,
	"ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "st": 5, "tcp": 6, "egp": 8, "igp": 9, "pup": 12, "udp": 17, "hmp": 20,
	"xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44,
	"idrp": 45, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "skip": 57, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81,
	"eigrp": 88, "ospf": 89, "ax.25": 93, "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124,
	"sctp": 132, "fc": 133, "mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142,
	"ethernet": 143, "mptcp": 262,
}

// symbols are the names nft(8) prints for numbers of a field, and reads back.
var symbols = map[Field]map[uint64]string{
	L4Proto:      protocols,
	IPProtocol:   protocols,
	NFProto:      {2: "ipv4", 10: "ipv6"},
	CTStateF:     {CTInvalid: "invalid", CTEstablished: "established", CTRelated: "related", CTNew: "new", CTUntracked: "untracked"},
	CTStatus:     {1: "expected", 2: "seen-reply", 4: "assured", 8: "confirmed", 16: "snat", 32: "dnat", 512: "dying"},
	FibDaddrType: {0: "unspec", 1: "unicast", FibLocal: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"},
	TCPFlags:     {1: "fin", 2: "syn", 4: "rst", 8: "psh", 16: "ack", 32: "urg", 64: "ecn", 128: "cwr"},
	ICMPTypeF: {0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request", 9: "router-advertisement",
		10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem", 13: "timestamp-request", 14: "timestamp-reply",
		15: "info-request", 16: "info-reply", 17: "address-mask-request", 18: "address-mask-reply"},
	ICMPv6TypeF: {1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem", 128: "echo-request",
		129: "echo-reply", 130: "mld-listener-query", 131: "mld-listener-report", 132: "mld-listener-done", 133: "nd-router-solicit",
		134: "nd-router-advert", 135: "nd-neighbor-solicit", 136: "nd-neighbor-advert", 137: "nd-redirect", 138: "router-renumbering",
		141: "ind-neighbor-solicit", 142: "ind-neighbor-advert", 143: "mld2-listener-report"},
}

// numbers is symbols the other way round, with the other names nft knows, for
// reading.
var numbers = func() map[Field]map[string]uint64 {
	out := map[Field]map[string]uint64{}
	for f, names := range symbols {
		out[f] = map[string]uint64{}
		for n, name := range names {
			out[f][name] = n
		}
	}
	for _, f := range []Field{L4Proto, IPProtocol} {
		for name, n := range protocolNames {
			out[f][name] = n
		}
	}
	out[ICMPv6TypeF]["mld-listener-reduction"] = 132
	out[ICMPCodeF] = map[string]uint64{"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
		"net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13}
	out[ICMPv6CodeF] = map[string]uint64{"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5, "reject-route": 6}
	return out
}()
