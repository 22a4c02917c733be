package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"glacis/internal/linux"
	"glacis/internal/policy"
	"glacis/internal/privileged"
)

// Real programs, as administrators use them, in the enterprise. Each test has a
// lab of its own.

// town is the enterprise with its hosts.
func town(t *testing.T, listen bool) *Lab {
	t.Helper()
	privileged.Need(t)
	l := newLab(t, enterprise(t))
	if err := l.AddHosts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if listen {
		if err := l.Listen(); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// run runs a program in a namespace and returns what it printed. A program that
// is not installed is a failure: nothing is skipped in silence.
func run(t *testing.T, ns *linux.Namespace, program string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not installed; the list of packages is in the Makefile", program)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := ns.Command(ctx, program, args...).CombinedOutput()
	return string(out), err
}

// nmapRun is the part of nmap's XML that says which ports are open.
type nmapRun struct {
	Hosts []struct {
		Address []struct {
			Addr string `xml:"addr,attr"`
		} `xml:"address"`
		Ports []struct {
			Port  uint16 `xml:"portid,attr"`
			State struct {
				State string `xml:"state,attr"`
			} `xml:"state"`
		} `xml:"ports>port"`
	} `xml:"host"`
}

// scan lists the open TCP ports that nmap finds at an address, of all 65,535.
func scan(t *testing.T, from *Machine, source, target netip.Addr) []uint16 {
	t.Helper()
	args := []string{"-n", "-Pn", "-sS", "-p-", "--min-rate", "12000", "--max-retries", "2", "--max-rtt-timeout", "150ms", "-oX", "-", "-S", source.String(), "-e", linkOf(t, from), target.String()}
	if target.Is6() {
		args = append([]string{"-6"}, args...)
	}
	out, err := run(t, from.Namespace, "nmap", args...)
	if err != nil {
		t.Fatalf("nmap: %v: %s", err, out)
	}
	var r nmapRun
	if err := xml.Unmarshal([]byte(out[strings.Index(out, "<?xml"):]), &r); err != nil || len(r.Hosts) != 1 {
		t.Fatalf("nmap's answer: %v: %s", err, out)
	}
	var open []uint16
	for _, p := range r.Hosts[0].Ports {
		if p.State.State == "open" {
			open = append(open, p.Port)
		}
	}
	return open
}

// linkOf is the link a machine is connected by.
func linkOf(t *testing.T, m *Machine) string {
	for _, link := range []string{"eth0", "eth1"} {
		if m.Namespace.HasLink(link) {
			return link
		}
	}
	t.Fatalf("%s has no link", m.Name)
	return ""
}

// declared lists the ports at an address that the site lets the source reach
// and that the host behind it is meant to serve.
func declared(l *Lab, source, target netip.Addr) []uint16 {
	var out []uint16
	for port := 1; port <= 65535; port++ {
		d := l.Site.Decide(policy.Packet{Src: source, Dst: target, Proto: policy.TCP, DstPort: uint16(port)}, now)
		if d.Verdict == policy.Allowed && strings.HasPrefix(l.answer(d, policy.TCP), "answer") {
			out = append(out, uint16(port))
		}
	}
	return out
}

func TestNmapFindsExactlyTheDeclaredPorts(t *testing.T) {
	l := town(t, true)
	var found atomic.Int64
	t.Run("scans", func(t *testing.T) {
		for _, from := range []string{"internet", "guest"} {
			for _, target := range []string{"192.0.2.20", "2001:db8:20::10", "198.51.100.1", "198.51.100.3", "10.8.4.20"} {
				t.Run(from+" "+target, func(t *testing.T) {
					t.Parallel()
					found.Add(int64(scanAndCompare(t, l, l.Machine(from), netip.MustParseAddr(target))))
				})
			}
		}
	})
	if found.Load() == 0 {
		t.Error("no port was found open anywhere: this test shows nothing")
	}
}

// scanAndCompare scans one address and returns how many ports are open.
func scanAndCompare(t *testing.T, l *Lab, m *Machine, target netip.Addr) int {
	k := slices.IndexFunc(m.Addresses, func(a netip.Addr) bool { return a.Is4() == target.Is4() })
	if k < 0 {
		return 0 // the zone has not this family
	}
	began := time.Now()
	got, want := scan(t, m, m.Addresses[k], target), declared(l, m.Addresses[k], target)
	if !slices.Equal(got, want) {
		t.Errorf("from %s nmap finds %v open at %s, declared are %v", m.Name, got, target, want)
	}
	t.Logf("from %s at %s: %v open (%v)", m.Name, target, got, time.Since(began).Round(time.Millisecond))
	return len(got)
}

// download is a file that is served and taken in.
func download() []byte {
	b := make([]byte, 3<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for k := range b {
		b[k] = byte(r.Uint32())
	}
	return b
}

// serveHTTP serves a file, and takes one in, on a port of a machine.
func serveHTTP(t *testing.T, m *Machine, port int, file []byte, taken chan<- [sha256.Size]byte) {
	t.Helper()
	var l net.Listener
	err := m.Namespace.Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			b, _ := io.ReadAll(r.Body)
			taken <- sha256.Sum256(b)
			return
		}
		fmt.Fprintf(w, "%s", file)
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}

func TestCurlDownloadsThroughDNAT(t *testing.T) {
	l := town(t, false)
	file := download()
	serveHTTP(t, l.Machine("erp1"), 443, file, nil)
	curl := func(from string) ([]byte, error) {
		out := filepath.Join(t.TempDir(), "file")
		text, err := run(t, l.Machine(from).Namespace, "curl", "-sS", "--connect-timeout", "2", "-m", "60", "-o", out, "http://198.51.100.3:4443/")
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, text)
		}
		return os.ReadFile(out)
	}
	got, err := curl("auditor")
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("the auditor got %d of %d bytes: %v", len(got), len(file), err)
	}
	for _, from := range []string{"internet", "guest"} {
		if got, err := curl(from); err == nil {
			t.Errorf("%s got %d bytes from the ERP system", from, len(got))
		}
	}
}

