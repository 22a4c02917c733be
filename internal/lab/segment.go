package lab

import (
	"fmt"

	"glacis/internal/linux"
	"glacis/internal/probe"
)

// segment is the wire behind one interface: a bridge, or one VLAN of a bridge
// that carries a trunk.
type segment struct {
	bridge string
	vlan   int // 0: the bridge is the segment
	number int
}

// wireSegments makes a bridge for every interface; with real tags one for each
// device, which keeps its VLANs apart.
func (l *Lab) wireSegments() error {
	trunks := map[string]string{}
	for k, i := range l.Site.Firewall.Interfaces {
		s := segment{bridge: fmt.Sprintf("seg%d", k), number: k}
		if i.VLAN != 0 && l.Tagged {
			s.vlan = i.VLAN
			if b, made := trunks[i.Device]; made {
				s.bridge = b
				l.segments[i] = s
				continue
			}
			trunks[i.Device] = s.bridge
		}
		if err := l.switches.Bridge(s.bridge); err != nil {
			return err
		}
		if s.vlan != 0 {
			if err := l.switches.FilterVLANs(s.bridge); err != nil {
				return err
			}
		}
		l.segments[i] = s
	}
	return nil
}

// plugNode gives a node its devices: one link a device with real tags, else one
// for every interface, named as the interface; and the failover link.
func (l *Lab) plugNode(k int, ns *linux.Namespace) error {
	plugged := map[string]string{} // device or link to its port
	for _, i := range l.Site.Firewall.Interfaces {
		s := l.segments[i]
		link := i.Link()
		if s.vlan != 0 {
			link = i.Device
		}
		port, done := plugged[link]
		if !done {
			port = fmt.Sprintf("n%dp%d", k, s.number)
			if err := linux.Veth(l.switches, port, ns, link); err != nil {
				return err
			}
			if err := l.switches.AddPort(s.bridge, port); err != nil {
				return err
			}
			plugged[link] = port
		}
		if s.vlan != 0 {
			if err := l.switches.PortVLAN(port, s.vlan, false); err != nil {
				return err
			}
		}
	}
	return l.plugRest(k, ns, plugged)
}

// plugRest makes the failover link and the bare devices that only carry tags.
func (l *Lab) plugRest(k int, ns *linux.Namespace, plugged map[string]string) error {
	if f := l.Site.Firewall.Failover; f != nil {
		if k == 0 {
			if err := l.switches.Bridge("failover"); err != nil {
				return err
			}
		}
		port := fmt.Sprintf("n%dfail", k)
		if err := linux.Veth(l.switches, port, ns, f.Link()); err != nil {
			return err
		}
		if err := l.switches.AddPort("failover", port); err != nil {
			return err
		}
		plugged[f.Link()] = port
	}
	for _, i := range l.Site.Firewall.Interfaces {
		if _, done := plugged[i.Device]; done || i.VLAN == 0 {
			continue
		}
		port := fmt.Sprintf("n%dd%d", k, l.segments[i].number)
		if err := linux.Veth(l.switches, port, ns, i.Device); err != nil {
			return err
		}
		plugged[i.Device] = port
	}
	return nil
}

// plug connects a new link of a namespace to a segment, untagged.
func (l *Lab) plug(s segment, port string, ns *linux.Namespace, link string) error {
	if err := linux.Veth(l.switches, port, ns, link); err != nil {
		return err
	}
	if err := l.switches.AddPort(s.bridge, port); err != nil {
		return err
	}
	if s.vlan != 0 {
		if err := l.switches.DropPortVLAN(port, 1); err != nil {
			return err
		}
		return l.switches.PortVLAN(port, s.vlan, true)
	}
	return nil
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
