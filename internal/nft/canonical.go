package nft

import (
	"slices"
	"strings"
)

// Canonical returns the ruleset as nft text in which nothing is left to chance:
// elements in order, and without the comments of tables and chains, which nft
// 1.0.6 does not list. What was loaded and what is read back are then equal.
func (r *Ruleset) Canonical() string {
	out := &Ruleset{}
	for _, t := range r.Tables {
		c := *t
		c.Comment, c.Sets, c.Chains = "", nil, nil
		for _, s := range t.Sets {
			set := *s
			set.Elements = inOrder(s.Elements)
			c.Sets = append(c.Sets, &set)
		}
		for _, chain := range t.Chains {
			c.Chains = append(c.Chains, chain.canonical())
		}
		out.Tables = append(out.Tables, &c)
	}
	return out.String()
}

func (c *Chain) canonical() *Chain {
	out := &Chain{Name: c.Name, Base: c.Base}
	for _, r := range c.Rules {
		rule := &Rule{Comment: r.Comment}
		for _, s := range r.Stmts {
			switch m := s.(type) {
			case Match:
				m.Values = inOrder(m.Values)
				s = m
			case VMap:
				m.Elements = inOrder(m.Elements)
				s = m
			}
			rule.Stmts = append(rule.Stmts, s)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}

// inOrder sorts elements by their text: any order does, if it is always the same.
func inOrder(list []Element) []Element {
	type item struct {
		text    string
		element Element
	}
	var items []item
	for _, e := range list {
		items = append(items, item{elementText(e, nil), e})
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.text, b.text) })
	var out []Element
	for _, i := range items {
		out = append(out, i.element)
	}
	return out
}
