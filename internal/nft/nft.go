// Package nft is a typed nftables ruleset in the words of nft(8): a printer to
// nft text, a reader of what `nft -j list ruleset` prints, and an evaluator
// that says what a ruleset does with one packet. The evaluator knows nothing of
// zones or sites, so that it is a second opinion on the compiler's work.
package nft

import (
	"net/netip"
	"time"
)

// Ruleset is everything `nft list ruleset` shows, or the part that Glacis owns.
type Ruleset struct{ Tables []*Table }

// Table holds the objects of one family and name.
type Table struct {
	Family   string // ip, ip6, inet, arp, bridge, netdev
	Name     string
	Comment  string
	Counters []*Counter
	Sets     []*Set // sets and maps
	Chains   []*Chain
}

// Counter is a named counter.
type Counter struct {
	Name    string
	Comment string
	Packets uint64
	Bytes   uint64
}

// Type is a set's key or data type, one a field of a concatenation.
type Type string

const (
	IPv4Addr    Type = "ipv4_addr"
	IPv6Addr    Type = "ipv6_addr"
	InetProto   Type = "inet_proto"
	InetService Type = "inet_service"
	IfName      Type = "ifname"
	ICMPType    Type = "icmp_type"
	ICMPv6Type  Type = "icmpv6_type"
	CTState     Type = "ct_state"
	Mark        Type = "mark"
)

// Set is a named set, or a map if DataType, Verdicts or Counters says so.
type Set struct {
	Name     string
	Comment  string
	Key      []Type
	Verdicts bool   // a verdict map
	Counters bool   // a map to named counters
	Data     []Type // a map to values
	Interval bool   // flags interval
	Dynamic  bool   // flags dynamic: the packet path adds elements
	Constant bool
	Timeout  time.Duration // flags timeout with this default
	Size     int
	Elements []Element

	// Unknown says what of the set the reader did not understand; then nobody
	// can say what is in it.
	Unknown string
}

// Element is one entry of a set or map.
type Element struct {
	Key     []Value // one a field
	Default bool    // `*`, the catch-all; Key is then empty
	Verdict *Verdict
	Counter string  // name of the counter, in a map to counters
	Data    []Value // one a field, in a map to values
}

// Value is one field of a key: Addr, Num or Str.
type Value interface{ value() }

// Addr is a closed range of addresses of one family; Lo equals Hi for one.
type Addr struct{ Lo, Hi netip.Addr }

// Num is a closed range of numbers: ports, protocols, ICMP types, ct states,
// tcp flags. The printer names them as the field they stand against wants.
type Num struct{ Lo, Hi uint64 }

// Str is an interface name. A trailing * matches any ending.
type Str string

func (Addr) value() {}
func (Num) value()  {}
func (Str) value()  {}

// One returns the single address a.
func One(a netip.Addr) Addr { return Addr{a, a} }

// N returns the single number n.
func N[T ~int | ~uint8 | ~uint16 | ~uint64](n T) Num { return Num{uint64(n), uint64(n)} }

// Chain is a list of rules; one with a Base is hooked into the packet path.
type Chain struct {
	Name    string
	Comment string
	Base    *Base
	Rules   []*Rule
}

// Base says where a base chain hooks in.
type Base struct {
	Type     string // filter, nat, route
	Hook     string // prerouting, input, forward, output, postrouting
	Priority int
	Policy   string // accept or drop
	Device   string // hook ingress and egress only
}

// The usual priorities of base chains in the inet family, nft(8).
const (
	PriorityRaw    = -300
	PriorityDstNAT = -100
	PriorityFilter = 0
	PrioritySrcNAT = 100
)

// Rule is a list of statements, run in order until one does not match.
type Rule struct {
	Stmts   []Stmt
	Comment string // at most 128 bytes
	Handle  int    // set by the kernel
}

// Field names what a statement reads, as nft writes it. Reading a field of a
// protocol the packet does not have ends the rule without a match, for != too.
type Field string

