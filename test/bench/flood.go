package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// frame is one UDP datagram of 18 bytes in an Ethernet frame of 60.
func frame(dst, src net.HardwareAddr, from, to netip.Addr, sport, dport uint16) []byte {
	f := make([]byte, 60)
	copy(f, dst)
	copy(f[6:], src)
	binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
	ip := f[14:34]
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(ip[2:], 46)
	copy(ip[12:], from.AsSlice())
	copy(ip[16:], to.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip))
	udp := f[34:]
	binary.BigEndian.PutUint16(udp, sport)
	binary.BigEndian.PutUint16(udp[2:], dport)
	binary.BigEndian.PutUint16(udp[4:], 26) // no checksum: optional in IPv4, RFC 768
	return f
}

func sum(b []byte) uint16 {
	var s uint32
	for k := 0; k+1 < len(b); k += 2 {
		s += uint32(binary.BigEndian.Uint16(b[k:]))
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

type mmsghdr struct {
	unix.Msghdr
	len uint32
	_   [4]byte
}

// flows is how many connections a flood may begin: one for each source port.
var flows = 60_000

// firstPort is the source port of the first.
const firstPort = 2_000

// flood sends the frame n times out of a link of the current namespace, each
// from a source port of its own, and returns the time a packet took. The
// packets' whole way through the firewall runs inside the send call, on this
// processor.
func flood(link string, f []byte, n int) (time.Duration, error) {
	dev, err := net.InterfaceByName(link)
	if err != nil {
		return 0, err
	}
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(s)
	if err := unix.SetsockoptInt(s, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return 0, err
	}
	addr := unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Ifindex: int32(dev.Index), Halen: 6}
	batch := make([]mmsghdr, 64)
	frames := make([][]byte, len(batch))
	for k := range batch {
		frames[k] = append([]byte(nil), f...)
		iov := unix.Iovec{Base: &frames[k][0], Len: uint64(len(f))}
		batch[k].Msghdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&addr)), Namelen: unix.SizeofSockaddrLinklayer, Iov: &iov, Iovlen: 1}
	}
	start := time.Now()
	for sent := 0; sent < n; {
		for k := range frames {
			binary.BigEndian.PutUint16(frames[k][34:], uint16(firstPort+(sent+k)%flows))
		}
		k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s), uintptr(unsafe.Pointer(&batch[0])), uintptr(min(len(batch), n-sent)), 0, 0, 0)
		if errno != 0 {
			return 0, fmt.Errorf("send: %w", errno)
		}
		sent += int(k)
	}
	return time.Since(start) / time.Duration(n), nil
}
