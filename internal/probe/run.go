package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"glacis/internal/compile"
	"glacis/internal/linux"
	"glacis/internal/nft"
	"glacis/internal/policy"
	"glacis/internal/predict"
)

// NodeUnderTest is one node of the firewall, standing in a namespace.
type NodeUnderTest struct {
	Name      string
	Namespace *linux.Namespace
	Config    *compile.Config
	Active    bool         // holds the shared addresses
	Loaded    *nft.Ruleset // as read back from its kernel
}

// predicted is the node as far as a prediction needs it.
func (n *NodeUnderTest) predicted() predict.Node {
	return predict.Node{Config: n.Config, Active: n.Active, Ruleset: n.Loaded}
}

// Setup is what Run needs: the site, the nodes, and a prober on every segment.
type Setup struct {
	Site   *policy.Site
	Now    time.Time
	Prober *linux.Namespace
	Legs   []Leg
	Nodes  []*NodeUnderTest

	StopAtFirst bool                  // one disagreement is enough
	Progress    func(done, total int) // may be nil
}

// Report is what came of the probes.
type Report struct {
	Probes   int            `json:"probes"`
	Agree    int            `json:"agree"`
	Allowed  int            `json:"allowed"`
	Dropped  int            `json:"dropped"`
	Rejected int            `json:"rejected"`
	Answers  int            `json:"answers"` // replies, handshakes and ICMP errors checked
	Limits   int            `json:"limits"`  // limits exceeded on purpose
	Disagree []Disagreement `json:"disagree"`
	Tags     []Tag          `json:"tags"` // of the active node; none where VLANs are links of their own
	Took     time.Duration  `json:"-"`
}

// Tag is an 802.1Q tag on which an interface really sent and received.
type Tag struct {
	Interface string `json:"interface"`
	VLAN      int    `json:"vlan"`
	Received  uint64 `json:"received"` // frames with the tag
	Sent      uint64 `json:"sent"`
}

// Disagreement is a packet on whose fate the three do not agree.
type Disagreement struct {
	Name      string `json:"name"`
	Packet    string `json:"packet"`
	Predicted string `json:"predicted"` // by the model
	Evaluated string `json:"evaluated"` // by the evaluator
	Observed  string `json:"observed"`  // in the kernel

	// Real reports that the kernel itself does other than the model says, not
	// only the evaluator.
	Real bool `json:"-"`
}

// result collects what is known of one probe.
type result struct {
	Probe
	id        uint32
	node      *NodeUnderTest
	decision  policy.Decision
	model     predict.Outcome
	evaluator predict.Outcome
	evalError error
	rules     []string // counters the evaluator says were bumped
	kernel    predict.Outcome
	forwarded policy.Packet // as it came out
	leg       int           // by which
	answers   map[answer]bool
	exchanged bool
}

// Run sends a packet of every class and reports where model, evaluator and
// kernel disagree. The error is for what kept it from finding out.
func Run(ctx context.Context, s Setup) (Report, error) {
	start := time.Now()
	r, err := newRunner(ctx, s)
	if err != nil {
		return Report{}, err
	}
	defer r.close()
	if err := r.predict(Classes(s.Site, s.Now)); err != nil {
		return r.report, err
	}
	for _, step := range []func() error{r.sendAll, r.retry, func() error { return r.exchange(true) }, r.limits, r.counters} {
		if err := step(); err != nil {
			return r.report, err
		}
		if r.enough() {
			break
		}
	}
	r.report.Took = time.Since(start)
	return r.report, nil
}

type runner struct {
	Setup
	ctx     context.Context
	wire    *wire
	legOf   map[string]int
	macs    map[string]map[*NodeUnderTest]net.HardwareAddr // by interface
	active  *NodeUnderTest
	emitter *emitter
	results []*result
	byID    map[uint32]*result
	byPorts map[[2]uint16]*result // TCP resets carry nothing but ports
	report  Report
	nextID  uint32
	last    map[string]time.Time // when a limit's budget was last used
}

