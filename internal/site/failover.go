package site

import (
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

func (l *loader) failover(m mapping) {
	v, given := m.get("failover")
	if !given {
		return
	}
	m, _ = l.mapping(v, failoverShape)
	f := &policy.Failover{VLAN: m.number("vlan"), Detect: 300 * time.Millisecond, Preempt: m.word("preempt") == "true", Range: v.at()}
	l.site.Firewall.Failover = f
	if device, given := m.get("device"); given {
		f.Device = l.device(device, f.VLAN)
		l.checkLink(f.Link(), device.at())
	}
	if detect, given := m.get("detect"); given {
		f.Detect, _ = l.duration(detect, 50*time.Millisecond, time.Minute)
	}
	if address, given := m.get("address"); given {
		l.failoverAddresses(f, address)
	}
}

func (l *loader) failoverAddresses(f *policy.Failover, v value) {
	for _, item := range v.items() {
		p, ok := l.subnet(item)
		if !ok || !l.hostAddress(p, item) {
			return
		}
		f.Addresses = append(f.Addresses, p)
	}
	if a := f.Addresses; len(a) != 2 || a[0].Masked() != a[1].Masked() || a[0] == a[1] {
		l.diags.Errorf(v.at(), "failover-addresses", "the failover link has two addresses of one subnet, one for each node").Fix = "write them like [10.255.255.1/30, 10.255.255.2/30]"
		return
	}
	for _, i := range l.site.Firewall.Interfaces {
		for _, q := range i.Addresses {
			if q.Overlaps(f.Addresses[0]) {
				d := l.diags.Errorf(v.at(), "subnets-overlap", "the failover subnet overlaps %s of interface %s", q, i.Name)
				d.Related = []diag.Related{{Message: "interface " + i.Name, Range: i.Range}}
				d.Fix = "take a small network that is used nowhere else"
			}
		}
	}
}
