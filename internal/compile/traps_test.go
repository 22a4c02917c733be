package compile_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"glacis/internal/compile"
	"glacis/internal/linux"
	"glacis/internal/nft"
	"glacis/internal/policy"
	"glacis/internal/predict"
	"glacis/internal/privileged"
	"glacis/internal/site"

	"go4.org/netipx"
)

// The traps are mistakes that other firewall generators made in silence, each of
// which opened or cut a firewall. FWF is Linuxfabrik/firewallfabrik, its public
// list of compiler faults of August 2026.

// trapSite is a firewall with a pair of nodes, a dmz, users, servers, branches
// and management; rules, NAT and lists are the test's.
const trapSite = `site: traps
zones:
  internet: {role: internet}
  dmz:      {role: dmz, networks: [192.0.2.0/26, "2001:db8:20::/64"]}
  users:    {role: users, networks: [10.16.0.0/16, "2001:db8:16::/64"]}
  servers:  {role: servers, networks: [10.8.0.0/16, "2001:db8:8::/64"]}
  branches: {role: branch, networks: [10.64.0.0/16]}
  admin:    {role: management, networks: [10.0.99.0/28]}
firewall:
  name: edge
  nodes: {edge-a: {management: 10.0.99.2}, edge-b: {management: 10.0.99.3}}
  interfaces:
    outside: {device: eth0, zones: [internet], address: [198.51.100.1/28, "2001:db8:1::1/64"]}
    dmz:     {device: eth1, zones: [dmz], address: [192.0.2.1/26, "2001:db8:20::1/64"]}
    users:   {device: eth2, zones: [users], address: [10.16.0.1/16, "2001:db8:16::1/64"]}
    servers: {device: eth3, zones: [servers], address: [10.8.0.1/16, "2001:db8:8::1/64"]}
    wan:     {device: eth4, zones: [branches], address: [10.64.0.1/16]}
    admin:   {device: eth5, zones: [admin], address: [10.0.99.1/28]}
  gateway: [198.51.100.14, "2001:db8:1::e"]
  failover: {device: eth6, address: [10.255.255.1/30, 10.255.255.2/30]}
  management: {stations: [admin1], services: [ssh]}
hosts:
  admin1: {zone: admin, address: 10.0.99.10}
  web1:   {zone: dmz, address: [192.0.2.10, "2001:db8:20::10"]}
  db1:    {zone: servers, address: [10.8.0.20, "2001:db8:8::20"]}
  pc1:    {zone: users, address: 10.16.0.50}
`

func trap(t *testing.T, rest, list string) (*policy.Site, predict.Node) {
	t.Helper()
	s, _, err := load(trapSite+rest, list)
	if err != nil {
		t.Fatal(err)
	}
	return s, compiled(t, s)
}

// fate demands of model and ruleset that they agree, and on what.
func fate(t *testing.T, s *policy.Site, node predict.Node, want policy.Verdict, p policy.Packet) {
	t.Helper()
	if d := s.Decide(p, now); d.Verdict != want {
		t.Errorf("%s: the site means %s, by %s, want %s", p, d.Verdict, d.RuleName, want)
	}
	if diff := disagreement(s, node, p); diff != "" {
		t.Errorf("%s: %s", p, diff)
	}
}

// syn is the first packet of a TCP connection.
func syn(in, src, dst string, port uint16) policy.Packet {
	return policy.Packet{In: in, Src: addr(src), Dst: addr(dst), Proto: policy.TCP, SrcPort: 40000, DstPort: port}
}

const listRule = `
rules:
  - {name: listed, %s: [https], from: internet, to: web1, when: {source: blocklist.bad}, because: b, owner: o}
blocklists: {bad: {file: bad.txt, on-missing: keep-last}}
`

// FWF: an empty block list matched every address.
func TestTrapEmptyBlocklistMatchesNothing(t *testing.T) {
	s, node := trap(t, fmt.Sprintf(listRule, "allow"), "# nothing\n")
	fate(t, s, node, policy.Dropped, syn("outside", "203.0.113.9", "192.0.2.10", 443))
	fate(t, s, node, policy.Dropped, syn("outside", "2001:db8:f::9", "2001:db8:20::10", 443))
	s, node = trap(t, fmt.Sprintf(listRule, "allow"), "203.0.113.9\n")
	fate(t, s, node, policy.Allowed, syn("outside", "203.0.113.9", "192.0.2.10", 443))
	fate(t, s, node, policy.Dropped, syn("outside", "203.0.113.10", "192.0.2.10", 443))
	fate(t, s, node, policy.Dropped, syn("outside", "2001:db8:f::9", "2001:db8:20::10", 443))
}

