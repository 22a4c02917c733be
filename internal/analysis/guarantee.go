package analysis

import (
	"fmt"
	"slices"
	"strings"

	"glacis/internal/netset"
	"glacis/internal/policy"

	"go4.org/netipx"
)

// prove holds a guarantee of the site against every pair of zones that it speaks
// of.
func prove(site *policy.Site, g *policy.Guarantee, pairs []*Traffic) Promise {
	p := Promise{Name: g.Name, Kind: "site", Text: guaranteeText(g), Holding: Holds, Range: g.Range}
	zones := append(slices.Clone(site.Zones), nil)
	asked := false
	for _, from := range zones {
		src := guaranteeSource(site, g, from)
		if len(src.Ranges()) == 0 {
			continue
		}
		for _, to := range zones {
			dst := addresses(site, g.To, to)
			if len(dst.Ranges()) == 0 || from == nil && to == nil {
				continue
			}
			if !Filtered(from, to) {
				if from != to || g.Kind == policy.Only {
					p.Unfiltered = append(p.Unfiltered, pairText(from, to))
				}
				continue
			}
			set := flowParts(g, src, dst)
			for _, pair := range pairs {
				if pair.From == from && pair.To == to && len(set) > 0 {
					asked = true
					p.ask(g, pair, set)
				}
			}
		}
	}
	switch {
	case p.Holding == Holds && len(p.Unfiltered) > 0:
		p.Holding = NotFiltered
	case g.Kind == policy.Always && !asked: // no family in common: there is no packet that could pass
		p.Holding = Unproven
	}
	return p
}

// ask looks for a packet of the set that fares otherwise than guaranteed.
func (p *Promise) ask(g *policy.Guarantee, pair *Traffic, set []Part) {
	if p.Example != nil {
		return
	}
	wrong := func(k int) bool { return pair.List.Lines[k].Result == allowed }
	if g.Kind == policy.Always {
		wrong = func(k int) bool { return pair.List.Lines[k].Result != allowed }
		for _, r := range pair.Rules {
			if r.Limit != nil {
				p.assume(fmt.Sprintf("the limit of rule %s is not exceeded", r.Name))
			}
		}
	}
	if e, found := pair.query(set, wrong); found {
		p.Holding, p.Example = Broken, &e
		return
	}
	if g.Kind == policy.Always {
		if e, found := pair.undecided(set); found {
			p.Holding, p.Example = Broken, &e
		}
	}
}

func (p *Promise) assume(what string) {
	if !slices.Contains(p.Assumes, what) {
		p.Assumes = append(p.Assumes, what)
	}
}

// undecided finds a packet of a set that no rule surely decides: the default
// drops it.
func (p *Traffic) undecided(set []Part) (Example, bool) {
	for _, part := range set {
		t := p.table(part.Universe, []netset.Product{part.Product})
		b := t.space.Box(part.Product)
		if x, found := t.first(len(p.List.Lines), b, len(t.boxes)); found {
			return Example{Packet: p.Packet(part.Universe, x)}, true
		}
	}
	return Example{}, false
}

// guaranteeSource is whose packets a guarantee speaks of in one zone: for "only"
// everybody's but those it names.
func guaranteeSource(site *policy.Site, g *policy.Guarantee, z *policy.Zone) *netipx.IPSet {
	named := addresses(site, g.From, z)
	if g.Kind != policy.Only {
		return named
	}
	var b netipx.IPSetBuilder
	if z == nil {
		b.AddSet(site.Itself())
	} else {
		b.AddSet(site.Set(z))
	}
	b.RemoveSet(named)
	set, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{} // the model holds no invalid address
	}
	return set
}

// flowParts writes the packets of a guarantee as parts.
func flowParts(g *policy.Guarantee, src, dst *netipx.IPSet) []Part {
	services := []policy.Match{{Any: true}}
	if len(g.Services) > 0 {
		services = nil
		for _, s := range g.Services {
			services = append(services, s.Matches...)
		}
	}
	var out []Part
	for _, is4 := range []bool{true, false} {
		from, to := ranges(src, is4), ranges(dst, is4)
		if len(from) == 0 || len(to) == 0 {
			continue
		}
		ends := netset.Product{}.With(netset.Src, from...).With(netset.Dst, to...)
		for _, m := range services {
			out = append(out, parts(m, is4, ends)...)
		}
	}
	return out
}

func pairText(from, to *policy.Zone) string {
	return policy.ZoneName(from) + " to " + policy.ZoneName(to)
}

// guaranteeText says a guarantee in a sentence.
func guaranteeText(g *policy.Guarantee) string {
	from, to, service := endsText(g.From), endsText(g.To), "anything"
	if len(g.Services) > 0 {
		var names []string
		for _, s := range g.Services {
			names = append(names, s.Name)
		}
		service = strings.Join(names, ", ")
	}
	switch g.Kind {
	case policy.Never:
		return fmt.Sprintf("%s never reach %s on %s", from, to, service)
	case policy.Only:
		return fmt.Sprintf("only %s reach %s on %s", from, to, service)
	}
	return fmt.Sprintf("%s always reach %s on %s", from, to, service)
}

func endsText(ends []policy.Endpoint) string {
	var out []string
	for _, e := range ends {
		if !slices.Contains(out, e.Text) {
			out = append(out, e.Text)
		}
	}
	return strings.Join(out, ", ")
}
