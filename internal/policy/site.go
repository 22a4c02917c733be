// Package policy is the model of one site: its zones, the firewall between
// them, its hosts, and who may talk to whom and why. It is built by package
// site, judged by package analysis and compiled by package compile. Decide is
// the meaning of a site for one packet, against which the compiler's output and
// the kernel are tested.
package policy

import (
	"net/netip"
	"time"

	"glacis/internal/diag"

	"go4.org/netipx"
)

// Role says what a zone is for; each role promises something (roles.go).
type Role string

const (
	Internet   Role = "internet"
	DMZ        Role = "dmz"
	Users      Role = "users"
	Servers    Role = "servers"
	Management Role = "management"
	Partner    Role = "partner"
	Branch     Role = "branch"
	Guest      Role = "guest"
)

// Roles lists every role in the order of the documentation.
var Roles = []Role{Internet, DMZ, Servers, Users, Partner, Branch, Guest, Management}

// Site is one whole site, names resolved. Slices keep the order of the files
// (by name) and inside them the order written; only the order of Rules and NAT
// has a meaning: the first match decides.
type Site struct {
	Name       string
	Zones      []*Zone
	Firewall   *Firewall
	Hosts      []*Host
	Services   []*Service // those the site defines itself
	Rules      []*Rule
	NAT        []*NAT
	Blocklists []*Blocklist
	Guarantees []*Guarantee
	Range      diag.Range

	space *space // who owns which address; made by Resolve
}

// Zone is a purpose: a role and the networks that live there.
type Zone struct {
	Name     string
	Role     Role
	Networks []netip.Prefix // masked; empty for role internet

	// NewConnections limits each source's new connections towards the
	// Internet; the zero Rate means no limit ("none" in the file).
	NewConnections Rate

	// Bogons are the addresses that are never a source on the Internet; only
	// for role internet. Nil means the built-in list.
	Bogons *netipx.IPSet

	Interface *Interface // the one that carries the zone
	Range     diag.Range
}

// Firewall is the one firewall of the site: a single node, or a pair.
type Firewall struct {
	Name       string
	Nodes      []*Node
	Interfaces []*Interface
	Gateways   []netip.Addr // next hops towards the Internet, at most one a family
	Failover   *Failover    // nil with one node
	Stations   []*Host      // the only hosts that may open connections to the firewall
	Services   []*Service   // what they may open there
	Range      diag.Range
}

// Node is one machine of the firewall.
type Node struct {
	Name       string
	Management netip.Addr // its own address; invalid if the node has none
	Range      diag.Range
}

// Interface is one leg of the firewall.
type Interface struct {
	Name      string
	Device    string // kernel name of the physical device
	VLAN      int    // 802.1Q tag, 1 to 4094; 0 is untagged
	Zones     []*Zone
	Addresses []netip.Prefix // the firewall's address with the subnet's length, unmasked
	Via       []netip.Addr   // next hops to the zones' networks beyond the subnets, at most one a family
	DHCP      bool           // the firewall serves DHCPv4 here
	Range     diag.Range
}

// Link returns the kernel's name of the interface, such as eth0 or eth1.20.
func (i *Interface) Link() string { return LinkName(i.Device, i.VLAN) }

// Failover is the direct link between two nodes.
type Failover struct {
	Device    string
	VLAN      int
	Addresses []netip.Prefix // one a node, in the order of Firewall.Nodes
	Detect    time.Duration  // how soon a dead node must be noticed
	Preempt   bool
	Range     diag.Range
}

// Link returns the kernel's name of the failover link.
func (f *Failover) Link() string { return LinkName(f.Device, f.VLAN) }

// Host is one machine of the site.
type Host struct {
	Name      string
	Zone      *Zone
	Addresses []netip.Addr
	Listens   []*Service // what it is meant to serve
	Range     diag.Range
}

// Action is what a rule does with a packet.
type Action int

const (
	Allow Action = iota + 1
	Drop
	Reject
)

func (a Action) String() string {
	switch a {
	case Allow:
		return "allow"
	case Drop:
		return "drop"
	case Reject:
		return "reject"
	}
	return "invalid action"
}

// Rule says who may, or may not, talk to whom and why.
type Rule struct {
	Name      string
	Action    Action
	Services  []*Service
	From, To  []Endpoint
	Because   string
	Owner     string
	Log       bool // log matches of an allow rule; drops are always logged
	Limit     *Limit
	When      When
	Exception *Exception
	Range     diag.Range
}

// Active reports whether the rule is installed at the given time: an expired
// exception is not.
func (r *Rule) Active(now time.Time) bool {
	return r.Exception == nil || !r.Exception.Expired(now)
}

// Endpoint is one end of a rule inside one zone. A name that spans zones
// becomes one Endpoint a zone.
type Endpoint struct {
	Zone  *Zone         // nil means the firewall itself
	Addrs *netipx.IPSet // nil means the whole zone (or every address of Site.Itself)
	Text  string        // as written
	Range diag.Range
}

// IsFirewall reports whether the endpoint is the firewall itself.
func (e Endpoint) IsFirewall() bool { return e.Zone == nil }

