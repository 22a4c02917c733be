package site

import (
	"fmt"
	"strconv"
	"strings"

	"glacis/internal/policy"
)

// parseMatch reads a service as it is written in place: any, tcp/5080,
// udp/16384-32767, tcp/80 from 1024-65535, icmp/8, icmpv6/1/4, gre, proto/47.
func parseMatch(text string) (policy.Match, error) {
	if text == "any" {
		return policy.Match{Any: true}, nil
	}
	head, from, hasFrom := strings.Cut(text, " from ")
	words := strings.Split(head, "/")
	proto, args, err := protocol(words)
	if err != nil {
		return policy.Match{}, err
	}
	m := policy.Match{Proto: proto}
	switch {
	case policy.HasPorts(proto):
		err = readPorts(&m, args, from, hasFrom)
	case hasFrom:
		err = fmt.Errorf("%s has no source port", policy.ProtoName(proto))
	case policy.IsICMP(proto):
		err = readICMP(&m, args)
	case len(args) > 0:
		err = fmt.Errorf("%s has no ports", policy.ProtoName(proto))
	}
	return m, err
}

// protocol reads the first word or two: a name, or proto/NUMBER.
func protocol(words []string) (proto uint8, rest []string, err error) {
	if words[0] == "proto" {
		if len(words) < 2 {
			return 0, nil, fmt.Errorf("proto wants a number")
		}
		n, err := parseNumber(words[1], 255)
		return uint8(n), words[2:], err
	}
	proto, ok := policy.ProtoByName(words[0])
	if !ok {
		return 0, nil, fmt.Errorf("there is no protocol %q", words[0])
	}
	return proto, words[1:], nil
}

func readPorts(m *policy.Match, args []string, from string, hasFrom bool) (err error) {
	switch len(args) {
	case 0:
	case 1:
		if m.Ports, err = parsePorts(args[0]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("one port or range is wanted after %s/", policy.ProtoName(m.Proto))
	}
	if hasFrom {
		m.FromPort, err = parsePorts(from)
	}
	return err
}

func parsePorts(text string) (policy.PortRange, error) {
	first, last, isRange := strings.Cut(text, "-")
	lo, err := parseNumber(first, 65535)
	if err != nil {
		return policy.PortRange{}, err
	}
	hi := lo
	if isRange {
		if hi, err = parseNumber(last, 65535); err != nil {
			return policy.PortRange{}, err
		}
	}
	switch {
	case hi < lo:
		return policy.PortRange{}, fmt.Errorf("the range %s runs backwards", text)
	case hi == 0:
		return policy.PortRange{}, fmt.Errorf("port 0 cannot be used alone")
	}
	return policy.PortRange{First: uint16(lo), Last: uint16(hi)}, nil
}

func readICMP(m *policy.Match, args []string) error {
	if len(args) > 2 {
		return fmt.Errorf("a type and a code are wanted")
	}
	for k, into := range []**uint8{&m.ICMPType, &m.ICMPCode} {
		if k < len(args) {
			n, err := parseNumber(args[k], 255)
			if err != nil {
				return err
			}
			value := uint8(n)
			*into = &value
		}
	}
	return nil
}

// parseNumber reads digits with no leading zero.
func parseNumber(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text || n < 0 || n > most {
		return 0, fmt.Errorf("%q is not a number from 0 to %d", text, most)
	}
	return n, nil
}
