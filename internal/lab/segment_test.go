package lab

import (
	"reflect"
	"testing"

	"glacis/internal/linux"
	"glacis/internal/policy"
)

// oneCable is a firewall with everything on one device: a tag, no tag, tag 1
// and the failover link; and one interface beside it.
var oneCable = &policy.Firewall{
	Interfaces: []*policy.Interface{{Name: "a", Device: "eth1", VLAN: 7}, {Name: "b", Device: "eth1"}, {Name: "c", Device: "eth1", VLAN: 1}, {Name: "d", Device: "eth0"}},
	Failover:   &policy.Failover{Device: "eth1", VLAN: 99},
}

func TestLayOutWithTags(t *testing.T) {
	wires := layOut(oneCable, true)
	want := []segment{
		{device: "eth1", tag: 7, bridge: "seg0", vlan: 7, number: 0},
		{device: "eth1", bridge: "seg0", vlan: 2, number: 1}, // 1 is taken
		{device: "eth1", tag: 1, bridge: "seg0", vlan: 1, number: 2},
		{device: "eth0", bridge: "seg3", number: 3},
		{device: "eth1", tag: 99, bridge: "seg0", vlan: 99, number: 4},
	}
	if !reflect.DeepEqual(wires, want) {
		t.Errorf("got  %+v\nwant %+v", wires, want)
	}
	ports := nodePorts(wires, 1)
	wantPorts := []Port{
		{Name: "n1p0", Link: "eth1", Trunk: true, bridge: "seg0", VLANs: []linux.PortVLAN{{Tag: 7}, {Tag: 2, Own: true, Untagged: true}, {Tag: 1}, {Tag: 99}}},
		{Name: "n1p3", Link: "eth0", bridge: "seg3"},
	}
	if !reflect.DeepEqual(ports, wantPorts) {
		t.Errorf("got  %+v\nwant %+v", ports, wantPorts)
	}
	if p := accessPort(wires[1], "p", "eth0"); !reflect.DeepEqual(p.VLANs, []linux.PortVLAN{{Tag: 2, Own: true, Untagged: true}}) {
		t.Errorf("access port %+v", p)
	}
}

// TestLayOutWithoutTags: every segment is a link of its own, and a device that
// would only carry tags is there, plugged in nowhere.
func TestLayOutWithoutTags(t *testing.T) {
	fw := &policy.Firewall{Interfaces: []*policy.Interface{{Name: "a", Device: "eth1", VLAN: 7}, {Name: "b", Device: "eth0"}},
		Failover: &policy.Failover{Device: "eth2", VLAN: 99}}
	want := []Port{
		{Name: "n0p0", Link: "eth1.7", bridge: "seg0"}, {Name: "n0p1", Link: "eth0", bridge: "seg1"}, {Name: "n0fail", Link: "eth2.99", bridge: "failover"},
		{Name: "n0d0", Link: "eth1"}, {Name: "n0d2", Link: "eth2"},
	}
	if got := nodePorts(layOut(fw, false), 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestWiringFaults: each changes a port of the firewall's VLANs, and only of the
// first of them.
func TestWiringFaults(t *testing.T) {
	site := &policy.Site{Firewall: oneCable}
	wires := layOut(oneCable, true)
	for _, f := range WiringFaults {
		changed := 0
		for _, p := range append(nodePorts(wires, 0), accessPort(wires[0], "p", "eth0"), accessPort(wires[2], "p", "eth0"), accessPort(wires[3], "p", "eth0")) {
			before := append([]linux.PortVLAN(nil), p.VLANs...)
			f.Wire(site, &p)
			if !reflect.DeepEqual(before, append([]linux.PortVLAN(nil), p.VLANs...)) {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%s changes %d ports", f.Name, changed)
		}
	}
	if err := (&Options{}).Plant("no such fault"); err == nil {
		t.Error("a fault that is not known is planted")
	}
}
