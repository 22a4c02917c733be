package analysis

import (
	"testing"
	"time"
)

const captures = "/work/shared/data/iptables/"

func TestTUM(t *testing.T) {
	r := readIptables(t, captures+"tum-2015-05-15.iptables-save")
	l, lines := r.list("FORWARD")
	start := time.Now()
	v := l.Judge()
	took := time.Since(start)
	count := map[Status]int{}
	for k := range v {
		count[v[k].Status]++
		if v[k].Status == Unreachable && count[Unreachable] < 8 {
			var by []int
			for _, b := range v[k].By {
				by = append(by, lines[b])
			}
			t.Logf("line %d unreachable by %v conflict %v", lines[k], by, v[k].Conflict)
		}
	}
	t.Logf("%d lines: %v in %v", len(l.Lines), count, took)
}
