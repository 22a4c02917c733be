package site

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The shapes of the language: which mapping has which keys. The decoder knows
// keys only from here, and the JSON Schema is made from it, so that the two
// cannot disagree.

// kind is what a key's value looks like.
type kind int

const (
	text     kind = iota // one scalar
	texts                // one scalar or a list of them, at least one
	name                 // one scalar that names something, of at most most characters
	number               // a whole number from 1 to most
	truth                // true or false
	object               // a mapping of a shape
	list                 // a list of mappings of a shape
	named                // a mapping from names to mappings of a shape
	namedAny             // a mapping from names to texts
	flexible             // a scalar of a pattern or a mapping of a shape
)

type field struct {
	key      string
	kind     kind
	shape    *shape
	required bool
	values   []string // the only ones allowed
	pattern  *regexp.Regexp
	most     int
	doc      string
}

type shape struct {
	what   string // for people: "a zone"
	fields []field
	oneOf  []string            // exactly one of these keys is given
	needs  map[string][]string // the keys that one of them needs beside it
	also   map[string][]string // those that mean something beside it; nil: all
}

func (s *shape) field(key string) *field {
	for k := range s.fields {
		if s.fields[k].key == key {
			return &s.fields[k]
		}
	}
	return nil
}

// help is the documentation as the end of a sentence: "where it lives".
func (f field) help() string {
	return strings.ToLower(f.doc[:1]) + strings.TrimSuffix(f.doc[1:], ".")
}

// howTo says how the field is written.
func (f field) howTo() string {
	switch f.kind {
	case named, namedAny:
		return fmt.Sprintf("write %s: and below it, indented, one \"name: ...\" a line", f.key)
	case list:
		return fmt.Sprintf("write %s: and below it, indented, one \"- ...\" for each", f.key)
	case object:
		return fmt.Sprintf("write %s: {...} with the keys %s", f.key, strings.Join(f.shape.keys(), ", "))
	}
	return fmt.Sprintf("write %s: and %s", f.key, f.help())
}

// ignores reports whether a key means nothing beside the alternative choice.
func (s *shape) ignores(choice, key string) bool {
	if s.also == nil || key == choice || s.field(key).required {
		return false
	}
	return !slices.Contains(s.also[choice], key)
}

func (s *shape) keys() []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.key)
	}
	return out
}

var (
	datePattern  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	ratePattern  = regexp.MustCompile(`^([1-9][0-9]{0,5}|1000000)/s$`)
	limitPattern = regexp.MustCompile(`^none$|` + ratePattern.String())
)

const (
	namePattern = `^[A-Za-z][A-Za-z0-9_-]*$`
	maxRate     = 1_000_000
)