const (
	IPSaddr      Field = "ip saddr"
	IPDaddr      Field = "ip daddr"
	IPProtocol   Field = "ip protocol"
	IPTTL        Field = "ip ttl"
	IP6Saddr     Field = "ip6 saddr"
	IP6Daddr     Field = "ip6 daddr"
	IP6HopLimit  Field = "ip6 hoplimit"
	TCPSport     Field = "tcp sport"
	TCPDport     Field = "tcp dport"
	TCPFlags     Field = "tcp flags"
	UDPSport     Field = "udp sport"
	UDPDport     Field = "udp dport"
	SCTPSport    Field = "sctp sport"
	SCTPDport    Field = "sctp dport"
	DCCPSport    Field = "dccp sport"
	DCCPDport    Field = "dccp dport"
	UDPLiteSport Field = "udplite sport"
	UDPLiteDport Field = "udplite dport"
	ThSport      Field = "th sport"
	ThDport      Field = "th dport"
	ICMPTypeF    Field = "icmp type"
	ICMPCodeF    Field = "icmp code"
	ICMPv6TypeF  Field = "icmpv6 type"
	ICMPv6CodeF  Field = "icmpv6 code"
	IIFName      Field = "iifname"
	OIFName      Field = "oifname"
	L4Proto      Field = "meta l4proto"
	NFProto      Field = "meta nfproto" // 2 ipv4, 10 ipv6
	MetaMark     Field = "meta mark"
	CTStateF     Field = "ct state"  // bits: see the CT constants
	CTStatus     Field = "ct status" // bits: dnat 32, snat 16
	FibDaddrType Field = "fib daddr type"
)

// Bits of ct state, as the kernel numbers them (nf_tables: NF_CT_STATE_BIT).
const (
	CTInvalid     = 1
	CTEstablished = 2
	CTRelated     = 4
	CTNew         = 8
	CTUntracked   = 64
)

// Stmt is one statement of a rule.
type Stmt interface{ stmt() }

// Match compares a field, or a concatenation of fields, with values or a named
// set. With Mask the field is first ANDed with it (tcp flags & mask).
type Match struct {
	Key    []Field // more than one is a concatenation
	Mask   uint64  // 0: none
	Not    bool    // !=
	Set    string  // named set; Values is then empty
	Values []Element
}

// VerdictKind is what a verdict does.
type VerdictKind string

const (
	Accept   VerdictKind = "accept"
	Drop     VerdictKind = "drop"
	Jump     VerdictKind = "jump"
	Goto     VerdictKind = "goto"
	Return   VerdictKind = "return"
	Continue VerdictKind = "continue"
)

// Verdict ends a rule; Chain is the target of jump and goto.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}

// VMap looks the key up and takes the verdict found; none found: no match.
type VMap struct {
	Key      []Field
	Set      string    // named map
	Elements []Element // anonymous map
}

// Count adds to a named counter; with an empty Name it is an anonymous one.
type Count struct{ Name string }

// CountMap looks the key up in a map to counters; none found: no match.
type CountMap struct {
	Key []Field
	Set string
}

// Log sends the packet to an nflog group (or, with Group -1, to the kernel log).
type Log struct {
	Prefix     string // at most 127 bytes
	Group      int
	Snaplen    int
	QThreshold int
	Level      string // kernel log only; empty is warn
	Flags      string // kernel log only: all, or words with commas between
}

// Limit matches while (or with Over: once no longer) packets come slower than
// Rate a second.
type Limit struct {
	Rate  int
	Per   string // second, minute, hour, day
	Burst int    // packets; 0 is nft's default of 5
	Over  bool
}

// Update adds the key to a dynamic set, or refreshes it, and runs Limit for
// that element; a full set, or a limit that does not match, ends the rule.
type Update struct {
	Set   string
	Key   []Field
	Limit *Limit
	Add   bool // add instead of update: do not refresh the timeout
}

// RejectWith refuses the packet and tells the sender.
type RejectWith struct {
	TCPReset bool
	ICMPX    string // a code for both families, such as admin-prohibited
	ICMP     string // a code for IPv4 only: others do not match
	ICMPv6   string // a code for IPv6 only
}

// Translate is snat, dnat or masquerade. With Set, address (and port, if the
// map's data has one) come from a named map.
type Translate struct {
	Kind   string // snat, dnat, masquerade
	Family string // ip or ip6; empty for masquerade
	Addr   netip.Addr
	Port   uint16 // 0: unchanged
	Key    []Field
	Set    string
}

// Notrack takes the packet out of connection tracking.
type Notrack struct{}

// Unknown is a statement the reader does not understand. The evaluator refuses
// a packet that reaches it: unknown is never "no".
type Unknown struct{ Text string }

func (Match) stmt()      {}
func (Verdict) stmt()    {}
func (VMap) stmt()       {}
func (Count) stmt()      {}
func (CountMap) stmt()   {}
func (Log) stmt()        {}
func (Limit) stmt()      {}
func (Update) stmt()     {}
func (RejectWith) stmt() {}
func (Translate) stmt()  {}
func (Notrack) stmt()    {}
func (Unknown) stmt()    {}
