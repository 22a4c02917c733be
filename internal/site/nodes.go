package site

import (
	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) nodes(m mapping) {
	for _, e := range m.names("nodes") {
		n := &policy.Node{Range: e.key.at()}
		name, ok := l.name(e.key, maxName)
		if !ok {
			continue
		}
		if first := l.site.Node(name); first != nil {
			l.twice(e.key, "duplicate-name", first.Range, "node %q is defined twice", name)
			continue
		}
		n.Name = name
		l.site.Firewall.Nodes = append(l.site.Firewall.Nodes, n)
		if e.value.isNull() {
			continue // a node with nothing of its own
		}
		nm, _ := l.mapping(e.value, nodeShape)
		if a, given := nm.get("management"); given {
			n.Management, _ = l.addr(a)
		}
	}
}

func (l *loader) checkNodes(m mapping) {
	fw := l.site.Firewall
	switch {
	case len(fw.Nodes) == 0 && m.sound("nodes") && len(m.names("nodes")) == 0:
		l.diags.Errorf(fw.Range, "no-nodes", "the firewall has no node").Fix = "name one machine, or two, under nodes:"
	case len(fw.Nodes) > 2:
		l.diags.Errorf(fw.Nodes[2].Range, "too-many-nodes", "%s is the third node, and a firewall is one or two", fw.Nodes[2].Name).Fix = "remove it; a second pair is a site of its own"
	case len(fw.Nodes) == 2 && fw.Failover == nil && !m.has("failover"):
		l.diags.Errorf(fw.Nodes[1].Range, "no-failover", "two nodes need a failover link between them").Fix = "add failover: {device: ..., address: [one for each node]} under firewall:"
	case len(fw.Nodes) == 1 && fw.Failover != nil:
		l.diags.Errorf(fw.Failover.Range, "failover-alone", "one node has nobody to fail over to").Fix = "declare the second node, or remove failover"
	}
	for _, e := range m.names("nodes") {
		if n := l.site.Node(e.key.Value); n != nil {
			l.checkNode(n, mapping{value: e.value}.has("management"))
		}
	}
}

// checkNode: a node's own address lies in the subnet of an interface and is
// nobody else's. A pair needs one a node, to be reached while it is standby.
func (l *loader) checkNode(n *policy.Node, given bool) {
	fw := l.site.Firewall
	if !n.Management.IsValid() {
		if len(fw.Nodes) == 2 && !given {
			l.diags.Errorf(n.Range, "node-without-address", "node %s has no address of its own", n.Name).Fix = "add management: an address in one of the interfaces' subnets"
		}
		return
	}
	inside := false
	for _, i := range fw.Interfaces {
		for _, p := range i.Addresses {
			inside = inside || p.Contains(n.Management) && !isEdge(n.Management, p)
			if p.Addr() == n.Management && len(fw.Nodes) == 2 {
				l.diags.Errorf(n.Range, "node-address", "%s is the address of interface %s, which moves between the nodes", n.Management, i.Name).Fix = "give each node an address that stays"
			}
		}
	}
	if !inside {
		l.diags.Errorf(n.Range, "node-address", "%s is no host address of the firewall's subnets", n.Management).Fix = "use an address inside one of the interfaces' subnets, neither its first nor its last"
	}
	for _, other := range fw.Nodes {
		if other != n && other.Management == n.Management && n.Name > other.Name {
			d := l.diags.Errorf(n.Range, "node-address", "nodes %s and %s have the same address", other.Name, n.Name)
			d.Related = []diag.Related{{Message: "node " + other.Name, Range: other.Range}}
			d.Fix = "give each node an address of its own"
		}
	}
}
