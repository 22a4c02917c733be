package probe

import (
	"net/netip"
	"time"

	"glacis/internal/policy"
)

// budget keeps a batch within the limits of the firewall under test: each
// source towards the Internet, and each rule with a limit, may be used by a
// quarter of a second's worth a batch; batches with limits in them are at least
// that far apart.
type budget struct {
	runner *runner
	used   map[string]int
}

const perBatch = 4 // batches a second's worth lasts

func (r *runner) newBudget() *budget {
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	return &budget{r, map[string]int{}}
}

// take reports whether a probe may go with this batch, and counts it.
func (b *budget) take(res *result) bool {
	keys := limitKeys(res)
	for key, perSecond := range keys {
		if b.used[key] >= max(perSecond/perBatch, 1) {
			return false
		}
		// A key that this batch has not used yet must have rested.
		if b.used[key] == 0 && time.Since(b.runner.last[key]) < time.Second/perBatch+time.Second/time.Duration(perSecond) {
			return false
		}
	}
	for key := range keys {
		b.used[key]++
	}
	for key := range keys {
		if b.used[key] == 1 {
			b.runner.last[key] = time.Now()
		}
	}
	return true
}

// limitKeys names the limits a probe counts against, with their rates. The
// sender's limit counts attempts that are dropped, too.
func limitKeys(res *result) map[string]int {
	keys := map[string]int{}
	if d := res.decision; d.SenderLimit.PerSecond > 0 {
		keys["sender "+res.Packet.Src.String()] = d.SenderLimit.PerSecond
	}
	if l := res.decision.Limited; l != nil {
		src := netip.Addr{}
		if l.PerSource {
			src = res.Packet.Src
		}
		keys["rule "+res.decision.RuleName+" "+src.String()] = l.PerSecond
	}
	if res.Packet.In == policy.Local {
		return nil
	}
	return keys
}
