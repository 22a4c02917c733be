package probe

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"glacis/internal/compile"
	"glacis/internal/linux"
	"glacis/internal/policy"
	"glacis/internal/predict"
)

// limits exceeds every limit of the site once: about a burst passes and no
// more, and another source is not held up by it.
func (r *runner) limits() error {
	drills := r.drills()
	if len(drills) == 0 {
		return nil
	}
	rest := time.Second
	for _, d := range drills {
		rest = max(rest, time.Duration(float64(d.burst)/float64(d.rate)*float64(time.Second)))
	}
	select { // until every source has its full burst again
	case <-time.After(rest + 100*time.Millisecond):
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	for _, d := range drills {
		if err := r.drill(d); err != nil {
			return err
		}
	}
	return nil
}

// drill is one limit to exceed.
type drill struct {
	name        string
	rate, burst int
	from, other *result // other: the same limit for another source; may be nil
}

// drills finds for every limit a packet that counts against it and no other.
func (r *runner) drills() []drill {
	byName := map[string]*drill{}
	for _, res := range r.results {
		if res.model.Verdict != policy.Allowed || res.leg < 0 || !res.agrees() {
			continue
		}
		name, limit := limitOf(res)
		if name == "" {
			continue
		}
		d := byName[name]
		if d == nil {
			d = &drill{name: name, rate: limit.PerSecond, burst: limit.Burst, from: res}
			if d.burst == 0 {
				d.burst = d.rate
			}
			byName[name] = d
		}
		if d.other == nil && res.Packet.Src != d.from.Packet.Src && res.Packet.Src.Is4() == d.from.Packet.Src.Is4() && perSource(res) {
			d.other = res
		}
	}
	var out []drill
	for _, d := range byName {
		out = append(out, *d)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].name < out[b].name })
	return out
}

// limitOf names the limit a packet counts against; none if there are two of
// them, for then it is not clear which one acts.
func limitOf(res *result) (string, policy.Rate) {
	family := "IPv4"
	if res.Packet.Src.Is6() {
		family = "IPv6"
	}
	d := res.decision
	switch rule := d.Limited != nil; {
	case rule && d.SenderLimit.PerSecond > 0:
		return "", policy.Rate{}
	case rule:
		if !d.Limited.PerSource {
			return "limit of rule " + d.RuleName, d.Limited.Rate
		}
		return fmt.Sprintf("limit of rule %s for each %s source", d.RuleName, family), d.Limited.Rate
	case d.SenderLimit.PerSecond > 0 && res.Packet.In != policy.Local:
		return fmt.Sprintf("limit of zone %s towards the Internet for each %s source", d.FromZone, family), d.SenderLimit
	}
	return "", policy.Rate{}
}

func perSource(res *result) bool {
	return res.decision.Limited == nil || res.decision.Limited.PerSource
}

func (r *runner) drill(d drill) error {
	n := 2*d.burst + 20
	var batch []*result
	for k := range n {
		p := d.from.Packet
		if policy.HasPorts(p.Proto) {
			p.SrcPort = uint16(1024 + (k*7)%30000)
		}
		batch = append(batch, &result{Probe: Probe{d.name, p}, id: r.nextID, node: d.from.node, model: d.from.model, leg: -1})
		r.byID[r.nextID] = batch[k]
		r.nextID++
	}
	start := time.Now()
	for _, res := range batch {
		res.kernel = predict.Outcome{Verdict: policy.Dropped}
		if err := r.transmit(res); err != nil {
			return err
		}
	}
	took := time.Since(start)
	r.collect(arrival/2, 2*grace, func(s sighting) bool {
		if res := r.resultOf(s); res != nil {
			res.observe(r, s)
		}
		return false
	}, false)
	passed := 0
	for _, res := range batch {
		if res.kernel.Verdict == policy.Allowed {
			passed++
		}
	}
	r.report.Limits++
	most := d.burst + int(took.Seconds()*float64(d.rate)) + d.burst/10 + 2
	if passed < d.burst*9/10 || passed > most {
		r.report.Disagree = append(r.report.Disagree, Disagreement{Name: d.name, Packet: fmt.Sprintf("%d at once like %s", n, d.from.Packet),
			Predicted: fmt.Sprintf("%d to %d pass", d.burst*9/10, most), Real: true, Evaluated: "(not asked)", Observed: fmt.Sprintf("%d pass", passed)})
	}
	return r.bystander(d)
}

// bystander checks that a limit for each source leaves the others alone.
func (r *runner) bystander(d drill) error {
	if d.other == nil {
		return nil
	}
	res := r.newResult(Probe{d.name + ", another source", d.other.Packet})
	if policy.HasPorts(res.Packet.Proto) {
		res.Packet.SrcPort = uint16(61000 + res.id%4000)
	}
	if err := r.send([]*result{res}, arrival, grace); err != nil {
		return err
	}
	if res.kernel.Verdict != policy.Allowed {
		r.disagree(res)
	}
	return nil
}

// counters checks that every rule that decided probes has counted them.
func (r *runner) counters() error {
	counted := map[string]uint64{}
	for _, n := range r.Nodes {
		loaded, err := linux.ListRuleset(n.Namespace)
		if err != nil {
			return err
		}
		for _, t := range loaded.Tables {
			for _, c := range t.Counters {
				counted[c.Name] += c.Packets
			}
		}
	}
	want := map[string]uint64{}
	for _, res := range r.results {
		if res.decision.Rule != nil && res.agrees() {
			want[res.decision.RuleName]++
		}
	}
	var names []string
	for name := range want {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if got := counted[compile.RuleCounter(name)]; got < want[name] {
			r.report.Disagree = append(r.report.Disagree, Disagreement{Name: "counter of rule " + name, Packet: "(all)",
				Predicted: fmt.Sprintf("at least %d packets", want[name]), Real: true, Evaluated: "(not asked)", Observed: fmt.Sprint(got)})
		}
	}
	return nil
}

// Summary says the report in one line.
func (rep Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d probes: model, evaluator and kernel agree on %d (%d allowed, %d dropped, %d rejected); %d answers and %d limits checked; %d disagreements",
		rep.Probes, rep.Agree, rep.Allowed, rep.Dropped, rep.Rejected, rep.Answers, rep.Limits, len(rep.Disagree))
	return b.String()
}
