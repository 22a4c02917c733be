package lab

import (
	"errors"
	"fmt"
	"slices"

	"glacis/internal/linux"
)

// Port is a port of the lab's switch and what lies at the other end of its wire.
type Port struct {
	Name  string
	Link  string // at the other end
	Trunk bool   // leads to a node and carries all VLANs of a device

	// VLANs that pass, where the port's bridge keeps them apart.
	VLANs  []linux.PortVLAN
	bridge string // none: the wire leads nowhere
}

// nodePorts lists where a node is plugged in: a device with all its segments
// where tags are real, else each of them by a link of its own.
func nodePorts(wires []segment, node int) []Port {
	var out []Port
	at := func(link string) int { return slices.IndexFunc(out, func(p Port) bool { return p.Link == link }) }
	for _, s := range wires {
		if s.vlan == 0 {
			out = append(out, Port{Name: portName(s, node), Link: s.link(), bridge: s.bridge})
			continue
		}
		if at(s.device) < 0 {
			out = append(out, Port{Name: portName(s, node), Link: s.device, Trunk: true, bridge: s.bridge})
		}
		p := &out[at(s.device)]
		p.VLANs = append(p.VLANs, linux.PortVLAN{Tag: s.vlan, Own: s.tag == 0, Untagged: s.tag == 0})
	}
	for _, s := range wires { // devices that would only carry tags
		if at(s.device) < 0 {
			out = append(out, Port{Name: fmt.Sprintf("n%dd%d", node, s.number), Link: s.device})
		}
	}
	return out
}

func portName(s segment, node int) string {
	if s.bridge == "failover" {
		return fmt.Sprintf("n%dfail", node)
	}
	return fmt.Sprintf("n%dp%d", node, s.number)
}

// accessPort leads to what knows of no VLAN: a host, or the prober.
func accessPort(s segment, name, link string) Port {
	p := Port{Name: name, Link: link, bridge: s.bridge}
	if s.vlan != 0 {
		p.VLANs = []linux.PortVLAN{{Tag: s.vlan, Own: true, Untagged: true}}
	}
	return p
}

// insert makes the wire and plugs it in.
func (l *Lab) insert(p Port, ns *linux.Namespace) error {
	if l.opt.Wiring != nil {
		l.opt.Wiring(l.Site, &p)
	}
	if err := linux.Veth(l.switches, p.Name, ns, p.Link); err != nil || p.bridge == "" {
		return err
	}
	if err := l.switches.AddPort(p.bridge, p.Name); err != nil {
		return err
	}
	for _, v := range p.VLANs {
		if err := l.switches.AddPortVLAN(p.Name, v); err != nil {
			return err
		}
	}
	return nil
}

// checkWiring refuses to plant a fault where it would change nothing.
func (l *Lab) checkWiring() error {
	if l.opt.Wiring == nil || slices.ContainsFunc(l.wires, func(s segment) bool { return s.tag != 0 && s.vlan != 0 }) {
		return nil
	}
	if !l.Tagged {
		return errors.New("a fault in the wiring needs real tags: this kernel has no 802.1Q")
	}
	return errors.New("a fault in the wiring needs VLANs: this site has none")
}
