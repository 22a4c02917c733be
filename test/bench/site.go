package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	"glacis/internal/compile"
	"glacis/internal/nft"
	"glacis/internal/policy"

	"go4.org/netipx"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

const (
	servicePort = 5000
	userHost    = "10.16.0.9"
)

// server is the destination of rule k.
func server(k int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 8, byte(k >> 8), byte(k)})
}

// source is the source of rule k; the last rule's is the sender's.
type source func(k, n int) string

// hosts gives each rule one of 256 user hosts, networks one of 64 networks.
func hosts(k, n int) string    { return fmt.Sprintf("10.16.0.%d/32", (k+9-(n-1)&255+256)&255) }
func networks(k, n int) string { return fmt.Sprintf("10.16.%d.0/24", (n-1-k)&63) }

// site is a firewall between users and servers with n rules, each from one
// source to one server on one port.
func site(n int, from source) *policy.Site {
	inside := &policy.Interface{Name: "inside", Device: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.16.0.1/16")}}
	far := &policy.Interface{Name: "far", Device: "eth1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.8.255.254/16")}}
	users := &policy.Zone{Name: "users", Role: policy.Users, Networks: []netip.Prefix{netip.MustParsePrefix("10.16.0.0/16")}, Interface: inside}
	servers := &policy.Zone{Name: "servers", Role: policy.Servers, Networks: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/16")}, Interface: far}
	inside.Zones, far.Zones = []*policy.Zone{users}, []*policy.Zone{servers}
	s := &policy.Site{Name: "bench", Zones: []*policy.Zone{users, servers},
		Firewall: &policy.Firewall{Name: "fw", Nodes: []*policy.Node{{Name: "fw"}}, Interfaces: []*policy.Interface{inside, far}}}
	for k := range n {
		s.Rules = append(s.Rules, &policy.Rule{
			Name: fmt.Sprintf("rule-%d", k), Action: policy.Allow, Because: "bench", Owner: "bench",
			Services: []*policy.Service{{Name: "udp", Matches: []policy.Match{{Proto: policy.UDP, Ports: policy.PortRange{First: servicePort, Last: servicePort}}}}},
			From:     []policy.Endpoint{{Zone: users, Addrs: set(from(k, n))}},
			To:       []policy.Endpoint{{Zone: servers, Addrs: set(server(k).String() + "/32")}},
		})
	}
	s.Resolve()
	return s
}

func set(p string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix(p))
	s, err := b.IPSet()
	if err != nil {
		panic(err)
	}
	return s
}

// ruleset is the site compiled to nft text.
func ruleset(n int, from source) (string, error) {
	cfg, diags := compile.Compile(site(n, from), "fw", compile.Options{Now: now})
	if diags.HasErrors() {
		return "", diags
	}
	var b strings.Builder
	err := nft.Print(&b, cfg.Ruleset)
	return b.String(), err
}

// compileCost prints what it takes to turn 10,000 rules into nft text.
func compileCost(runs int) error {
	var times []time.Duration
	var most uint64
	for range runs {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		text, err := ruleset(10_000, networks)
		if err != nil {
			return err
		}
		times = append(times, time.Since(start))
		runtime.ReadMemStats(&after)
		most = max(most, after.TotalAlloc-before.TotalAlloc)
		runtime.KeepAlive(text)
	}
	fmt.Fprintf(os.Stdout, "10,000 rules compiled and printed: %v (median of %d; target under 1 s), at most %d MB allocated in all (target under 300 MB)\n",
		median(times).Round(time.Millisecond), runs, most>>20)
	return nil
}