// sshd starts a real one on a node, that admits one key.
func sshd(t *testing.T, ns *linux.Namespace) (key string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"host", "user"} {
		out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "sshd_config")
	text := fmt.Sprintf("HostKey %s\nAuthorizedKeysFile %s\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPidFile none\n", filepath.Join(dir, "host"), filepath.Join(dir, "user.pub"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, ns, "/usr/sbin/sshd", "-D", "-e", "-f", config)
	return filepath.Join(dir, "user")
}

// start runs a server in a namespace until the test ends.
func start(t *testing.T, ns *linux.Namespace, program string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not installed; the list of packages is in the Makefile", program)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := ns.Command(ctx, program, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, said.String())
		}
	})
}

func TestSSHReachesTheFirewallFromStationsOnly(t *testing.T) {
	l := town(t, false)
	keys := map[string]string{"10.0.0.1": sshd(t, l.Node("edge-a")), "10.0.0.3": sshd(t, l.Node("edge-b"))}
	keys["10.0.0.2"] = keys["10.0.0.1"]
	ssh := func(from, to string) (string, error) {
		return run(t, l.Machine(from).Namespace, "ssh", "-i", keys[to], "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
			"-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "root@"+to, "echo", "inside")
	}
	for to := range keys {
		var out string
		var err error
		for range 20 { // until sshd listens
			if out, err = ssh("admin1", to); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil || strings.TrimSpace(out) != "inside" {
			t.Errorf("from admin1 to %s: %v: %s", to, err, out)
		}
	}
	if out, err := ssh("admin2", "10.0.0.1"); err != nil {
		t.Errorf("from admin2: %v: %s", err, out)
	}
	var wait sync.WaitGroup
	for _, from := range []string{"monitor1", "management", "pc1", "web1", "internet", "guest", "acme", "branch-pc", "erp1"} {
		for to := range keys {
			wait.Go(func() {
				if out, err := ssh(from, to); err == nil {
					t.Errorf("from %s to %s: %s", from, to, out)
				}
			})
		}
	}
	wait.Wait()
}

func TestDigAsksTheNameServer(t *testing.T) {
	l := town(t, false)
	start(t, l.Machine("ns1").Namespace, "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
		"--log-facility=-", "--user=root", "--address=/www.example.com/192.0.2.20", "--address=/www.example.com/2001:db8:20::20")
	dig := func(from string, args ...string) (string, error) {
		return run(t, l.Machine(from).Namespace, "dig", append([]string{"+short", "+time=1", "+tries=3", "www.example.com"}, args...)...)
	}
	for _, from := range []string{"internet", "guest"} {
		for _, how := range [][]string{{"@192.0.2.11"}, {"@192.0.2.11", "+tcp"}} {
			if out, err := dig(from, how...); strings.TrimSpace(out) != "192.0.2.20" {
				t.Errorf("from %s %v: %v: %s", from, how, err, out)
			}
		}
	}
	if out, err := dig("internet", "@2001:db8:20::11", "AAAA"); strings.TrimSpace(out) != "2001:db8:20::20" {
		t.Errorf("over IPv6: %v: %s", err, out)
	}
	if out, err := dig("acme", "@192.0.2.11"); err == nil {
		t.Errorf("a partner got an answer: %s", out)
	}
}

func TestPing6(t *testing.T) {
	l := town(t, false)
	ping := func(from string) (string, error) {
		return run(t, l.Machine(from).Namespace, "ping", "-6", "-c", "2", "-i", "0.2", "-W", "1", "2001:db8:f::80")
	}
	if out, err := ping("desk1"); err != nil {
		t.Errorf("the service desk: %v: %s", err, out)
	}
	if out, err := ping("pc1"); err == nil {
		t.Errorf("a user who may not: %s", out)
	}
}

// TestPathMTUDiscovery narrows a link beyond the firewall: large uploads arrive
// only if the router's "too big" comes back, in both families and through NAT.
func TestPathMTUDiscovery(t *testing.T) {
	for _, c := range []struct{ name, server, tooBig string }{
		{"IPv4", "203.0.113.80", "-4"}, {"IPv6", "[2001:db8:f::80]", "-6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := town(t, false)
			if err := l.routers[l.Site.Interface("outside")].namespace.SetMTU(innerLink, 1280); err != nil {
				t.Fatal(err)
			}
			file, taken := download(), make(chan [sha256.Size]byte, 1)
			serveHTTP(t, l.Machine("updates"), 443, nil, taken)
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			pc := l.Machine("pc1").Namespace
			out, err := run(t, pc, "curl", "-sS", "-g", "--connect-timeout", "2", "-m", "30", "-T", path, "http://"+c.server+":443/file")
			if err != nil {
				t.Fatalf("upload: %v: %s", err, out)
			}
			if sum := <-taken; sum != sha256.Sum256(file) {
				t.Error("what arrived is not what was sent")
			}
			route, err := run(t, pc, "ip", c.tooBig, "route", "get", strings.Trim(c.server, "[]"))
			if err != nil || !strings.Contains(route, "mtu 1280") {
				t.Errorf("the sender has not learnt the path's MTU: %v: %s", err, route)
			}
		})
	}
}

// TestPathMTUDiscoveryBreaksWithoutRelated is the negative control.
func TestPathMTUDiscoveryBreaksWithoutRelated(t *testing.T) {
	l := town(t, false)
	fault, _ := FaultNamed("related-lost")
	if err := errors.Join(l.Reload(fault.Plant), l.routers[l.Site.Interface("outside")].namespace.SetMTU(innerLink, 1280)); err != nil {
		t.Fatal(err)
	}
	serveHTTP(t, l.Machine("updates"), 443, nil, make(chan [sha256.Size]byte, 1))
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, download(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, l.Machine("pc1").Namespace, "curl", "-sS", "-m", "3", "-T", path, "http://203.0.113.80:443/file"); err == nil {
		t.Errorf("the upload passed although no error can come back: %s", out)
	}
}
