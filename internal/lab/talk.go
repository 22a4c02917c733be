package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"glacis/internal/policy"
)

// Talk is one conversation between two machines through real sockets: a TCP
// handshake and a greeting, or a UDP question and its answer.
type Talk struct {
	From      *Machine
	Packet    policy.Packet
	Service   string
	Predicted string // as Observed
	Observed  string // "answer of HOST", "refused" or "silence"
	Rule      string
}

// Agrees reports whether what was observed is what the site means.
func (t *Talk) Agrees() bool { return t.Predicted == t.Observed }

const (
	silence = "silence"
	refused = "refused"
)

func answerOf(host string) string { return "answer of " + host }

// Timing of conversations. A machine opens them one after the other at a pace
// that stays under every limit of the language's defaults (50/s for servers).
const (
	patience = 700 * time.Millisecond
	pace     = 40 * time.Millisecond
)

// Talk lets every machine try every service of every host, the published
// addresses and the firewall's own included, and compares what comes back with
// what the site means.
func (l *Lab) Talk(ctx context.Context, progress func(done, total int)) ([]*Talk, error) {
	targets := l.targets()
	var all []*Talk
	var wait sync.WaitGroup
	done := newCounter(progress)
	errs := make(chan error, len(l.machines))
	for _, m := range l.machines {
		var mine []*Talk
		for _, t := range targets {
			if talk := l.plan(m, t); talk != nil {
				mine = append(mine, talk)
			}
		}
		all = append(all, mine...)
		done.expect(len(mine))
		wait.Go(func() {
			if err := m.hold(ctx, mine, done); err != nil {
				errs <- err
			}
		})
	}
	wait.Wait()
	close(errs)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := <-errs; err != nil {
		return nil, err
	}
	return all, retry(ctx, all)
}

// maxStubborn is how many conversations may go wrong again before it is plain
// that patience is not what they lack.
const maxStubborn = 10

// retry holds every conversation that missed an answer once more, alone and with
// patience: a busy machine is no fault of the firewall. An answer that should not
// have come did come: that is never asked again.
func retry(ctx context.Context, all []*Talk) error {
	stubborn := 0
	for _, t := range all {
		if t.Agrees() || t.Observed != silence || stubborn == maxStubborn {
			continue
		}
		if err := t.hold(ctx, 3*patience); err != nil {
			return err
		}
		if !t.Agrees() {
			stubborn++
		}
	}
	return ctx.Err()
}

// hold carries the conversation out.
func (t *Talk) hold(ctx context.Context, patience time.Duration) error {
	err := t.From.Namespace.Do(func() (err error) {
		t.Observed, err = converse(ctx, t.Packet, patience)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s, %s: %w", t.From.Name, t.Packet, err)
	}
	return nil
}

// target is an address and port worth trying.
type target struct {
	addr    netip.Addr
	proto   uint8
	port    uint16
	service string
}

// targets are what hosts listen on, at their own and their published addresses,
// and the firewall's management.
func (l *Lab) targets() []target {
	var out []target
	add := func(addrs []netip.Addr, services []*policy.Service, name string) {
		for _, s := range services {
			for _, m := range s.Matches {
				if m.Proto != policy.TCP && m.Proto != policy.UDP {
					continue
				}
				for _, a := range addrs {
					out = append(out, target{a, m.Proto, m.Ports.First, name + " " + s.Name})
				}
			}
		}
	}
	for _, h := range l.Site.Hosts {
		add(h.Addresses, h.Listens, h.Name)
	}
	for _, n := range l.Site.NAT {
		switch n.Kind {
		case policy.Publish:
			add(n.At, []*policy.Service{n.Service}, n.Name)
		case policy.Map:
			add(n.At, n.Host.Listens, n.Name)
		}
	}
	for _, i := range l.Site.Firewall.Interfaces {
		for _, p := range i.Addresses {
			add([]netip.Addr{p.Addr()}, l.Site.Firewall.Services, "firewall")
		}
	}
	return slices.CompactFunc(out, func(a, b target) bool { return a == b })
}

// plan works out what the site means for one conversation. It is nil if the
// machine has no address of the family, would talk to itself, or is on the
// Internet, where no way leads to the address.
func (l *Lab) plan(m *Machine, t target) *Talk {
	if m.Zone.Role == policy.Internet && slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(t.addr) }) {
		return nil
	}
	k := slices.IndexFunc(m.Addresses, func(a netip.Addr) bool { return a.Is4() == t.addr.Is4() })
	if k < 0 || slices.Contains(m.Addresses, t.addr) {
		return nil
	}
	p := policy.Packet{Src: m.Addresses[k], Dst: t.addr, Proto: t.proto, DstPort: t.port}
	d := l.Site.Decide(p, l.opt.Now)
	talk := &Talk{From: m, Packet: p, Service: t.service, Rule: d.RuleName, Predicted: silence}
	switch d.Verdict {
	case policy.Rejected:
		talk.Predicted = refused
	case policy.Allowed:
		talk.Predicted = l.answer(d, t.proto)
	}
	return talk
}