// FWF: a block list that could not be read matched every address.
func TestTrapUnreadableBlocklist(t *testing.T) {
	text := trapSite + fmt.Sprintf(listRule, "allow")
	s, diags, _ := site.Load(fstest.MapFS{"site.yaml": {Data: []byte(text)}}, site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	if s.Blocklists[0].Addrs != nil {
		t.Error("a list that was not read has contents")
	}
	fate(t, s, compiled(t, s), policy.Dropped, syn("outside", "203.0.113.9", "192.0.2.10", 443))
	s.Blocklists[0].KeepLast = false
	if cfg, diags := compile.Compile(s, "edge-a", compile.Options{Now: now}); cfg != nil || !diags.HasErrors() {
		t.Error("compiles with a list whose contents are unknown and may not be")
	}
	strict := strings.Replace(text, "keep-last", "error", 1)
	if s, _, _ := site.Load(fstest.MapFS{"site.yaml": {Data: []byte(strict)}}, site.Options{Now: now}); s != nil {
		t.Error("loads with a list that must be there and is not")
	}
}

// FWF: a condition that could not be compiled was dropped and the rule stayed.
// Here every condition of a rule is one match more, or there is no ruleset.
func TestTrapConditionLostRuleStays(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: narrow, allow: tcp/80-90 from 1024-2047, from: 10.16.0.64/26, to: db1, limit: {new: 5/s}, because: b, owner: o}
`, "")
	ok := syn("users", "10.16.0.70", "10.8.0.20", 85)
	ok.SrcPort = 1024
	fate(t, s, node, policy.Allowed, ok)
	for _, lost := range []func(*policy.Packet){
		func(p *policy.Packet) { p.Src = addr("10.16.0.128") }, func(p *policy.Packet) { p.Dst = addr("10.8.0.21") },
		func(p *policy.Packet) { p.DstPort = 91 }, func(p *policy.Packet) { p.SrcPort = 2048 }, func(p *policy.Packet) { p.Proto = policy.UDP },
		func(p *policy.Packet) { p.Flags = policy.SYN | policy.ACK },
	} {
		p := ok
		lost(&p)
		fate(t, s, node, policy.Dropped, p)
	}
	if o, _, _ := node.Eval(s, ok, false); o.Verdict != policy.Dropped {
		t.Error("the limit is lost")
	}
}

// FWF: "accept established to these ports" became "accept everything": here what
// the tracker does not know is never accepted by state.
func TestTrapEstablishedAcceptsOnlyEstablished(t *testing.T) {
	s, node := trap(t, "", "")
	for _, state := range []policy.State{policy.New, policy.Invalid, policy.Related} {
		p := syn("users", "10.16.0.50", "10.8.0.20", 443)
		p.State, p.Flags = state, policy.ACK
		fate(t, s, node, policy.Dropped, p)
	}
}

// FWF: negation was lost, or limited to one protocol. The language has none in
// rules; these are the negations that are emitted: no broadcasts, SYN first.
func TestTrapNegationLost(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: ours, allow: [ssh, udp/53], from: pc1, to: firewall, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: 2027-01-01}}
`, "")
	fate(t, s, node, policy.Allowed, syn("users", "10.16.0.50", "10.16.0.1", 22))
	for _, dst := range []string{"10.16.255.255", "255.255.255.255", "224.0.0.1"} {
		p := syn("users", "10.16.0.50", dst, 53)
		p.Proto = policy.UDP
		fate(t, s, node, policy.Dropped, p)
	}
	negations := 0
	for _, c := range node.Ruleset.Tables[0].Chains {
		for _, r := range c.Rules {
			for _, st := range r.Stmts {
				if m, ok := st.(nft.Match); ok && m.Not {
					negations++
				}
			}
		}
	}
	if negations != 4 { // SYN in forward, input, output; broadcasts in input
		t.Errorf("%d negations are emitted, and 4 are tested here", negations)
	}
	for _, in := range []string{"users", policy.Local} {
		p := syn(in, "10.16.0.1", "10.8.0.20", 22)
		p.Flags = policy.SYN | policy.ACK
		fate(t, s, node, policy.Dropped, p)
	}
}

