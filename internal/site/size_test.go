package site

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// largeSite is testdata/base with n rules, each between hosts and networks of
// its own.
func largeSite(t testing.TB, n int) fstest.MapFS {
	fsys := badCase{}.site(t)
	var hosts, rules bytes.Buffer
	hosts.WriteString("hosts:\n  admin1: {zone: management, address: 10.0.99.10}\n")
	rules.WriteString("rules:\n")
	for k := range n {
		a, b := 1+k/250%250, k%250+2
		if k < 50_000 {
			fmt.Fprintf(&hosts, "  h%d: {zone: servers, address: 10.8.%d.%d, listens: [https, ssh]}\n", k, a, b)
		}
		fmt.Fprintf(&rules, "  - name: rule-%d\n    allow: [https, tcp/%d]\n    from: [10.16.%d.%d, management]\n    to: h%d\n    because: Load\n    owner: test\n", k, 1024+k%60000, a, b, k)
	}
	fsys["hosts.yaml"] = &fstest.MapFile{Data: hosts.Bytes()}
	fsys["rules.yaml"] = &fstest.MapFile{Data: rules.Bytes()}
	return fsys
}

func BenchmarkLoad10000(b *testing.B) {
	fsys := largeSite(b, 10_000)
	for b.Loop() {
		if s, diags, src := Load(fsys, Options{Now: now}); s == nil {
			b.Fatal(rendered(diags.Cut(5), src))
		}
	}
}

// TestLoadGrowsInProportion: four times the rules take about four times as
// long, never sixteen.
func TestLoadGrowsInProportion(t *testing.T) {
	took := func(n int) time.Duration {
		fsys := largeSite(t, n)
		best := time.Hour
		for range 3 {
			begin := time.Now()
			if s, diags, src := Load(fsys, Options{Now: now}); s == nil {
				t.Fatal(rendered(diags.Cut(5), src))
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	small, large := took(2500), took(10_000)
	t.Logf("2500 rules %v, 10000 rules %v", small, large)
	if large > 10*small {
		t.Errorf("10000 rules take %v, 2500 take %v: that is not in proportion", large, small)
	}
}

// hostile are files that are small for what they would cost a careless reader.
func hostile() map[string]string {
	lines := func(n int, format string) string {
		var b strings.Builder
		for k := range n {
			fmt.Fprintf(&b, format, k, k)
		}
		return b.String()
	}
	groups := "groups:\n  g0: [" + strings.Repeat("users, guest, dmz, ", 30) + "users]\n"
	for k := 1; k < 19; k++ {
		groups += fmt.Sprintf("  g%d: [%s]\n", k, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("g%d, ", k-1), 30), ", "))
	}
	var chain strings.Builder
	chain.WriteString("groups:\n  g0: users\n")
	for k := range 100_000 {
		fmt.Fprintf(&chain, "  g%d: [g%d]\n", k+1, k)
	}
	members := make([]string, 5000)
	for k := range members {
		members[k] = fmt.Sprintf("10.16.%d.%d", k/250, k%250+1)
	}
	var prefixes strings.Builder
	for k := range 20_000 {
		fmt.Fprintf(&prefixes, "10.100.%d.%d/32, ", k/256, k%256)
	}
	wide := "groups:\n  wide: [" + strings.Join(members, ", ") + "]\n"
	return map[string]string{
		"groups that double":   groups,
		"a chain of groups":    chain.String(),
		"services that double": strings.NewReplacer("users, guest, dmz", "tcp/1, tcp/2, udp/3", "users", "tcp/4", "groups", "services").Replace(groups),
		"unknown names":        "rules:\n" + lines(20_000, "  - {name: r%d, allow: https, from: nobody%d, to: internet, because: x, owner: y}\n"),
		"open brackets":        strings.Repeat("[", 100_000),
		"open braces":          "a: " + strings.Repeat("{a: ", 100_000),
		"comments":             "site: x\n" + lines(200_000, "# %d %d\n"),
		"trailing comments":    "hosts:\n" + lines(50_000, "  a%d: b # %d\n"),
		"values":               "rules: [" + strings.Repeat("a,", maxValues/2) + "a]",
		"too many values":      "rules: [" + strings.Repeat("a,", 4_000_000) + "a]",
		"a long line":          "site: " + strings.Repeat("x", 4<<20),
		"dashes":               strings.Repeat("- ", 100_000),
		"a wide rule": wide + "rules:\n" + lines(20,
			"  - {name: r%d, allow: tcp/1%d, from: wide, to: wide, because: x, owner: y}\n"),
		"wide rules": wide + "rules:\n" + lines(1000,
			"  - {name: r%d, allow: tcp/1%d, from: wide, to: internet, because: x, owner: y}\n"),
		"published": "nat:\n" + lines(20_000, "  - {name: n%d, publish: tcp/%d, at: 198.51.100.3, to: web1}\n"),
		"networks":  "zones:\n  more: {role: users, networks: [" + strings.TrimSuffix(prefixes.String(), ", ") + "]}\n",
	}
}

func TestHostileFiles(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			fsys := badCase{}.site(t)
			delete(fsys, "rules.yaml")
			fsys["zz-more.yaml"] = &fstest.MapFile{Data: []byte(text)}
			begin := time.Now()
			peak := peakHeap(func() {
				_, diags, src := Load(fsys, Options{Now: now})
				rendered(diags, src)
			})
			took := time.Since(begin)
			t.Logf("%d kB: %v, %d MB", len(text)>>10, took.Round(time.Millisecond), peak>>20)
			if took > fuzzTime || peak > fuzzMemory {
				t.Errorf("%v, %d MB", took, peak>>20)
			}
		})
	}
}

// peakHeap runs something and gives how far the live heap grew, sampled.
func peakHeap(run func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, peak := m.HeapAlloc, uint64(0)
	done := make(chan struct{})
	go func() { run(); close(done) }()
	for {
		select {
		case <-done:
			return peak
		case <-time.After(5 * time.Millisecond):
			runtime.ReadMemStats(&m)
			peak = max(peak, max(m.HeapAlloc, base)-base)
		}
	}
}
