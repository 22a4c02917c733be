package lab

import (
	"fmt"
	"slices"

	"glacis/internal/linux"
	"glacis/internal/policy"
	"glacis/internal/probe"
)

// segment is the wire behind one interface, or between the nodes: a bridge, or
// one VLAN of a bridge that carries a trunk.
type segment struct {
	device string // of the nodes
	tag    int    // on that device; 0: untagged
	bridge string
	vlan   int // of the bridge, where that keeps VLANs apart; 0: the bridge is the segment
	number int
}

// link is what the nodes call their end.
func (s segment) link() string { return policy.LinkName(s.device, s.tag) }

// layOut lists the segments: one for each interface, in order, and the one
// between the nodes. With real tags those of a device share a bridge if any of
// them is tagged.
func layOut(fw *policy.Firewall, tagged bool) []segment {
	var all []segment
	for k, i := range fw.Interfaces {
		all = append(all, segment{device: i.Device, tag: i.VLAN, bridge: fmt.Sprintf("seg%d", k), number: k})
	}
	if f := fw.Failover; f != nil {
		all = append(all, segment{device: f.Device, tag: f.VLAN, bridge: "failover", number: len(all)})
	}
	if !tagged {
		return all
	}
	for k, s := range all {
		trunk := onDevice(all, s.device)
		if !slices.ContainsFunc(trunk, func(s segment) bool { return s.tag != 0 }) {
			continue
		}
		all[k].bridge, all[k].vlan = trunk[0].bridge, s.tag
		if s.tag == 0 {
			all[k].vlan = unusedTag(trunk)
		}
	}
	return all
}

func onDevice(all []segment, device string) []segment {
	var out []segment
	for _, s := range all {
		if s.device == device {
			out = append(out, s)
		}
	}
	return out
}

// unusedTag is the bridge's own number for what a trunk carries untagged.
func unusedTag(trunk []segment) int {
	tag := 1
	for slices.ContainsFunc(trunk, func(s segment) bool { return s.tag == tag }) {
		tag++
	}
	return tag
}

// wireSegments makes the bridges.
func (l *Lab) wireSegments() error {
	l.wires = layOut(l.Site.Firewall, l.Tagged)
	made := map[string]bool{}
	for k, s := range l.wires {
		if k < len(l.Site.Firewall.Interfaces) {
			l.segments[l.Site.Firewall.Interfaces[k]] = s
		}
		if made[s.bridge] {
			continue
		}
		made[s.bridge] = true
		var err error
		if s.vlan != 0 {
			err = l.switches.VLANBridge(s.bridge)
		} else {
			err = l.switches.Bridge(s.bridge)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plugNode gives a node its devices.
func (l *Lab) plugNode(k int, ns *linux.Namespace) error {
	for _, p := range nodePorts(l.wires, k) {
		if err := l.insert(p, ns); err != nil {
			return err
		}
	}
	return nil
}

// plug connects a new link of a namespace to a segment, untagged.
func (l *Lab) plug(s segment, port string, ns *linux.Namespace, link string) error {
	return l.insert(accessPort(s, port, link), ns)
}

// proberLegs plugs the prober into every segment, once.
func (l *Lab) proberLegs() ([]probe.Leg, error) {
	var legs []probe.Leg
	for _, i := range l.Site.Firewall.Interfaces {
		s := l.segments[i]
		link := proberLink(s)
		legs = append(legs, probe.Leg{Interface: i.Name, Link: link})
		if l.switches.HasLink(link) {
			continue
		}
		if err := l.plug(s, fmt.Sprintf("pp%d", s.number), l.switches, link); err != nil {
			return nil, err
		}
		// The prober speaks for itself: the kernel must not answer there.
		for _, key := range []string{"net/ipv6/conf/" + link + "/disable_ipv6", "net/ipv4/conf/" + link + "/arp_ignore"} {
			value := "1"
			if key == "net/ipv4/conf/"+link+"/arp_ignore" {
				value = "8"
			}
			if err := l.switches.SetSysctl(key, value); err != nil {
				return nil, err
			}
		}
		if err := l.switches.SetUp(link); err != nil {
			return nil, err
		}
	}
	return legs, nil
}

// proberLink names the prober's link on a segment.
func proberLink(s segment) string { return fmt.Sprintf("probe%d", s.number) }
