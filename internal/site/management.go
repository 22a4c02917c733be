package site

import "glacis/internal/policy"

// management reads who may reach the firewall itself, once hosts are known.
func (l *loader) management() {
	fw := l.site.Firewall
	if l.firewallKeys.Node == nil {
		return
	}
	if !l.firewallKeys.has("management") {
		l.diags.Warnf(fw.Range, "no-management", "no station may reach the firewall itself: it can be changed only at its console").Fix = "add management: {stations: [...]} under firewall:"
		return
	}
	v, sound := l.firewallKeys.get("management")
	if !sound {
		return
	}
	m, _ := l.mapping(v, managementShape)
	for _, item := range m.list("stations") {
		l.station(item)
	}
	if fw.Services = l.services.list(m.list("services")); !m.has("services") {
		fw.Services = []*policy.Service{Builtins()["ssh"]}
	}
	for _, s := range fw.Services {
		for _, mt := range s.Matches {
			if mt.Any {
				l.diags.Errorf(v.at(), "management-any", "management may not be any service").Fix = "name the services, such as ssh"
			}
		}
	}
}

func (l *loader) station(v value) {
	h := l.host(v)
	if h == nil {
		return
	}
	if z := h.Zone; z != nil && z.Role != policy.Management {
		l.diags.Errorf(v.at(), "station-zone", "station %s is in zone %s, whose role is %s", v.Value, z.Name, z.Role).Fix = "management stations live in a zone with role management"
		return
	}
	l.site.Firewall.Stations = append(l.site.Firewall.Stations, h)
}
