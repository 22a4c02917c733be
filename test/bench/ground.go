package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"glacis/internal/linux"
)

// ground is three namespaces in a row: sender, firewall, receiver. What arrives
// at the receiver is counted and dropped on arrival.
type ground struct {
	sender, firewall, receiver *linux.Namespace
	dst, src                   net.HardwareAddr
}

func newGround() (*ground, error) {
	g := &ground{}
	for _, n := range []struct {
		ns   **linux.Namespace
		name string
	}{{&g.sender, "s"}, {&g.firewall, "f"}, {&g.receiver, "r"}} {
		ns, err := linux.NewNamespace(fmt.Sprintf("glacis-bench-%d-%s", os.Getpid(), n.name))
		if err != nil {
			g.close()
			return nil, err
		}
		*n.ns = ns
	}
	if err := g.wire(); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *ground) close() {
	for _, ns := range []*linux.Namespace{g.sender, g.firewall, g.receiver} {
		if ns != nil {
			ns.Close()
		}
	}
}

// wire links the namespaces and gives every server a fixed neighbour entry, so
// that no address resolution disturbs the measurement.
func (g *ground) wire() error {
	if err := errors.Join(
		linux.Veth(g.sender, "out", g.firewall, "eth0"),
		linux.Veth(g.receiver, "in", g.firewall, "eth1"),
	); err != nil {
		return err
	}
	inside, far := netip.MustParsePrefix("10.16.0.1/16"), netip.MustParsePrefix("10.8.255.254/16")
	receiver, err := g.receiver.MAC("in")
	if err != nil {
		return err
	}
	if err := errors.Join(
		g.sender.SetUp("out"), g.receiver.SetUp("in"), g.firewall.SetUp("eth0"), g.firewall.SetUp("eth1"),
		g.firewall.AddAddress("eth0", inside), g.firewall.AddAddress("eth1", far),
		g.firewall.SetSysctl("net/ipv4/ip_forward", "1"),
		g.run(g.receiver, "", "nft", "add", "table", "netdev", "count"),
	); err != nil {
		return err
	}
	if err := g.run(g.receiver, `table netdev count { counter arrived { }
		chain in { type filter hook ingress device "in" priority 0; policy accept; ip daddr 10.8.0.0/16 udp dport 5000 counter name "arrived" drop
}
}`, "nft", "-f", "-"); err != nil {
		return err
	}
	for _, n := range []int{1, 10, 1000, 10_000} {
		if err := g.run(g.firewall, "", "ip", "neigh", "replace", server(n-1).String(), "lladdr", receiver.String(), "dev", "eth1", "nud", "permanent"); err != nil {
			return err
		}
	}
	if g.dst, err = g.firewall.MAC("eth0"); err != nil {
		return err
	}
	g.src, err = g.sender.MAC("out")
	return err
}

func (g *ground) run(ns *linux.Namespace, stdin, name string, args ...string) error {
	_, err := g.output(ns, stdin, name, args...)
	return err
}

func (g *ground) output(ns *linux.Namespace, stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := ns.Command(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), err
}

// measure loads one subject, floods it, and checks that everything arrived that
// should have: a fast answer about dropped packets would be worth nothing.
func (g *ground) measure(ctx context.Context, s subject, packets int) (time.Duration, error) {
	if err := g.load(s); err != nil {
		return 0, err
	}
	to := server(max(s.rules, 1) - 1)
	f := frame(g.dst, g.src, netip.MustParseAddr(userHost), to, 40000, servicePort)
	var took time.Duration
	warm := packets / 100
	err := g.sender.Do(func() (err error) {
		if took, err = flood("out", f, warm); err != nil {
			return err
		}
		packets = min(packets, int(time.Second/took)) // a slow subject needs fewer
		took, err = flood("out", f, packets)
		return err
	})
	if err != nil {
		return 0, err
	}
	arrived, err := g.arrived()
	want := packets + warm
	switch {
	case err != nil:
		return 0, err
	case s.name == sendOnly && arrived != 0:
		return 0, fmt.Errorf("%d packets passed a firewall that drops everything", arrived)
	case s.name != sendOnly && arrived < want*99/100:
		return 0, fmt.Errorf("only %d of %d packets arrived", arrived, want)
	}
	return took, nil
}

// load puts one subject in place of the last.
func (g *ground) load(s subject) error {
	if err := errors.Join(
		g.run(g.firewall, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n", "iptables-legacy-restore"),
		g.run(g.firewall, "flush ruleset\n", "nft", "-f", "-"),
		linux.FlushConntrack(g.firewall),
		g.run(g.receiver, "reset counters\n", "nft", "-f", "-"),
	); err != nil {
		return err
	}
	switch {
	case s.legacy != nil:
		return g.run(g.firewall, s.legacy(), "iptables-legacy-restore")
	case s.nft != nil:
		text, err := s.nft()
		if err != nil {
			return err
		}
		start := time.Now()
		if err := g.run(g.firewall, text, "nft", "-f", "-"); err != nil {
			return err
		}
		if s.rules == 10_000 {
			loads[s.name] = append(loads[s.name], time.Since(start))
		}
	}
	return nil
}

// loads are the times it took to load 10,000 rules.
var loads = map[string][]time.Duration{}

func (g *ground) arrived() (int, error) {
	out, err := g.output(g.receiver, "", "nft", "list", "counter", "netdev", "count", "arrived")
	if err != nil {
		return 0, err
	}
	var n int
	_, rest, _ := strings.Cut(out, "packets ")
	_, err = fmt.Sscan(rest, &n)
	return n, err
}