// ZoneName returns the name of the endpoint's zone, "firewall" for the firewall.
func (e Endpoint) ZoneName() string { return ZoneName(e.Zone) }

// ZoneName returns z's name, or "firewall" for nil.
func ZoneName(z *Zone) string {
	if z == nil {
		return "firewall"
	}
	return z.Name
}

// Rate is a number of new connections per second. The zero Rate is no limit.
type Rate struct {
	PerSecond int
	Burst     int // connections let through at once; PerSecond if not given
}

// Limit bounds how fast a rule may be used. What is over the limit is dropped.
type Limit struct {
	Rate
	PerSource bool // each source address has the rate of its own
}

// When narrows a rule to addresses that a block list names.
type When struct {
	Source, Destination *Blocklist
}

// Exception lets a rule do what a role forbids, for a time.
type Exception struct {
	Ticket     string
	ApprovedBy string
	Expires    time.Time // the first moment it no longer holds, UTC: the day after the date written
	Range      diag.Range
}

// Expired reports whether the exception no longer holds.
func (e *Exception) Expired(now time.Time) bool { return !now.Before(e.Expires) }

// NATKind says which of a packet's addresses a NAT entry translates.
type NATKind int

const (
	Masquerade NATKind = iota + 1 // source of what leaves towards Out
	Publish                       // destination of what arrives for At
	Map                           // both: one to one
	Exempt                        // zones that are never translated
)

func (k NATKind) String() string {
	return [...]string{"invalid", "masquerade", "publish", "map", "exempt"}[k]
}

// NAT is one translation. Exempt entries come first, then 1:1 maps, then the
// others in order; the first match decides.
type NAT struct {
	Name    string
	Kind    NATKind
	From    []Endpoint   // Masquerade: whose addresses; Publish: for whom (empty: everyone); Exempt: the zones
	Out     *Zone        // Masquerade, Map: towards which zone
	As      []netip.Addr // Masquerade: the addresses shown, at most one a family; empty: the interface's own IPv4 address
	Service *Service     // Publish: which service
	At      []netip.Addr // Publish, Map: the public addresses, at most one a family
	Host    *Host        // Publish, Map: the real host
	Port    uint16       // Publish: the port on the host; 0 keeps the port
	Range   diag.Range
}

// Blocklist is a named set of addresses read from a file.
type Blocklist struct {
	Name     string
	File     string
	KeepLast bool          // a missing file keeps what is loaded; otherwise it is an error
	Addrs    *netipx.IPSet // nil if the file could not be read: the contents are unknown
	Range    diag.Range
}

// GuaranteeKind says how a guarantee reads.
type GuaranteeKind int

const (
	Never  GuaranteeKind = iota + 1 // no packet from..to passes
	Only                            // among packets to..service only those from pass
	Always                          // every packet from..to..service passes
)

func (k GuaranteeKind) String() string {
	return [...]string{"invalid", "never", "only", "always"}[k]
}

// Guarantee is what must hold for every packet, on top of the roles' promises.
type Guarantee struct {
	Name     string
	Kind     GuaranteeKind
	From, To []Endpoint
	Services []*Service // empty: any
	Range    diag.Range
}

// Zone returns the zone of that name, or nil.
func (s *Site) Zone(name string) *Zone {
	for _, z := range s.Zones {
		if z.Name == name {
			return z
		}
	}
	return nil
}

// InternetZone returns the zone with role internet, or nil.
func (s *Site) InternetZone() *Zone {
	for _, z := range s.Zones {
		if z.Role == Internet {
			return z
		}
	}
	return nil
}

// Node returns the firewall node of that name, or nil.
func (s *Site) Node(name string) *Node {
	for _, n := range s.Firewall.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Interface returns the interface of that name, or nil.
func (s *Site) Interface(name string) *Interface {
	for _, i := range s.Firewall.Interfaces {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// ManagementRuleName is how the built-in rule that lets the stations reach the
// firewall is called in answers, counters and logs.
const ManagementRuleName = "(management)"

// ManagementRule is the built-in first rule of every site: the named stations,
// and only they, reach the firewall on the named services. Its destination is
// the firewall's addresses on the stations' own interfaces and the nodes' own
// addresses. No rule of the site comes before it.
func (s *Site) ManagementRule() *Rule {
	r := &Rule{Name: ManagementRuleName, Action: Allow, Services: s.Firewall.Services, Range: s.Firewall.Range}
	var to netipx.IPSetBuilder
	for _, h := range s.Firewall.Stations {
		r.From = append(r.From, HostEndpoint(h))
		for _, p := range h.Zone.Interface.Addresses {
			to.Add(p.Addr())
		}
	}
	for _, n := range s.Firewall.Nodes {
		if n.Management.IsValid() {
			to.Add(n.Management)
		}
	}
	r.To = []Endpoint{{Addrs: mustSet(&to), Text: "firewall"}}
	return r
}

// HostEndpoint returns the endpoint that is exactly this host.
func HostEndpoint(h *Host) Endpoint {
	var b netipx.IPSetBuilder
	for _, a := range h.Addresses {
		b.Add(a)
	}
	return Endpoint{Zone: h.Zone, Addrs: mustSet(&b), Text: h.Name, Range: h.Range}
}
