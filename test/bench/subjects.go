package main

import (
	"fmt"
	"strings"
)

// subject is one way to write the policy.
type subject struct {
	name   string
	rules  int // the packet goes to the server of the last one
	nft    func() (string, error)
	legacy func() string // for iptables-legacy-restore
}

const (
	sendOnly  = "sending alone (dropped on arrival)"
	acceptAll = "accept everything, with conntrack"
)

func glacis(n int) string { return fmt.Sprintf("Glacis, %d rules from hosts", n) }

func glacisNetworks(n int) string { return fmt.Sprintf("Glacis, %d rules from networks", n) }

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func subjects() []subject {
	all := []subject{
		{name: sendOnly, nft: text(`table netdev nothing { chain in { type filter hook ingress device "eth0" priority 0; policy drop;
}
}`)},
		{name: "no firewall at all"},
		{name: acceptAll, nft: text("table inet everything { chain forward { type filter hook forward priority 0; policy drop; ct state established,related,new accept\n}\n}")},
	}
	for _, n := range []int{10, 1000, 10_000} {
		all = append(all, subject{name: glacis(n), rules: n, nft: func() (string, error) { return ruleset(n, hosts) }})
	}
	for _, n := range []int{10, 1000, 10_000} {
		all = append(all, subject{name: glacisNetworks(n), rules: n, nft: func() (string, error) { return ruleset(n, networks) }})
	}
	for _, n := range []int{10, 1000, 10_000} {
		all = append(all, subject{name: fmt.Sprintf("nft, a linear chain of %d rules", n), rules: n, nft: text(linear(n))})
	}
	for _, n := range []int{10, 1000, 10_000} {
		all = append(all, subject{name: fmt.Sprintf("iptables, %d rules", n), rules: n, legacy: func() string { return iptables(n) }})
	}
	return all
}

func linear(n int) string {
	var b strings.Builder
	b.WriteString("table inet linear { chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept\n")
	for k := range n {
		fmt.Fprintf(&b, "iifname \"eth0\" oifname \"eth1\" ip saddr 10.16.0.0/24 ip daddr %s udp dport %d counter accept\n", server(k), servicePort)
	}
	b.WriteString("}\n}\n")
	return b.String()
}

func iptables(n int) string {
	var b strings.Builder
	b.WriteString("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n")
	for k := range n {
		fmt.Fprintf(&b, "-A FORWARD -i eth0 -o eth1 -s 10.16.0.0/24 -d %s -p udp --dport %d -j ACCEPT\n", server(k), servicePort)
	}
	b.WriteString("COMMIT\n")
	return b.String()
}