// FWF: a date window was lost and the rule ran for ever.
func TestTrapDateWindowLost(t *testing.T) {
	const rule = `
rules:
  - {name: out, allow: https, from: db1, to: internet, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: %s}}
`
	for expires, want := range map[string]policy.Verdict{"2026-11-30": policy.Dropped, "2026-12-01": policy.Allowed} { // now is the first of December
		s, node := trap(t, fmt.Sprintf(rule, expires), "")
		fate(t, s, node, want, syn("servers", "10.8.0.20", "203.0.113.9", 443))
		if has := strings.Contains(node.Ruleset.String(), "rule.out"); has != (want == policy.Allowed) {
			t.Errorf("expires %s: in the ruleset: %v", expires, has)
		}
	}
}

// FWF: a rule was emitted without its verdict. Here every rule of every chain
// ends in one, or only counts or logs, and every chain ends in a drop.
func TestTrapVerdictMissing(t *testing.T) {
	for _, c := range compiled(t, enterprise(t)).Ruleset.Tables[0].Chains {
		for k, r := range c.Rules {
			if !decides(r) && !strings.HasPrefix(c.Name, "pair.") && !logsOnly(r) {
				t.Errorf("chain %s, rule %d decides nothing: %s", c.Name, k+1, r)
			}
		}
		if c.Base != nil && c.Base.Type == "nat" || strings.HasPrefix(c.Name, "limit.") {
			continue // falls back to what comes after
		}
		last := c.Rules[len(c.Rules)-1]
		_, always := last.Stmts[0].(nft.Verdict) // such as a goto to a chain that ends in a drop
		if !always && !slices.Contains(last.Stmts, nft.Stmt(nft.Verdict{Kind: nft.Drop})) {
			t.Errorf("chain %s ends in %s", c.Name, last)
		}
	}
}

func decides(r *nft.Rule) bool {
	switch r.Stmts[len(r.Stmts)-1].(type) {
	case nft.Verdict, nft.VMap, nft.RejectWith, nft.Translate:
		return true
	}
	return false
}

func logsOnly(r *nft.Rule) bool {
	_, ok := r.Stmts[len(r.Stmts)-1].(nft.Log)
	return ok
}

// FWF: "permit SSH to firewall" was widened to every translated address.
func TestTrapSSHToFirewallWidenedToNATAddresses(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: ssh-in, allow: ssh, from: pc1, to: firewall, because: b, owner: o, exception: {ticket: T, approved-by: a, expires: 2027-01-01}}
nat:
  - {name: web, publish: https, at: 198.51.100.3, to: web1}
  - {name: hide, masquerade: users, to: internet, as: 198.51.100.4}
`, "")
	fate(t, s, node, policy.Allowed, syn("users", "10.16.0.50", "10.16.0.1", 22))
	fate(t, s, node, policy.Allowed, syn("users", "10.16.0.50", "198.51.100.1", 22))
	for _, dst := range []string{"198.51.100.3", "198.51.100.4", "10.255.255.1"} {
		fate(t, s, node, policy.Dropped, syn("users", "10.16.0.50", dst, 22))
		fate(t, s, node, policy.Dropped, syn("admin", "10.0.99.10", dst, 22))
	}
}

// FWF: the rule that lets management in never was in the ruleset. Nothing the
// site says comes before it or takes it away.
func TestTrapManagementRuleMissing(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: lock-out, drop: any, from: any, to: firewall, because: b, owner: o}
`, "")
	for _, dst := range []string{"10.0.99.1", "10.0.99.2"} {
		fate(t, s, node, policy.Allowed, syn("admin", "10.0.99.10", dst, 22))
	}
	fate(t, s, node, policy.Dropped, syn("admin", "10.0.99.11", "10.0.99.1", 22))
	fate(t, s, node, policy.Dropped, syn("admin", "10.0.99.10", "10.0.99.1", 23))
	fate(t, s, node, policy.Dropped, syn("outside", "10.0.99.10", "10.0.99.1", 22))
}

