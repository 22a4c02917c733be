package site

import (
	"fmt"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"glacis/internal/policy"
)

// Bounds of one fuzzed input: what a reader may cost that is given nonsense.
const (
	fuzzTime   = 10 * time.Second
	fuzzMemory = 512 << 20
)

// bounded ends the process with the input if it takes too long, and fails the
// test if it allocates too much.
func bounded(t *testing.T, text []byte, run func()) {
	t.Helper()
	watch := time.AfterFunc(fuzzTime, func() { panic(fmt.Sprintf("longer than %v on %q", fuzzTime, text)) })
	defer watch.Stop()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > fuzzMemory {
		t.Fatalf("%d MB allocated", used>>20)
	}
}

func FuzzLoad(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		bounded(t, text, func() {
			fsys := fstest.MapFS{"x.yaml": {Data: text}, "lists/bad-hosts.txt": {Data: text}}
			s, diags, src := Load(fsys, Options{Now: now})
			if (s == nil) != diags.HasErrors() {
				t.Fatalf("site %v with errors %v", s != nil, diags.HasErrors())
			}
			for _, d := range diags {
				checkDiagnostic(t, d, src)
			}
			if out := rendered(diags, src); len(diags) > 0 && out == "" {
				t.Fatal("diagnostics that render as nothing")
			}
		})
	})
}

// FuzzMatch: what a service is called in answers and logs reads back as itself.
func FuzzMatch(f *testing.F) {
	for _, b := range builtins {
		f.Add(b.matches)
	}
	for _, s := range []string{"any", "proto/115", "proto/33/80", "tcp/5080", "udp/16384-32767", "tcp/80 from 1024-65535", "icmp/8/0", "proto/47", "gre", "tcp/0-65535", "tcp/0-1", "icmpv6"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMatch(text)
		if err != nil {
			return
		}
		back, err := parseMatch(m.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which is not read: %v", text, m, err)
		}
		if !sameMatch(m, back) {
			t.Fatalf("%q is written as %q, which is read as %v", text, m, back)
		}
	})
}

// sameMatch compares what two matches mean: 0-65535 and no range are the same.
func sameMatch(a, b policy.Match) bool {
	same := func(x, y *uint8) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	ports := func(x, y policy.PortRange) bool { return x == y || x.IsAny() && y.IsAny() }
	return a.Any == b.Any && a.Proto == b.Proto && ports(a.Ports, b.Ports) && ports(a.FromPort, b.FromPort) &&
		same(a.ICMPType, b.ICMPType) && same(a.ICMPCode, b.ICMPCode)
}
