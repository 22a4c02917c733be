package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"glacis/internal/linux"
	"glacis/internal/policy"
)

// services are what a stand-in listens on. A TCP service greets with the name of
// its host and port and sends back what it is told; a UDP service answers each
// packet with that greeting and the packet.
type services struct {
	listeners []net.Listener
	packets   []net.PacketConn
	open      sync.WaitGroup
}

// maxSockets is how many ports of one range get a socket each. A wider range is
// led to its first port, which is as open from outside.
const maxSockets = 64

// openServices opens what the host is meant to serve. Protocols without ports
// need nobody to listen: the kernel answers echo requests, and the rest are
// tunnels.
func openServices(ns *linux.Namespace, h *policy.Host) (*services, error) {
	s := &services{}
	opened := map[string]bool{}
	var wide []string
	for _, svc := range h.Listens {
		for _, m := range svc.Matches {
			if m.Proto != policy.TCP && m.Proto != policy.UDP {
				continue
			}
			first, last := int(m.Ports.First), int(m.Ports.Last)
			if last-first >= maxSockets {
				wide = append(wide, fmt.Sprintf("%s dport %d-%d redirect to :%d", policy.ProtoName(m.Proto), first, last, first))
				last = first
			}
			for port := first; port <= last; port++ {
				key := fmt.Sprint(m.Proto, "/", port)
				if opened[key] {
					continue
				}
				opened[key] = true
				if err := ns.Do(func() error { return s.listen(h, m.Proto, port) }); err != nil {
					s.close()
					return nil, err
				}
			}
		}
	}
	if err := redirect(ns, wide); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// redirect leads wide ranges of ports to their first, in the stand-in's kernel.
func redirect(ns *linux.Namespace, rules []string) error {
	if len(rules) == 0 {
		return nil
	}
	return linux.LoadText(ns, "table inet stand-in {\n\tchain ports {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\t"+
		strings.Join(rules, "\n\t\t")+"\n\t}\n}\n")
}

// listen opens one port, in the namespace of the calling thread.
func (s *services) listen(h *policy.Host, proto uint8, port int) error {
	greeting := fmt.Sprintf("%s %d\n", h.Name, port)
	if proto == policy.TCP {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		s.listeners = append(s.listeners, l)
		s.open.Go(func() { serveTCP(l, greeting) })
		return nil
	}
	// One socket an address: an answer must come from the address that was asked.
	for _, a := range h.Addresses {
		c, err := net.ListenPacket("udp", netip.AddrPortFrom(a, uint16(port)).String())
		if err != nil {
			return err
		}
		s.packets = append(s.packets, c)
		s.open.Go(func() { serveUDP(c, greeting) })
	}
	return nil
}

// idle is how long a connection to a stand-in may say nothing.
const idle = 5 * time.Minute

func serveTCP(l net.Listener, greeting string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(idle))
			if _, err := io.WriteString(c, greeting); err == nil {
				io.Copy(c, c)
			}
		}()
	}
}

func serveUDP(c net.PacketConn, greeting string) {
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		c.WriteTo(append([]byte(greeting), buf[:n]...), from)
	}
}

func (s *services) close() {
	for _, l := range s.listeners {
		l.Close()
	}
	for _, c := range s.packets {
		c.Close()
	}
	s.open.Wait()
}

// OpenServices opens what the hosts of a standing lab listen on, says when they
// do, and holds them open until the context ends: the namespaces were made by
// another process.
func OpenServices(ctx context.Context, site *policy.Site, lab string, ready func()) error {
	for _, h := range site.Hosts {
		ns, err := linux.OpenNamespace(NamespaceName(lab, h.Name))
		if err != nil {
			return err
		}
		defer ns.Release()
		s, err := openServices(ns, h)
		if err != nil {
			return fmt.Errorf("host %s: %w", h.Name, err)
		}
		defer s.close()
	}
	ready()
	<-ctx.Done()
	return nil
}