// FWF: a rule for a branch was valid in both directions.
func TestTrapBranchRuleBothDirections(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: orders, allow: https, from: branches, to: db1, because: b, owner: o}
`, "")
	fate(t, s, node, policy.Allowed, syn("wan", "10.64.0.9", "10.8.0.20", 443))
	fate(t, s, node, policy.Dropped, syn("servers", "10.8.0.20", "10.64.0.9", 443))
	back := syn("servers", "10.8.0.20", "10.64.0.9", 40000)
	back.SrcPort, back.Flags = 443, policy.SYN|policy.ACK
	fate(t, s, node, policy.Dropped, back)
}

// FWF: a compile that failed exited 0 and left half a ruleset.
func TestTrapFailedCompileYieldsNothing(t *testing.T) {
	s, _ := trap(t, "", "")
	if cfg, diags := compile.Compile(s, "nobody", compile.Options{Now: now}); cfg != nil || !diags.HasErrors() {
		t.Errorf("for a node that is not there: %v, %v", cfg, diags)
	}
	s.Zones[1].Name = strings.Repeat("n", 130) // too long for a log prefix and for nft
	if cfg, diags := compile.Compile(s, "edge-a", compile.Options{Now: now}); cfg != nil || !diags.HasErrors() {
		t.Errorf("with a name that nothing can hold: %v", diags)
	}
	s.Zones[1].Name = `d"; }`
	cfg, diags := compile.Compile(s, "edge-a", compile.Options{Now: now})
	if cfg != nil || !diags.HasErrors() {
		t.Errorf("with a name that nft cannot read: %v", diags)
	}
	bad := &nft.Ruleset{Tables: []*nft.Table{{Family: "inet", Name: "t", Chains: []*nft.Chain{{Name: "c", Rules: []*nft.Rule{{Stmts: []nft.Stmt{nft.Unknown{Text: "x"}}}}}}}}}
	if text := bad.String(); !strings.HasPrefix(text, "# ") || strings.Count(text, "\n") != 1 {
		t.Errorf("what cannot be printed is printed in part: %s", text)
	}
}