// answer is what comes back from where the packet is let pass to.
func (l *Lab) answer(d policy.Decision, proto uint8) string {
	for _, h := range l.Site.Hosts {
		if !slices.Contains(h.Addresses, d.Dst) {
			continue
		}
		for _, s := range h.Listens {
			if s.MatchesPacket(policy.Packet{Src: d.Src, Dst: d.Dst, Proto: proto, DstPort: d.DstPort}) {
				return answerOf(h.Name)
			}
		}
		return refused
	}
	if d.Local {
		return refused // nothing listens on a node
	}
	return silence
}

// hold carries out a machine's conversations.
func (m *Machine) hold(ctx context.Context, talks []*Talk, done *counter) error {
	var wait sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	errs := make(chan error, len(talks))
	for _, t := range talks {
		select {
		case <-ctx.Done():
		case <-tick.C:
			wait.Go(func() {
				if err := t.hold(ctx, patience); err != nil {
					errs <- err
				}
				done.add()
			})
		}
	}
	wait.Wait()
	close(errs)
	if err := ctx.Err(); err != nil {
		return err
	}
	return <-errs
}

// converse opens one conversation from the namespace of the calling thread. The
// error is for what kept it from trying.
func converse(ctx context.Context, p policy.Packet, patience time.Duration) (string, error) {
	dialer := net.Dialer{Timeout: patience}
	network := policy.ProtoName(p.Proto)
	if p.Proto == policy.TCP {
		dialer.LocalAddr = &net.TCPAddr{IP: p.Src.AsSlice()}
	} else {
		dialer.LocalAddr = &net.UDPAddr{IP: p.Src.AsSlice()}
	}
	c, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(p.Dst, p.DstPort).String())
	if err != nil {
		return silenceOr(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if p.Proto == policy.UDP {
		if _, err := c.Write([]byte("?\n")); err != nil {
			return silenceOr(err)
		}
	}
	var host string
	var port int
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return silenceOr(err)
	}
	if _, err := fmt.Sscanf(line, "%s %d\n", &host, &port); err != nil {
		return "", fmt.Errorf("a stranger answers: %q", line)
	}
	return answerOf(host), nil
}

// silenceOr tells silence and refusal from trouble of our own.
func silenceOr(err error) (string, error) {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return silence, nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ECONNRESET):
		return refused, nil
	}
	return "", err
}

// counter counts what is done, for showing progress.
type counter struct {
	sync.Mutex
	done, total int
	show        func(done, total int)
}

func newCounter(show func(done, total int)) *counter { return &counter{show: show} }

func (c *counter) expect(n int) {
	c.Lock()
	defer c.Unlock()
	c.total += n
}

func (c *counter) add() {
	c.Lock()
	defer c.Unlock()
	c.done++
	if c.show != nil {
		c.show(c.done, c.total)
	}
}
