package linux

import (
	"fmt"

	"glacis/internal/compile"
)

// ApplyOptions say how a node's configuration is put into a namespace.
type ApplyOptions struct {
	Active bool // hold the addresses that belong to the firewall as a whole
}

// ApplyConfig makes a namespace into the node. The order never opens: the
// ruleset comes first, then links, addresses and routes, and the settings, of
// which forwarding is the last. A VLAN link that exists already (as a separate
// link of that name, where the kernel lacks 802.1Q) is used as it is.
func ApplyConfig(n *Namespace, cfg *compile.Config, opt ApplyOptions) error {
	if err := LoadRuleset(n, cfg.Ruleset); err != nil {
		return err
	}
	addressed := map[string]bool{}
	for _, l := range cfg.Links {
		if l.VLAN != 0 && !n.HasLink(l.Name) {
			if err := n.VLAN(l.Parent, l.Name, l.VLAN); err != nil {
				return err
			}
		}
		// Nobody else in a site may have the firewall's addresses.
		if err := n.SetSysctl("net/ipv6/conf/"+l.Name+"/accept_dad", "0"); err != nil {
			return err
		}
		if err := n.SetUp(l.Name); err != nil {
			return err
		}
	}
	for _, a := range cfg.Addresses {
		if a.Shared && !opt.Active {
			continue
		}
		if err := n.AddAddress(a.Link, a.Prefix); err != nil {
			return err
		}
		addressed[fmt.Sprint(a.Link, a.Prefix.Addr().Is4())] = true
	}
	for _, r := range cfg.Routes {
		if !addressed[fmt.Sprint(r.Link, r.Via.Is4())] {
			continue // a standby node is not on that subnet
		}
		if err := n.AddRoute(r.Dest, r.Via, r.Link); err != nil {
			return err
		}
	}
	for _, s := range cfg.Sysctls {
		if err := n.SetSysctl(s.Key, s.Value); err != nil {
			return err
		}
	}
	return nil
}