func newRunner(ctx context.Context, s Setup) (*runner, error) {
	r := &runner{Setup: s, ctx: ctx, legOf: map[string]int{}, macs: map[string]map[*NodeUnderTest]net.HardwareAddr{},
		byID: map[uint32]*result{}, byPorts: map[[2]uint16]*result{}, nextID: 1}
	r.report.Disagree, r.report.Tags = []Disagreement{}, []Tag{}
	for _, n := range s.Nodes {
		if n.Active {
			r.active = n
		}
		var err error
		if n.Loaded, err = linux.ListRuleset(n.Namespace); err != nil {
			return nil, fmt.Errorf("node %s: %w", n.Name, err)
		}
		// A firewall answers as fast as it is asked while it is tested.
		for key, value := range map[string]string{"net/ipv4/icmp_ratelimit": "0", "net/ipv6/icmp/ratelimit": "0"} {
			if err := n.Namespace.SetSysctl(key, value); err != nil {
				return nil, err
			}
		}
	}
	if r.active == nil {
		return nil, fmt.Errorf("no node is active")
	}
	if err := r.forget(); err != nil {
		return nil, err
	}
	if err := r.connect(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// forget makes the nodes forget every connection.
func (r *runner) forget() error {
	for _, n := range r.Nodes {
		if err := linux.FlushConntrack(n.Namespace); err != nil {
			return err
		}
	}
	return nil
}

// connect opens the wire to every segment and listens on the nodes.
func (r *runner) connect() (err error) {
	own := r.Site.Own()
	if r.wire, err = newWire(r.Prober, r.Legs, own.Contains); err != nil {
		return err
	}
	for k, l := range r.wire.legs {
		r.legOf[l.name] = k
		r.macs[l.name] = map[*NodeUnderTest]net.HardwareAddr{}
		for _, n := range r.Nodes {
			if r.macs[l.name][n], err = n.Namespace.MAC(r.Site.Interface(l.name).Link()); err != nil {
				return err
			}
		}
	}
	for _, n := range r.Nodes {
		if err := r.wire.watch(n.Namespace, n.Name); err != nil {
			return err
		}
	}
	r.emitter, err = newEmitter(r.active.Namespace)
	return err
}

func (r *runner) close() {
	if r.wire != nil {
		r.wire.close()
	}
	if r.emitter != nil {
		r.emitter.close()
	}
}

// predict asks model and evaluator about every probe.
func (r *runner) predict(probes []Probe) error {
	for _, p := range probes {
		if _, known := r.legOf[p.Packet.In]; !known && p.Packet.In != policy.Local {
			return fmt.Errorf("no prober on interface %s", p.Packet.In)
		}
		res := r.newResult(p)
		r.results = append(r.results, res)
	}
	r.report.Probes = len(r.results)
	return nil
}

func (r *runner) newResult(p Probe) *result {
	res := &result{Probe: p, id: r.nextID, node: r.nodeFor(p.Packet), leg: -1, answers: map[answer]bool{}}
	r.nextID++
	res.model, res.decision = predict.Model(r.Site, p.Packet, r.Now)
	var eval nft.Result
	res.evaluator, eval, res.evalError = res.node.predicted().Eval(r.Site, p.Packet, true)
	res.rules = eval.Counters
	r.byID[res.id] = res
	if p.Packet.Proto == policy.TCP {
		r.byPorts[[2]uint16{p.Packet.SrcPort, p.Packet.DstPort}] = res
	}
	return res
}

// nodeFor is the node a packet is sent to: a standby node only for its own
// address, from its own subnet.
func (r *runner) nodeFor(p policy.Packet) *NodeUnderTest {
	if p.In == policy.Local {
		return r.active
	}
	for _, n := range r.Nodes {
		if sn := r.Site.Node(n.Name); n != r.active && sn != nil && sn.Management == p.Dst && r.onSubnet(p.In, p.Dst) {
			return n
		}
	}
	return r.active
}

func (r *runner) onSubnet(in string, a netip.Addr) bool {
	for _, p := range r.Site.Interface(in).Addresses {
		if p.Masked().Contains(a) {
			return true
		}
	}
	return false
}

// transmit sends one probe.
func (r *runner) transmit(res *result) error {
	if res.Packet.In == policy.Local {
		return r.emitter.send(res.Packet, mark(res.id, none))
	}
	ip := encode(res.Packet, mark(res.id, none))
	return r.wire.send(r.legOf[res.Packet.In], r.macs[res.Packet.In][res.node], ip)
}

const (
	batchSize = 400
	// arrival is how long a packet may take that is expected to come out;
	// grace how long one that is not expected is waited for after that.
	arrival = 500 * time.Millisecond
	grace   = 40 * time.Millisecond
)

// sendAll sends the probes in batches that stay within the limits under test.
func (r *runner) sendAll() error {
	todo := slices.Clone(r.results)
	if r.StopAtFirst { // begin where the evaluator sees a difference
		slices.SortStableFunc(todo, func(a, b *result) int { return cmp.Compare(a.suspicion(), b.suspicion()) })
	}
	for len(todo) > 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		var batch, later []*result
		b := r.newBudget()
		for _, res := range todo {
			if len(batch) < batchSize && b.take(res) {
				batch = append(batch, res)
			} else {
				later = append(later, res)
			}
		}
		if err := r.send(batch, arrival, grace); err != nil {
			return err
		}
		todo = later
		if r.StopAtFirst {
			if err := r.confirm(batch); err != nil || len(r.report.Disagree) > 0 {
				return err
			}
		}
		if err := r.exchange(false); err != nil || r.enough() {
			return err
		}
		if r.Progress != nil {
			r.Progress(len(r.results)-len(todo), len(r.results))
		}
	}
	return nil
}

// suspicion orders probes: those first that the evaluator predicts differently.
func (res *result) suspicion() int {
	if res.evalError != nil || !res.model.Same(res.evaluator) {
		return 0
	}
	return 1
}

// confirm sends again what disagrees, and reports the first that still does.
func (r *runner) confirm(batch []*result) error {
	for _, res := range batch {
		if res.model.Same(res.kernel) {
			continue
		}
		if res.missed() {
			if err := r.send([]*result{res}, arrival, 3*grace); err != nil {
				return err
			}
		}
		if !res.model.Same(res.kernel) {
			r.disagree(res)
			return nil
		}
	}
	return nil
}

// send sends a batch and waits for what comes of it.
func (r *runner) send(batch []*result, arrival, grace time.Duration) error {
	expected := 0
	for _, res := range batch {
		res.kernel = predict.Outcome{Verdict: policy.Dropped}
		res.leg = -1
		if err := r.transmit(res); err != nil {
			return fmt.Errorf("sending %s: %w", res.Packet, err)
		}
		if res.model.Verdict != policy.Dropped {
			expected++
		}
	}
	r.collect(arrival, grace, func(s sighting) bool {
		res := r.resultOf(s)
		if res == nil {
			return false
		}
		first := res.kernel.Verdict == policy.Dropped
		res.observe(r, s)
		if first && res.kernel.Verdict != policy.Dropped && res.model.Verdict != policy.Dropped {
			expected--
		}
		return expected <= 0
	}, expected <= 0)
	return nil
}

// collect hands sightings to f until it says that nothing more is expected, or
// the time for arrivals is over; then until nothing has come for the grace.
func (r *runner) collect(arrival, grace time.Duration, f func(sighting) bool, done bool) {
	deadline := time.NewTimer(arrival)
	defer deadline.Stop()
	for !done {
		select {
		case s := <-r.wire.seen:
			done = f(s)
		case <-deadline.C:
			done = true
		}
	}
	for {
		select {
		case s := <-r.wire.seen:
			f(s)
		case <-time.After(grace):
			return
		}
	}
}

func (r *runner) resultOf(s sighting) *result {
	if s.reset {
		return r.byPorts[[2]uint16{s.packet.DstPort, s.packet.SrcPort}]
	}
	return r.byID[s.id]
}

// observe enters a sighting: delivery beats forwarding beats refusal, for a
// delivered packet may be refused by the node's own programs.
func (res *result) observe(r *runner, s sighting) {
	switch {
	case s.leg < 0:
		res.kernel = predict.Outcome{Verdict: policy.Allowed, Out: policy.Local}
	case s.reset || s.error && !isError(res.Packet):
		if res.kernel.Verdict == policy.Dropped && r.wire.legs[s.leg].name == res.Packet.In {
			res.kernel = predict.Outcome{Verdict: policy.Rejected}
		}
	case res.kernel.Out != policy.Local && r.wire.legs[s.leg].name != res.Packet.In || res.Packet.In == policy.Local:
		res.forwarded, res.leg = s.packet, s.leg
		res.kernel = predict.Outcome{Verdict: policy.Allowed, Out: r.wire.legs[s.leg].name,
			Src: s.packet.Src, Dst: s.packet.Dst, DstPort: s.packet.DstPort}
	}
}

func (res *result) agrees() bool {
	return res.evalError == nil && res.model.Same(res.evaluator) && res.model.Same(res.kernel)
}

// retry sends every probe that was missed once more, alone and with patience: a
// busy machine is no fault of the firewall.
func (r *runner) retry() error {
	patience := 0
	for _, res := range r.results {
		if res.missed() && patience < maxPatience {
			patience++
			if err := r.send([]*result{res}, 2*arrival, 3*grace); err != nil {
				return err
			}
		}
		switch {
		case !res.agrees():
			r.disagree(res)
			if r.enough() {
				return nil
			}
			continue
		case res.model.Verdict == policy.Allowed:
			r.report.Allowed++
		case res.model.Verdict == policy.Rejected:
			r.report.Rejected++
		default:
			r.report.Dropped++
		}
		r.report.Agree++
	}
	return nil
}

// maxPatience is how many probes are sent again before it is plain that
// patience is not what they lack.
const maxPatience = 200

// missed reports whether less was seen of a probe than should have been. What
// was seen and should not have been is no accident, and never asked again.
func (res *result) missed() bool {
	return res.kernel.Verdict != policy.Allowed && !res.model.Same(res.kernel) && res.model.Verdict != policy.Dropped
}

func (r *runner) disagree(res *result) {
	d := Disagreement{Name: res.Name, Packet: res.Packet.String(), Evaluated: res.evaluator.String(), Observed: res.kernel.String(),
		Predicted: fmt.Sprintf("%s, by %s", res.model, res.decision.RuleName), Real: !res.model.Same(res.kernel)}
	if res.evalError != nil {
		d.Evaluated = "error: " + res.evalError.Error()
	}
	r.report.Disagree = append(r.report.Disagree, d)
}