var (
	siteShape = &shape{what: "a site", fields: []field{
		{key: "site", kind: name, most: maxRuleName, doc: "The site's name."},
		{key: "zones", kind: named, shape: zoneShape, doc: "What each part of the network is for."},
		{key: "firewall", kind: object, shape: firewallShape, doc: "The firewall between the zones."},
		{key: "hosts", kind: named, shape: hostShape, doc: "Single machines."},
		{key: "groups", kind: namedAny, doc: "Names for lists of hosts, networks, zones and other groups."},
		{key: "services", kind: namedAny, doc: "Names for protocols and ports, such as tcp/5080."},
		{key: "rules", kind: list, shape: ruleShape, doc: "Who may talk to whom and why. The first match decides; what no rule allows is dropped."},
		{key: "nat", kind: list, shape: natShape, doc: "Address translation. It never changes who may talk to whom."},
		{key: "blocklists", kind: named, shape: blocklistShape, doc: "Sets of addresses read from files."},
		{key: "guarantees", kind: list, shape: guaranteeShape, doc: "What must hold for every packet."},
	}}
	zoneShape = &shape{what: "a zone", fields: []field{
		{key: "role", kind: text, required: true, values: []string{"internet", "dmz", "users", "servers", "management", "partner", "branch", "guest"}, doc: "What the zone is for."},
		{key: "networks", kind: texts, doc: "The networks that live there."},
		{key: "new-connections", kind: flexible, shape: rateShape, pattern: limitPattern, doc: "Limit of each source's new connections towards the Internet: 200/s, or none."},
		{key: "bogons", kind: text, doc: "File of the addresses that are never a source on the Internet, or none."},
	}}
	rateShape = &shape{what: "a rate", fields: []field{
		{key: "rate", kind: text, required: true, pattern: ratePattern, doc: "New connections a second, such as 200/s."},
		{key: "burst", kind: number, most: maxRate, doc: "How many may come at once."},
	}}
	firewallShape = &shape{what: "the firewall", fields: []field{
		{key: "name", kind: name, most: maxName, doc: "What the firewall is called."},
		{key: "nodes", kind: named, shape: nodeShape, required: true, doc: "One machine, or two that back each other up."},
		{key: "interfaces", kind: named, shape: interfaceShape, required: true, doc: "The firewall's legs."},
		{key: "gateway", kind: texts, doc: "Next hops towards the Internet, at most one a family."},
		{key: "failover", kind: object, shape: failoverShape, doc: "The direct link between two nodes."},
		{key: "management", kind: object, shape: managementShape, doc: "Who may reach the firewall itself."},
	}}
	nodeShape = &shape{what: "a node", fields: []field{
		{key: "management", kind: text, doc: "The node's own address."},
	}}
	interfaceShape = &shape{what: "an interface", fields: []field{
		{key: "device", kind: text, required: true, doc: "The kernel's name of the device, such as eth0."},
		{key: "vlan", kind: number, most: 4094, doc: "The 802.1Q tag, 1 to 4094."},
		{key: "zones", kind: texts, required: true, doc: "The zones behind it."},
		{key: "address", kind: texts, required: true, doc: "The firewall's addresses with the length of the subnet, such as 192.0.2.1/26."},
		{key: "via", kind: texts, doc: "Next hops to networks that are not the interface's own subnet."},
		{key: "dhcp", kind: text, values: []string{"server"}, doc: "The firewall serves DHCP here."},
	}}
	failoverShape = &shape{what: "failover", fields: []field{
		{key: "device", kind: text, required: true, doc: "The device of the direct link."},
		{key: "vlan", kind: number, most: 4094, doc: "The 802.1Q tag, 1 to 4094."},
		{key: "address", kind: texts, required: true, doc: "One address a node, in the order of the nodes."},
		{key: "detect", kind: text, doc: "How soon a dead node must be noticed, 50ms to 60s."},
		{key: "preempt", kind: truth, doc: "Whether the first node takes over again when it is back."},
	}}
	managementShape = &shape{what: "management", fields: []field{
		{key: "stations", kind: texts, required: true, doc: "The only hosts that may open connections to the firewall itself."},
		{key: "services", kind: texts, doc: "What they may open there; ssh if not given."},
	}}
	hostShape = &shape{what: "a host", fields: []field{
		{key: "zone", kind: text, required: true, doc: "Where it lives."},
		{key: "address", kind: texts, required: true, doc: "Its addresses."},
		{key: "listens", kind: texts, doc: "What it is meant to serve."},
	}}
	ruleShape = &shape{what: "a rule", fields: []field{
		{key: "name", kind: name, required: true, most: maxRuleName, doc: "Unique and stable: counters, logs and findings use it."},
		{key: "allow", kind: texts, doc: "Services that may pass."},
		{key: "drop", kind: texts, doc: "Services that are dropped in silence."},
		{key: "reject", kind: texts, doc: "Services that are refused with an answer."},
		{key: "from", kind: texts, required: true, doc: "Zones, hosts, groups or networks that open the connection."},
		{key: "to", kind: texts, required: true, doc: "Zones, hosts, groups or networks that answer it."},
		{key: "because", kind: text, required: true, doc: "Why the rule exists."},
		{key: "owner", kind: text, required: true, doc: "Who answers for it."},
		{key: "log", kind: truth, doc: "Log what an allow rule lets pass."},
		{key: "limit", kind: object, shape: limitShape, doc: "How fast it may be used."},
		{key: "when", kind: object, shape: whenShape, doc: "Only for addresses in a block list."},
		{key: "exception", kind: object, shape: exceptionShape, doc: "Leave to do what a role forbids, for a time."},
	}, oneOf: []string{"allow", "drop", "reject"}}
	limitShape = &shape{what: "a limit", fields: []field{
		{key: "new", kind: text, required: true, pattern: ratePattern, doc: "New connections a second, such as 200/s."},
		{key: "per", kind: text, values: []string{"source", "rule"}, doc: "For each source alone, or for the rule as a whole."},
		{key: "burst", kind: number, most: maxRate, doc: "How many may come at once."},
	}}
	whenShape = &shape{what: "a condition", fields: []field{
		{key: "source", kind: text, doc: "The source is in this list, such as blocklist.bad-hosts."},
		{key: "destination", kind: text, doc: "The destination is in this list."},
	}}
	exceptionShape = &shape{what: "an exception", fields: []field{
		{key: "ticket", kind: text, required: true, doc: "Where it was asked for."},
		{key: "approved-by", kind: text, required: true, doc: "Who allowed it."},
		{key: "expires", kind: text, required: true, pattern: datePattern, doc: "The last day it holds, such as 2027-06-30."},
	}}
	natShape = &shape{what: "a NAT entry", fields: []field{
		{key: "name", kind: name, required: true, most: maxRuleName, doc: "Unique and stable."},
		{key: "masquerade", kind: texts, doc: "Whose source addresses are hidden."},
		{key: "publish", kind: texts, doc: "Which service is published."},
		{key: "map", kind: text, doc: "The host that is mapped one to one."},
		{key: "exempt", kind: texts, doc: "Zones that are never translated."},
		{key: "to", kind: text, doc: "masquerade and map: towards which zone; publish: the real host."},
		{key: "as", kind: texts, doc: "masquerade: the addresses shown."},
		{key: "at", kind: texts, doc: "publish and map: the public addresses."},
		{key: "port", kind: number, most: 65535, doc: "publish: the port on the host, if it is another one."},
		{key: "from", kind: texts, doc: "publish: for whom; everybody if not given."},
	}, oneOf: []string{"masquerade", "publish", "map", "exempt"}, needs: map[string][]string{
		"masquerade": {"to"}, "publish": {"at", "to"}, "map": {"at", "to"},
	}, also: map[string][]string{
		"masquerade": {"to", "as"}, "publish": {"at", "to", "port", "from"}, "map": {"at", "to"}, "exempt": {},
	}}
	blocklistShape = &shape{what: "a block list", fields: []field{
		{key: "file", kind: text, required: true, doc: "One address, network or range a line; # begins a comment."},
		{key: "on-missing", kind: text, values: []string{"keep-last", "error"}, doc: "What to do when the file cannot be read."},
	}}
	guaranteeShape = &shape{what: "a guarantee", fields: []field{
		{key: "name", kind: name, required: true, most: maxRuleName, doc: "Unique and stable."},
		{key: "never", kind: object, shape: flowShape, doc: "No packet of these may pass."},
		{key: "only", kind: object, shape: flowShape, doc: "Only these sources may reach the destination on the service."},
		{key: "always", kind: object, shape: flowShape, doc: "Every packet of these must pass."},
	}, oneOf: []string{"never", "only", "always"}}
	flowShape = &shape{what: "a flow", fields: []field{
		{key: "from", kind: texts, required: true, doc: "Zones, hosts, groups or networks."},
		{key: "to", kind: texts, required: true, doc: "Zones, hosts, groups or networks."},
		{key: "service", kind: texts, doc: "Which services; any if not given."},
	}}
)
