package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"glacis/internal/linux"
	"glacis/internal/policy"

	"golang.org/x/sys/unix"
)

// magic marks our packets; the probe's number follows it.
const magic = 0x61c15a9e

// markLen is the length of a probe's payload.
const markLen = 16

// mark is the payload of a probe, or of an answer of a kind to it. The number
// alone stands at the end: an ICMP answer has to carry the same identifier.
func mark(id uint32, kind answer) []byte {
	b := make([]byte, markLen)
	binary.BigEndian.PutUint32(b, magic)
	binary.BigEndian.PutUint32(b[4:], id|uint32(kind))
	binary.BigEndian.PutUint32(b[12:], id)
	return b
}

// marked finds a probe's number in what was received.
func marked(b []byte) (uint32, bool) {
	for k := 0; k+8 <= len(b); k++ {
		if binary.BigEndian.Uint32(b[k:]) == magic {
			return binary.BigEndian.Uint32(b[k+4:]), true
		}
	}
	return 0, false
}

// sighting is one packet seen somewhere.
type sighting struct {
	id     uint32
	leg    int    // index of the leg it came out by; -1: delivered on a node
	node   string // on which it was delivered
	packet policy.Packet
	error  bool // an ICMP error that quotes the probe
	reset  bool // a TCP reset; its id is found by ports
}

// wire is the prober's end of every segment: it sends frames, answers for every
// address but the firewall's own, and collects what comes out.
type wire struct {
	legs  []*leg
	mine  func(netip.Addr) bool // addresses the nodes answer for themselves
	seen  chan sighting
	socks []int
	stop  chan struct{}
	wait  sync.WaitGroup
}

// leg is the prober's link on one segment.
type leg struct {
	name string // of the firewall's interface
	fd   int
	mac  net.HardwareAddr
}

// Leg names a link of the prober's namespace on the segment of an interface.
type Leg struct{ Interface, Link string }

const receiveBuffer = 16 << 20

// newWire opens a socket on every leg and begins to listen.
func newWire(ns *linux.Namespace, legs []Leg, mine func(netip.Addr) bool) (*wire, error) {
	w := &wire{mine: mine, seen: make(chan sighting, 1<<16), stop: make(chan struct{})}
	for _, l := range legs {
		mac, err := ns.MAC(l.Link)
		if err != nil {
			w.close()
			return nil, err
		}
		var fd int
		err = ns.Do(func() (err error) {
			fd, err = packetSocket(l.Link)
			return err
		})
		if err != nil {
			w.close()
			return nil, fmt.Errorf("prober on %s: %w", l.Interface, err)
		}
		w.socks = append(w.socks, fd)
		w.legs = append(w.legs, &leg{name: l.Interface, fd: fd, mac: mac})
	}
	for k := range w.legs {
		w.wait.Go(func() { w.listen(k) })
	}
	return w, nil
}

func packetSocket(link string) (int, error) {
	dev, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: dev.Index}),
		ignoreTagged(fd),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
			&unix.PacketMreq{Ifindex: int32(dev.Index), Type: unix.PACKET_MR_PROMISC}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// ignoreTagged makes a packet socket as blind as a host to frames with an
// 802.1Q tag. The kernel hands them over with the tag taken off, so that they
// look like any other; the filter asks whether there was one (bpf(4), packet(7)).
func ignoreTagged(fd int) error {
	const tagPresent = 0xfffff000 + 48 // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: tagPresent},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 18}, // the whole frame
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (w *wire) close() {
	close(w.stop)
	w.wait.Wait()
	for _, fd := range w.socks {
		unix.Close(fd)
	}
}

func (w *wire) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// listen collects what comes out of one leg and answers address resolution.
func (w *wire) listen(k int) {
	l := w.legs[k]
	buf := make([]byte, 1<<16)
	for !w.stopped() {
		n, from, err := unix.Recvfrom(l.fd, buf, 0)
		if err != nil || n < etherLen {
			continue
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		f := buf[:n]
		if reply := arpReply(f, l.mac, w.mine); reply != nil {
			unix.Write(l.fd, reply)
			continue
		}
		if reply := neighbourReply(f, l.mac, w.mine); reply != nil {
			unix.Write(l.fd, reply)
			continue
		}
		w.see(k, f[etherLen:])
	}
}

func (w *wire) see(k int, ip []byte) {
	p, payload, ok := decode(ip)
	if !ok {
		return
	}
	s := sighting{leg: k, packet: p, error: isError(p)}
	var found bool
	if s.id, found = marked(payload); !found {
		s.reset = p.Proto == policy.TCP && p.Flags&policy.RST != 0
		if !s.reset {
			return
		}
	}
	w.seen <- s
}

// send puts a frame on a leg.
func (w *wire) send(k int, to net.HardwareAddr, ip []byte) error {
	for {
		_, err := unix.Write(w.legs[k].fd, frame(to, w.legs[k].mac, ip))
		if err != unix.ENOBUFS && err != unix.EAGAIN {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// deliveryProtocols are what a node is listened to for: raw sockets see what
// passed its input hook.
var deliveryProtocols = []int{unix.IPPROTO_TCP, unix.IPPROTO_UDP, policy.GRE, policy.ESP, policy.OSPF, policy.AH, policy.SCTP, policy.VRRP, 48, 51, 90}

// watch listens on a node for what is delivered to it.
func (w *wire) watch(ns *linux.Namespace, node string) error {
	return ns.Do(func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			icmp := unix.IPPROTO_ICMP
			if family == unix.AF_INET6 {
				icmp = unix.IPPROTO_ICMPV6
			}
			for _, proto := range append([]int{icmp}, deliveryProtocols...) {
				fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
				if err != nil {
					return fmt.Errorf("raw socket on %s: %w", node, err)
				}
				w.socks = append(w.socks, fd)
				if err := errors.Join(
					unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
					unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
				); err != nil {
					return err
				}
				w.wait.Go(func() { w.deliver(fd, node) })
			}
		}
		return nil
	})
}

func (w *wire) deliver(fd int, node string) {
	buf := make([]byte, 1<<16)
	for !w.stopped() {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			continue
		}
		if id, ok := marked(buf[:n]); ok {
			w.seen <- sighting{id: id, leg: -1, node: node}
		}
	}
}

// emitter sends packets as a node itself.
type emitter struct{ v4, v6 int }

func newEmitter(ns *linux.Namespace) (*emitter, error) {
	e := &emitter{-1, -1}
	err := ns.Do(func() (err error) {
		if e.v4, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return err
		}
		e.v6, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	return e, err
}

func (e *emitter) close() {
	unix.Close(e.v4)
	unix.Close(e.v6)
}

// send gives the packet to the node's kernel. A refusal by its output hook is
// no error: nothing arrives.
func (e *emitter) send(p policy.Packet, payload []byte) error {
	ip := encode(p, payload)
	var err error
	if p.Dst.Is4() {
		err = unix.Sendto(e.v4, ip, 0, &unix.SockaddrInet4{Addr: p.Dst.As4()})
	} else {
		err = unix.Sendto(e.v6, ip, 0, &unix.SockaddrInet6{Addr: p.Dst.As16()})
	}
	if err == unix.EPERM || err == unix.ENETUNREACH || err == unix.EHOSTUNREACH || err == unix.EACCES {
		return nil
	}
	return err
}
