package probe

import (
	"fmt"
	"time"

	"glacis/internal/policy"
)

// answer is a kind of packet that belongs to a probe that was let pass. Its
// value is or-ed into the probe's number.
type answer uint32

const (
	none     answer = 0
	related  answer = 1 << 28 // an ICMP error about it
	reply    answer = 2 << 28
	goOn     answer = 3 << 28 // the sender's next packet
	goBack   answer = 4 << 28 // the receiver's
	unasked  answer = 5 << 28 // an ICMP error about a packet that never was
	kindMask answer = 7 << 28
)

func (a answer) String() string {
	return map[answer]string{related: "an ICMP error about it", reply: "the reply", goOn: "the next packet", goBack: "data from the other side",
		unasked: "an ICMP error about another connection"}[a]
}

// exchange checks, for probes that were forwarded, what belongs to them, and lets
// the nodes forget their connections. It waits until there are enough for a
// batch, unless all are wanted, but not for long: a kernel forgets an unanswered
// connection by itself in 30 seconds, or when its table is full.
func (r *runner) exchange(all bool) error {
	var todo []*result
	for _, res := range r.results {
		if !res.exchanged && res.leg >= 0 && res.agrees() && res.Packet.In != policy.Local {
			todo = append(todo, res)
		}
	}
	if len(todo) < batchSize && !all {
		return nil
	}
	for len(todo) > 0 {
		n := min(batchSize, len(todo))
		if err := r.exchangeBatch(todo[:n]); err != nil || r.enough() {
			return err
		}
		todo = todo[n:]
	}
	return r.forget()
}

// exchangeBatch checks of each probe: an ICMP error about it passes and one about
// another connection does not; the reply passes and is translated back; and the
// connection goes on both ways.
func (r *runner) exchangeBatch(batch []*result) error {
	for _, kind := range []answer{related, unasked, reply, goOn, goBack} {
		var todo []*result
		for _, res := range batch {
			if r.belongs(res, kind) {
				todo = append(todo, res)
			}
		}
		if err := r.answer(todo, kind, arrival, grace); err != nil {
			return err
		}
	}
	for _, res := range batch {
		res.exchanged = true
		if err := r.judge(res); err != nil || r.enough() {
			return err
		}
	}
	return nil
}

// maxDisagreements is how many are worth showing: a firewall that is wrong
// everywhere is not asked about every packet with patience.
const maxDisagreements = 100

func (r *runner) enough() bool {
	n := len(r.report.Disagree)
	return n >= maxDisagreements || r.StopAtFirst && n > 0
}

// belongs reports whether a kind of answer exists for the protocol.
func (r *runner) belongs(res *result, kind answer) bool {
	switch p := res.forwarded; kind {
	case goOn, goBack:
		return p.Proto == policy.TCP
	case reply:
		return policy.HasPorts(p.Proto) && p.Proto != policy.SCTP || p.Proto == policy.ICMP && p.ICMPType == 8 || p.Proto == policy.ICMPv6 && p.ICMPType == 128 || p.Proto == policy.GRE
	case unasked:
		return p.Proto == policy.UDP
	}
	return true
}

// answer sends one kind of answer to a batch of probes and notes which arrive.
func (r *runner) answer(batch []*result, kind answer, arrival, grace time.Duration) error {
	missing := len(batch)
	for _, res := range batch {
		delete(res.answers, kind)
		ip := r.answerPacket(res, kind)
		leg := res.leg
		if kind == goOn {
			leg = r.legOf[res.Packet.In]
		}
		name := r.wire.legs[leg].name
		if err := r.wire.send(leg, r.macs[name][r.active], ip); err != nil {
			return fmt.Errorf("answering %s: %w", res.Packet, err)
		}
	}
	r.collect(arrival, grace, func(s sighting) bool {
		res := r.byID[s.id&^uint32(kindMask)]
		if s.reset || s.leg < 0 || res == nil || answer(s.id)&kindMask != kind || !r.arrives(res, kind, s) {
			return false
		}
		if !res.answers[kind] {
			res.answers[kind] = true
			missing--
		}
		return missing == 0
	}, kind == unasked)
	return nil
}

// answerPacket builds the answer to what came out, as the other side would.
func (r *runner) answerPacket(res *result, kind answer) []byte {
	seen := res.forwarded
	back := seen
	back.Src, back.Dst, back.SrcPort, back.DstPort = seen.Dst, seen.Src, seen.DstPort, seen.SrcPort
	back.HopLimit, back.NoFlags = 0, false
	payload := mark(res.id, kind)
	switch kind {
	case related, unasked:
		quoted := seen
		if kind == unasked {
			quoted.SrcPort ^= 0x5555
		}
		return icmpError(back, encodeSegment(quoted, payload, first))
	case goOn:
		next := res.Packet
		next.Flags = policy.ACK | policy.PSH
		return encodeSegment(next, payload, segment{1001, 5001})
	case goBack:
		back.Flags = policy.ACK | policy.PSH
		return encodeSegment(back, payload, segment{5001, 1001 + markLen})
	}
	switch seen.Proto {
	case policy.TCP:
		back.Flags = policy.SYN | policy.ACK
	case policy.ICMP:
		back.ICMPType = 0
	case policy.ICMPv6:
		back.ICMPType = 129
	}
	return encodeSegment(back, payload, segment{5000, 1001})
}

// icmpError says to the sender of a packet that its host cannot be reached.
func icmpError(back policy.Packet, quoted []byte) []byte {
	e := policy.Packet{Src: back.Src, Dst: back.Dst, Proto: policy.ICMP, ICMPType: 3, ICMPCode: 1}
	if back.Src.Is6() {
		e.Proto, e.ICMPType, e.ICMPCode = policy.ICMPv6, 1, 3
	}
	return encode(e, quoted)
}

// arrives reports whether a sighting is the answer where and as it should be:
// translated back at the origin, or on at the destination.
func (r *runner) arrives(res *result, kind answer, s sighting) bool {
	origin := r.wire.legs[s.leg].name == res.Packet.In
	switch kind {
	case goOn:
		return s.leg == res.leg && s.packet.Src == res.forwarded.Src && s.packet.Dst == res.forwarded.Dst
	case unasked:
		return origin
	case related:
		return origin && s.packet.Dst == res.Packet.Src
	}
	return origin && s.packet.Src == res.Packet.Dst && s.packet.Dst == res.Packet.Src &&
		s.packet.SrcPort == res.Packet.DstPort && s.packet.DstPort == res.Packet.SrcPort
}

// judge reports answers that should have arrived and did not, or the other way
// round, after one more try.
func (r *runner) judge(res *result) error {
	for _, kind := range []answer{related, unasked, reply, goOn, goBack} {
		if !r.belongs(res, kind) {
			continue
		}
		r.report.Answers++
		want := kind != unasked
		if res.answers[kind] == want {
			continue
		}
		if err := r.answer([]*result{res}, kind, arrival, 3*grace); err != nil {
			return err
		}
		if res.answers[kind] != want {
			said := map[bool]string{true: "passes", false: "does not pass"}
			r.report.Disagree = append(r.report.Disagree, Disagreement{
				Name: res.Name, Packet: res.Packet.String(), Predicted: fmt.Sprintf("%s %s", kind, said[want]),
				Real: true, Evaluated: "(not asked)", Observed: fmt.Sprintf("%s %s", kind, said[!want])})
			return nil
		}
	}
	return nil
}