// FWF: the name of an object with shell syntax in it ran as root. No shell sees
// any text here; what the language lets through is loaded for real.
func TestTrapShellSyntaxInNames(t *testing.T) {
	privileged.Need(t)
	t.Chdir(t.TempDir())
	const canary = "canary"
	for _, name := range []string{"x$(touch " + canary + ")", "x`touch " + canary + "`", "x; flush ruleset", "x\n}", `x" accept comment "`} {
		text := trapSite + "rules:\n  - {name: " + fmt.Sprintf("%q", name) + ", allow: https, from: users, to: web1, because: b, owner: o}\n"
		if s, _, err := load(text, ""); s != nil || err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
	files := fstest.MapFS{"a$(touch " + canary + ").yaml": {Data: []byte(trapSite + "rules:\n  - {name: r, allow: https, from: users, to: web1, because: \"$(touch " + canary + ")\", owner: \"`id`\"}\n")}}
	s, diags, _ := site.Load(files, site.Options{Now: now})
	if s == nil {
		t.Fatal(diags)
	}
	cfg, diags := compile.Compile(s, "edge-a", compile.Options{Now: now})
	if cfg == nil && diags.HasErrors() {
		return // refused: as good
	}
	n, err := linux.NewNamespace(fmt.Sprintf("glacis-trap-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := linux.LoadRuleset(n, cfg.Ruleset); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a name ran as a command")
	}
	if out, err := n.Command(context.Background(), "nft", "list", "tables").Output(); err != nil || strings.TrimSpace(string(out)) != "table inet glacis" {
		t.Errorf("there is more than the one table: %s %v", out, err)
	}
}

// FWF #84, keepalived#2257: a pair that drops by default dropped its own VRRP,
// and both members thought they were master. Nothing the site says cuts it.
func TestTrapVRRPBlockedByOwnRules(t *testing.T) {
	s, _ := trap(t, "rules:\n  - {name: nothing, drop: any, from: any, to: firewall, because: b, owner: o}\n  - {name: silence, drop: any, from: firewall, to: any, because: b, owner: o}\n", "")
	ends := []netip.Addr{addr("10.255.255.1"), addr("10.255.255.2")}
	for k, name := range []string{"edge-a", "edge-b"} {
		cfg, _ := compile.Compile(s, name, compile.Options{Now: now})
		self, peer := ends[k], ends[1-k]
		env := nft.Env{Route: func(dst netip.Addr) (string, bool, bool) { return "eth6", dst == self, true }, FibType: func(netip.Addr) uint64 { return nft.FibLocal }}
		vrrp := nft.Packet{IIF: "eth6", Src: peer, Dst: self, Proto: policy.VRRP, HopLimit: 255, CTState: nft.CTNew}
		sync := nft.Packet{IIF: "eth6", Src: peer, Dst: self, Proto: policy.UDP, SrcPort: 3780, DstPort: 3780, HopLimit: 64, CTState: nft.CTNew}
		for what, p := range map[string]nft.Packet{"VRRP": vrrp, "state": sync} {
			own := p
			own.IIF, own.Src, own.Dst = "", self, peer
			far, forged, elsewhere := p, p, p
			far.HopLimit = 254
			forged.Src = addr("10.255.255.3")
			elsewhere.IIF = "eth0"
			for name, c := range map[string]struct {
				p    nft.Packet
				want string
			}{"in": {p, nft.Accepted}, "out": {own, nft.Accepted}, "from another": {forged, nft.Dropped}, "from elsewhere": {elsewhere, nft.Dropped}} {
				if r, err := cfg.Ruleset.Eval(c.p, env); err != nil || r.Verdict != c.want {
					t.Errorf("%s: %s %s: %s in %s, %v", cfg.Node, what, name, r.Verdict, r.Chain, err)
				}
			}
			if r, _ := cfg.Ruleset.Eval(far, env); what == "VRRP" && r.Verdict != nft.Dropped {
				t.Errorf("%s: VRRP that came through a router is accepted", cfg.Node)
			}
		}
	}
}

// Calico: what is forwarded was allowed where no policy applied.
func TestTrapForwardAllowedWithoutPolicy(t *testing.T) {
	s, node := trap(t, "", "")
	zones := map[string]string{"outside": "203.0.113.9", "dmz": "192.0.2.10", "users": "10.16.0.50", "servers": "10.8.0.20", "wan": "10.64.0.9", "admin": "10.0.99.11"}
	for in, src := range zones {
		for out, dst := range zones {
			if in != out {
				fate(t, s, node, policy.Dropped, syn(in, src, dst, 443))
			}
		}
	}
	for _, c := range node.Ruleset.Tables[0].Chains {
		if c.Base != nil && c.Base.Type == "filter" && c.Base.Policy != "drop" {
			t.Errorf("chain %s has policy %s", c.Name, c.Base.Policy)
		}
	}
}

// Calico felix#2645: failsafe ports were open to everybody until somebody listed
// networks. There are none here but the stations': no station, no port.
func TestTrapFailsafePortsOpenToAll(t *testing.T) {
	without := strings.Replace(trapSite, "  management: {stations: [admin1], services: [ssh]}\n", "", 1)
	s, _, err := load(without, "")
	if err != nil {
		t.Fatal(err)
	}
	node := compiled(t, s)
	for in, src := range map[string]string{"outside": "203.0.113.9", "users": "10.16.0.50", "admin": "10.0.99.10", "wan": "10.64.0.9"} {
		for _, port := range []uint16{22, 68, 179, 2379, 6443, 10250, 443, 3780} {
			fate(t, s, node, policy.Dropped, syn(in, src, "10.0.99.1", port))
			fate(t, s, node, policy.Dropped, syn(in, src, "198.51.100.1", port))
		}
	}
}

// Cilium: a policy that selects nothing was valid and did nothing, "silently and
// open". Here it is an error.
func TestTrapRuleThatMatchesNothing(t *testing.T) {
	for what, rest := range map[string]string{
		"no family in common":    "rules:\n  - {name: r, drop: any, from: branches, to: \"2001:db8:8::20\", because: b, owner: o}\n",
		"address in no zone":     "rules:\n  - {name: r, drop: any, from: users, to: 10.200.0.1, because: b, owner: o}\n",
		"a service of no family": "rules:\n  - {name: r, drop: icmpv6, from: users, to: branches, because: b, owner: o}\n",
		"no firewall between":    "rules:\n  - {name: r, drop: any, from: users, to: pc1, because: b, owner: o}\n",
		"an empty group":         "groups: {nobody: []}\nrules:\n  - {name: r, drop: any, from: users, to: nobody, because: b, owner: o}\n",
		"an unknown name":        "rules:\n  - {name: r, drop: any, from: users, to: wbe1, because: b, owner: o}\n",
	} {
		if s, _, err := load(trapSite+rest, ""); s != nil || err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// Tufin: the matrix ends at 100 zones, any-to-any shows the first 100 violations
// only. 130 zones are complete here.
func TestTrapMatrixLimit(t *testing.T) {
	const zones = 130
	s := &policy.Site{Name: "many", Firewall: &policy.Firewall{Name: "fw", Nodes: []*policy.Node{{Name: "fw"}}}}
	for k := range zones {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(k), 0}), 24)
		i := &policy.Interface{Name: fmt.Sprint("i", k), Device: fmt.Sprint("eth", k), Addresses: []netip.Prefix{netip.PrefixFrom(p.Addr().Next(), 24)}}
		z := &policy.Zone{Name: fmt.Sprint("z", k), Role: policy.Users, Networks: []netip.Prefix{p}, Interface: i}
		i.Zones = []*policy.Zone{z}
		s.Zones, s.Firewall.Interfaces = append(s.Zones, z), append(s.Firewall.Interfaces, i)
	}
	var last netipx.IPSetBuilder
	last.Add(addr("10.1.129.9"))
	only, _ := last.IPSet()
	s.Rules = []*policy.Rule{{Name: "last", Action: policy.Allow, From: []policy.Endpoint{{Zone: s.Zones[128]}}, To: []policy.Endpoint{{Zone: s.Zones[129], Addrs: only}},
		Services: []*policy.Service{{Matches: []policy.Match{{Proto: policy.TCP, Ports: policy.PortRange{First: 443, Last: 443}}}}}}}
	s.Resolve()
	node := compiled(t, s)
	fate(t, s, node, policy.Allowed, syn("i128", "10.1.128.9", "10.1.129.9", 443))
	pairs := map[string]bool{}
	for _, c := range node.Ruleset.Tables[0].Chains {
		pairs[c.Name] = true
	}
	for a := range zones {
		for b := range zones {
			if a != b && !pairs[fmt.Sprintf("pair.z%d.z%d", a, b)] {
				t.Fatalf("the pair of z%d and z%d is missing", a, b)
			}
		}
		fate(t, s, node, policy.Dropped, syn(fmt.Sprint("i", a), fmt.Sprintf("10.1.%d.9", a), fmt.Sprintf("10.1.%d.9", (a+1)%zones), 80))
	}
}

