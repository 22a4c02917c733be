package analysis

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"glacis/internal/netset"

	"go4.org/netipx"
)

// randomList is a policy as large firewalls have: networks and hosts from a pool
// of some hundred, a few dozen services, allow and drop mixed.
func randomList(n int) *List {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	network := func() netset.Range {
		bits := []int{16, 20, 24, 24, 28, 28, 32, 32, 32, 32}[r.IntN(10)]
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(16)), byte(r.IntN(64)), byte(r.IntN(256))})
		p := netipx.RangeOfPrefix(netip.PrefixFrom(a, bits).Masked())
		return netset.Range{Lo: netset.Address(p.From()), Hi: netset.Address(p.To())}
	}
	l := &List{}
	for range n {
		p := netset.Product{}.With(netset.Src, network()).With(netset.Dst, network())
		if port := r.IntN(40); port > 0 {
			p = p.With(netset.Dport, netset.One(netset.Num(port*100)))
		}
		l.Lines = append(l.Lines, Line{Parts: []Part{{netset.Universe{Is4: true, Class: netset.TCP}, p}}, Result: int32(r.IntN(2))})
	}
	return l
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := randomList(n)
			count := map[Status]int{}
			for b.Loop() {
				clear(count)
				for _, v := range l.Judge() {
					count[v.Status]++
				}
			}
			b.ReportMetric(float64(count[Unreachable]), "unreachable")
			b.ReportMetric(float64(count[Redundant]), "redundant")
			b.ReportMetric(float64(count[Undecided]), "undecided")
		})
	}
}

func BenchmarkPromisesEnterprise(b *testing.B) {
	s := loadSite(b, "../../examples/enterprise")
	for b.Loop() {
		Promises(s, now)
	}
}
