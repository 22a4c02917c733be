package lab

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"glacis/internal/compile"
)

// TestDropsAreLogged captures the log group with tcpdump while one host floods
// and another sends a single packet: each drop names the zone pair and what
// decided; a flood neither fills the log nor hides the other host.
func TestDropsAreLogged(t *testing.T) {
	l := town(t, false)
	file := filepath.Join(t.TempDir(), "log.pcap")
	start(t, l.Node("edge-a"), "tcpdump", "-i", "nflog:1", "-U", "-Z", "root", "-w", file)
	waitFor(t, "tcpdump to listen", func() bool { _, err := os.Stat(file); return err == nil })
	const flood = 2000
	began := time.Now()
	sendUDP(t, l.Machine("guest"), "10.8.4.20:53", flood)
	sendUDP(t, l.Machine("visitor"), "10.8.4.20:53", 1)
	sendUDP(t, l.Machine("branch-pc"), "10.8.2.10:4000", 1)
	var log []byte
	waitFor(t, "the log", func() bool {
		log, _ = os.ReadFile(file)
		return bytes.Contains(log, []byte("glacis drop branches>servers (default)"))
	})
	for _, from := range []string{"guest", "visitor"} {
		a := l.Machine(from).Addresses[0].As4()
		n := loggedFrom(log, a[:])
		most := 20 + 5*int(time.Since(began)/time.Second+1)
		if n == 0 || n > most {
			t.Errorf("%d packets of %s were logged, want 1 to %d", n, from, most)
		}
	}
	if n := bytes.Count(log, []byte("glacis drop guest>servers (default)")); n < 2 {
		t.Errorf("the prefix stands %d times in the log", n)
	}
	if compile.LogGroup != 1 {
		t.Error("this test listens to another group than the ruleset logs to")
	}
}

// loggedFrom counts logged IPv4 packets from a source: the address in place in
// a UDP packet's header.
func loggedFrom(log, source []byte) int {
	n := 0
	for k := 0; ; {
		at := bytes.Index(log[k:], source)
		if at < 0 {
			return n
		}
		k += at + len(source)
		if header := k - len(source) - 12; header >= 0 && log[header] == 0x45 && log[header+9] == 17 {
			n++
		}
	}
}

// sendUDP sends small packets that nobody answers.
func sendUDP(t *testing.T, m *Machine, to string, n int) {
	t.Helper()
	err := m.Namespace.Do(func() error {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		for range n {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until something is so, at most ten seconds.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 200 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}