// nft --optimize (Foomuuri#207): merging rules changed verdicts. Order is kept
// where rules overlap: a drop between two allows stays between.
func TestTrapOptimizerChangesVerdicts(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: a, allow: tcp/1, from: users, to: servers, because: b, owner: o}
  - {name: b, allow: tcp/2, from: users, to: servers, because: b, owner: o}
  - {name: c, allow: tcp/3, from: users, to: servers, because: b, owner: o}
  - {name: d, allow: tcp/4, from: users, to: servers, because: b, owner: o}
  - {name: no, drop: tcp/5-6, from: users, to: servers, because: b, owner: o}
  - {name: e, allow: tcp/4-9, from: users, to: servers, because: b, owner: o}
`, "")
	if lookups(node) == 0 {
		t.Error("nothing was merged: the test tests nothing")
	}
	for port, want := range map[uint16]policy.Verdict{1: policy.Allowed, 4: policy.Allowed, 5: policy.Dropped, 6: policy.Dropped, 7: policy.Allowed, 10: policy.Dropped} {
		fate(t, s, node, want, syn("users", "10.16.0.50", "10.8.0.20", port))
	}
}

// shorewall-nft: the verdict map of interfaces was turned off, and zones lost,
// once zones had networks. An interface with several zones keeps them apart.
func TestTrapZoneByNetworkBehindOneInterface(t *testing.T) {
	text := strings.Replace(trapSite, "zones: [branches], address: [10.64.0.1/16]}", "zones: [branches, depots], address: [10.64.0.1/16], via: 10.64.0.254}", 1)
	text = strings.Replace(text, "  admin:    {role", "  depots:   {role: branch, networks: [10.64.128.0/17]}\n  admin:    {role", 1)
	s, _, err := load(text+"rules:\n  - {name: r, allow: https, from: depots, to: db1, because: b, owner: o}\n", "")
	if err != nil {
		t.Fatal(err)
	}
	node := compiled(t, s)
	fate(t, s, node, policy.Allowed, syn("wan", "10.64.128.1", "10.8.0.20", 443))
	fate(t, s, node, policy.Dropped, syn("wan", "10.64.127.255", "10.8.0.20", 443))
}

// OPNsense: the standby cannot reach anything, because its own packets are
// translated to the shared address. What the firewall itself sends never is.
func TestTrapStandbyTranslatesItsOwnPackets(t *testing.T) {
	s, node := trap(t, `
rules:
  - {name: clock, allow: ntp, from: firewall, to: internet, because: b, owner: o}
nat:
  - {name: hide, masquerade: [users, admin], to: internet, as: 198.51.100.4}
`, "")
	p := policy.Packet{In: policy.Local, Src: addr("10.0.99.2"), Dst: addr("203.0.113.9"), Proto: policy.UDP, SrcPort: 123, DstPort: 123}
	fate(t, s, node, policy.Allowed, p)
	if o, _, _ := node.Eval(s, p, true); o.Src != p.Src {
		t.Errorf("leaves as %s", o.Src)
	}
}
