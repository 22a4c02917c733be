package lab

import (
	"fmt"
	"iter"
	"slices"

	"glacis/internal/linux"
	"glacis/internal/policy"
)

// WiringFault is a mistake in how the switch between nodes and hosts is set,
// to show that the lab finds it. It takes real tags.
type WiringFault struct {
	Name  string
	Means string
	Wire  func(*policy.Site, *Port) // changes a port before it is plugged
}

// WiringFaults are those the lab knows. Each strikes the first VLAN alone.
var WiringFaults = []WiringFault{
	{"trunk-lacks-vlan", "the trunk lacks a VLAN", func(s *policy.Site, p *Port) {
		if p.Trunk {
			p.VLANs = slices.DeleteFunc(p.VLANs, isFirstVLAN(s))
		}
	}},
	{"trunk-vlan-untagged", "the trunk sends a VLAN without its tag", func(s *policy.Site, p *Port) {
		editVLAN(s, p, p.Trunk, func(v *linux.PortVLAN) { v.Untagged = true })
	}},
	{"access-port-tagged", "an access port sends its VLAN with the tag", func(s *policy.Site, p *Port) {
		editVLAN(s, p, !p.Trunk, func(v *linux.PortVLAN) { v.Untagged = false })
	}},
	{"access-port-closed", "an access port takes nothing without a tag", func(s *policy.Site, p *Port) {
		editVLAN(s, p, !p.Trunk, func(v *linux.PortVLAN) { v.Own = false })
	}},
	{"access-port-in-wrong-vlan", "an access port is in the next VLAN", func(s *policy.Site, p *Port) {
		editVLAN(s, p, !p.Trunk, func(v *linux.PortVLAN) { v.Tag = otherVLAN(s, v.Tag) })
	}},
	{"trunk-empty", "the trunk carries nothing", func(_ *policy.Site, p *Port) {
		if p.Trunk {
			p.VLANs = nil
		}
	}},
}

// AllFaults yields the name and the meaning of every fault, in rules and in
// wires.
func AllFaults() iter.Seq2[string, string] {
	return func(yield func(name, means string) bool) {
		for _, f := range Faults {
			if !yield(f.Name, f.Means) {
				return
			}
		}
		for _, f := range WiringFaults {
			if !yield(f.Name, f.Means) {
				return
			}
		}
	}
}

// Plant puts the fault of that name, in rules or in wires, into what a lab is
// built with.
func (o *Options) Plant(name string) error {
	if f, ok := FaultNamed(name); ok {
		o.Inject = f.Plant
		return nil
	}
	k := slices.IndexFunc(WiringFaults, func(f WiringFault) bool { return f.Name == name })
	if k < 0 {
		return fmt.Errorf("there is no fault %q", name)
	}
	o.Wiring = WiringFaults[k].Wire
	return nil
}

func isFirstVLAN(s *policy.Site) func(linux.PortVLAN) bool {
	first := otherVLAN(s, 0)
	return func(v linux.PortVLAN) bool { return v.Tag == first }
}

// otherVLAN is the first VLAN of the site's interfaces but that one.
func otherVLAN(s *policy.Site, but int) int {
	for _, i := range s.Firewall.Interfaces {
		if i.VLAN != 0 && i.VLAN != but {
			return i.VLAN
		}
	}
	return but
}

func editVLAN(s *policy.Site, p *Port, strikes bool, edit func(*linux.PortVLAN)) {
	if k := slices.IndexFunc(p.VLANs, isFirstVLAN(s)); strikes && k >= 0 {
		edit(&p.VLANs[k])
	}
}
