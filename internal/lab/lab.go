// Package lab builds a site as network namespaces on one machine: both firewall
// nodes with exactly the configuration they would load, every host, and the
// networks between them. In it real packets are sent and real programs run.
package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"glacis/internal/compile"
	"glacis/internal/linux"
	"glacis/internal/policy"
	"glacis/internal/probe"
)

// Options say how a lab is built.
type Options struct {
	Now time.Time
	// Inject changes what is loaded into the nodes: a planted fault that the
	// probes must find. May be nil.
	Inject func(*compile.Config) error
	// Wiring changes a port of the switch before it is plugged: a fault that
	// the probes must find. May be nil.
	Wiring func(*policy.Site, *Port)
}

// Lab is a site standing in namespaces.
type Lab struct {
	Name string
	Site *policy.Site
	// Tagged reports whether VLANs are real 802.1Q tags on a trunk; otherwise
	// each is a separate link of the same name.
	Tagged bool

	nodes    []*probe.NodeUnderTest
	switches *linux.Namespace // the wires: one bridge for each segment
	wires    []segment        // in order of the interfaces, then the failover link
	segments map[*policy.Interface]segment
	routers  map[*policy.Interface]*router
	machines []*Machine
	ports    int // of the wires, numbered
	opt      Options
}

// wires is the namespace of the switches, by a name that no host can have.
const wires = "wires.all"

// New builds the firewall nodes and the wires of a site. The caller closes it.
func New(ctx context.Context, site *policy.Site, name string, opt Options) (*Lab, error) {
	l := &Lab{Name: name, Site: site, opt: opt, segments: map[*policy.Interface]segment{}, routers: map[*policy.Interface]*router{}}
	if err := l.build(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context) error {
	if !linux.IsRoot() {
		return errors.New("a lab needs root: it makes network namespaces; run it with sudo")
	}
	configs, err := l.compile()
	if err != nil {
		return err
	}
	if l.Tagged, err = linux.Has8021Q(); err != nil {
		return err
	}
	if l.switches, err = l.namespace(wires); err != nil {
		return err
	}
	if err := l.wireSegments(); err != nil {
		return err
	}
	if err := l.checkWiring(); err != nil {
		return err
	}
	for k, cfg := range configs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.node(k, cfg); err != nil {
			return fmt.Errorf("node %s: %w", cfg.Node, err)
		}
	}
	return l.failoverLink()
}

// compile works out every node's configuration and plants the fault, if any.
func (l *Lab) compile() ([]*compile.Config, error) {
	var out []*compile.Config
	for _, n := range l.Site.Firewall.Nodes {
		cfg, diags := compile.Compile(l.Site, n.Name, compile.Options{Now: l.opt.Now})
		if diags.HasErrors() {
			return nil, diags
		}
		if l.opt.Inject != nil {
			if err := l.opt.Inject(cfg); err != nil {
				return nil, err
			}
		}
		out = append(out, cfg)
	}
	return out, nil
}

func (l *Lab) namespace(name string) (*linux.Namespace, error) {
	ns, err := linux.NewNamespace(NamespaceName(l.Name, name))
	if err != nil {
		return nil, err
	}
	// Nothing but what a test sends: no router solicitations, no duplicate
	// address detection.
	for _, s := range []string{"net/ipv6/conf/all/accept_dad", "net/ipv6/conf/default/accept_dad", "net/ipv6/conf/all/router_solicitations", "net/ipv6/conf/default/router_solicitations"} {
		if err := ns.SetSysctl(s, "0"); err != nil {
			return nil, errors.Join(err, ns.Close())
		}
	}
	return ns, nil
}

// node makes one node's namespace, its links to the segments, and loads its
// configuration.
func (l *Lab) node(k int, cfg *compile.Config) error {
	ns, err := l.namespace(cfg.Node)
	if err != nil {
		return err
	}
	n := &probe.NodeUnderTest{Name: cfg.Node, Namespace: ns, Config: cfg, Active: k == 0}
	l.nodes = append(l.nodes, n)
	if err := l.plugNode(k, ns); err != nil {
		return err
	}
	return linux.ApplyConfig(ns, cfg, linux.ApplyOptions{Active: n.Active})
}

// failoverLink is a cable between two nodes; its ends are made before the nodes
// are configured, so here there is nothing left to do but check it.
func (l *Lab) failoverLink() error {
	f := l.Site.Firewall.Failover
	if f == nil {
		return nil
	}
	for _, n := range l.nodes {
		if !n.Namespace.HasLink(f.Link()) {
			return fmt.Errorf("node %s has no failover link %s", n.Name, f.Link())
		}
	}
	return nil
}

// Node returns the namespace of a node.
func (l *Lab) Node(name string) *linux.Namespace {
	for _, n := range l.nodes {
		if n.Name == name {
			return n.Namespace
		}
	}
	return nil
}

// Close takes the lab down.
func (l *Lab) Close() error {
	var errs []error
	for _, m := range l.machines {
		if m.services != nil {
			m.services.close()
		}
		errs = append(errs, m.Namespace.Close())
	}
	for _, r := range l.routers {
		errs = append(errs, r.namespace.Close())
	}
	for _, n := range l.nodes {
		errs = append(errs, n.Namespace.Close())
	}
	if l.switches != nil {
		errs = append(errs, l.switches.Close())
	}
	return errors.Join(errs...)
}

// Probe sends a packet of every class through the standing firewall. It must
// be done before the hosts are added: they would answer, too.
func (l *Lab) Probe(ctx context.Context, stopAtFirst bool, progress func(done, total int)) (probe.Report, error) {
	legs, err := l.proberLegs()
	if err != nil {
		return probe.Report{}, err
	}
	rep, err := probe.Run(ctx, probe.Setup{Site: l.Site, Now: l.opt.Now, Prober: l.switches, Legs: legs, Nodes: l.nodes,
		StopAtFirst: stopAtFirst, Progress: progress})
	if err != nil {
		return rep, err
	}
	rep.Tags, err = l.tags()
	return rep, err
}

// tags counts what the active node received and sent with real tags.
func (l *Lab) tags() ([]probe.Tag, error) {
	tags := []probe.Tag{}
	for _, i := range l.Site.Firewall.Interfaces {
		if i.VLAN == 0 || !l.Tagged {
			continue
		}
		v, is8021Q, err := l.nodes[0].Namespace.VLANLink(i.Link())
		if err != nil {
			return nil, err
		}
		if !is8021Q || v.Tag != i.VLAN {
			return nil, fmt.Errorf("%s is no link with tag %d", i.Link(), i.VLAN)
		}
		tags = append(tags, probe.Tag{Interface: i.Name, VLAN: v.Tag, Received: v.Received, Sent: v.Sent})
	}
	return tags, nil
}

// Reload puts the site's ruleset in place again on every node, changed by
// inject if that is not nil. Links, addresses and routes stay.
func (l *Lab) Reload(inject func(*compile.Config) error) error {
	l.opt.Inject = inject
	configs, err := l.compile()
	if err != nil {
		return err
	}
	for k, cfg := range configs {
		l.nodes[k].Config = cfg
		if err := linux.LoadRuleset(l.nodes[k].Namespace, cfg.Ruleset); err != nil {
			return err
		}
	}
	return nil
}
